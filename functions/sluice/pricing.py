"""What a call costs, in whole nano-dollars, from the dated table beside this file. Unknown is None, never 0.

The table is written by scripts/prices.py, which names its sources. Rates are pico-dollars per token and sums are
exact; one rounding makes nano-dollars of them, half up for a cost and up for a bound. How the providers count:
https://developers.openai.com/api/docs/pricing and https://platform.claude.com/docs/en/about-claude/pricing; prompts
above a threshold have other rates for the whole call, cached tokens counting towards it.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from decimal import Context, Decimal, DecimalException, Inexact
from pathlib import Path
from typing import Any

from sluice.domain.price import Price, Rates
from sluice.domain.usage import Usage

TABLE = Path(__file__).parent / "data" / "prices.json"
PICO_PER_NANO = 1000

STANDARD = ""
# As requests ask for it and as answers name it: OpenAI, Anthropic ("standard"), compatible providers ("on_demand").
TIERS = {None: STANDARD, "auto": STANDARD, "default": STANDARD, "standard": STANDARD, "on_demand": STANDARD}
TIERS |= {"": STANDARD, "standard_only": STANDARD, "fast": "priority"}

DAY = re.compile(r"-[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
FINE_TUNED = re.compile(r"(ft:[^:]+):.*", re.DOTALL)

CLASSES = Rates._fields
LIMIT_NAMES = ("max_input_tokens", "max_output_tokens")
MOST_DOLLARS = 10_000  # per million tokens
MICRO = Decimal(10**6)  # dollars per million tokens -> pico-dollars per token
EXACT = Context(prec=40, traps=[Inexact])
A_PRICE = f'dollars per million tokens as text ("0.25"), from 0 to {MOST_DOLLARS}, with at most 6 decimals'


def cost(usage: Usage, price: Price | None, tier: str | None = None) -> int | None:
    """Nano-dollars, None if unknown: no price, tokens no rate is for, or a tier that has none here.

    `tier` is the one the answer names: a provider may serve another than was asked for.
    """
    counts = _counts(usage)
    if price is None or not usage.is_priced:
        return None
    rates = _rates(price, usage.prompt, TIERS.get(tier, tier))
    if rates is None or any(count and rate is None for count, rate in zip(counts, rates, strict=True)):
        return None
    pico = sum(count * (rate or 0) for count, rate in zip(counts, rates, strict=True))
    return (pico + PICO_PER_NANO // 2) // PICO_PER_NANO


def bound(input_tokens: int, max_output: int | None, price: Price | None, tier: str | None = None) -> int | None:
    """The most nano-dollars a call of at most so many tokens can cost, whichever class they turn out to be of.

    `tier` is the one asked for; its standard price is reserved where it is cheaper, as the provider may serve that.
    Without `max_output` the model's own limit counts. None if the price, the tier's rates or the limit are unknown.
    """
    if input_tokens < 0 or (max_output or 0) < 0:
        raise ValueError(f"a call cannot have {input_tokens} and {max_output} tokens")
    tier = TIERS.get(tier, tier)
    if price is None or (tier and tier not in price.tiers):
        return None
    reachable = list(_reachable(price, input_tokens, tier))
    output = max(rates.output for rates in reachable)
    limit = price.max_output_tokens if max_output is None else max_output
    if limit is None and output:
        return None
    dearest = max(rate for rates in reachable for rate in rates[:-1] if rate is not None)
    return -(-(input_tokens * dearest + (limit or 0) * output) // PICO_PER_NANO)


def _counts(usage: Usage) -> tuple[int, ...]:
    counts = (usage.input, usage.cache_read, usage.cache_write_5m, usage.cache_write_1h, usage.output)
    if min(counts) < 0 or usage.reasoning < 0:
        raise ValueError(f"a count of tokens is negative: {usage}")
    return counts


def _rates(price: Price, prompt: int, tier: str | None) -> Rates | None:
    if price.long_above is not None and prompt > price.long_above:
        return price.long_tiers.get(tier or STANDARD)
    return price.tiers.get(tier) if tier else price.rates


def _reachable(price: Price, prompt: int, tier: str | None) -> Iterator[Rates]:
    """All rates that a call of up to so many tokens of prompt may be charged."""
    lengths = {0, prompt}
    for name in {STANDARD, tier}:
        yield from (rates for length in lengths if (rates := _rates(price, length, name)))


class PriceTable:
    """The prices of one version of the table, with those a provider's configuration puts in their place."""

    def __init__(
        self,
        version: str,
        families: Mapping[str, Mapping[str, Any]],
        overrides: Mapping[str, Price] | None = None,
    ) -> None:
        self.version = version
        self._families = families
        self._overrides = overrides or {}

    @classmethod
    def load(cls, path: Path = TABLE) -> "PriceTable":
        table = json.loads(path.read_bytes())
        return cls(table["version"], table["prices"])

    def price(self, family: str | None, model: str) -> Price | None:
        """By the id as it is, else without its day: an unlisted snapshot costs what its model does.

        A fine-tuned model costs what the fine-tuned kind of its base does, and never what the base itself does.
        """
        models = self._families.get(family or "", {})
        for name in _names(model):
            if found := self._overrides.get(name) or _price(models, name):
                return found
        return None

    @property
    def families(self) -> tuple[str, ...]:
        return tuple(sorted(self._families))

    def models(self, family: str | None) -> tuple[str, ...]:
        """The ids of a family's priced models, sorted."""
        return tuple(sorted(self._families.get(family or "", ())))

    def with_overrides(self, prices: Mapping[str, Mapping[str, object]]) -> "PriceTable":
        """This table with the prices that configuration gives, by model, and a version that tells.

        A model's price needs `input` and `output`; it is one for all prompts and for the standard tier. Raises
        ValueError, naming the key.
        """
        if not prices:
            return self
        overrides = {**self._overrides, **{model: override(model, given) for model, given in prices.items()}}
        content = repr(sorted((model, str(price)) for model, price in overrides.items()))
        version = f"{self.version.partition('+')[0]}+{hashlib.sha256(content.encode()).hexdigest()[:8]}"
        return PriceTable(version, self._families, overrides)


