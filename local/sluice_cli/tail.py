"""Calls as they end: what of the ledger has not been seen yet.

A record's place in the index is the start of its call, and it appears at its end, up to a quarter of an hour later (or
when the sweeper finds it abandoned). So the last seconds are read at each look, and all that may still appear at a
slower pace; what was shown is known by its id.
"""

import time
from collections.abc import Callable
from typing import Protocol

from sluice_cli.record import Record

OVERLAP_MS = 5_000
LATE_MS = 20 * 60 * 1000  # the longest call, its lease and the sweeper's minute
LATE_EVERY_MS = 10_000


Wanted = Callable[[Record], bool]


class Readable(Protocol):
    """What is used of a ledger."""

    def newest(self, count: int, wanted: Wanted | None = None, since_ms: int | None = None) -> list[Record]: ...

    def since(self, started_ms: int) -> list[Record]: ...


class Tail:
    """`begin` once, then `look` again and again. `now` is epoch seconds."""

    def __init__(self, ledger: Readable, now: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._now = now
        self._seen: dict[str, int] = {}
        self._late_at = 0

    def begin(self, count: int, wanted: Wanted | None = None, since_ms: int | None = None) -> list[Record]:
        """The newest `count` that are wanted; nothing that is there already comes again."""
        self.look()
        newest = self._ledger.newest(count, wanted, since_ms)
        self._remember(newest)
        return newest

    def look(self) -> list[Record]:
        """The records that were not there at the last look, in the order of their starts."""
        now = int(self._now() * 1000)
        fresh = [found for found in self._ledger.since(self._oldest(now)) if found["request_id"] not in self._seen]
        self._remember(fresh)
        self._seen = {one: at for one, at in self._seen.items() if at > now - LATE_MS - OVERLAP_MS}
        return fresh

    def _remember(self, records: list[Record]) -> None:
        self._seen |= {found["request_id"]: found["started_ms"] for found in records}

    def _oldest(self, now: int) -> int:
        if now - self._late_at >= LATE_EVERY_MS:
            self._late_at = now
            return now - LATE_MS
        return max([at for at in self._seen.values() if at <= now], default=now) - OVERLAP_MS
