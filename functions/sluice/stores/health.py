"""What environments tell each other about providers: small rows of the table, touched only when something fails.

A row is swapped: written whole, if it still has the version it was read with. A version is a nonce, not a number: a
row that expired and was made anew has none of its old ones, and a write whose answer was lost knows its own.
The table only advises. Whatever it does, the caller of these methods sees `HealthUnknown` after a quarter of a second
at most, and goes by what this environment knows itself.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, Protocol, TypeVar

from botocore.exceptions import ClientError

from sluice.domain.clock import Clock
from sluice.stores import table
from sluice.stores.patience import Patience
from sluice.stores.retries import FAILURES, Retries, code, is_condition
from sluice.stores.table import Item, Row

MOST_READ = 100  # keys of one BatchGetItem
VERSION = "v"
OF_ONE_ROW = "ValidationException"  # what adding to a text says: the table itself is well

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")
Within = Callable[[float], AbstractContextManager[object]]


class HealthUnknown(Exception):
    """The table did not say, or not in time."""


class HealthTable(Protocol):
    """What it takes of a low-level DynamoDB client whose own retries are off."""

    def get_item(self, **arguments: Any) -> Mapping[str, Any]: ...

    def put_item(self, **arguments: Any) -> Mapping[str, Any]: ...

    def update_item(self, **arguments: Any) -> Mapping[str, Any]: ...

    def batch_get_item(self, **arguments: Any) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Held:
    """A row as it was found: empty without a version where there is none."""

    row: Row = field(default_factory=dict)
    version: Any = None  # the attribute as DynamoDB has it, whatever its type


@dataclass(frozen=True, slots=True)
class Swap:
    """What a row holds after one was tried. Not certain: it may have been written, and then written over."""

    is_written: bool
    held: Held
    is_certain: bool = True


class HealthRows:
    """Such rows of one table. `within` bounds the client's own timeouts by the seconds it is given."""

    def __init__(
        self,
        client: HealthTable,
        table_name: str,
        clock: Clock,
        random: Random,
        nonce: Callable[[], str],
        within: Within = nullcontext,
        patience: Patience | None = None,
    ) -> None:
        self._client = client
        self._name = table_name
        self._clock = clock
        self._retries = Retries(clock, random)
        self._nonce = nonce
        self._within = within
        self._patience = patience or Patience(clock)

    def read(self, key: Row) -> Held:
        """The row as it is now."""
        arguments = {"TableName": self._name, "Key": table.item(key), "ConsistentRead": True}
        return held(self._run(partial(self._client.get_item, **arguments)).get("Item"))

    def swap(self, key: Row, previous: Held, row: Row) -> Swap:
        """Writes `row` where the previous version is still stored; else says what is."""
        item = {**table.item({**row, **key}), VERSION: {"S": self._nonce()}}
        put = Tries(partial(self._client.put_item, TableName=self._name, Item=item, **unchanged(previous.version)))
        try:
            self._run(put)
        except ClientError as error:
            return self._conflict(error, key, item[VERSION], put.count > 1)
        return Swap(True, held(item))

    def add(self, key: Row, sums: Mapping[str, int], expires: int) -> None:
        """Adds to the row's numbers. Tried once: a second try might add them twice."""
        values = {**sums, "exp": expires}
        arguments = {
            "TableName": self._name,
            "Key": table.item(key),
            "UpdateExpression": f"ADD {', '.join(f'#{name} :{name}' for name in sums)} SET #exp = :exp",
            "ExpressionAttributeNames": {f"#{name}": name for name in values},
            "ExpressionAttributeValues": {f":{name}": table.attribute(value) for name, value in values.items()},
        }
        self._run(partial(self._client.update_item, **arguments), is_repeatable=False)

    def read_many(self, keys: Sequence[Row]) -> list[Row]:
        """The first hundred of these rows, those there are; perhaps a moment old."""
        asked = {self._name: {"Keys": [table.item(key) for key in keys[:MOST_READ]]}}
        answer = self._run(partial(self._client.batch_get_item, RequestItems=asked))
        return [table.row(one) for one in answer.get("Responses", {}).get(self._name, ())]

    def _conflict(self, error: ClientError, key: Row, mine: Any, is_repeated: bool) -> Swap:
        """An earlier try whose answer was lost may be what stands in the way, or what was written over since."""
        item: Any = error.response.get("Item")
        found = held(item) if item else self.read(key)
        is_written = found.version == mine
        return Swap(is_written, found, is_certain=is_written or not is_repeated)

    def _run(self, call: Callable[[], Answer], is_repeatable: bool = True) -> Answer:
        """Raises HealthUnknown, or the failure of a condition as it is."""
        seconds = self._patience.seconds()
        if not seconds:
            raise HealthUnknown("no time left to ask")
        until = self._clock.monotonic() + seconds
        try:
            with self._patience.waiting():
                return self._retries.run(partial(self._limited, call, until), seconds if is_repeatable else 0.0)
        except FAILURES as error:
            if is_condition(error):
                raise
            if code(error) != OF_ONE_ROW:
                self._patience.end()
            logger.error("health.unknown: table %s, %s; each environment goes by itself", self._name, code(error))
            raise HealthUnknown(code(error)) from error

    def _limited(self, call: Callable[[], Answer], until: float) -> Answer:
        with self._within(until - self._clock.monotonic()):
            return call()


class Tries:
    """A call that counts how often it was made."""

    def __init__(self, call: Callable[[], Mapping[str, Any]]) -> None:
        self._call = call
        self.count = 0

    def __call__(self) -> Mapping[str, Any]:
        self.count += 1
        return self._call()


def held(item: Item | None) -> Held:
    return Held(table.row(item), item.get(VERSION)) if item else Held()


def unchanged(version: Any) -> dict[str, Any]:
    """Arguments of a write that fails a condition if the row has another version, and says what it holds."""
    told = {"ExpressionAttributeNames": {"#v": VERSION}, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    if version is None:
        return {"ConditionExpression": "attribute_not_exists(#v)", **told}
    return {"ConditionExpression": "#v = :v", "ExpressionAttributeValues": {":v": version}, **told}
