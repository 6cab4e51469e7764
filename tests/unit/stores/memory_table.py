"""A table in memory with the few operations and expressions that the ledger uses, and failures on demand."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

Stored = dict[str, dict[str, Any]]
OPERATIONS = {"put_item": "PutItem", "update_item": "UpdateItem", "get_item": "GetItem", "query": "Query"}


def failure(code: str, status: int = 400, **extra: Any) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}, **extra}
    return ClientError(response, "Operation")


def throttled() -> ClientError:
    return failure("ProvisionedThroughputExceededException")


def lost() -> ReadTimeoutError:
    return ReadTimeoutError(endpoint_url="http://127.0.0.1")


class MemoryTable:
    """`before` and `after` are raised in their order, before or after the operation takes effect; None lets one pass.

    `tells` is False for an engine that does not return the item that failed a condition.
    """

    def __init__(self, tells: bool = True) -> None:
        self.items: dict[str, Stored] = {}
        self.calls: list[str] = []
        self.before: list[Exception | None] = []
        self.after: list[Exception | None] = []
        self.tells = tells
        self.page_size = 1

    def put_item(self, **arguments: Any) -> Mapping[str, Any]:
        return self._run("put_item", lambda: self._put(arguments))

    def update_item(self, **arguments: Any) -> Mapping[str, Any]:
        return self._run("update_item", lambda: self._update(arguments))

    def get_item(self, **arguments: Any) -> Mapping[str, Any]:
        assert arguments["ConsistentRead"] is True
        item = self.items.get(arguments["Key"]["pk"]["S"])
        return self._run("get_item", lambda: {"Item": dict(item)} if item else {})

    def query(self, **arguments: Any) -> Mapping[str, Any]:
        return self._run("query", lambda: self._query(arguments))

    def _run(self, operation: str, effect: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        self.calls.append(OPERATIONS[operation])
        if self.before and (error := self.before.pop(0)):
            raise error
        answer = effect()
        if self.after and (error := self.after.pop(0)):
            raise error
        return answer

    def _put(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        assert arguments["ConditionExpression"] == "attribute_not_exists(pk)"
        item = arguments["Item"]
        if held := self.items.get(item["pk"]["S"]):
            raise self._condition(held)
        self.items[item["pk"]["S"]] = dict(item)
        return {}

    def _update(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        names, values = arguments["ExpressionAttributeNames"], arguments["ExpressionAttributeValues"]
        held = self.items.get(arguments["Key"]["pk"]["S"], {})
        assert arguments["ConditionExpression"] == "#st = :previous"
        if held.get("st") != values[":previous"]:
            raise self._condition(held)
        expression = re.fullmatch(r"SET (.*?)(?: REMOVE (.*))?", arguments["UpdateExpression"])
        assert expression
        for pair in expression[1].split(", "):
            name, value = pair.split(" = ")
            held[names[name]] = values[value]
        for name in (expression[2] or "").split(", "):
            held.pop(names.get(name, ""), None)
        return {}

    def _query(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        assert arguments["IndexName"] == "open"
        values = arguments["ExpressionAttributeValues"]
        start = arguments.get("ExclusiveStartKey", {}).get("osk", {}).get("S", "")
        keys = [
            {name: item[name] for name in ("pk", "sk", "opk", "osk")} for item in self.items.values() if "osk" in item
        ]
        found = sorted(
            (key for key in keys if key["opk"] == values[":shard"] and start < key["osk"]["S"] < values[":now"]["S"]),
            key=lambda key: str(key["osk"]["S"]),
        )
        page = found[: self.page_size]
        return {"Items": page, **({"LastEvaluatedKey": page[-1]} if len(found) > len(page) else {})}

    def _condition(self, held: Stored) -> ClientError:
        extra: dict[str, Any] = {"Item": dict(held)} if self.tells and held else {}
        return failure("ConditionalCheckFailedException", **extra)
