"""A DynamoDB client that knows one table by heart."""

from typing import Any

from tests.unit.sluice_cli import calls

PAGE = 3


class FakeTable:
    """The index as DynamoDB pages through it: three items at most, newest first."""

    def __init__(self, *items: calls.Item) -> None:
        self._items = list(items)
        self.queries: list[dict[str, Any]] = []

    def add(self, item: calls.Item) -> None:
        self._items.append(item)

    def get_item(self, **arguments: Any) -> dict[str, Any]:
        assert arguments["ConsistentRead"] is True
        found = [item for item in self._items if {"pk": item["pk"], "sk": item["sk"]} == arguments["Key"]]
        return {"Item": found[0]} if found else {}

    def query(self, **arguments: Any) -> dict[str, Any]:
        self.queries.append(arguments)
        values = arguments["ExpressionAttributeValues"]
        after = values.get(":after", {"S": ""})["S"]
        until = arguments.get("ExclusiveStartKey", {"g2sk": {"S": "~"}})["g2sk"]["S"]
        found = [item for item in self._items if item.get("g2pk") == values[":partition"]]
        found = sorted((item for item in found if after < item["g2sk"]["S"] < until), key=_moment, reverse=True)
        size = min(PAGE, arguments.get("Limit", PAGE))
        return {"Items": found[:size], **({"LastEvaluatedKey": found[size - 1]} if len(found) > size else {})}


def _moment(item: calls.Item) -> str:
    return str(item["g2sk"]["S"])
