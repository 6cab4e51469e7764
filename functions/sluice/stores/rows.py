"""The table's rows through a DynamoDB client, one at a time: read consistently, written under a condition.

What each raises is the SDK's own failure, after the retries that fit in the seconds given.
"""

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, Protocol

from botocore.exceptions import ClientError

from sluice.domain.clock import Clock
from sluice.stores import table
from sluice.stores.retries import Retries, is_condition
from sluice.stores.table import Row, Status


class DynamoDB(Protocol):
    """What the ledger needs of a low-level DynamoDB client whose own retries are off."""

    def get_item(self, **arguments: Any) -> Mapping[str, Any]: ...

    def put_item(self, **arguments: Any) -> Mapping[str, Any]: ...

    def update_item(self, **arguments: Any) -> Mapping[str, Any]: ...

    def query(self, **arguments: Any) -> Mapping[str, Any]: ...

    def transact_write_items(self, **arguments: Any) -> Mapping[str, Any]: ...


class Batches(Protocol):
    """What it takes to read and write rows of many keys at once."""

    def batch_get_item(self, **arguments: Any) -> Mapping[str, Any]: ...

    def batch_write_item(self, **arguments: Any) -> Mapping[str, Any]: ...


class Rows:
    """The rows of one table."""

    def __init__(self, client: DynamoDB, table_name: str, clock: Clock, random: Random) -> None:
        self._client = client
        self._name = table_name
        self._retries = Retries(clock, random)

    def get(self, request_id: str, seconds: float) -> Row:
        """The call's row as it is now; empty where there is none."""
        return self.at(table.key(request_id), seconds)

    def at(self, key: Row, seconds: float) -> Row:
        """Any row as it is now; empty where there is none."""
        arguments = {"TableName": self._name, "Key": table.item(key), "ConsistentRead": True}
        answer = self._retries.run(lambda: self._client.get_item(**arguments), seconds)
        return table.row(answer.get("Item") or {})

    def claim(self, row: Row, seconds: float) -> str | None:
        """The nonce of the execution that holds this call after all: the row's own, unless it was there before."""
        try:
            self._put(row, seconds)
        except ClientError as error:
            return self.in_the_way(error, table.request_id(row["pk"]), seconds).get("nn")
        return str(row["nn"])

    def _put(self, row: Row, seconds: float) -> None:
        arguments = self.new(row)
        self._retries.run(lambda: self._client.put_item(**arguments), seconds)

    def move(self, request_id: str, changes: Row, previous: Status, seconds: float, nonce: str | None = None) -> None:
        """Fails a condition if the row's status is not `previous`, or it is of another nonce."""
        self.change(self.moved(request_id, changes, previous, nonce), seconds)

    def change(self, arguments: Mapping[str, Any], seconds: float) -> None:
        """Any one update."""
        self._retries.run(lambda: self._client.update_item(**arguments), seconds)

    def new(self, row: Row) -> dict[str, Any]:
        """Arguments of a PutItem that fails its condition if the row exists."""
        return {
            "TableName": self._name,
            "Item": table.item(row),
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def moved(self, request_id: str, changes: Row, previous: Status, nonce: str | None = None) -> dict[str, Any]:
        """Arguments of the UpdateItem that `move` makes."""
        return {
            "TableName": self._name,
            "Key": table.item(table.key(request_id)),
            **table.update(changes, previous, nonce),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def in_the_way(self, error: ClientError, request_id: str, seconds: float) -> Row:
        """The row that failed a condition: from the answer, or read where the engine does not say it."""
        if not is_condition(error):
            raise error
        item: Any = error.response.get("Item")
        return table.row(item) if item else self.get(request_id, seconds)

    def expired(self, shard: int, now: float, page_size: int, seconds: float) -> Iterator[list[str]]:
        """Ids of the calls in one shard of the `open` index whose lease had run out at `now`, perhaps late by a lag."""
        values = {":open": table.open_key(shard), ":now": table.open_sort(now)}
        for keys in self._open("opk = :open AND osk < :now", values, page_size, seconds):
            yield [table.request_id(key["pk"]) for key in keys]

    def hot(self, page_size: int, seconds: float) -> Iterator[list[Row]]:
        """Keys of the budgets that list their open calls themselves."""
        return self._open("opk = :open", {":open": table.HOT}, page_size, seconds)

    def _open(self, condition: str, values: Row, page_size: int, seconds: float) -> Iterator[list[Row]]:
        arguments: dict[str, Any] = {
            "TableName": self._name,
            "IndexName": "open",
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": table.item(values),
            "Limit": page_size,
        }
        while True:
            page = self._retries.run(lambda: self._client.query(**arguments), seconds)
            yield [{"pk": found["pk"]["S"], "sk": found["sk"]["S"]} for found in page.get("Items", [])]
            if "LastEvaluatedKey" not in page:
                return
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]
