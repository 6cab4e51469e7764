"""How long targets take to their first chunk, summed by all environments, under `Y#<provider>/<model>`.

One row for each target and half a minute: `s` milliseconds in `n` calls. Sums are added, so nobody waits for anybody.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sluice.stores.health import HealthRows
from sluice.stores.table import Row

BUCKET_SECONDS = 30
KEPT_SECONDS = 3600
LARGEST = 10**15


@dataclass(frozen=True, slots=True)
class Sum:
    """Milliseconds in so many calls."""

    milliseconds: int = 0
    calls: int = 0

    def __add__(self, other: "Sum") -> "Sum":
        return Sum(self.milliseconds + other.milliseconds, self.calls + other.calls)


Place = tuple[str, int]  # a target and the number of a bucket


class Paces:
    """All of them. Each method raises HealthUnknown where the table does not say."""

    def __init__(self, rows: HealthRows) -> None:
        self._rows = rows

    def add(self, place: Place, more: Sum) -> None:
        """Adds to one row."""
        expires = (place[1] + 1) * BUCKET_SECONDS + KEPT_SECONDS
        self._rows.add(key(place), {"s": more.milliseconds, "n": more.calls}, expires)

    def read(self, places: Sequence[Place]) -> Mapping[Place, Sum]:
        """What is stored there, without what holds no sound figures."""
        return dict(sums(self._rows.read_many([key(place) for place in places])))


def bucket(now: float) -> int:
    return int(now // BUCKET_SECONDS)


def key(place: Place) -> Row:
    return {"pk": f"Y#{place[0]}", "sk": str(place[1])}


def sums(rows: Iterable[Row]) -> Iterator[tuple[Place, Sum]]:
    for row in rows:
        milliseconds, calls = row.get("s"), row.get("n")
        if type(milliseconds) is int and type(calls) is int and 0 <= milliseconds < LARGEST and 0 < calls < LARGEST:
            yield (row["pk"].removeprefix("Y#"), int(row["sk"])), Sum(milliseconds, calls)
