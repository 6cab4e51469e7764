"""What calls like this one have cost, beside what was estimated.

rollup.py adds up, for each model and day (`D#<yyyymmdd>`, `M#<provider>/<model>`), what its settled calls had been
estimated at (`ce`) and what they did cost (`ca`). The ratio of the two, yesterday's and today's together, is what an
estimate is multiplied by: it knows of caches that are read, of answers that are longer than was assumed, and of what
fails before it costs anything. A few calls tell nothing, and no ratio is trusted beyond a factor.

The table only advises: what it does not say within a quarter of a second, or says wrongly, is as if it said nothing,
and it is asked again after a while.
"""

import logging
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from sluice.domain.clock import Clock
from sluice.stores import table
from sluice.stores.patience import Patience
from sluice.stores.retries import FAILURES, code
from sluice.stores.table import Row

REMEMBERED_SECONDS = 60.0
FAILED_SECONDS = 5.0
MAX_REMEMBERED = 256
LEAST_CALLS = 20
MOST_CHEAPER = 20  # times
MOST_DEARER = 5
DAY_MS = 86_400_000

logger = logging.getLogger(__name__)


class Reader(Protocol):
    """What it takes of a low-level DynamoDB client whose own retries are off."""

    def batch_get_item(self, **arguments: Any) -> Mapping[str, Any]: ...


class Within(Protocol):
    """Bounds the client's own timeouts by so many seconds."""

    def __call__(self, seconds: float, /) -> AbstractContextManager[object]: ...


class Sums(NamedTuple):
    """Nano-dollars of calls that have both."""

    calls: int = 0
    estimated: int = 0
    cost: int = 0

    @property
    def tells(self) -> bool:
        return self.calls >= LEAST_CALLS and self.estimated > 0


@dataclass(frozen=True, slots=True)
class Remembered:
    sums: Sums
    until: float  # monotonic


class Typicals:
    """Of one table, as rollup.py adds it up by model and day; remembered for a minute."""

    def __init__(
        self,
        client: Reader,
        table_name: str,
        clock: Clock,
        within: Within = nullcontext,
        patience: Patience | None = None,
    ) -> None:
        self._client = client
        self._name = table_name
        self._clock = clock
        self._within = within
        self._patience = patience or Patience(clock)
        self._remembered: dict[str, Remembered] = {}

    def cost(self, target: str, estimate: int) -> int:
        """What a call of that target (`provider/model`) with that estimate probably costs. Never raises."""
        return scaled(estimate, self._sums(target))

    def _sums(self, target: str) -> Sums:
        found = self._remembered.get(target)
        if found is None or self._clock.monotonic() >= found.until:
            found = self._read(target)
            self._remember(target, found)
        return found.sums

    def _remember(self, target: str, found: Remembered) -> None:
        self._remembered.pop(target, None)
        while len(self._remembered) >= MAX_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[target] = found

    def _read(self, target: str) -> Remembered:
        """From the table, in the time that there is; what was known before, where it does not say."""
        seconds = self._patience.seconds()
        try:
            rows = self._rows(target, seconds) if seconds else None
        except FAILURES as error:
            self._patience.end()
            logger.error("typicals.unknown: table %s, %s; estimates stand as they are", self._name, code(error))
            rows = None
        if rows is None:
            known = self._remembered.get(target)
            return Remembered(known.sums if known else Sums(), self._clock.monotonic() + FAILED_SECONDS)
        return Remembered(together(rows), self._clock.monotonic() + REMEMBERED_SECONDS)

    def _rows(self, target: str, seconds: float) -> list[Row]:
        now_ms = int(self._clock.now() * 1000)
        keys = [table.item(key(target, moment)) for moment in (now_ms, now_ms - DAY_MS)]
        with self._patience.waiting(), self._within(seconds):
            answer = self._client.batch_get_item(RequestItems={self._name: {"Keys": keys}})
        return [table.row(one) for one in answer.get("Responses", {}).get(self._name, ())]


def key(target: str, moment_ms: int) -> Row:
    return {"pk": f"D#{table.day(moment_ms)}", "sk": f"M#{target}"}


def together(rows: Iterable[Row]) -> Sums:
    """Those of all rows that can be read."""
    whole = [sums for row in rows if (sums := _sums(row))]
    return Sums(*(sum(column) for column in zip(*whole, strict=True))) if whole else Sums()


def scaled(estimate: int, sums: Sums) -> int:
    """The estimate at the ratio of what was paid, within the factors that are trusted."""
    if not sums.tells:
        return estimate
    probable = -(-estimate * sums.cost // sums.estimated)
    return min(max(probable, -(-estimate // MOST_CHEAPER)), estimate * MOST_DEARER)


def _sums(row: Row) -> Sums | None:
    """Calls whose cost is unknown are not among the sums; None where one of the numbers is none."""
    calls, unknown, estimated, cost = (row.get(name, 0) for name in ("n", "np", "ce", "ca"))
    numbers = (calls, unknown, estimated, cost)
    if not all(type(one) is int and one >= 0 for one in numbers):
        return None
    return Sums(max(0, calls - unknown), estimated, cost)
