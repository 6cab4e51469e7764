"""The gateway's stores on a client that asks DynamoDB what each operation has cost."""

import hashlib
import time
from collections.abc import Iterator
from random import Random
from typing import Any

from tests.engines import LedgerTable
from tests.unit.stores.calls import COST, RECORD, record, reservation

from costs_ledger import WINDOW_SECONDS
from sluice.domain.clock import Clock
from sluice.domain.idempotency import Idempotent, KeptAnswer
from sluice.stores import table
from sluice.stores.configurations import Configurations
from sluice.stores.counted import ROW_SECONDS
from sluice.stores.idempotency import Idempotency
from sluice.stores.ledger import Ledger
from sluice.stores.limits import Limits
from sluice.stores.owners import Owners
from sluice.stores.rollup import Rollup
from sluice.stores.transitions import Transition

USUAL = RECORD.attempts[1:]  # one attempt, and it answered
LATER_SECONDS = 400 * 86_400


class Metered:
    """Stores of one table, whose `take` says what they have used."""

    def __init__(self, ledger_table: LedgerTable) -> None:
        client = ledger_table.client()
        client.meta.events.register("provide-client-params.dynamodb", self._ask)
        client.meta.events.register("after-call.dynamodb", self._hear)
        arguments = (client, ledger_table.name, Clock(), Random(0))
        self.client = client
        self.random = Random(0)
        self.name = ledger_table.name
        self.ledger = Ledger(*arguments)
        self.owners = Owners(*arguments)
        self.configurations = Configurations(*arguments)
        self.limits = Limits(*arguments)
        self.rollup = Rollup(*arguments)
        self.units: list[float] = []
        self._numbers = iter(range(1, 10**6))

    def take(self) -> float:
        """The units since the last time."""
        total = sum(self.units)
        self.units.clear()
        return total

    def path(self, **changes: Any) -> tuple[float, float]:
        """Write units to reserve a call and to settle it. Rows that a budget needs are made by a call before it."""
        if changes.get("holds"):
            self._call(**changes)
        return self._call(**changes)

    def opened(self, **changes: Any) -> float:
        """Write units to reserve a call that stays open."""
        self.ledger.reserve(self._reservation(**changes))
        return self.take()

    def rolled(self, calls: int, callers: int, models: int) -> float:
        """Write units to count a batch of calls that have ended."""
        self.rollup.add([])
        steps = list(self._steps(calls, callers, models))
        assert self.rollup.add(steps).counted == calls
        return self.take()

    def end(self, idempotent: Idempotent) -> None:
        """Keeps a short answer under that name."""
        call = self._reservation(request_id=self.row(idempotent.key, "I")["rid"]["S"], idempotent=idempotent)
        self.take()
        answer = KeptAnswer(call.request_id, {"content-type": "application/json"}, b"{}" * 50)
        Idempotency(self.client, self.name, Clock(), self.random).end(call, record(), answer)

    def row(self, primary: str, sort: str) -> dict[str, Any]:
        key = {"pk": {"S": primary}, "sk": {"S": sort}}
        found: dict[str, Any] = self.client.get_item(TableName=self.name, Key=key, ConsistentRead=True)["Item"]
        self.take()
        return found

    def _call(self, **changes: Any) -> tuple[float, float]:
        call = self._reservation(**changes)
        self.ledger.reserve(call)
        reserved = self.take()
        assert self.ledger.settle(call, record(attempts=USUAL, charges=(COST,) * len(call.holds)))
        return reserved, self.take()

    def _reservation(self, **changes: Any) -> Any:
        number = next(self._numbers)
        named = {"request_id": f"{number:08d}-2222-4333-8444-555555555555", "nonce": f"nonce-{number:010d}"}
        return reservation(**named | changes)

    def _steps(self, calls: int, callers: int, models: int) -> Iterator[Transition]:
        """The calls' rows as the stream shows them; they end one after the other, all through one window."""
        first = int(time.time()) // ROW_SECONDS * ROW_SECONDS + LATER_SECONDS + ROW_SECONDS // 2
        for number in range(calls):
            call = self._reservation(route=f"route-{number % models}", model=f"model-{number % models}")
            expires = first + number * WINDOW_SECONDS // calls
            row = table.reserved(call) | table.settled(call, record(attempts=()), expires)
            row |= {"pr": f"principal-{number % callers}"}
            after = {name: value for name, value in row.items() if value is not None}
            yield Transition(hashlib.sha256(row["pk"].encode()).digest()[:8], {}, after)

    @staticmethod
    def _ask(params: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {**params, "ReturnConsumedCapacity": "INDEXES"}

    def _hear(self, parsed: dict[str, Any], **_: Any) -> None:
        told: Any = parsed.get("ConsumedCapacity", [])
        self.units += [each["CapacityUnits"] for each in (told if isinstance(told, list) else [told])]


def item_bytes(item: dict[str, dict[str, Any]]) -> int:
    return sum(len(name) + value_bytes(value) for name, value in item.items())


def value_bytes(value: dict[str, Any]) -> int:
    """As DynamoDB counts: a number takes about half its digits, lists and maps three bytes and one per element.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html"""
    ((kind, held),) = value.items()
    if kind == "S":
        return len(held.encode())
    if kind == "N":
        return len(held) // 2 + 2
    if kind == "L":
        return 3 + sum(1 + value_bytes(each) for each in held)
    if kind == "M":
        return 3 + sum(1 + len(name) + value_bytes(each) for name, each in held.items())
    return 1
