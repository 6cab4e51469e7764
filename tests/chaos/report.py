"""A run on one screen."""

from collections import Counter
from collections.abc import Iterator

from tests.chaos.evidence import Evidence
from tests.chaos.judgement import Verdict

MOST_COMPLAINTS = 12


def lines(heading: str, evidence: Evidence, verdict: Verdict, seconds: float) -> Iterator[str]:
    told, faults = evidence.told, evidence.faults
    status = Counter(str(row["st"]) for row in evidence.records.values())
    yield f"{heading}, {evidence.seconds:.0f} s of calls, {seconds:.0f} s in all"
    yield f"  {told.kills} SIGKILLs inside a call, in {told.environments} environments"
    yield f"  {failed(faults)} of {faults.total()} requests to DynamoDB failed: {words(faults)}"
    yield f"  answers: {words(told.ends)}"
    yield f"  the provider was asked {len(evidence.seen)} times, for {len(set(evidence.seen))} calls"
    yield f"  records: {status['S']} settled, {status['A']} ended by the sweeper, {status['R']} open"
    yield f"  swept: {words(evidence.swept)}"
    yield f"  rolled up: {words(evidence.rolled)}"
    yield f"  budgets, read {evidence.watched.reads} times: {used(evidence)}"
    yield "  " + ", ".join(f"{len(found)} {kind}" for kind, found in zip(verdict._fields, verdict, strict=True))
    yield from (f"  WRONG: {one}" for one in verdict.complaints[:MOST_COMPLAINTS])


def failed(faults: Counter[str]) -> str:
    count = sum(times for fault, times in faults.items() if fault)
    return f"{count} ({count / max(1, faults.total()):.1%})"


def words(counts: Counter[str]) -> str:
    return ", ".join(f"{times} {what}" for what, times in counts.most_common() if what) or "nothing"


def used(evidence: Evidence) -> str:
    """The most that was ever used of each limit."""
    highest = evidence.watched.highest.items()
    return ", ".join(f"{budget[2:].partition('#')[0]} {part:.1%}" for budget, part in highest) or "none is there"
