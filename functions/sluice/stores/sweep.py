"""Settles the calls whose process died: those still reserved when their lease has run out.

The index only finds them, and may lag; the item itself, read consistently, decides, and the write is conditional on it
still being reserved. So any number of sweepers, and a settler that comes late, have one effect together.
"""

import logging
from collections import Counter
from dataclasses import dataclass
from random import Random

from sluice.domain.clock import Clock
from sluice.stores import table
from sluice.stores.retries import FAILURES, code, is_condition
from sluice.stores.rows import DynamoDB, Rows
from sluice.stores.table import Status

CALL_SECONDS = 1.0
SWEEP_SECONDS = 40.0  # what is left then waits for the next sweep
PAGE_SIZE = 100

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SweepResult:
    """How many expired calls were settled, were found settled by others, and are left to the next sweep."""

    settled: int = 0
    skipped: int = 0
    failed: int = 0


class Sweeper:
    """Sweeps all shards of the `open` index, one after the other."""

    def __init__(
        self,
        client: DynamoDB,
        table_name: str,
        clock: Clock,
        random: Random,
        retention_days: int = table.RETENTION_DAYS,
    ) -> None:
        self._rows = Rows(client, table_name, clock, random)
        self._clock = clock
        self._retention_days = retention_days

    def sweep(self, now: float, page_size: int = PAGE_SIZE) -> SweepResult:
        """Settles what had expired at `now` (epoch seconds). A failure is counted, and the rest is still done."""
        until = self._clock.monotonic() + SWEEP_SECONDS
        ends: Counter[str] = Counter()
        for shard in range(table.SHARDS):
            try:
                for request_id in self._rows.expired(shard, now, page_size, CALL_SECONDS):
                    if self._clock.monotonic() >= until:
                        break
                    ends[self._end(request_id, now)] += 1
            except FAILURES as error:
                logger.error("sweep.query: shard %d, %s", shard, code(error))
                ends["failed"] += 1
        return SweepResult(**ends)

    def _end(self, request_id: str, now: float) -> str:
        try:
            return self._abandoned(request_id, now)
        except FAILURES as error:
            if is_condition(error):
                return "skipped"
            logger.error("sweep.failed: %s, %s", request_id, code(error))
            return "failed"

    def _abandoned(self, request_id: str, now: float) -> str:
        held = self._rows.get(request_id, CALL_SECONDS)
        if held.get("st") != Status.RESERVED:
            return "skipped"
        if not table.is_whole(held):
            logger.error("sweep.corrupt: %s has lost its owner, its time or its lease", request_id)
            return "failed"
        if held["lease"] >= now:
            return "skipped"
        changes = table.abandoned(held, table.expires(now, self._retention_days))
        self._rows.move(request_id, changes, Status.RESERVED, CALL_SECONDS)
        return "settled"
