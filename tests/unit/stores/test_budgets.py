"""Rows of budgets: their expressions, what a record says of them, and how a hot one lists its open calls."""

import re
from typing import Any

import pytest
from tests.unit.stores.calls import BOUND, ESTIMATE, LEASE, hold, record, reservation, strict

from sluice.domain.idempotency import Idempotent
from sluice.stores import budgets, table
from sluice.stores.budgets import Held

NAME = "a budget of #u = :zero, ours"
ODD = hold(key=f"{NAME}#0123456789ab", name=NAME)
CALL = reservation(holds=(ODD,))
HOT = reservation(holds=(hold(is_hot=True),))
ENTRY = f"h{HOT.request_id}", f"{ESTIMATE} {BOUND} {LEASE} {HOT.nonce[:8]}"
WORDS = {"AND", "OR", "BETWEEN", "SET", "ADD", "REMOVE", "attribute_not_exists", "attribute_exists"}
WRITES = [
    budgets.taken(ODD, budgets.held_for(CALL)[0], "ledger"),
    budgets.taken(HOT.holds[0], budgets.held_for(HOT)[0], "ledger"),
    budgets.settled(budgets.held_for(CALL)[0], 5, "ledger"),
    budgets.settled(budgets.held_for(HOT)[0], 5, "ledger"),
    budgets.lifted(budgets.held_for(CALL)[0], 5, "ledger"),
    budgets.forgotten({"pk": "B#x", "sk": "T"}, "ledger"),
    budgets.refused_once_more(ODD, "ledger"),
]


