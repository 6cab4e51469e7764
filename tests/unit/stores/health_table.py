"""A table in memory with what the rows of health ask of DynamoDB, failures on demand, and a pause before each request."""

import re
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from tests.unit.stores.memory_table import Stored, failure

from sluice.domain.clock import Clock
from sluice.stores.health import HealthRows
from sluice.stores.patience import Patience

NAME = "ledger"
ADDING = re.compile(r"ADD #s :s, #n :n SET #exp = :exp")


class HealthTable:
    """`before` and `after` are raised in their order, before or after a request takes effect; None lets one pass.

    `tells` is False for an engine that does not return the item that failed a condition.
    """

    def __init__(self, tells: bool = True) -> None:
        self.items: dict[tuple[str, str], Stored] = {}
        self.requests: list[str] = []
        self.before: list[Exception | None] = []
        self.after: list[Exception | None] = []
        self.pause: Callable[[], None] = lambda: None
        self.tells = tells

    def get_item(self, **arguments: Any) -> Mapping[str, Any]:
        assert arguments["ConsistentRead"] is True
        return self._run("GetItem", lambda: self._get(arguments["Key"]))

    def put_item(self, **arguments: Any) -> Mapping[str, Any]:
        return self._run("PutItem", lambda: self._put(arguments))

    def update_item(self, **arguments: Any) -> Mapping[str, Any]:
        return self._run("UpdateItem", lambda: self._add(arguments))

    def batch_get_item(self, **arguments: Any) -> Mapping[str, Any]:
        keys = arguments["RequestItems"][NAME]["Keys"]
        assert 0 < len(keys) == len({place(key) for key in keys}) <= 100  # what DynamoDB itself would refuse
        found = [self.items[place(key)] for key in keys if place(key) in self.items]
        return self._run("BatchGetItem", lambda: {"Responses": {NAME: found}})

    def _run(self, operation: str, effect: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        self.pause()
        self.requests.append(operation)
        if self.before and (error := self.before.pop(0)):
            raise error
        answer = effect()
        if self.after and (error := self.after.pop(0)):
            raise error
        return answer

    def _get(self, key: Stored) -> Mapping[str, Any]:
        item = self.items.get(place(key))
        return {"Item": dict(item)} if item else {}

    def _put(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        item = arguments["Item"]
        held = self.items.get(place(item), {})
        assert arguments["ExpressionAttributeNames"] == {"#v": "v"}
        assert arguments["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
        is_met = {
            "attribute_not_exists(#v)": "v" not in held,
            "#v = :v": held.get("v") == arguments.get("ExpressionAttributeValues", {}).get(":v"),
        }
        if not is_met[arguments["ConditionExpression"]]:
            extra: dict[str, Any] = {"Item": dict(held)} if self.tells else {}
            raise failure("ConditionalCheckFailedException", **extra)
        self.items[place(item)] = dict(item)
        return {}

    def _add(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        assert ADDING.fullmatch(arguments["UpdateExpression"])
        values = arguments["ExpressionAttributeValues"]
        held = self.items.setdefault(place(arguments["Key"]), dict(arguments["Key"]))
        for name in ("s", "n"):
            if set(held.get(name, {"N": "0"})) != {"N"}:
                raise failure("ValidationException")
            held[name] = {"N": str(int(held.get(name, {"N": "0"})["N"]) + int(values[f":{name}"]["N"]))}
        held["exp"] = values[":exp"]
        return {}


def place(key: Stored) -> tuple[str, str]:
    return key["pk"]["S"], key["sk"]["S"]


def rows(table: Any, clock: Clock, who: str = "one", name: str = NAME, patience: Patience | None = None) -> HealthRows:
    """The rows as one environment reaches them; its nonces are its own."""
    numbers = iter(range(10**9))
    return HealthRows(table, name, clock, Random(1), lambda: f"{who}-{next(numbers)}", patience=patience)
