"""A DynamoDB client that knows the virtual keys of one table: it keeps items and holds the conditions of writes."""

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

PAGE = 2
Item = dict[str, Any]


class KeyTable:
    """`before` is called once ahead of the next write, as by somebody who is faster. With `loses` the answer of the
    next write is lost and the client sends it again, as boto3 does.
    """

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.before: Callable[[], object] | None = None
        self.loses = False
        self.refusal: str | None = None

    def get_item(self, **arguments: Any) -> Mapping[str, Any]:
        assert arguments["ConsistentRead"] is True
        self._refuse()
        place = arguments["Key"]["pk"]["S"]
        return {"Item": dict(self.items[place])} if place in self.items else {}

    def put_item(self, **arguments: Any) -> Mapping[str, Any]:
        assert arguments["ConditionExpression"] == "attribute_not_exists(pk)"
        place = arguments["Item"]["pk"]["S"]
        return self._write(lambda: place not in self.items, lambda: self.items.update({place: dict(arguments["Item"])}))

    def update_item(self, **arguments: Any) -> Mapping[str, Any]:
        names, values = arguments["ExpressionAttributeNames"], arguments["ExpressionAttributeValues"]
        place = arguments["Key"]["pk"]["S"]

        def holds() -> bool:
            pairs = [pair.split(" = ") for pair in arguments["ConditionExpression"].split(" AND ")]
            return all(self.items.get(place, {}).get(names[name]) == values[value] for name, value in pairs)

        def change() -> None:
            setting, _, removal = arguments["UpdateExpression"].removeprefix("SET ").partition(" REMOVE ")
            for name, value in (pair.split(" = ") for pair in setting.split(", ")):
                self.items[place][names[name]] = values[value]
            for name in removal.split(", ") if removal else ():
                self.items[place].pop(names[name], None)

        return self._write(holds, change)

    def query(self, **arguments: Any) -> Mapping[str, Any]:
        assert (arguments["IndexName"], arguments["KeyConditionExpression"]) == ("open", "opk = :keys")
        self._refuse()
        wanted = arguments["ExpressionAttributeValues"][":keys"]
        behind = arguments.get("ExclusiveStartKey", {}).get("osk", {}).get("S", "")
        found = sorted(one["osk"]["S"] for one in self.items.values() if one.get("opk") == wanted)
        page = [osk for osk in found if osk > behind]
        more = {"LastEvaluatedKey": {"osk": {"S": page[PAGE - 1]}}} if len(page) > PAGE else {}
        return {"Items": [{"osk": {"S": osk}} for osk in page[:PAGE]], **more}

    def _write(self, holds: Callable[[], bool], change: Callable[[], object]) -> Mapping[str, Any]:
        act, self.before = self.before, None
        if act:
            act()
        self._refuse()
        if not holds():
            raise failure("ConditionalCheckFailedException")
        change()
        if self.loses:
            self.loses = False
            return self._write(holds, change)
        return {}

    def _refuse(self) -> None:
        if self.refusal:
            raise failure(self.refusal)


def failure(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "PutItem")
