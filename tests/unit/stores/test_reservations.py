"""A reservation with budgets, a virtual key and a name of its own: all or nothing, and which refusal is told."""

import logging
from random import Random
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.fakes.memory_dynamodb import MemoryDynamoDB, failure, lost
from tests.unit.stores.calls import BOUND, ESTIMATE, HandClock, hold, record, reservation, strict

from sluice.domain.errors import BudgetExceeded, DuplicateCall, IdempotencyConflict, InvalidKey, LedgerBusy, Unavailable
from sluice.domain.idempotency import Idempotent
from sluice.stores import keys
from sluice.stores.ledger import Ledger

KEY = "abcdefghijkl"
NAMED = Idempotent("I#0123456789abcdef#" + "0" * 64, "digest")
FULL = strict(100, 60, key="full#1", name="full")
EVERYTHING = reservation(holds=(hold(), FULL), key_id=KEY, idempotent=NAMED)


def ledger_on(table: MemoryDynamoDB) -> Ledger:
    return Ledger(table, "ledger", HandClock().clock, Random(1))


def with_key(status: str = "A", tells: bool = True) -> MemoryDynamoDB:
    table = MemoryDynamoDB(tells)
    table.items[f"K#{KEY}", "K"] = {"pk": {"S": f"K#{KEY}"}, "sk": {"S": "K"}, "st": {"S": status}}
    return table


def test_all_of_it_is_one_transaction() -> None:
    table = with_key()

    ledger_on(table).reserve(EVERYTHING)

    assert table.calls == ["TransactWriteItems"]
    assert {pk.partition("#")[0] for pk, _ in table.items} == {"R", "B", "K", "I"}
    row = table.row(f"R#{EVERYTHING.request_id}", "R")
    assert (row["idk"], len(row["bud"])) == (NAMED.key, 2)


@pytest.mark.parametrize("tells", [True, False])
def test_each_refusal_comes_before_the_next(tells: bool) -> None:
    table = with_key(tells=tells)
    ledger = ledger_on(table)
    ledger.reserve(EVERYTHING)
    again = reservation(nonce="nonce-2", holds=(hold(), FULL), key_id=KEY, idempotent=NAMED)
    table.items[f"K#{KEY}", "K"]["st"] = {"S": "R"}

    told = []
    for _ in range(4):
        with pytest.raises((DuplicateCall, IdempotencyConflict, InvalidKey, BudgetExceeded)) as caught:
            ledger.reserve(again)
        told.append(type(caught.value).__mro__[0].__name__)
        mend(table, told[-1])

    assert told == ["DuplicateCall", "InvalidKey", "StillRunning", "BudgetExceeded"]
    ledger.reserve(reservation(request_id="other", nonce="nonce-3", holds=(hold(),)))


def mend(table: MemoryDynamoDB, told: str) -> None:
    """What was refused is no longer so."""
    if told == "InvalidKey":
        table.items[f"K#{KEY}", "K"]["st"] = {"S": "A"}
        return
    prefix = {"DuplicateCall": "R#", "StillRunning": "I#"}.get(told)
    for place in [one for one in table.items if prefix and one[0].startswith(prefix)]:
        del table.items[place]


def test_a_refused_key_is_told_in_the_words_of_keys() -> None:
    with pytest.raises(InvalidKey) as caught:
        ledger_on(with_key("R")).reserve(reservation(key_id=KEY))

    assert caught.value.message == keys.NOT_GOOD


def test_a_budget_of_two_that_has_no_room_is_the_one_that_is_told() -> None:
    table = MemoryDynamoDB()
    ledger = ledger_on(table)
    ledger.reserve(reservation(holds=(hold(), FULL)))

    with pytest.raises(BudgetExceeded, match="the budget full"):
        ledger.reserve(reservation(request_id="other", nonce="nonce-2", holds=(hold(), FULL)))

    assert table.row("B#developers#0123456789ab", "M202611")["u"] == ESTIMATE


def test_a_false_refusal_is_counted_once_and_may_fail() -> None:
    table = MemoryDynamoDB()
    ledger = ledger_on(table)
    ledger.reserve(reservation(holds=(FULL,)))
    for number, broken in enumerate([None, failure("AccessDeniedException"), lost()]):
        table.before = [None, broken]
        with pytest.raises(BudgetExceeded) as caught:
            ledger.reserve(reservation(request_id=f"call-{number}", nonce=f"n-{number}", holds=(FULL,)))
        assert caught.value.is_false

    assert table.row("B#full#1", "M202611")["fr"] == 1
    assert table.calls.count("UpdateItem") == 3


def test_what_can_never_fit_asks_nothing() -> None:
    table = MemoryDynamoDB()

    with pytest.raises(BudgetExceeded):
        ledger_on(table).reserve(reservation(holds=(hold(), strict(10, 11))))

    assert table.calls == []


