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
        """The row as it is now; empty where there is none."""
        arguments = {**self._item(request_id), "ConsistentRead": True}
        answer = self._retries.run(lambda: self._client.get_item(**arguments), seconds)
        return table.row(answer.get("Item", {}))

    def put(self, row: Row, seconds: float) -> None:
        """Fails a condition if the row exists."""
        arguments = {
            "TableName": self._name,
            "Item": table.item(row),
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        self._retries.run(lambda: self._client.put_item(**arguments), seconds)

    def move(self, request_id: str, changes: Row, previous: Status, seconds: float) -> None:
        """Fails a condition if the row's status is not `previous`."""
        arguments = {
            **self._item(request_id),
            **table.update(changes, previous),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        self._retries.run(lambda: self._client.update_item(**arguments), seconds)

    def in_the_way(self, error: ClientError, request_id: str, seconds: float) -> Row:
        """The row that failed a condition: from the answer, or read where the engine does not say it."""
        if not is_condition(error):
            raise error
        item: Any = error.response.get("Item")
        return table.row(item) if item else self.get(request_id, seconds)

    def expired(self, shard: int, now: float, page_size: int, seconds: float) -> Iterator[str]:
        """Ids of the calls in one shard of the `open` index whose lease had run out at `now`, perhaps late by a lag."""
        arguments: dict[str, Any] = {
            "TableName": self._name,
            "IndexName": "open",
            "KeyConditionExpression": "opk = :shard AND osk < :now",
            "ExpressionAttributeValues": table.item({":shard": table.open_key(shard), ":now": table.open_sort(now)}),
            "Limit": page_size,
        }
        while True:
            page = self._retries.run(lambda: self._client.query(**arguments), seconds)
            yield from (table.request_id(found["pk"]["S"]) for found in page.get("Items", []))
            if "LastEvaluatedKey" not in page:
                return
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _item(self, request_id: str) -> dict[str, Any]:
        return {"TableName": self._name, "Key": table.item(table.key(request_id))}
