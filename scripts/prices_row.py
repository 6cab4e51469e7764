"""What one list says one model costs: the form in which two lists are compared and ours is written."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact
from typing import NamedTuple

PICO = 10**12
DEAREST = 1_000_000_000  # $1,000 per million tokens; nothing costs more
CLASSES = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")  # as sluice.domain.price.Rates has them
ASCENDING = ("cache_read", "input", "cache_write_5m", "cache_write_1h")
STANDARD = ""
TIERS = (STANDARD, "flex", "priority", "ultrafast")
EXACT = Context(prec=60, traps=[Inexact])

Rates = tuple[int | None, ...]  # pico-dollars per token, one for each of CLASSES, None where none is published


class Key(NamedTuple):
    """A model at a kind of provider, by the id it has there."""

    family: str
    model: str

    def __str__(self) -> str:
        return f"{self.family}/{self.model}"


@dataclass(frozen=True, slots=True)
class Row:
    """Published rates by service tier, and those that replace them above `long_above` tokens of prompt."""

    tiers: dict[str, Rates]
    long_above: int | None = None
    long_tiers: dict[str, Rates] = field(default_factory=dict)
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None

    def cells(self) -> dict[str, int | None]:
        """Every number of the row by its name, `flex.long.input`."""
        cells = {"long_above": self.long_above}
        for length, tiers in (("", self.tiers), ("long.", self.long_tiers)):
            for tier, rates in tiers.items():
                cells |= {f"{tier}{'.' if tier else ''}{length}{name}": rate for name, rate in _named(rates)}
        return cells

    def faults(self) -> Iterator[str]:
        """What cannot be a price: out of bounds, or in an order no provider has."""
        for rates in (*self.tiers.values(), *self.long_tiers.values()):
            known = {name: rate for name, rate in _named(rates) if rate is not None}
            yield from (f"{name} is {rate}" for name, rate in known.items() if not 0 <= rate <= DEAREST)
            order = [known[name] for name in ASCENDING if name in known]
            if order != sorted(order):
                yield f"cache reads, input, cache writes, longer cache writes should ascend: {order}"
        for tier, rates in self.long_tiers.items():
            if any(long < short for long, short in zip(rates, self.tiers[tier], strict=True) if long and short):
                yield f"a long prompt is cheaper than a short one: {rates}, {self.tiers[tier]}"


def _named(rates: Rates) -> Iterator[tuple[str, int | None]]:
    return zip(CLASSES, rates, strict=True)


def pico(dollars: Decimal, tokens: int = 1) -> int:
    """Pico-dollars per token from dollars per so many tokens; what is not a whole number of them is refused."""
    scaled = EXACT.divide(EXACT.multiply(dollars, Decimal(PICO)), Decimal(tokens))
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{dollars} dollars per {tokens} tokens is not a whole number of pico-dollars per token")
    return int(scaled)
