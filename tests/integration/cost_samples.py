"""Usage of 200 calls that never were, as varied as prices are, always the same ones for the same seed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random

from sluice.domain.price import Price
from sluice.domain.usage import Usage
from sluice.pricing import PriceTable, cost

SEED = 6
COUNT = 200
FAMILIES = ("openai", "anthropic", "bedrock", "azure")


@dataclass(frozen=True, slots=True)
class Sample:
    """One call: who answered at which service tier, its tokens, and what this gateway says they cost in nano-dollars."""

    family: str
    model: str
    tier: str
    usage: Usage
    shape: str
    cost: int | None

    @property
    def name(self) -> str:
        """As explanations name it: `openai/gpt-5 long write @flex`."""
        return f"{self.family}/{self.model} {self.shape}" + (f" @{self.tier}" if self.tier else "")


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of usage: which models can have it, and how it changes a plain one."""

    name: str
    fits: Callable[[Price], bool]
    changed: Callable[[Usage, Price, Random], Usage]


def _reads(usage: Usage, _price: Price, random: Random) -> Usage:
    return replace(usage, cache_read=random.randint(1, 60_000))


def _short_writes(usage: Usage, _price: Price, random: Random) -> Usage:
    return replace(usage, cache_write_5m=random.randint(1, 20_000))


def _long_writes(usage: Usage, _price: Price, random: Random) -> Usage:
    return replace(usage, cache_write_1h=random.randint(1, 20_000))


def _all_caches(usage: Usage, price: Price, random: Random) -> Usage:
    return _reads(_short_writes(_long_writes(usage, price, random), price, random), price, random)


def _reasons(usage: Usage, _price: Price, random: Random) -> Usage:
    return replace(usage, reasoning=random.randint(1, max(1, usage.output)))


def _at_threshold(usage: Usage, price: Price, random: Random) -> Usage:
    return replace(usage, input=(price.long_above or 0) + random.choice((0, 1)))


def _long(usage: Usage, price: Price, random: Random) -> Usage:
    read = random.randint(1, 50_000)
    return replace(usage, input=(price.long_above or 0) - read + random.randint(1, 90_000), cache_read=read)


SHAPES = (
    Shape("plain", lambda _: True, lambda usage, _price, _random: usage),
    Shape("read", lambda price: price.rates.cache_read != price.rates.input, _reads),
    Shape("short write", lambda price: price.rates.cache_write_5m != price.rates.input, _short_writes),
    Shape("long write", lambda price: price.rates.cache_write_1h not in (None, price.rates.input), _long_writes),
    Shape("all caches", lambda price: price.rates.cache_write_1h not in (None, price.rates.input), _all_caches),
    Shape("reasoning", lambda price: price.rates.output > 0, _reasons),
    Shape("threshold", lambda price: price.long_above is not None, _at_threshold),
    Shape("long", lambda price: price.long_above is not None, _long),
    Shape("tier", lambda price: bool(price.tiers), _reads),
    Shape("tier", lambda price: bool(price.tiers), lambda usage, _price, _random: usage),
)


def samples(prices: PriceTable) -> Iterator[Sample]:
    """The families take turns, and each goes through all shapes that any of its models has."""
    random = Random(SEED)
    for number in range(COUNT):
        family = FAMILIES[number % len(FAMILIES)]
        shape, models = _fitting(prices, family, number // len(FAMILIES))
        yield _sample(prices, family, random.choice(models), shape, random)


def _fitting(prices: PriceTable, family: str, turn: int) -> tuple[Shape, list[str]]:
    """The shape whose turn it is, else the next one; and the family's models that can have it."""
    priced = {model: price for model in prices.models(family) if (price := prices.price(family, model))}
    for later in range(len(SHAPES)):
        shape = SHAPES[(turn + later) % len(SHAPES)]
        if models := [model for model, price in priced.items() if shape.fits(price)]:
            return shape, models
    raise LookupError(f"no price of {family}")


def _sample(prices: PriceTable, family: str, model: str, shape: Shape, random: Random) -> Sample:
    price = prices.price(family, model)
    if price is None:
        raise LookupError(f"no price of {family}/{model}")
    tier = random.choice(sorted(price.tiers)) if shape.name == "tier" else ""
    output = random.randint(1, 8000) if price.rates.output else 0
    usage = shape.changed(Usage(input=random.randint(1, 30_000), output=output), price, random)
    return Sample(family, model, tier, usage, shape.name, cost(usage, price, tier))
