"""Which records of the stream are steps of calls, and which of those cannot be read."""

from typing import Any

import pytest
from tests.unit.stores.stream_records import RETENTION, abandoned, held, settled, told

from sluice.stores.table import Row
from sluice.stores.transitions import Corrupt, transition

ROW = held(1)


def test_a_step_has_the_call_before_only_where_it_was_counted() -> None:
    left = abandoned(ROW)

    first, second = transition(told(ROW, left)), transition(told(left, settled(left)))

    assert first
    assert second
    assert (first.before, first.after["st"], second.before["st"], second.after["st"]) == ({}, "A", "A", "S")
    assert first.request_id == "call-1"


def test_the_same_step_has_the_same_id_and_every_other_one_another() -> None:
    left = abandoned(ROW)
    steps = [told(ROW, settled(ROW)), told(ROW, left), told(left, settled(left)), told(held(2), settled(held(2)))]

    ids = [found.id for record in (*steps, *steps) if (found := transition(record))]

    assert ids[:4] == ids[4:]
    assert len(set(ids)) == 4


def test_its_moment_is_one_that_a_repetition_has_too() -> None:
    found = transition(told(ROW, settled(ROW, seconds=7)))

    assert found
    assert found.moment == ROW["lease"] + 7 + RETENTION


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, ROW),
        (ROW, {**ROW, "lease": 1}),
        (settled(ROW), {**settled(ROW), "ttft": 1}),
        (settled(ROW), {}),
        ({}, {"pk": "K#key", "sk": "K", "st": "A"}),
        ({}, {"pk": "D#20261120", "sk": "V#openai", "n": 1}),
        ({}, {"pk": "B#budget", "sk": "T", "u": 1}),
    ],
)
def test_what_ends_no_call_is_none(before: Row, after: Row) -> None:
    assert transition(told(before, after)) is None


@pytest.mark.parametrize(
    "change",
    [{"pr": 7}, {"day": "today"}, {"day": None}, {"exp": None}, {"it": "eleven"}, {"act": 1.5}, {"att": [{"ce": "x"}]}],
)
def test_an_ended_call_that_cannot_be_added_up_is_corrupt(change: Row) -> None:
    with pytest.raises(Corrupt, match="record 0+5"):
        transition(told(ROW, {**settled(ROW), **change}, 5))


@pytest.mark.parametrize("record", [{}, {"dynamodb": None}, {"dynamodb": {"NewImage": {"pk": "R#1"}}}, [], "x"])
def test_what_is_no_record_is_corrupt(record: Any) -> None:
    with pytest.raises(Corrupt):
        transition(record)