@pytest.mark.parametrize("arguments", WRITES)
def test_every_name_and_value_is_bound_and_used(arguments: dict[str, Any]) -> None:
    text = f"{arguments['UpdateExpression']} {arguments['ConditionExpression']}"

    assert set(re.findall(r"#\w+", text)) == arguments["ExpressionAttributeNames"].keys()
    assert set(re.findall(r":\w+", text)) == arguments["ExpressionAttributeValues"].keys()
    assert set(re.findall(r"(?<![#:\w])[A-Za-z]\w*", text)) <= WORDS
    assert arguments["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"


def test_room_is_what_is_left_for_this_call() -> None:
    arguments = budgets.taken(strict(100, 30), budgets.held_for(reservation(holds=(strict(100, 30),)))[0], "ledger")

    values = arguments["ExpressionAttributeValues"]
    assert (values[":room"], values[":rest"], values[":zero"]) == ({"N": "70"}, {"N": "70"}, {"N": "0"})
    assert (values[":u"], values[":r"], values[":w"]) == ({"N": "30"},) * 3


def test_a_settlement_is_the_difference_and_frees_what_was_held() -> None:
    values = budgets.settled(Held("k#1", "T", 30, 70), 45, "ledger")["ExpressionAttributeValues"]

    assert (values[":u"], values[":r"], values[":w"]) == ({"N": "15"}, {"N": "-30"}, {"N": "-25"})


def test_a_lift_is_the_difference_to_the_most() -> None:
    values = budgets.lifted(Held("k#1", "T", 30, 70), 45, "ledger")["ExpressionAttributeValues"]

    assert (values[":u"], values[":r"], values[":w"]) == ({"N": "-25"}, {"N": "0"}, {"N": "-25"})


def test_only_a_hot_row_is_in_the_index_of_what_is_open() -> None:
    ordinary, hot = WRITES[0]["ExpressionAttributeNames"], WRITES[1]["ExpressionAttributeNames"]

    assert not {"#opk", "#entry"} & ordinary.keys()
    assert hot["#entry"] == ENTRY[0]
    assert WRITES[1]["ExpressionAttributeValues"][":opk"] == {"S": "H#0"}


@pytest.mark.parametrize(
    ("changes", "is_alone"),
    [
        ({"holds": HOT.holds}, True),
        ({"holds": HOT.holds, "key_id": "abcdefghijkl"}, False),
        ({"holds": HOT.holds, "idempotent": Idempotent("I#1", "digest")}, False),
        ({"holds": (*HOT.holds, hold(key="other#1"))}, False),
        ({"holds": (hold(),)}, False),
        ({}, False),
    ],
)
def test_a_call_is_alone_in_its_one_hot_budget(changes: dict[str, Any], is_alone: bool) -> None:
    call = reservation(**changes)

    assert table.is_alone(call) is is_alone
    assert [bool(one.entry) for one in budgets.held_for(call)] == [is_alone] * len(call.holds)


def test_a_record_says_what_is_held_then_what_was_charged() -> None:
    holds = (ODD, hold(key="b#1", period="T"))
    call = reservation(holds=holds)

    open_row, ended = table.reserved(call), table.settled(call, record(charges=(7, 0)), expires=1)

    assert open_row["bud"] == [f"{ODD.key} M202611 {ESTIMATE} {BOUND} -", f"b#1 T {ESTIMATE} {BOUND} -"]
    assert ended["bud"] == [f"{ODD.key} M202611 7", "b#1 T 0"]
    assert table.abandoned(open_row, expires=1)["bud"] == [f"{ODD.key} M202611 {BOUND}", f"b#1 T {BOUND}"]
    assert budgets.held_by(open_row) == budgets.held_for(call)
    assert [budgets.charge_of(ended, one) for one in budgets.held_for(call)] == [7, 0]


def test_a_call_without_budgets_says_nothing_of_them() -> None:
    call = reservation()

    assert table.reserved(call)["bud"] is None
    assert "bud" not in table.settled(call, record(), expires=1)
    assert "bud" not in table.abandoned(table.reserved(call), expires=1)


def test_a_record_that_does_not_say_is_charged_the_most() -> None:
    assert table.settled(CALL, record(charges=()), expires=1)["bud"] == [f"{ODD.key} M202611 {BOUND}"]


@pytest.mark.parametrize("text", ["", "k T 1 2", "k T 1 2 x", "k T one 2 -", 5, {"k": "T"}])
def test_what_somebody_else_wrote_about_budgets_is_known(text: object) -> None:
    assert not budgets.are_readable({"bud": [text]})
    assert not budgets.are_readable({"bud": "k T 1 2 -"})
    assert budgets.are_readable({"bud": [f"{NAME}#1 T 1 2 h"]})
    assert budgets.are_readable({})


def test_a_hot_row_tells_its_open_calls_apart_from_all_else() -> None:
    row = {"pk": "B#k#1", "sk": "T", "u": 5, "h": "x", "hat": "not one", "hid": "1 2 3 nonce-1", "h5": 7}

    assert budgets.entries(row) == {"id": (3, Held("k#1", "T", 1, 2, ("hid", "1 2 3 nonce-1")))}


@pytest.mark.parametrize(("nonce", "is_of"), [(HOT.nonce, True), ("other-nonce", False)])
def test_an_entry_is_of_the_execution_that_made_it(nonce: str, is_of: bool) -> None:
    held = budgets.held_for(HOT)[0]

    assert held.entry == ENTRY
    assert budgets.is_of(held, {"nn": nonce}) is is_of
    assert not budgets.is_of(held, {})


@pytest.mark.fault("D11")
@pytest.mark.parametrize(
    ("row", "is_sound"),
    [
        ({}, True),
        ({"u": 5, "r": 3, "w": 9}, True),
        ({"u": 5, "r": 6, "w": 9}, False),
        ({"u": -1, "r": 0, "w": 0}, False),
        ({"u": 5, "r": 3}, False),
        ({"u": "5", "r": 3, "w": 9}, False),
        ({"u": 5.5, "r": 3, "w": 9}, False),
        ({"u": True, "r": 0, "w": 9}, False),
    ],
)
def test_amounts_are_trusted_only_where_they_can_be_true(row: dict[str, Any], is_sound: bool) -> None:
    assert budgets.is_sound(row) is is_sound


def test_a_shadow_needs_no_room() -> None:
    one = hold(limit=0, ceiling=0, is_enforced=False)

    arguments = budgets.taken(one, budgets.held_for(reservation(holds=(one,)))[0], "ledger")

    assert not {":room", ":rest"} & arguments["ExpressionAttributeValues"].keys()
