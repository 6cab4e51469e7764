"""What a target's tokens cost."""

from dataclasses import dataclass, field
from typing import NamedTuple


class Rates(NamedTuple):
    """Pico-dollars per token for each class of `Usage`.

    A class without a published rate costs what `input` does, except the longer cache write of a model whose shorter
    one has a rate: that one costs more by an amount nobody published, and is None.
    """

    input: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int | None
    output: int


@dataclass(frozen=True, slots=True)
class Price:
    """One model's rates, with the ones that replace them.

    `tiers` maps a service tier ("flex", "priority") to its rates. Above `long_above` prompt tokens (when set) the
    rates of `long_tiers` hold for the whole call; "" is the standard tier there. `max_input_tokens` is the longest
    prompt that the model takes and `max_output_tokens` the most it answers with, None where they are not published.
    """

    rates: Rates
    tiers: dict[str, Rates] = field(default_factory=dict)
    long_above: int | None = None
    long_tiers: dict[str, Rates] = field(default_factory=dict)
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None


class Priced(NamedTuple):
    """What a target costs by one version of a price table; None where that is unknown."""

    price: Price | None
    version: str
