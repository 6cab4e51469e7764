"""What a call writes to the table and reads of it, by its path; for docs/costs.md, by way of costs.py.

Units are what DynamoDB bills: a write of up to 1 KB is one, in a transaction two, and one more for each index entry
that it changes. tests/house/test_units.py measures all of them again, on real engines.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

KILOBYTE = 1024
PARTITION_UNITS = 1000  # that one row, or one partition, takes in a second (AWS)


@dataclass(frozen=True, slots=True)
class Path:
    """Write units before the provider is asked, and after it has answered."""

    title: str
    reserve: int
    settle: int

    @property
    def units(self) -> int:
        return self.reserve + self.settle


@dataclass(frozen=True, slots=True)
class Batch:
    """Calls that ended in one window of the table's stream, of so many callers and models; the units of their totals.

    Written are a row for each caller, model, provider and route, and for each ten seconds one of what was counted.
    """

    calls: int
    callers: int
    models: int
    units: int

    @property
    def each(self) -> Decimal:
        return Decimal(self.units) / self.calls

    @property
    def title(self) -> str:
        callers = "one caller" if self.callers == 1 else f"{self.callers} callers"
        calls = "1 call" if self.calls == 1 else f"{self.calls} calls"
        return calls if self.calls == 1 else f"{calls}, {callers}, {self.models} model{'s' * (self.models > 1)}"


PATHS = (
    Path("no budget", 2, 3),
    Path("one budget", 5, 6),
    Path("one budget, hot", 3, 4),
    Path("three budgets", 9, 10),
    Path("a virtual key", 5, 3),
    Path("a virtual key, one budget", 7, 6),
)
EXTRAS = (
    Path("rate limit, requests", 1, 0),
    Path("rate limit, tokens or calls at once", 1, 1),
    Path("`Idempotency-Key`, with a budget", 2, 1),
    Path("`Idempotency-Key`, without", 3, 1),
)
BATCHES = (Batch(1, 1, 1, 10), Batch(10, 1, 1, 14), Batch(100, 1, 1, 14), Batch(100, 20, 4, 64))
USUAL_BATCH = BATCHES[-1]
WINDOW_SECONDS = 20
READS = {
    "which configuration is in force": (1, "20 s, environment"),
    "a virtual key": (1, "minute, environment, key"),
    "what calls have cost (`typical`)": (1, "minute, environment, model"),
}

HOT_ROW_BYTES = 174  # without open calls
HOT_ENTRY_BYTES = 71  # each open call
HOT_FIXED_UNITS = 5  # its record's


def hot_units(open_calls: int) -> int:
    """Write units of one call while so many are open on its hot budget."""
    return HOT_FIXED_UNITS + 2 * math.ceil((HOT_ROW_BYTES + HOT_ENTRY_BYTES * open_calls) / KILOBYTE)


def hot_open(units: int) -> int:
    """The most calls that may be open for a call to write no more units than that."""
    kilobytes = (units - HOT_FIXED_UNITS) // 2
    return (kilobytes * KILOBYTE - HOT_ROW_BYTES) // HOT_ENTRY_BYTES


def hot_rate(seconds: Decimal) -> int:
    """Calls a second, each so long, that one hot budget's row takes."""
    return max(
        rate
        for rate in range(1, PARTITION_UNITS)
        if rate * (hot_units(math.ceil(rate * seconds)) - HOT_FIXED_UNITS) <= PARTITION_UNITS
    )


def path_rows(price: Decimal) -> Iterator[Sequence[str]]:
    """`price` is that of a million write units."""
    for path in PATHS:
        whole = path.units + USUAL_BATCH.each
        amounts = [f"{path.reserve}", f"{path.settle}", f"{path.units}", f"{whole:g}"]
        yield [path.title, *amounts, f"{whole * price:.2f}"]
    yield ["a hit of the cache", "-", "-", "-", "-", "there is no cache yet"]


def extra_rows(price: Decimal) -> Iterator[Sequence[str]]:
    for path in EXTRAS:
        yield [path.title, f"{path.reserve}", f"{path.settle}", f"{path.units * price:.2f}"]


def batch_rows(price: Decimal) -> Iterator[Sequence[str]]:
    for batch in BATCHES:
        yield [batch.title, f"{batch.units}", f"{batch.each:g}", f"{batch.each * price:.2f}"]


def read_rows() -> Iterator[Sequence[str]]:
    for title, (units, often) in READS.items():
        yield [title, f"{units}", often]


def hot_rows(calls: Sequence[tuple[str, Decimal]], price: Decimal) -> Iterator[Sequence[str]]:
    for title, seconds in calls:
        rate = hot_rate(seconds)
        opened = math.ceil(rate * seconds)
        units = hot_units(opened)
        kilobytes = f"{(HOT_ROW_BYTES + HOT_ENTRY_BYTES * opened) / KILOBYTE:.1f} KB"
        yield [title, f"{rate}", f"{opened}", kilobytes, f"{units}", f"{units * price:.2f}"]
