"""Tokens of one call, in disjoint classes."""

from dataclasses import dataclass
from enum import StrEnum


class UsageSource(StrEnum):
    """Who says so: the provider, our count of what was delivered, or an estimate."""

    PROVIDER = "provider"
    COUNTED = "counted"
    ESTIMATED = "estimated"


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of one call.

    The classes are disjoint and add up: a cached token is in `cache_read` and not in `input`. `reasoning` is the
    part of `output` that was thought and not said, told apart but not added. `is_priced` is False when the provider
    reported a class this price table cannot price (audio tokens): the cost is then unknown, not low.
    """

    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0
    is_priced: bool = True

    @property
    def prompt(self) -> int:
        """All tokens of the prompt, cached or not: what decides a long-context price."""
        return self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h

    @property
    def total(self) -> int:
        return self.prompt + self.output