@pytest.mark.fault("D11")
@pytest.mark.parametrize("is_hot", [False, True])
def test_a_damaged_budget_is_named_in_the_log_and_to_its_callers(
    is_hot: bool, caplog: pytest.LogCaptureFixture
) -> None:
    table = MemoryDynamoDB()
    one = hold(is_hot=is_hot)
    place = f"B#{one.key}", one.period
    table.items[place] = {"pk": {"S": place[0]}, "sk": {"S": place[1]}, "u": {"S": "12"}}

    with caplog.at_level(logging.ERROR), pytest.raises(Unavailable, match="the budget developers cannot be read"):
        ledger_on(table).reserve(reservation(holds=(one,)))

    assert "ledger.budget_damaged: table ledger, budget developers#0123456789ab of M202611" in caplog.text


def test_a_transaction_that_cannot_be_written_as_it_is_is_unavailable() -> None:
    table = MemoryDynamoDB()
    reasons = [{"Code": "ItemCollectionSizeLimitExceeded"}, {"Code": "None"}]
    table.before = [failure("TransactionCanceledException", CancellationReasons=reasons)]

    with pytest.raises(Unavailable) as caught:
        ledger_on(table).reserve(reservation(holds=(hold(),)))

    assert not isinstance(caught.value, LedgerBusy)
    assert isinstance(caught.value.__cause__, ClientError)


def test_a_hot_budget_is_written_before_the_record_and_no_transaction_is() -> None:
    table = MemoryDynamoDB()
    ledger, call = ledger_on(table), reservation(holds=(hold(is_hot=True),))

    ledger.reserve(call)
    entry = table.row("B#developers#0123456789ab", "M202611")[f"h{call.request_id}"]
    ledger.settle(call, record(charges=(5,)))

    assert table.calls == ["UpdateItem", "PutItem", "UpdateItem", "UpdateItem"]
    assert entry == f"{ESTIMATE} {BOUND} {call.lease} {call.nonce[:8]}"
    assert f"h{call.request_id}" not in table.row("B#developers#0123456789ab", "M202611")


@pytest.mark.parametrize("more", [{"key_id": KEY}, {"idempotent": NAMED}])
def test_a_hot_budget_of_a_call_that_needs_more_is_in_the_transaction(more: dict[str, Any]) -> None:
    table = with_key()
    ledger, call = ledger_on(table), reservation(holds=(hold(is_hot=True),), **more)

    ledger.reserve(call)
    ledger.settle(call, record(charges=(5,)))

    assert table.calls == ["TransactWriteItems"] * 2
    row = table.row("B#developers#0123456789ab", "M202611")
    assert (row["u"], row["r"], row["w"]) == (5, 0, 5)


@pytest.mark.parametrize("error", [failure("AccessDeniedException"), failure("ValidationException")])
def test_a_hot_budget_gets_its_hold_back_where_no_record_can_be(error: Exception) -> None:
    table = MemoryDynamoDB()
    table.before = [None, error]

    with pytest.raises(Unavailable):
        ledger_on(table).reserve(reservation(holds=(hold(is_hot=True),)))

    row = table.row("B#developers#0123456789ab", "M202611")
    assert (row["u"], row["r"], row["w"]) == (0, 0, 0)


def test_a_record_that_somebody_wrote_gives_a_hot_hold_back_too() -> None:
    table = MemoryDynamoDB()
    ledger_on(table).reserve(reservation())

    with pytest.raises(DuplicateCall):
        ledger_on(table).reserve(reservation(nonce="nonce-2", holds=(hold(is_hot=True),)))

    row = table.row("B#developers#0123456789ab", "M202611")
    assert (row["u"], row["r"], row["w"]) == (0, 0, 0)


def test_a_damaged_hot_budget_in_the_shadow_refuses_nothing() -> None:
    table, one = MemoryDynamoDB(), hold(is_hot=True, is_enforced=False)
    place = f"B#{one.key}", one.period
    table.items[place] = {"pk": {"S": place[0]}, "sk": {"S": place[1]}, "u": {"N": "-1"}}
    ledger, call = ledger_on(table), reservation(holds=(one,))

    ledger.reserve(call)

    assert ledger.settle(call, record(charges=(5,)))
    assert table.row(*place)["u"] == -1


def test_a_key_that_was_revoked_gets_no_answer_that_was_kept() -> None:
    table = with_key()
    first = reservation(key_id=KEY, idempotent=NAMED)
    ledger_on(table).reserve(first)
    table.items["I#" + NAMED.key.removeprefix("I#"), "I"] |= {"st": {"S": "D"}}
    table.items[f"K#{KEY}", "K"]["st"] = {"S": "R"}

    with pytest.raises(InvalidKey):
        ledger_on(table).reserve(reservation(request_id="other", nonce="nonce-2", key_id=KEY, idempotent=NAMED))
