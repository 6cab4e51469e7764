"""One DynamoDB table in memory, with transactions and failures on demand: for state machines and unit tests.

Expressions are those of tests/fakes/expressions.py. Its clock stands still, so a transaction's token is known until
`forget_tokens`. tests/integration/test_memory_dynamodb.py compares it with real engines.
"""

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError
from tests.fakes.expressions import Invalid, Item, Scope, is_met, updated

INDEXES = {"": ("pk", "sk"), "bytime": ("g2pk", "g2sk"), "open": ("opk", "osk")}
KEYS_ONLY = ("open",)
UPDATED = {"ALL_NEW", "ALL_OLD", "UPDATED_NEW"}
Place = tuple[str, str]


def failure(code: str, status: int = 400, **extra: Any) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}, **extra}
    return ClientError(response, "Operation")


def throttled() -> ClientError:
    return failure("ProvisionedThroughputExceededException")


def conflicted() -> ClientError:
    """A transaction that met another one."""
    return failure("TransactionCanceledException", CancellationReasons=[{"Code": "TransactionConflict"}])


def lost() -> ReadTimeoutError:
    """No answer; as `after` it has taken effect all the same."""
    return ReadTimeoutError(endpoint_url="http://127.0.0.1")


def told_to(operation: str, error: Exception) -> Exception:
    """A conflict as one write that is no transaction is told of it."""
    is_conflict = isinstance(error, ClientError) and "CancellationReasons" in error.response
    return failure("TransactionConflictException") if is_conflict and operation != "TransactWriteItems" else error


