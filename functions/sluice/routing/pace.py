"""How fast targets answer: a moving average of the time to the first chunk, over two minutes and all environments.

Each half minute weighs half of the one after it, so what was long ago hardly counts, and a target that nobody calls is
unknown after two minutes and may show again what it can do. Where the table does not say, what was seen here counts.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

from sluice.domain.clock import Clock
from sluice.stores.health import HealthUnknown
from sluice.stores.paces import Place, Sum, bucket

WEIGHTS = (8, 4, 2, 1)  # of a bucket, by its age in buckets
FLUSH_SECONDS = 5.0
COPY_SECONDS = 10.0
MOST_TARGETS = 25  # of one read, which takes a hundred rows
MOST_PLACES = 256  # remembered by one environment
LONGEST_MILLISECONDS = 900_000


class PaceStore(Protocol):
    """The shared sums. Each method raises HealthUnknown where the table does not say."""

    def add(self, place: Place, more: Sum) -> None: ...

    def read(self, places: Sequence[Place]) -> Mapping[Place, Sum]: ...


class Pace:
    """The averages of all targets, as one environment sees them. No method raises."""

    def __init__(self, store: PaceStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._own: dict[Place, Sum] = {}  # not told yet
        self._copy: dict[Place, Sum] = {}
        self._read_at: dict[str, float] = {}
        self._flushed_at = -math.inf

    def saw(self, target: str, milliseconds: float) -> None:
        """A first chunk took so long. No I/O."""
        if 0 <= milliseconds <= LONGEST_MILLISECONDS:  # false for nan
            place = (target, bucket(self._clock.now()))
            self._own[place] = self._own.get(place, Sum()) + Sum(round(milliseconds), 1)

    def flush(self) -> None:
        """Tells the others, every five seconds at most. Call it after the answer: it may wait for the table."""
        now = self._clock.monotonic()
        if self._own and now >= self._flushed_at + FLUSH_SECONDS:
            self._flushed_at = now
            self._own = self._recent(self._own)
            self._tell(list(self._own))

    def averages(self, targets: Sequence[str]) -> dict[str, float | None]:
        """Milliseconds to the first chunk by target, None where nothing is known. Reads every ten seconds at most."""
        self._refresh(targets)
        return {target: self._average(target) for target in targets}

    def _tell(self, places: Sequence[Place]) -> None:
        """A sum whose answer was lost may have been added: told twice it would weigh double, and stay an average."""
        for place in places:
            try:
                self._store.add(place, self._own[place])
            except HealthUnknown:
                return
            self._copy[place] = self._copy.get(place, Sum()) + self._own.pop(place)

    def _refresh(self, targets: Sequence[str]) -> None:
        now = self._clock.monotonic()
        due = [one for one in dict.fromkeys(targets) if now >= self._read_at.get(one, -math.inf) + COPY_SECONDS]
        if not due:
            return
        self._read_at = {one: at for one, at in self._read_at.items() if now < at + COPY_SECONDS} | dict.fromkeys(
            due, now
        )
        places = [(target, one) for target in due[:MOST_TARGETS] for one in self._buckets()]
        try:
            self._copy = self._recent({**self._copy, **self._store.read(places)})
        except HealthUnknown:
            return

    def _average(self, target: str) -> float | None:
        """Weighted sums, not the average of averages: a half minute with one call says less than one with a hundred."""
        seen = [self._seen((target, one)) for one in self._buckets()]
        calls = sum(weight * one.calls for weight, one in zip(WEIGHTS, seen, strict=True))
        milliseconds = sum(weight * one.milliseconds for weight, one in zip(WEIGHTS, seen, strict=True))
        return milliseconds / calls if calls else None

    def _seen(self, place: Place) -> Sum:
        return self._copy.get(place, Sum()) + self._own.get(place, Sum())

    def _buckets(self) -> list[int]:
        newest = bucket(self._clock.now())
        return [newest - age for age in range(len(WEIGHTS))]

    def _recent(self, sums: Mapping[Place, Sum]) -> dict[Place, Sum]:
        """What still counts, the newest of it."""
        buckets = self._buckets()
        kept = [place for place in sums if place[1] in buckets]
        return {place: sums[place] for place in kept[-MOST_PLACES:]}
