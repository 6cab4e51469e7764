"""What EventBridge is told of the stream: calls that ended, budgets that are half, almost or quite spent.

Every detail has an `event_id` that is the same however often it is sent, so whoever receives it can tell a repetition.
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sluice.stores.document import document
from sluice.stores.table import Row
from sluice.stores.transitions import MALFORMED, Corrupt, StreamRecord, Transition, image, name

SOURCE = "sluice"
USAGE_RECORDED = "UsageRecorded"
BUDGET_THRESHOLD = "BudgetThreshold"
THRESHOLDS = (50, 80, 100)  # per cent of the limit


@dataclass(frozen=True, slots=True)
class Announcement:
    kind: str
    detail: Mapping[str, Any]


def usage_recorded(step: Transition, table_name: str) -> Announcement:
    """The record as it is after the step: a call that the sweeper ended and that was settled later is told twice.

    Raises Corrupt for one that cannot be told.
    """
    try:
        shown = document(step.after)
    except MALFORMED as error:
        raise Corrupt(f"call {step.request_id} cannot be told: {type(error).__name__}") from error
    return Announcement(USAGE_RECORDED, {"event_id": step.id.hex(), "table": table_name, **shown})


def thresholds(record: StreamRecord, table_name: str) -> list[Announcement]:
    """The shares of its limit that a budget has crossed upwards: what is settled counts, what is reserved does not.

    Empty for every other record. Raises Corrupt for a budget that cannot be read.
    """
    try:
        before, after = image(record, "OldImage"), image(record, "NewImage")
        if not str(after.get("pk", "")).startswith("B#"):
            return []
        return [_crossed(after, percent, table_name) for percent in _risen(before, after)]
    except MALFORMED as error:
        raise Corrupt(f"record {name(record)} is no budget's: {type(error).__name__}") from error


def spent(budget: Row) -> int:
    """Nano-dollars that are settled."""
    return int(budget.get("u", 0)) - int(budget.get("r", 0))


def _risen(before: Row, after: Row) -> Iterator[int]:
    for percent in THRESHOLDS:
        if _is_past(after, percent) and not _is_past(before, percent):
            yield percent


def _is_past(budget: Row, percent: int) -> bool:
    """False where there is no limit to be past."""
    limit = budget.get("lim") or 0
    return limit > 0 and spent(budget) * 100 >= percent * limit


def _crossed(budget: Row, percent: int, table_name: str) -> Announcement:
    row = f"{budget['pk']}/{budget['sk']}"
    detail = {
        "event_id": f"{row}/{budget['lim']}/{percent}",
        "table": table_name,
        "budget": budget.get("nm"),
        "of": budget.get("of"),
        "period": budget["sk"],
        "percent": percent,
        "limit": budget["lim"],
        "spent": spent(budget),
        "resets_at": budget.get("rs"),
    }
    return Announcement(BUDGET_THRESHOLD, detail)
