"""Whether the totals of days equal their records: every figure of every row, counted again.

The totals are read first. What ended within the last minute may be on its way to them, so each figure has to lie
between the sum without such calls and the sum with them. Days that began before totals were kept may hold fewer.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from sluice_cli import totals
from sluice_cli.ledger import Ledger
from sluice_cli.period import Period
from sluice_cli.record import Record
from sluice_cli.totals import FIGURES, LETTERS, Figures
from sluice_cli.usage_sums import day_text

LAG_SECONDS = 60
SWEEP_SECONDS = 60  # a call that was abandoned ends with a sweep after its lease
SHOWN = 20

Key = tuple[str, str, str]  # day, letter of a dimension, value
Sums = dict[Key, Figures]

VALUES: dict[str, Callable[[Record], str]] = {
    "P": lambda found: str(found["principal"]),
    "M": lambda found: f"{found['provider']}/{found['model']}",
    "V": lambda found: str(found["provider"]),
    "R": lambda found: str(found["route"]),
}
NAMES = {letter: name for name, letter in LETTERS.items()}
WORDS = {
    "n": "calls",
    "c": "complete",
    "ab": "abandoned",
    "it": "tokens in, not cached",
    "cr": "tokens in, from a cache",
    "cw": "tokens in, to a cache",
    "ot": "tokens out",
    "rs": "tokens out, reasoning",
    "nusd": "nano-dollars",
    "lost": "nano-dollars of failed attempts",
    "np": "unpriced",
    "ce": "nano-dollars estimated",
    "ca": "nano-dollars of calls with an estimate",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure that is not what the records say. `least` and `most` are the bounds that they set."""

    day: str
    dimension: str
    value: str
    figure: str
    stored: int
    least: int
    most: int

    def __str__(self) -> str:
        right = f"{self.most:,}" if self.least == self.most else f"{self.least:,} to {self.most:,}"
        figure = WORDS[self.figure]
        return (
            f"{self.day}, {self.dimension} {self.value}: {self.stored:,} {figure} in the totals, {right} in the records"
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """`calls` ended in the period, `recent` of them within the last minute; `rows` of totals were judged."""

    calls: int
    recent: int
    rows: int
    differences: list[Difference]
    whole_since: str | None


def stored(ledger: Ledger, period: Period) -> Sums:
    """All totals of the period's days."""
    days = list(ledger.days(period.since_ms, period.until_ms))
    rows = ((day, letter, item) for day in days for letter in NAMES for item in ledger.totals(day, letter))
    return {(day, letter, totals.value(item)): totals.figures(item) for day, letter, item in rows}


def judged(kept: Sums, records: Iterable[Record], whole_since: str | None, now: float) -> Verdict:
    """`now` is epoch seconds, before which the totals were read."""
    sums: dict[bool, Sums] = {False: {}, True: {}}
    counts: Counter[bool] = Counter()
    for found in records:
        recent = is_recent(found, now)
        counts[recent] += 1
        _add(sums[recent], found)
    rows = sorted(kept.keys() | sums[False].keys() | sums[True].keys())
    differences = [
        each for key in rows for each in _differences(key, kept, sums[False], sums[True], whole_since or "~")
    ]
    return Verdict(counts.total(), counts[True], len(rows), differences, whole_since)


def is_recent(found: Record, now: float) -> bool:
    """Whether it may have ended so lately that the totals do not hold it yet."""
    if found["status"] == "abandoned":
        return int(found["lease"] or 0) + SWEEP_SECONDS > now - LAG_SECONDS
    ended_ms = int(found["started_ms"]) + int(found["duration_ms"] or 0)
    return ended_ms / 1000 > now - LAG_SECONDS


def figures(found: Record) -> Figures:
    """What one call adds to each of its rows."""
    usage, cost, estimate = found["usage"], found["cost"], found["cost_estimate"]
    has_both = found["status"] == "settled" and cost is not None and estimate is not None
    return Counter(
        n=1,
        c=int(found["outcome"] == "complete"),
        ab=int(found["status"] == "abandoned"),
        it=usage["input"] or 0,
        cr=usage["cache_read"] or 0,
        cw=(usage["cache_write_5m"] or 0) + (usage["cache_write_1h"] or 0),
        ot=usage["output"] or 0,
        rs=usage["reasoning"] or 0,
        nusd=cost or 0,
        lost=sum(one["cost_estimate"] or 0 for one in found["attempts"]),
        np=int(cost is None),
        ce=estimate if has_both else 0,
        ca=cost if has_both else 0,
    )


def document(verdict: Verdict, running: int, period: Period, table: str) -> dict[str, object]:
    differences = [{name: getattr(each, name) for name in Difference.__slots__} for each in verdict.differences]
    return {
        "table": table,
        "period": str(period),
        "equal": not verdict.differences,
        "calls": verdict.calls,
        "recent": verdict.recent,
        "running": running,
        "rows": verdict.rows,
        "whole_since": verdict.whole_since,
        "differences": differences,
    }


def lines(verdict: Verdict, running: int, period: Period) -> list[str]:
    """For people: the verdict, then what it does not judge, or where the totals are wrong."""
    told = [str(each) for each in verdict.differences[:SHOWN]]
    if len(verdict.differences) > SHOWN:
        told.append(f"and {len(verdict.differences) - SHOWN:,} more")
    word = "are not equal to" if verdict.differences else "equal"
    head = f"the totals {word} the records of {verdict.calls:,} calls in {verdict.rows:,} rows, {period}"
    return [head, *told, *_notes(verdict, running)]


def _notes(verdict: Verdict, running: int) -> list[str]:
    notes = []
    if verdict.recent:
        notes.append(f"{verdict.recent:,} ended within the last minute: the totals may hold them or not")
    if running:
        notes.append(f"{running:,} still run: they count once they have ended")
    if verdict.whole_since is None:
        notes.append("no totals are kept yet: the rollup has heard of no call")
    else:
        notes.append(f"totals are whole from {day_text(verdict.whole_since)} on; days before may hold fewer calls")
    return notes


def _add(sums: Sums, found: Record) -> None:
    added = figures(found)
    for letter, value in VALUES.items():
        into = sums.setdefault((str(found["day"]), letter, totals.kept(value(found))), Counter())
        for name, figure in added.items():
            into[name] += figure


def _differences(key: Key, kept: Sums, old: Sums, recent: Sums, whole_since: str) -> Iterable[Difference]:
    day, letter, value = key
    none: Mapping[str, int] = Counter()
    for name in FIGURES:
        said, settled = kept.get(key, none)[name], old.get(key, none)[name]
        most = settled + recent.get(key, none)[name]
        least = settled if day >= whole_since else 0
        if not least <= said <= most:
            yield Difference(day_text(day), NAMES[letter], value, name, said, least, most)
