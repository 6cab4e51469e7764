"""Takes a batch of the table's stream: counts the calls that ended in it, then announces what there is to announce.

In this order, so that a bus that takes nothing does not hold up the totals of its own batch. What is announced is the
whole batch's, counted before or not: a batch that is delivered again announces again, and so nothing is lost. A record
that cannot be read is logged, counted and left out; it would not be any better the next time.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from sluice.stores.announcements import Announcement, thresholds, usage_recorded
from sluice.stores.bus import Bus
from sluice.stores.rollup import Rollup
from sluice.stores.transitions import Corrupt, StreamRecord, Transition, transition

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch: records in it, steps by what became of them, announcements sent."""

    records: int = 0
    counted: int = 0
    repeated: int = 0
    corrupt: int = 0
    announced: int = 0


@dataclass(slots=True)
class _Batch:
    steps: list[Transition] = field(default_factory=list)
    announcements: list[Announcement] = field(default_factory=list)
    corrupt: int = 0


class Consumer:
    """Without a `bus` nothing is announced; `tells_usage` says whether every call is, or budgets only."""

    def __init__(self, rollup: Rollup, table_name: str, bus: Bus | None = None, tells_usage: bool = False) -> None:
        self._rollup = rollup
        self._table_name = table_name
        self._bus = bus
        self._tells_usage = tells_usage

    def take(self, records: Iterable[StreamRecord]) -> Taken:
        """Raises the SDK's failure where it could not finish; the same batch, or parts of it, may then come again."""
        given = list(records)
        batch = self._read(given)
        rolled = self._rollup.add(batch.steps)
        announced = self._bus.put(batch.announcements) if self._bus else 0
        return Taken(len(given), rolled.counted, rolled.repeated, rolled.corrupt + batch.corrupt, announced)

    def _read(self, records: list[StreamRecord]) -> _Batch:
        batch = _Batch()
        for record in records:
            try:
                step = transition(record)
                batch.steps += [step] if step else []  # it is counted, even if it could not be told
                batch.announcements += self._told(step, record) if self._bus else []
            except Corrupt as error:
                logger.error("rollup.corrupt: %s", error)
                batch.corrupt += 1
        return batch

    def _told(self, step: Transition | None, record: StreamRecord) -> list[Announcement]:
        usage = [usage_recorded(step, self._table_name)] if step and self._tells_usage else []
        return usage + thresholds(record, self._table_name)
