"""Transactions: what passes is tried again, what lasts is told by its reasons, and no request is taken for another."""

from random import Random
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.fakes.memory_dynamodb import MemoryDynamoDB, conflicted, failure, lost, throttled
from tests.unit.stores.calls import HandClock

from sluice.stores.retries import is_transient
from sluice.stores.transactions import Transactions, token

PUT = {"Put": {"TableName": "ledger", "Item": {"pk": {"S": "a"}, "sk": {"S": "a"}, "n": {"N": "1"}}}}
CHECK = {
    "ConditionCheck": {
        "TableName": "ledger",
        "Key": {"pk": {"S": "b"}, "sk": {"S": "b"}},
        "ConditionExpression": "attribute_not_exists(pk)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
}
ITEMS = (PUT, CHECK)
TOKEN = token("t", "nonce", ITEMS)


def transactions(table: MemoryDynamoDB, hand: HandClock | None = None) -> Transactions:
    return Transactions(table, (hand or HandClock()).clock, Random(1))


def test_all_of_it_is_written() -> None:
    table = MemoryDynamoDB()

    assert transactions(table).write(ITEMS, TOKEN, 1.0) is None
    assert table.row("a", "a") == {"pk": "a", "sk": "a", "n": 1}


@pytest.mark.parametrize("error", [conflicted(), throttled(), failure("TransactionInProgressException"), lost()])
def test_what_passes_is_tried_again(error: Exception) -> None:
    table = MemoryDynamoDB()
    table.before = [error, error]

    assert transactions(table).write(ITEMS, TOKEN, 1.0) is None
    assert table.calls == ["TransactWriteItems"] * 3


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_conflict_that_lasts_is_passing_still(code: str) -> None:
    table, hand = MemoryDynamoDB(), HandClock(now=0.0)
    reasons = [{"Code": "None"}, {"Code": code}]
    table.before = [failure("TransactionCanceledException", CancellationReasons=reasons)] * 1000

    with pytest.raises(ClientError) as caught:
        transactions(table, hand).write(ITEMS, TOKEN, 1.0)

    assert is_transient(caught.value)
    assert hand.seconds < 1.0


@pytest.mark.parametrize("tells", [True, False])
def test_a_condition_that_is_not_met_is_told_with_what_stood_there(tells: bool) -> None:
    table = MemoryDynamoDB(tells)
    table.items["b", "b"] = {"pk": {"S": "b"}, "sk": {"S": "b"}, "n": {"N": "7"}}

    found = transactions(table).write(ITEMS, TOKEN, 1.0)

    assert found is not None
    assert [(one.code, one.is_condition) for one in found.reasons] == [
        ("None", False),
        ("ConditionalCheckFailed", True),
    ]
    assert found.reasons[1].row == ({"pk": "b", "sk": "b", "n": 7} if tells else {})
    assert table.row("a", "a") == {}


def test_a_condition_that_is_not_met_beside_a_conflict_decides() -> None:
    table = MemoryDynamoDB()
    reasons = [{"Code": "TransactionConflict"}, {"Code": "ConditionalCheckFailed"}]
    table.before = [failure("TransactionCanceledException", CancellationReasons=reasons)]

    found = transactions(table).write(ITEMS, TOKEN, 1.0)

    assert found is not None
    assert len(table.calls) == 1


def test_an_item_of_another_shape_is_told() -> None:
    table = MemoryDynamoDB()
    table.items["b", "b"] = {"pk": {"S": "b"}, "sk": {"S": "b"}, "n": {"S": "seven"}}
    update = {
        "Update": {
            "TableName": "ledger",
            "Key": {"pk": {"S": "b"}, "sk": {"S": "b"}},
            "UpdateExpression": "ADD n :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }

    found = transactions(table).write([update], TOKEN, 1.0)

    assert found is not None
    assert found.reasons[0].is_invalid


def test_a_refusal_of_another_kind_is_raised() -> None:
    table = MemoryDynamoDB()
    table.before = [failure("AccessDeniedException")]

    with pytest.raises(ClientError):
        transactions(table).write(ITEMS, TOKEN, 1.0)

    assert len(table.calls) == 1


@pytest.mark.fault("D03")
def test_a_commit_whose_answer_was_lost_is_not_repeated() -> None:
    table = MemoryDynamoDB()
    table.after = [lost()]
    add: Any = {
        "Update": {
            "TableName": "ledger",
            "Key": {"pk": {"S": "c"}, "sk": {"S": "c"}},
            "UpdateExpression": "ADD n :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }

    transactions(table).write([add], token("t", "nonce", [add]), 1.0)

    assert table.row("c", "c")["n"] == 1
    assert len(table.calls) == 2


def test_a_token_is_of_one_execution_and_one_request() -> None:
    tokens = {
        token("t", "nonce", ITEMS),
        token("t", "other", ITEMS),
        token("u", "nonce", ITEMS),
        token("t", "nonce", ITEMS[:1]),
    }

    assert token("t", "nonce", tuple(dict(item) for item in ITEMS)) == TOKEN
    assert len(tokens) == 4
    assert {len(one) for one in tokens} == {36}
