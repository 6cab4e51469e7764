"""The breaker of each target as the environments share it, under `X#<provider>/<model>`.

| name | what it means |
| --- | --- |
| w | which ten seconds are counted |
| n, f | calls and failures in them |
| len | seconds of this opening, 0 where it is closed |
| u | epoch milliseconds until which it is open; where it is closed, since when |
| p | epoch milliseconds until which a probe is awaited |

A row whose fields are missing or are not numbers is a closed breaker that has counted nothing.
"""

from dataclasses import dataclass, field
from typing import Any

from sluice.domain.clock import Clock
from sluice.stores.health import HealthRows, Held
from sluice.stores.table import Row

KEPT_SECONDS = 3600
LARGEST = 10**15
NAMES = ("w", "n", "f", "len", "u", "p")


@dataclass(frozen=True, slots=True)
class Circuit:
    """One target's breaker. Times are epoch seconds; an `opening_seconds` of 0 says closed.

    `open_until` is when the opening ends, or ended; `probe_until` is when the one probe no longer counts.
    """

    window: int = 0
    calls: int = 0
    failures: int = 0
    opening_seconds: float = 0.0
    open_until: float = 0.0
    probe_until: float = 0.0
    held: Held = field(default_factory=Held, compare=False, repr=False)


class Circuits:
    """All of them. Each method raises HealthUnknown where the table does not say."""

    def __init__(self, rows: HealthRows, clock: Clock) -> None:
        self._rows = rows
        self._clock = clock

    def read(self, target: str) -> Circuit:
        return circuit(self._rows.read(key(target)))

    def swap(self, target: str, previous: Circuit, new: Circuit) -> tuple[bool, Circuit]:
        """Whether `new` took the place of `previous`, and what is there now."""
        swap = self._rows.swap(key(target), previous.held, row(new, int(self._clock.now()) + KEPT_SECONDS))
        return swap.is_written, circuit(swap.held)


def key(target: str) -> Row:
    return {"pk": f"X#{target}", "sk": "X"}


def row(one: Circuit, expires: int) -> Row:
    return {
        "w": one.window,
        "n": one.calls,
        "f": one.failures,
        "len": one.opening_seconds,
        "u": round(one.open_until * 1000),
        "p": round(one.probe_until * 1000),
        "exp": expires,
    }


def circuit(held: Held) -> Circuit:
    values: list[Any] = [held.row.get(name) for name in NAMES]
    if not all(type(value) in (int, float) and 0 <= value < LARGEST for value in values):
        return Circuit(held=held)
    window, calls, failures, opening, until, probe = values
    return Circuit(int(window), int(calls), int(failures), opening, until / 1000, probe / 1000, held)
