"""A DynamoDB client that knows one table by heart."""

from typing import Any

from tests.unit.sluice_cli import calls

PAGE = 3
KEYS = {"bytime": ("g2pk", "g2sk"), "open": ("opk", "osk")}
KEPT = {"open": {"pk", "sk", "opk", "osk"}}


class FakeTable:
    """Its indexes as DynamoDB pages through them: three items at most, newest first."""

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
        if "IndexName" not in arguments:
            return self._own(arguments["ExpressionAttributeValues"])
        index, values = arguments["IndexName"], arguments["ExpressionAttributeValues"]
        partition, sort = KEYS[index]
        least, most = (values.get(name, {"S": other})["S"] for name, other in ((":since", ""), (":until", "~")))
        before = arguments.get("ExclusiveStartKey", {sort: {"S": "~"}})[sort]["S"]
        found = [item for item in self._items if item.get(partition) == values[":partition"]]
        found = [item for item in found if least <= item[sort]["S"] <= most and item[sort]["S"] < before]
        found.sort(key=lambda item: str(item[sort]["S"]), reverse=True)
        size = min(PAGE, arguments.get("Limit", PAGE))
        shown = [
            {name: value for name, value in item.items() if name in KEPT.get(index, item)} for item in found[:size]
        ]
        return {"Items": shown, **({"LastEvaluatedKey": shown[-1]} if len(found) > size else {})}

    def _own(self, values: dict[str, Any]) -> dict[str, Any]:
        """The table's own rows of one partition, by the beginning of their sort key."""
        found = [item for item in self._items if item["pk"] == values[":partition"]]
        return {"Items": [item for item in found if item["sk"]["S"].startswith(values[":dimension"]["S"])]}
