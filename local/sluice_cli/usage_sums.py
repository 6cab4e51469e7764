"""Records added up: calls, tokens, money, in groups by what was asked for. Integers all the way.

Days are the ledger's, in UTC. A cost that is not known is counted and never added as 0; a call that was abandoned
counts with its bound, which is the most it can have cost, and is told apart.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median_low

from sluice_cli.record import Record, tokens_in

NOT_KNOWN = "-"
RECORDS, TOTALS = "records", "totals"

Group = tuple[str, ...]


def day(found: Record) -> str:
    return day_text(str(found["day"]))


def day_text(compact: str) -> str:
    """20261120 as 2026-11-20."""
    return f"{compact[:4]}-{compact[4:6]}-{compact[6:]}"


def _field(name: str) -> Callable[[Record], str]:
    return lambda found: str(found[name] or NOT_KNOWN)


DIMENSIONS: dict[str, Callable[[Record], str]] = {
    "day": day,
    "principal": _field("principal"),
    "model": _field("model"),
    "provider": _field("provider"),
    "route": _field("route"),
    "surface": _field("surface"),
    "operation": _field("operation"),  # "-" in records older than the field
    "outcome": _field("outcome"),
}


@dataclass(slots=True)
class Sums:
    """Of one group. `input` are all tokens of prompts, `cached` and `reasoning` those of them that were."""

    calls: int = 0
    failed: int = 0
    input: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0
    nano_dollars: int = 0
    unpriced: int = 0
    abandoned: int = 0
    durations: list[int] = field(default_factory=list)
    first_chunks: list[int] = field(default_factory=list)

    def add(self, found: Record) -> None:
        usage = found["usage"]
        self.calls += 1
        self.failed += found["outcome"] != "complete"
        self.abandoned += found["status"] == "abandoned"
        self.input += tokens_in(found) or 0
        self.cached += usage["cache_read"] or 0
        self.output += usage["output"] or 0
        self.reasoning += usage["reasoning"] or 0
        self.nano_dollars += found["cost"] or 0
        self.unpriced += found["cost"] is None
        self.durations += _known(found["duration_ms"])
        self.first_chunks += _known(found["time_to_first_chunk_ms"])

    @property
    def cost(self) -> int | None:
        """Nano-dollars of the calls whose cost is known; None where there are none of those."""
        return None if self.calls and self.unpriced == self.calls else self.nano_dollars

    @property
    def median_duration_ms(self) -> int | None:
        return median_low(self.durations) if self.durations else None

    @property
    def median_first_chunk_ms(self) -> int | None:
        return median_low(self.first_chunks) if self.first_chunks else None


@dataclass(frozen=True, slots=True)
class Usage:
    """Groups in order: by day where there are days, then what cost most. `source` says what was added up."""

    by: tuple[str, ...]
    groups: dict[Group, Sums]
    total: Sums
    source: str = RECORDS


def usage(records: Iterable[Record], by: Sequence[str]) -> Usage:
    groups: dict[Group, Sums] = {}
    total = Sums()
    names = [DIMENSIONS[name] for name in by]
    for found in records:
        groups.setdefault(tuple(name(found) for name in names), Sums()).add(found)
        total.add(found)
    return ordered(by, groups, total, RECORDS)


def ordered(by: Sequence[str], groups: dict[Group, Sums], total: Sums, source: str) -> Usage:
    return Usage(tuple(by), dict(sorted(groups.items(), key=_order(by))), total, source)


def _order(by: Sequence[str]) -> Callable[[tuple[Group, Sums]], tuple[object, ...]]:
    days = [number for number, name in enumerate(by) if name == "day"]

    def key(entry: tuple[Group, Sums]) -> tuple[object, ...]:
        group, sums = entry
        return *(group[number] for number in days), -sums.nano_dollars, -sums.calls, group

    return key


def _known(value: int | None) -> list[int]:
    return [] if value is None else [value]
