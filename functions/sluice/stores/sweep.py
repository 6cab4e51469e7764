"""Settles the calls whose process died: those still reserved when their lease has run out, with the budgets they hold.

The index only finds them, and may lag; the item itself, read consistently, decides, and the write is conditional on it
still being reserved. So any number of sweepers, and a settler that comes late, have one effect together.

A hot budget lists its open calls in its own row. An entry whose lease has run out and whose call is not open any more
is of a process that died between its two writes: it is charged what the call's record says, nothing if there is none.
"""

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from sluice.domain.clock import Clock
from sluice.stores import budgets, table
from sluice.stores.budgets import Held
from sluice.stores.retries import FAILURES, code, is_condition
from sluice.stores.rows import DynamoDB, Rows
from sluice.stores.settlements import Settlements
from sluice.stores.table import Row, Status

CALL_SECONDS = 1.0
SWEEP_SECONDS = 40.0  # what is left then waits for the next sweep
PAGE_SIZE = 100

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SweepResult:
    """How many expired calls were settled, were found settled by others, could not be settled, and were left for want
    of time: as many as the sweep had come to know of. `repaired` are entries of hot budgets.
    """

    settled: int = 0
    skipped: int = 0
    failed: int = 0
    repaired: int = 0
    left: int = 0


class Sweeper:
    """Sweeps all shards of the `open` index, one after the other, then hot budgets."""

    def __init__(
        self,
        client: DynamoDB,
        table_name: str,
        clock: Clock,
        random: Random,
        retention_days: int = table.RETENTION_DAYS,
    ) -> None:
        self._rows = Rows(client, table_name, clock, random)
        self._settlements = Settlements(client, table_name, clock, random)
        self._name = table_name
        self._clock = clock
        self._retention_days = retention_days

    def sweep(self, now: float, page_size: int = PAGE_SIZE) -> SweepResult:
        """Settles what had expired at `now` (epoch seconds). A failure is counted, and the rest is still done."""
        until = self._clock.monotonic() + SWEEP_SECONDS
        ends: Counter[str] = Counter()
        for shard in range(table.SHARDS):
            pages = self._rows.expired(shard, now, page_size, CALL_SECONDS)
            ends.update(self._ends(pages, now, until, f"shard {shard}"))
        ends.update(self._repairs(now, page_size, until))
        return SweepResult(**ends)

    def _ends(self, pages: Iterator[list[str]], now: float, until: float, name: str) -> Iterator[str]:
        try:
            for page in pages:
                for request_id in page:
                    yield "left" if self._clock.monotonic() >= until else self._end(request_id, now)
                if self._clock.monotonic() >= until:
                    return
        except FAILURES as error:
            logger.error("sweep.query: %s, %s", name, code(error))
            yield "failed"

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
        if not (table.is_whole(held) and budgets.are_readable(held)):
            logger.error("sweep.corrupt: %s has lost its owner, its time, its lease or its budgets", request_id)
            return "failed"
        if held["lease"] >= now:
            return "skipped"
        changes = table.abandoned(held, table.expires(now, self._retention_days))
        if held.get("bud"):
            return "settled" if self._settlements.abandon(held, changes, CALL_SECONDS) else "skipped"
        self._rows.move(request_id, changes, Status.RESERVED, CALL_SECONDS)
        return "settled"

    def _repairs(self, now: float, page_size: int, until: float) -> Iterator[str]:
        try:
            for page in self._rows.hot(page_size, CALL_SECONDS):
                for key in page:
                    if self._clock.monotonic() >= until:
                        return
                    yield from self._repaired(key, now)
        except FAILURES as error:
            logger.error("sweep.query: hot budgets, %s", code(error))
            yield "failed"

    def _repaired(self, key: Row, now: float) -> Iterator[str]:
        """One end for each entry that was to be repaired."""
        try:
            budget = self._rows.at(key, CALL_SECONDS)
            entries = budgets.entries(budget) if budget else {}
            for request_id, (lease, held) in entries.items():
                if lease < now:
                    yield from self._repair(request_id, held)
            if budget and not entries and budget.get("rs", now) < now:
                self._forget(budget)
        except FAILURES as error:
            logger.error("sweep.unrepaired: budget %s, %s", key["pk"], code(error))
            yield "failed"

    def _repair(self, request_id: str, held: Held) -> Iterator[str]:
        call = self._rows.get(request_id, CALL_SECONDS)
        if call.get("st") == Status.RESERVED and budgets.is_of(held, call):
            return  # an open call like any other
        charge = budgets.charge_of(call, held) if budgets.is_of(held, call) else 0
        try:
            self._rows.change(budgets.settled(held, charge, self._name), CALL_SECONDS)
        except FAILURES as error:
            if is_condition(error):
                return  # somebody else was first
            logger.error("sweep.unrepaired: call %s in budget %s, %s", request_id, held.key, code(error))
            yield "failed"
        else:
            yield "repaired"

    def _forget(self, budget: Row) -> None:
        """Its window is over and nothing is open in it: the next call in it would make it known again."""
        try:
            self._rows.change(budgets.forgotten(budget, self._name), CALL_SECONDS)
        except FAILURES as error:
            if not is_condition(error):
                raise
