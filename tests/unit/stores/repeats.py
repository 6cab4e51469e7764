"""Calls under their callers' own names, each written as a reservation's transaction does it."""

from collections.abc import Mapping
from random import Random
from typing import Any, Protocol

from botocore.exceptions import ClientError
from tests.unit.stores.calls import HandClock, record, reservation

from sluice.domain.call import Call, ModelRequest, Step
from sluice.domain.idempotency import Idempotent, KeptAnswer
from sluice.domain.principal import Principal
from sluice.domain.record import Outcome, Reservation
from sluice.stores import idempotency, table
from sluice.stores.idempotency import Idempotency

ADA = Principal("arn:aws:iam::123456789012:user/ada", "123456789012")
BOB = Principal("arn:aws:iam::123456789012:user/bob", "123456789012")
BODY: dict[str, Any] = {"model": "smart", "messages": [{"role": "user", "content": "Hi"}]}
ANSWER = b'{"choices": []}'
HEADERS = {"content-type": "application/json", "x-sluice-provider": "openai"}


class Client(Protocol):
    def transact_write_items(self, **arguments: Any) -> Mapping[str, Any]: ...

    def update_item(self, **arguments: Any) -> Mapping[str, Any]: ...


def call(body: Mapping[str, Any] = BODY, key: str | None = "order-7", who: Principal = ADA, **changes: Any) -> Call:
    made: dict[str, Any] = {
        "request_id": "call-1",
        "surface": "openai",
        "path": "/v1/chat/completions",
        "steps": (Step(ModelRequest(body)),),
        "principal": who,
        "started": 0.0,
        "started_ms": 0,
        "deadline": 0.0,
        "bytes_in": 0,
        "idempotency_key": key,
    }
    return Call(**{**made, **changes})


def idempotent(made: Call) -> Idempotent:
    return Idempotent(idempotency.key_of(made.principal.id, made.idempotency_key or ""), idempotency.digest_of(made))


class Repeats:
    """One environment on a table. Leases are a quarter of an hour."""

    def __init__(self, client: Client, table_name: str, hand: HandClock) -> None:
        self.client = client
        self.hand = hand
        self.table_name = table_name
        self.store = Idempotency(client, table_name, hand.clock, Random(1))

    def begin(self, made: Call, request_id: str = "call-1") -> Reservation | Exception:
        """The reservation, or what the caller is answered in its place."""
        named = idempotent(made)
        reserved = reservation(request_id=request_id, idempotent=named, lease=int(self.hand.seconds) + 900)
        put = idempotency.put(reserved, self.table_name, self.hand.seconds)
        try:
            self.client.transact_write_items(TransactItems=[put])
        except ClientError as error:
            reasons: Any = error.response.get("CancellationReasons")
            return idempotency.refused(named, table.row(reasons[0].get("Item", {})))
        return reserved

    def end(self, reserved: object, body: bytes | None = ANSWER, headers: Mapping[str, str] = HEADERS) -> None:
        """It ended well. Without a body it is one that is not kept."""
        assert isinstance(reserved, Reservation)
        answer = None if body is None else KeptAnswer(reserved.request_id, headers, body)
        self.store.end(reserved, record(outcome=Outcome.COMPLETE), answer)

    def fail(self, reserved: object, outcome: Outcome = Outcome.FAILED) -> None:
        assert isinstance(reserved, Reservation)
        self.store.end(reserved, record(outcome=outcome, http_status=502), None)
