"""Details of events: a call as `sluice logs --json` shows it, a budget when it is half, almost or quite spent."""

import pytest
from tests.unit.stores.stream_records import held, settled, told

from sluice.stores import document, table
from sluice.stores.announcements import thresholds, usage_recorded
from sluice.stores.table import Row
from sluice.stores.transitions import Corrupt, transition
from sluice_cli import record

BUDGET = {"pk": "B#team#aabbccddeeff", "sk": "M202611", "nm": "team", "of": "search", "lim": 1000, "rs": 1_796_083_200}


def budget(used: int, reserved: int = 0, **changes: object) -> Row:
    return {**BUDGET, "u": used, "r": reserved, **changes}


def percents(before: Row, after: Row) -> list[int]:
    return [each.detail["percent"] for each in thresholds(told(before, after), "ledger")]


def test_a_record_is_told_as_the_command_line_shows_it() -> None:
    row = settled(held(1))

    assert document.document(row) == record.record(table.item(row))
    assert (document.FIELDS, document.ATTEMPT_FIELDS) == (record.FIELDS, record.ATTEMPT_FIELDS)


def test_the_same_call_is_told_under_the_same_id() -> None:
    row = held(1)
    step = transition(told(row, settled(row)))

    assert step
    told_twice = [usage_recorded(step, "ledger").detail for _ in range(2)]
    assert told_twice[0] == told_twice[1]
    assert told_twice[0]["event_id"] == step.id.hex()
    assert (told_twice[0]["request_id"], told_twice[0]["table"]) == ("call-1", "ledger")


@pytest.mark.parametrize(
    ("before", "after", "crossed"),
    [
        ({}, budget(499), []),
        ({}, budget(500), [50]),
        (budget(499), budget(800), [50, 80]),
        (budget(0), budget(1000), [50, 80, 100]),
        (budget(500), budget(799), []),
        (budget(1000), budget(1200), []),
        (budget(900, 500), budget(900, 0), [50, 80]),
        (budget(400), budget(900, 500), []),
        (budget(900), budget(400), []),
        (budget(400), budget(400, lim=500), [50, 80]),
        (budget(400), budget(400, lim=0), []),
        (budget(400), {"pk": "B#x", "sk": "T", "u": 900}, []),
    ],
)
def test_a_budget_is_told_when_what_is_settled_crosses_a_share_upwards(
    before: Row, after: Row, crossed: list[int]
) -> None:
    assert percents(before, after) == crossed


def test_a_crossing_says_whose_budget_how_much_and_until_when() -> None:
    (told_once,) = thresholds(told(budget(0), budget(700)), "ledger")

    assert told_once.kind == "BudgetThreshold"
    assert told_once.detail == {
        "event_id": "B#team#aabbccddeeff/M202611/1000/50",
        "table": "ledger",
        "budget": "team",
        "of": "search",
        "period": "M202611",
        "percent": 50,
        "limit": 1000,
        "spent": 700,
        "resets_at": 1_796_083_200,
    }


def test_what_is_no_budget_crosses_nothing_and_one_that_cannot_be_read_is_corrupt() -> None:
    assert percents({}, held(1)) == []
    with pytest.raises(Corrupt):
        percents(budget(0), budget(700, u="many"))