class MemoryDynamoDB:
    """`before` and `after` are raised in their order, before or after a request takes effect; None lets one pass.

    `calls` are the operations' names. `tells` is False for an engine that does not return what failed a condition.
    `items` are by (pk, sk), each as DynamoDB's attribute values.
    """

    def __init__(self, tells: bool = True) -> None:
        self.items: dict[Place, Item] = {}
        self.calls: list[str] = []
        self.before: list[Exception | None] = []
        self.after: list[Exception | None] = []
        self.tells = tells
        self.page_size = 1000
        self._tokens: dict[str, str] = {}
        self._lock = threading.RLock()

    def get_item(self, **arguments: Any) -> Mapping[str, Any]:
        assert arguments["ConsistentRead"] is True
        return self._run("GetItem", lambda: self._get(arguments["Key"]))

    def put_item(self, **arguments: Any) -> Mapping[str, Any]:
        return self._run("PutItem", lambda: self._one("Put", arguments))

    def update_item(self, **arguments: Any) -> Mapping[str, Any]:
        return self._run("UpdateItem", lambda: self._one("Update", arguments))

    def delete_item(self, **arguments: Any) -> Mapping[str, Any]:
        return self._run("DeleteItem", lambda: self._one("Delete", arguments))

    def transact_write_items(self, **arguments: Any) -> Mapping[str, Any]:
        return self._run("TransactWriteItems", lambda: self._transact(arguments))

    def query(self, **arguments: Any) -> Mapping[str, Any]:
        return self._run("Query", lambda: self._query(arguments))

    def forget_tokens(self) -> None:
        """Ten minutes have gone by."""
        self._tokens.clear()

    def row(self, pk: str, sk: str) -> dict[str, Any]:
        """The item's values without their types, whole numbers as int; empty where there is none."""
        return {name: value(held) for name, held in self.items.get((pk, sk), {}).items()}

    def _run(self, operation: str, effect: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        with self._lock:
            self.calls.append(operation)
            if self.before and (error := self.before.pop(0)):
                raise told_to(operation, error)
            try:
                return effect()
            finally:
                if self.after and (error := self.after.pop(0)):
                    raise error  # the answer is lost, whatever it was

    def _get(self, key: Item) -> Mapping[str, Any]:
        found = self.items.get(place(key))
        return {"Item": dict(found)} if found else {}

    def _one(self, kind: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        at = place(arguments.get("Key") or arguments["Item"])
        held = self.items.get(at, {})
        try:
            after = self._effect(kind, arguments, held)
        except Invalid as error:
            raise failure("ValidationException") from error
        if after is None:
            raise failure("ConditionalCheckFailedException", **self._told(arguments, held))
        self._keep(at, after)
        return returned(arguments.get("ReturnValues", "NONE"), held, after)

    def _effect(self, kind: str, arguments: Mapping[str, Any], held: Item) -> Item | None:
        """The item afterwards, empty for none; None where the condition is not met."""
        scope = Scope(
            held, arguments.get("ExpressionAttributeNames", {}), arguments.get("ExpressionAttributeValues", {})
        )
        assert_used(arguments, scope)
        if not is_met(arguments.get("ConditionExpression"), scope):
            return None
        if kind == "Put":
            return dict(arguments["Item"])
        if kind == "Update":
            return {**updated(arguments.get("UpdateExpression"), scope), **arguments["Key"]}
        return held if kind == "ConditionCheck" else {}

    def _transact(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        actions = [next(iter(one.items())) for one in arguments["TransactItems"]]
        places = [place(one.get("Key") or one["Item"]) for _, one in actions]
        if len(set(places)) != len(places):
            raise failure("ValidationException")
        if self._is_repeated(arguments):
            return {}
        made = [self._tried(kind, one, at) for (kind, one), at in zip(actions, places, strict=True)]
        reasons = [reason for reason, _ in made]
        if any(reason["Code"] != "None" for reason in reasons):
            raise failure("TransactionCanceledException", CancellationReasons=reasons)
        for at, (_, after) in zip(places, made, strict=True):
            self._keep(at, after)
        if token := arguments.get("ClientRequestToken"):
            self._tokens[token] = content(arguments)
        return {}

    def _is_repeated(self, arguments: Mapping[str, Any]) -> bool:
        token = arguments.get("ClientRequestToken")
        assert token is None or 0 < len(token) <= 36  # what DynamoDB itself would refuse
        if token not in self._tokens:
            return False
        if self._tokens[token] != content(arguments):
            raise failure("IdempotentParameterMismatchException")
        return True

    def _tried(self, kind: str, arguments: Mapping[str, Any], at: Place) -> tuple[dict[str, Any], Item]:
        held = self.items.get(at, {})
        try:
            after = self._effect(kind, arguments, held)
        except Invalid as error:
            return {"Code": "ValidationError", "Message": str(error)}, {}
        if after is None:
            return {"Code": "ConditionalCheckFailed", **self._told(arguments, held)}, {}
        return {"Code": "None"}, after

    def _told(self, arguments: Mapping[str, Any], held: Item) -> dict[str, Any]:
        is_asked = arguments.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        return {"Item": dict(held)} if held and self.tells and is_asked else {}

    def _keep(self, at: Place, after: Item) -> None:
        if after:
            self.items[at] = after
        else:
            self.items.pop(at, None)

    def _query(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        index = arguments.get("IndexName", "")
        names = dict.fromkeys(("pk", "sk", *INDEXES[index]))
        is_backward = not arguments.get("ScanIndexForward", True)
        found = sorted(
            (item for item in self.items.values() if all(name in item for name in names) and is_found(arguments, item)),
            key=lambda item: sort_key(item, index),
            reverse=is_backward,
        )
        if start := arguments.get("ExclusiveStartKey"):
            last_seen = sort_key(start, index)
            found = [
                item
                for item in found
                if (sort_key(item, index) < last_seen if is_backward else sort_key(item, index) > last_seen)
            ]
        page = found[: min(self.page_size, arguments.get("Limit", self.page_size))]
        last = {"LastEvaluatedKey": {name: page[-1][name] for name in names}} if len(found) > len(page) else {}
        shown = [{name: item[name] for name in names} for item in page] if index in KEYS_ONLY else list(map(dict, page))
        return {"Items": shown, "Count": len(shown), **last}


def place(key: Item) -> Place:
    return key["pk"]["S"], key["sk"]["S"]


def sort_key(item: Item, index: str) -> tuple[str, str, str]:
    return item[INDEXES[index][1]]["S"], *place(item)


def is_found(arguments: Mapping[str, Any], item: Item) -> bool:
    names, values = arguments.get("ExpressionAttributeNames", {}), arguments["ExpressionAttributeValues"]
    return is_met(arguments["KeyConditionExpression"], Scope(item, names, values))


def returned(wanted: str, held: Item, after: Item) -> dict[str, Any]:
    if wanted not in UPDATED:
        return {}
    changed = {name: one for name, one in after.items() if held.get(name) != one}
    return {"Attributes": {"ALL_NEW": after, "ALL_OLD": held, "UPDATED_NEW": changed}[wanted]}


def assert_used(arguments: Mapping[str, Any], scope: Scope) -> None:
    """DynamoDB refuses a name or a value that is bound and not used."""
    text = f"{arguments.get('ConditionExpression', '')} {arguments.get('UpdateExpression', '')} "
    unused = [one for one in (*scope.names, *scope.values) if not is_word(one, text)]
    if unused:
        raise Invalid(f"{unused} are bound and not used")


def is_word(word: str, text: str) -> bool:
    at = text.find(word)
    while at >= 0:
        if not (text[at + len(word)].isalnum() or text[at + len(word)] == "_"):
            return True
        at = text.find(word, at + 1)
    return False


def content(arguments: Mapping[str, Any]) -> str:
    return json.dumps(arguments["TransactItems"], sort_keys=True, default=str)


def value(attribute: dict[str, Any]) -> Any:
    ((kind, held),) = attribute.items()
    if kind == "N":
        return int(held) if held.lstrip("-").isdigit() else float(held)
    if kind == "L":
        return [value(one) for one in held]
    return {name: value(one) for name, one in held.items()} if kind == "M" else held
