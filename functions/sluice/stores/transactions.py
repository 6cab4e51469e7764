"""Several rows written together or not at all.

The SDK and our own retries know a cancelled transaction by its reasons only, one for each item in its order: a conflict
with another transaction or a throttle is tried again within the time given; a condition that is not met, and an item
that cannot be written as it is, are told. A request is sent again under one token, which is made of what it says: a
commit whose answer was lost is not repeated, and no other request can be taken for it.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CancellationReason.html
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from botocore.exceptions import ClientError

from sluice.domain.clock import Clock
from sluice.stores import table
from sluice.stores.retries import Retries, code
from sluice.stores.table import Row

TOKEN_LENGTH = 36
CANCELLED = "TransactionCanceledException"
PASSING = frozenset(
    {
        "InternalServerError",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "ThrottlingError",
        "TransactionConflict",
    }
)


class Transacts(Protocol):
    """What it takes of a low-level DynamoDB client whose own retries are off."""

    def transact_write_items(self, **arguments: Any) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Reason:
    """What became of one item. `row` is what stood there, empty where nothing did or the engine does not say."""

    code: str
    row: Row = field(repr=False, default_factory=dict)

    @property
    def is_condition(self) -> bool:
        return self.code == "ConditionalCheckFailed"

    @property
    def is_invalid(self) -> bool:
        """The item that is there, or what was to become of it, is not of the shape that the write takes for granted."""
        return self.code == "ValidationError"


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Nothing was written, and trying again changes nothing: one reason for each item."""

    error: ClientError
    reasons: tuple[Reason, ...]


class Transactions:
    """Of one client."""

    def __init__(self, client: Transacts, clock: Clock, random: Random) -> None:
        self._client = client
        self._retries = Retries(clock, random)

    def write(self, items: Sequence[Mapping[str, Any]], token: str, seconds: float) -> Cancelled | None:
        """None once all of it is written. Raises the SDK's own failures, after the retries that fit in the time."""
        arguments = {"TransactItems": list(items), "ClientRequestToken": token}
        return self._retries.run(lambda: self._once(arguments), seconds)

    def _once(self, arguments: Mapping[str, Any]) -> Cancelled | None:
        try:
            self._client.transact_write_items(**arguments)
        except ClientError as error:
            if code(error) != CANCELLED:
                raise
            return cancelled(error)
        return None


def cancelled(error: ClientError) -> Cancelled:
    """Raises what our retries know as passing, where nothing else was in the way."""
    response: Any = error.response
    reasons = tuple(reason(one) for one in response.get("CancellationReasons") or ())
    passing = next((one.code for one in reasons if one.code in PASSING), None)
    if passing and not any(one.is_condition or one.is_invalid for one in reasons):
        told: Any = {**response, "Error": {"Code": "TransactionConflictException", "Message": passing}}
        raise ClientError(told, error.operation_name) from error
    return Cancelled(error, reasons)


def reason(told: Mapping[str, Any]) -> Reason:
    return Reason(str(told.get("Code") or "None"), table.row(told.get("Item") or {}))


def token(kind: str, nonce: str, items: Sequence[Mapping[str, Any]]) -> str:
    """The same for the same execution and the same items, another for any other. `kind` is its beginning."""
    return (kind + hashlib.sha256(repr((nonce, items)).encode()).hexdigest())[:TOKEN_LENGTH]
