"""The table in memory that state machines run on, beside real engines: every answer and every item is the same."""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.engines import LedgerTable
from tests.fakes.memory_dynamodb import MemoryDynamoDB

STEPS = 250
KEYS = [{"pk": {"S": f"T#{number}"}, "sk": {"S": "T"}} for number in range(3)]
TOLD = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
CONDITIONS = (
    "attribute_not_exists(#a)",
    "attribute_exists(#s) AND attribute_type(#s, :kind)",
    "attribute_not_exists(#a) OR #a BETWEEN :zero AND :room",
    "#a = :one OR NOT #a < :room",
    "(attribute_not_exists(#s) OR size(#s) < :two) AND (#b <> :word OR #a IN (:zero, :one))",
    "contains(#s, :text) OR begins_with(#b, :text)",
    "size(#b) >= :two",
)
UPDATES = (
    "SET #a = :one, #b = :word",
    "SET #n = if_not_exists(#n, :zero) + :two REMOVE #b",
    "ADD #a :two",
    "ADD #s :set",
    "DELETE #s :set SET #b = :text",
    "SET #b = :text REMOVE #a, #s",
    "SET #n = #n - :one",
    "SET #s = :word",
)
NAMES = {"#a": "a", "#b": "b", "#n": "n", "#s": "s"}
VALUES: dict[str, dict[str, Any]] = {
    ":zero": {"N": "0"},
    ":one": {"N": "1"},
    ":two": {"N": "2"},
    ":room": {"N": "6"},
    ":word": {"S": "lexicon"},
    ":text": {"S": "le"},
    ":kind": {"S": "SS"},
    ":set": {"SS": ["le", "on"]},
}


@pytest.mark.parametrize("seed", [1, 2])
def test_the_memory_answers_as_an_engine_does(exact_table: LedgerTable, seed: int) -> None:
    memory, engine = MemoryDynamoDB(), exact_table.client()

    for number, (operation, arguments) in enumerate(steps(Random(seed), exact_table.name)):
        ours, theirs = answer(memory, operation, arguments), answer(engine, operation, arguments)

        assert ours == theirs, f"step {number}: {operation} {arguments}"


def steps(random: Random, table: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for number in range(STEPS):
        kind = random.choice(["get", "put", "update", "update", "transact", "transact", "delete"])
        at = {"TableName": table, "Key": random.choice(KEYS)}
        if kind == "get":
            yield "get_item", {**at, "ConsistentRead": True}
        elif kind == "put":
            yield "put_item", put(random, table)
        elif kind == "update":
            yield "update_item", update(random, at)
        elif kind == "delete":
            yield "delete_item", {**at, **conditioned("", random.choice(CONDITIONS)), **TOLD}
        else:
            yield "transact_write_items", transaction(random, table, number)


def put(random: Random, table: str) -> dict[str, Any]:
    item = {**random.choice(KEYS), "a": random.choice([{"N": "0"}, {"N": "-3"}, {"S": "seven"}])}
    return {"TableName": table, "Item": item, **conditioned("", random.choice(CONDITIONS)), **TOLD}


def update(random: Random, at: dict[str, Any]) -> dict[str, Any]:
    return {**at, **conditioned(random.choice(UPDATES), random.choice(CONDITIONS)), **TOLD}


def transaction(random: Random, table: str, number: int) -> dict[str, Any]:
    first, second, third = random.sample(KEYS, 3)
    items = [
        {"Update": update(random, {"TableName": table, "Key": first})},
        {
            "ConditionCheck": {
                "TableName": table,
                "Key": second,
                **conditioned("", random.choice(CONDITIONS)),
                **TOLD,
            }
        },
        {"Put": {"TableName": table, "Item": {**third, "a": {"N": str(number)}}}},
    ]
    return {"TransactItems": items[: random.choice([1, 3])], "ClientRequestToken": f"{number}-{table[-20:]}"}


def conditioned(changes: str, condition: str) -> dict[str, Any]:
    """With what is used of the names and values, and no more."""
    text = f"{changes} {condition} ".replace(",", " ").replace(")", " ").replace("(", " ").split()
    values = {name: value for name, value in VALUES.items() if name in text}
    return {
        **({"UpdateExpression": changes} if changes else {}),
        "ConditionExpression": condition,
        "ExpressionAttributeNames": {name: known for name, known in NAMES.items() if name in text},
        **({"ExpressionAttributeValues": values} if values else {}),
    }


def answer(client: Any, operation: str, arguments: dict[str, Any]) -> object:
    """What became of it, without what an engine words in its own way."""
    try:
        found = getattr(client, operation)(**arguments)
    except ClientError as error:
        told = error.response
        reasons = [(one["Code"], item(one.get("Item"))) for one in told.get("CancellationReasons", [])]
        return told["Error"]["Code"], reasons or item(told.get("Item"))
    return item(found.get("Item"))


def item(found: Any) -> dict[str, Any]:
    """With sets in one order, and numbers as DynamoDB writes them."""
    return {
        name: {kind: sorted(value) if kind == "SS" else value for kind, value in one.items()}
        for name, one in (found or {}).items()
    }
