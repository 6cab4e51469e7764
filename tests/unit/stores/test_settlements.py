"""The end of calls that budgets paid for: once, together, and never held up by a budget that cannot be charged."""

import logging
from random import Random
from typing import Any

import pytest
from tests.fakes.memory_dynamodb import MemoryDynamoDB, conflicted, failure, lost, throttled
from tests.unit.stores.calls import BOUND, COST, ESTIMATE, HandClock, hold, record, reservation

from sluice.domain.hold import Hold
from sluice.stores.ledger import Ledger
from sluice.stores.sweep import Sweeper

PERSON, TEAM = hold(), hold(key="team#1", name="team", period="T")
CALL = reservation(holds=(PERSON, TEAM))
HOT = reservation(holds=(hold(is_hot=True),))
BOTH = pytest.mark.parametrize("call", [CALL, HOT], ids=["together", "hot"])
CHARGED = record(charges=(COST, COST))
ENTRY = f"h{HOT.request_id}"


def reserved(call: Any = CALL) -> tuple[MemoryDynamoDB, Ledger]:
    table = MemoryDynamoDB()
    ledger = Ledger(table, "ledger", HandClock().clock, Random(1))
    ledger.reserve(call)
    table.calls.clear()
    return table, ledger


def amounts(table: MemoryDynamoDB, one: Hold = PERSON) -> tuple[int, ...]:
    row = table.row(f"B#{one.key}", one.period)
    return tuple(row[name] for name in ("u", "r", "w"))


def ends(call: Any) -> Any:
    return record(charges=(COST,) * len(call.holds))


def test_the_record_and_its_budgets_are_one_transaction() -> None:
    table, ledger = reserved()

    assert ledger.settle(CALL, record(charges=(COST, 0)))

    assert table.calls == ["TransactWriteItems"]
    assert (amounts(table, PERSON), amounts(table, TEAM)) == ((COST, 0, COST), (0, 0, 0))


@BOTH
@pytest.mark.fault("D03")
@pytest.mark.parametrize("error", [lost(), conflicted(), throttled()])
def test_what_passes_is_outlived_and_charged_once(call: Any, error: Exception) -> None:
    table, ledger = reserved(call)
    table.after, table.before = ([error, error], []) if type(error) is type(lost()) else ([], [error, error])

    assert ledger.settle(call, ends(call))
    assert amounts(table) == (COST, 0, COST)


@BOTH
@pytest.mark.fault("D09")
def test_a_settlement_repeated_without_its_token_charges_once(call: Any) -> None:
    table, ledger = reserved(call)
    for _ in range(3):
        assert ledger.settle(call, ends(call))
        table.forget_tokens()

    assert amounts(table) == (COST, 0, COST)


@BOTH
def test_another_execution_settles_nothing(call: Any) -> None:
    table, ledger = reserved(call)

    assert not ledger.settle(reservation(nonce="nonce-2", holds=call.holds), ends(call))
    assert amounts(table) == (ESTIMATE, ESTIMATE, BOUND)


@BOTH
@pytest.mark.fault("L05")
def test_what_the_sweeper_charged_is_lifted_to_what_it_cost(call: Any) -> None:
    table, ledger = reserved(call)
    Sweeper(table, "ledger", HandClock().clock, Random(2)).sweep(call.lease + 1)
    at_worst = amounts(table)

    assert ledger.settle(call, ends(call))

    assert at_worst == (BOUND, 0, BOUND)
    assert amounts(table) == (COST, 0, COST)


@pytest.mark.fault("D11")
@pytest.mark.parametrize("damage", [{"r": {"N": "0"}}, {"u": {"S": "12"}}, {"w": {"N": "-1"}}])
def test_a_budget_that_cannot_be_charged_is_named_and_left_and_the_others_are_charged(
    damage: Any, caplog: pytest.LogCaptureFixture
) -> None:
    table, ledger = reserved()
    place = f"B#{PERSON.key}", PERSON.period
    table.items[place] |= damage
    before = dict(table.items[place])

    with caplog.at_level(logging.ERROR):
        assert ledger.settle(CALL, CHARGED)

    assert table.items[place] == before
    assert amounts(table, TEAM) == (COST, 0, COST)
    assert f"cannot be charged to B#{PERSON.key} of {PERSON.period}" in caplog.text


def test_a_hot_budget_that_fails_is_left_to_the_sweeper(caplog: pytest.LogCaptureFixture) -> None:
    table, ledger = reserved(HOT)
    table.before = [None, failure("AccessDeniedException")]

    with caplog.at_level(logging.ERROR):
        assert ledger.settle(HOT, ends(HOT))
    open_still = amounts(table)
    Sweeper(table, "ledger", HandClock().clock, Random(2)).sweep(HOT.lease + 1)

    assert "ledger.budget_late: table ledger, developers#0123456789ab, AccessDeniedException" in caplog.text
    assert open_still == (ESTIMATE, ESTIMATE, BOUND)
    assert amounts(table) == (COST, 0, COST)
    assert ENTRY not in table.row(f"B#{PERSON.key}", PERSON.period)


def test_a_hold_without_a_record_is_given_back_in_full() -> None:
    table, ledger = reserved(HOT)
    del table.items[f"R#{HOT.request_id}", "R"]

    assert not ledger.settle(HOT, ends(HOT))
    assert amounts(table) == (0, 0, 0)


def test_a_transaction_that_says_nothing_of_use_leaves_the_call_to_the_sweeper() -> None:
    table, ledger = reserved()
    reasons = [{"Code": "ItemCollectionSizeLimitExceeded"}, {"Code": "None"}, {"Code": "None"}]
    table.before = [failure("TransactionCanceledException", CancellationReasons=reasons)]

    assert not ledger.settle(CALL, CHARGED)
    assert amounts(table) == (ESTIMATE, ESTIMATE, BOUND)