def _names(model: str) -> Iterator[str]:
    """The names a price may stand under, nearest first."""
    yield model
    if model.startswith("arn:"):  # of a model or an inference profile at Bedrock: the id stands at its end
        yield model.rpartition("/")[2]
    kind = FINE_TUNED.sub(r"\1", model)
    yield kind
    yield DAY.sub("", kind)


def _price(models: Mapping[str, Any], name: str) -> Price | None:
    record = models.get(name)
    if isinstance(record, str):  # costs the same as that one
        record = models[record]
    if record is None:
        return None
    return Price(
        rates=_filled(*record["rates"]),
        tiers={tier: _filled(*rates) for tier, rates in record.get("tiers", {}).items()},
        long_above=record.get("long_above"),
        long_tiers={tier: _filled(*rates) for tier, rates in record.get("long_tiers", {}).items()},
        max_input_tokens=record.get("max_input_tokens"),
        max_output_tokens=record.get("max_output_tokens"),
    )


def _filled(
    usual: int, cache_read: int | None, cache_write: int | None, longer_write: int | None, output: int
) -> Rates:
    """Published rates as all rates; see Rates for the classes that have none."""
    return Rates(
        input=usual,
        cache_read=usual if cache_read is None else cache_read,
        cache_write_5m=usual if cache_write is None else cache_write,
        cache_write_1h=usual if cache_write is None and longer_write is None else longer_write,
        output=output,
    )


def override(model: str, given: Mapping[str, object]) -> Price:
    """A price from configuration: dollars per million tokens, by the class of `Usage`."""
    if not isinstance(given, Mapping):
        raise ValueError(f"prices.{model} is {given!r}; it should be a table of dollars per million tokens")
    known = (*CLASSES, *LIMIT_NAMES)
    if unknown := sorted(given.keys() - set(known)):
        raise ValueError(f"prices.{model}: unknown key {unknown[0]!r}; keys: {', '.join(known)}")
    if missing := sorted({"input", "output"} - given.keys()):
        raise ValueError(f"prices.{model}: {missing[0]!r} is missing")
    rates = {name: _pico(model, name, given[name]) for name in CLASSES if name in given}
    cached = (rates.get("cache_read"), rates.get("cache_write_5m"), rates.get("cache_write_1h"))
    limits = {name: _limit(model, name, given[name]) for name in LIMIT_NAMES if name in given}
    return Price(
        rates=_filled(rates["input"], *cached, rates["output"]),
        max_input_tokens=limits.get("max_input_tokens"),
        max_output_tokens=limits.get("max_output_tokens"),
    )


def _pico(model: str, name: str, dollars: object) -> int:
    refused = ValueError(f"prices.{model}.{name} is {dollars!r}; it should be {A_PRICE}")
    if isinstance(dollars, bool) or not isinstance(dollars, (str, int, Decimal)):
        raise refused
    try:
        value = Decimal(dollars)
        if not 0 <= value <= MOST_DOLLARS:
            raise refused
        scaled = EXACT.multiply(value, MICRO)
    except DecimalException as error:
        raise refused from error
    if scaled != scaled.to_integral_value():
        raise refused
    return int(scaled)


def _limit(model: str, name: str, limit: object) -> int:
    if isinstance(limit, bool) or not re.fullmatch(r"[1-9][0-9]{0,8}", str(limit)):
        raise ValueError(f"prices.{model}.{name} is {limit!r}; it should be a whole number above 0")
    return int(str(limit))
