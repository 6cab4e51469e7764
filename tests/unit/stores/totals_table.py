"""A table in memory with what the rollup asks of DynamoDB: transactions of updates that add, all or nothing."""

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from tests.unit.stores.memory_table import failure

Stored = dict[str, dict[str, Any]]
ADDED = re.compile(r"(#\w+) (:\w+)")
SET = re.compile(r"(#\w+) = (if_not_exists\((#\w+), )?(:\w+)\)?")
MOST_ITEMS = 100


class TotalsTable:
    """`before` and `after` are raised in their order, before or after a transaction takes effect; None lets one pass."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], Stored] = {}
        self.before: list[Exception | None] = []
        self.after: list[Exception | None] = []
        self.transactions: list[int] = []
        self.reads = 0

    def get_item(self, **arguments: Any) -> Mapping[str, Any]:
        assert arguments["ConsistentRead"] is True
        self.reads += 1
        found = self.items.get(key_of(arguments))
        return {"Item": deepcopy(found)} if found else {}

    def update_item(self, **arguments: Any) -> Mapping[str, Any]:
        update(self.items, arguments)
        return {}

    def transact_write_items(self, **arguments: Any) -> Mapping[str, Any]:
        if self.before and (error := self.before.pop(0)):
            raise error
        updates = [each["Update"] for each in arguments["TransactItems"]]
        assert 0 < len(updates) <= MOST_ITEMS
        assert len({key_of(each) for each in updates}) == len(updates)
        self._check(updates)
        self.transactions.append(len(updates))
        for each in updates:
            update(self.items, each)
        if self.after and (error := self.after.pop(0)):
            raise error
        return {}

    def figures(self) -> dict[tuple[str, str], dict[str, int]]:
        """The totals, by key, without figures that are 0."""
        rows = {key: item for key, item in self.items.items() if re.fullmatch(r"D#\d{8}", key[0])}
        found = {
            key: {name: int(value["N"]) for name, value in item.items() if name not in ("pk", "sk", "exp")}
            for key, item in rows.items()
        }
        known = {key: {name: value for name, value in row.items() if value} for key, row in found.items()}
        return {key: row for key, row in known.items() if row}

    def _check(self, updates: list[dict[str, Any]]) -> None:
        codes = ["ConditionalCheckFailed" if self._is_refused(each) else "None" for each in updates]
        if set(codes) != {"None"}:
            raise cancelled(*codes)

    def _is_refused(self, arguments: Mapping[str, Any]) -> bool:
        """The one condition there is: none of these is in the set."""
        if "ConditionExpression" not in arguments:
            return False
        held = self.items.get(key_of(arguments), {}).get("ids", {}).get("BS", [])
        asked = re.findall(r"contains\(#ids, (:\d+)\)", arguments["ConditionExpression"])
        return any(arguments["ExpressionAttributeValues"][name]["B"] in held for name in asked)


def cancelled(*codes: str) -> Exception:
    reasons = [{"Code": code} for code in codes]
    return failure("TransactionCanceledException", CancellationReasons=reasons)


def key_of(arguments: Mapping[str, Any]) -> tuple[str, str]:
    return arguments["Key"]["pk"]["S"], arguments["Key"]["sk"]["S"]


def update(items: dict[tuple[str, str], Stored], arguments: Mapping[str, Any]) -> None:
    names, values = arguments["ExpressionAttributeNames"], arguments["ExpressionAttributeValues"]
    item = items.setdefault(key_of(arguments), dict(arguments["Key"]))
    adding, _, setting = arguments["UpdateExpression"].removeprefix("ADD ").rpartition("SET ")
    for name, value in ADDED.findall(adding):
        item[names[name]] = added(item.get(names[name]), values[value])
    for name, _whole, unless, value in SET.findall(setting):
        if not unless or names[unless] not in item:
            item[names[name]] = values[value]


def added(held: dict[str, Any] | None, value: dict[str, Any]) -> dict[str, Any]:
    if "BS" in value:
        return {"BS": [*(held or {"BS": []})["BS"], *value["BS"]]}
    return {"N": str(int((held or {"N": "0"})["N"]) + int(value["N"]))}
