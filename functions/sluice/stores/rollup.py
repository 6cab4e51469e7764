"""Adds the steps of calls to the totals of their days, each exactly once.

One transaction writes what was counted and what it adds up to, so whatever fails, both are there or neither is. Where
a step has been counted before, the transaction is refused as a whole; then the rows of what is counted are read, and
the rest is written. An answer that got lost is asked for again: if the write had taken effect, it is refused and the
read finds all of it counted. Any number of these may run beside each other.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Protocol

from botocore.exceptions import ClientError

from sluice.domain.clock import Clock
from sluice.stores import counted, totals
from sluice.stores.retries import Retries, code
from sluice.stores.transitions import Transition

WRITE_SECONDS = 10.0  # for one transaction; what cannot be written then is delivered again
MAX_ITEMS = 100  # of one transaction
CANCELED = "TransactionCanceledException"
REFUSED = "ConditionalCheckFailed"
IMPOSSIBLE = {"ValidationError", "ValidationException", "ItemCollectionSizeLimitExceeded"}
IN_VAIN = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "RequestLimitExceeded"}

logger = logging.getLogger(__name__)


class DynamoDB(Protocol):
    def get_item(self, **arguments: Any) -> Mapping[str, Any]: ...

    def update_item(self, **arguments: Any) -> Mapping[str, Any]: ...

    def transact_write_items(self, **arguments: Any) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Rolled:
    """How many steps were counted, had been counted before, and cannot be counted."""

    counted: int = 0
    repeated: int = 0
    corrupt: int = 0

    def __add__(self, other: "Rolled") -> "Rolled":
        return Rolled(self.counted + other.counted, self.repeated + other.repeated, self.corrupt + other.corrupt)


class Rollup:
    """The totals of one table. What it raises is the SDK's failure, with all that was counted until then in place."""

    def __init__(self, client: DynamoDB, table_name: str, clock: Clock, random: Random) -> None:
        self._client = client
        self._name = table_name
        self._clock = clock
        self._retries = Retries(clock, random)
        self._has_begun = False

    def add(self, steps: Iterable[Transition]) -> Rolled:
        given = list(steps)
        unique = list({step.id: step for step in given}.values())
        if unique and not self._has_begun:
            self._begin()
        rolled = Rolled(repeated=len(given) - len(unique))
        for part in parts(unique):
            rolled += self._count(part)
        return rolled

    def _begin(self) -> None:
        """The first one ever notes that the days from tomorrow on are whole: of this one, part may have gone by."""
        tomorrow = datetime.fromtimestamp(self._clock.now(), UTC) + timedelta(days=1)
        arguments = {"TableName": self._name, **totals.beginning(f"{tomorrow:%Y%m%d}")}
        self._retries.run(lambda: self._client.update_item(**arguments), WRITE_SECONDS)
        self._has_begun = True

    def _count(self, part: Sequence[Transition]) -> Rolled:
        """Those of them that were not counted; one by one where DynamoDB can never take them together."""
        until = self._clock.monotonic() + WRITE_SECONDS
        left = list(part)
        while left and (reasons := self._write(left, until)):
            if REFUSED in reasons:
                left = self._uncounted(left)
            elif len(left) > 1:
                alone = sum((self._count([step]) for step in left), Rolled())
                return alone + Rolled(repeated=len(part) - len(left))
            else:
                logger.error("rollup.corrupt: %s, %s", left[0].request_id, ", ".join(sorted(reasons)))
                return Rolled(repeated=len(part) - 1, corrupt=1)
        return Rolled(counted=len(left), repeated=len(part) - len(left))

    def _write(self, steps: list[Transition], until: float) -> set[str]:
        """Why it cannot be written as it is; empty once it is written."""
        items = [{"Update": {"TableName": self._name, **each}} for each in updates(steps, self._clock.now())]
        try:
            self._retries.run(lambda: self._transact(items), until - self._clock.monotonic())
        except ClientError as error:
            reasons = why(error)
            if REFUSED in reasons or reasons & IMPOSSIBLE:
                return reasons
            raise
        return set()

    def _transact(self, items: list[dict[str, Any]]) -> None:
        try:
            self._client.transact_write_items(TransactItems=items)
        except ClientError as error:
            if code(error) == CANCELED and (reasons := why(error)) and reasons <= IN_VAIN:
                raise again(error) from error
            raise

    def _uncounted(self, steps: list[Transition]) -> list[Transition]:
        """Those that no row holds, read consistently."""
        left = []
        for row in counted.by_row(steps).values():
            arguments = {"TableName": self._name, "Key": counted.key(row[0].moment), "ConsistentRead": True}
            answer = self._get(arguments)
            known = counted.ids(answer.get("Item", {}))
            left += [step for step in row if step.id not in known]
        return left

    def _get(self, arguments: dict[str, Any]) -> Mapping[str, Any]:
        return self._retries.run(lambda: self._client.get_item(**arguments), WRITE_SECONDS)


def parts(steps: Sequence[Transition]) -> Iterator[list[Transition]]:
    """As many at a time as one transaction takes."""
    part: list[Transition] = []
    rows: set[object] = set()
    for step in steps:
        own = {
            counted.key(step.moment)["pk"]["S"],
            *(key for row in (step.before, step.after) if row for key in totals.keys(row)),
        }
        if part and (len(rows | own) > MAX_ITEMS or len(part) == MAX_ITEMS):
            yield part
            part, rows = [], set()
        part.append(step)
        rows |= own
    if part:
        yield part


def updates(steps: list[Transition], now: float) -> Iterator[dict[str, Any]]:
    for row in counted.by_row(steps).values():
        yield counted.update(row, now)
    for key, addition in totals.additions(steps).items():
        yield totals.update(key, addition)


def why(error: ClientError) -> set[str]:
    """What each item of a cancelled transaction says, without those that had nothing to say; else the error's code."""
    reasons: Any = error.response.get("CancellationReasons") or []
    told = {str(reason.get("Code")) for reason in reasons} - {"None"}
    return told or {code(error)}


def again(error: ClientError) -> ClientError:
    """The same, as a failure that `Retries` tries again."""
    return ClientError({**error.response, "Error": {"Code": "TransactionConflictException"}}, error.operation_name)
