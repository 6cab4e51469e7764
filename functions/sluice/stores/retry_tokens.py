"""What is left of each provider's retry budget, shared by the environments, under `Q#<provider>`.

`t` counts tenths of a retry, so that all figures are whole numbers. A row that nobody has written for an hour is as if
it were not there: the budget is full. A row that holds no sound figure is an empty one, which calls fill again.
"""

from dataclasses import dataclass, field
from typing import Any

from sluice.domain.clock import Clock
from sluice.stores.health import HealthRows, HealthUnknown, Held
from sluice.stores.table import Row

CAPACITY_TENTHS = 100
KEPT_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Tokens:
    """One provider's budget, in tenths of a retry."""

    tenths: int = CAPACITY_TENTHS
    held: Held = field(default_factory=Held, compare=False, repr=False)


class RetryTokens:
    """All of them. Each method raises HealthUnknown where the table does not say."""

    def __init__(self, rows: HealthRows, clock: Clock) -> None:
        self._rows = rows
        self._clock = clock

    def read(self, provider: str) -> Tokens:
        return tokens(self._rows.read(key(provider)), self._clock.now())

    def swap(self, provider: str, previous: Tokens, new: Tokens) -> tuple[bool, Tokens]:
        """Whether `new` took the place of `previous`, and what is there now. HealthUnknown also where it may have."""
        now = self._clock.now()
        swap = self._rows.swap(key(provider), previous.held, {"t": new.tenths, "exp": int(now) + KEPT_SECONDS})
        if not swap.is_certain:
            raise HealthUnknown("a retry may have been taken")
        return swap.is_written, tokens(swap.held, now)


def key(provider: str) -> Row:
    return {"pk": f"Q#{provider}", "sk": "Q"}


def tokens(held: Held, now: float) -> Tokens:
    tenths: Any = held.row.get("t")
    expires: Any = held.row.get("exp")
    if not held.row or (type(expires) is int and expires <= now):
        return Tokens(held=held)
    is_sound = type(tenths) is int and 0 <= tenths <= CAPACITY_TENTHS
    return Tokens(tenths if is_sound else 0, held)
