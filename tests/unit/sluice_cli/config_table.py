"""A DynamoDB client that knows the configurations of one table: it keeps items and holds the conditions of writes."""

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

PAGE = 2
Item = dict[str, Any]


class ConfigTable:
    """`before` is called once ahead of the next write of that sort key, as by somebody who is faster.

    With `loses` the answer of the next write is lost and the client sends it again, as boto3 does.
    """

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.before: dict[str, Callable[[], object]] = {}
        self.loses = False
        self.refusal: str | None = None

    def get_item(self, **arguments: Any) -> Mapping[str, Any]:
        assert arguments["ConsistentRead"] is True
        self._refuse()
        sort = arguments["Key"]["sk"]["S"]
        return {"Item": dict(self.items[sort])} if sort in self.items else {}

    def put_item(self, **arguments: Any) -> Mapping[str, Any]:
        item = arguments["Item"]
        sort = item["sk"]["S"]
        if act := self.before.pop(sort, None):
            act()
        self._refuse()
        if not self._holds(self.items.get(sort, {}), arguments):
            raise failure("ConditionalCheckFailedException")
        self.items[sort] = dict(item)
        if self.loses:
            self.loses = False
            return self.put_item(**arguments)
        return {}

    def query(self, **arguments: Any) -> Mapping[str, Any]:
        assert arguments["ConsistentRead"] is True
        assert arguments["ScanIndexForward"] is False
        self._refuse()
        prefix = arguments["ExpressionAttributeValues"][":version"]["S"]
        before = arguments.get("ExclusiveStartKey", {}).get("sk", {}).get("S", "~")
        found = sorted((sort for sort in self.items if sort.startswith(prefix) and sort < before), reverse=True)
        shown = found[: min(PAGE, arguments["Limit"])]
        names = arguments["ExpressionAttributeNames"].values()
        items = [{name: value for name, value in self.items[sort].items() if name in names} for sort in shown]
        last = {"LastEvaluatedKey": {"sk": {"S": shown[-1]}}} if len(found) > len(shown) else {}
        return {"Items": items, **last}

    @staticmethod
    def _holds(held: Item, arguments: Mapping[str, Any]) -> bool:
        condition = arguments["ConditionExpression"]
        if condition == "attribute_not_exists(pk)":
            return not held
        if condition == "attribute_not_exists(#n)":
            return "n" not in held
        assert condition == "#n = :seen"
        return bool(held.get("n") == arguments["ExpressionAttributeValues"][":seen"])

    def _refuse(self) -> None:
        if self.refusal:
            raise failure(self.refusal)


def failure(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "PutItem")
