"""The rows of all budgets, read again and again while calls run: what they hold at each moment that anybody looked."""

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sluice_devstack.aws_json import DYNAMODB, call

LOOK_SECONDS = 0.01
SEARCH_SECONDS = 0.5
PATIENCE_SECONDS = 10.0
NUMBERS = {"used": "u", "reserved": "r", "worst": "w", "limit": "lim", "ceiling": "ceil"}

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Balance:
    """One budget at one moment, in nano-dollars."""

    name: str
    used: int
    reserved: int
    worst: int
    limit: int
    ceiling: int

    @property
    def spent(self) -> int:
        return self.used - self.reserved

    @property
    def over(self) -> int:
        """Beyond the limit, by what was spent; the worst that could still come is not."""
        return max(0, self.spent - self.limit)


def balance(row: Row) -> Balance:
    numbers = {name: int(row.get(short, {"N": "0"})["N"]) for name, short in NUMBERS.items()}
    return Balance(name=row["nm"]["S"], **numbers)


@dataclass(slots=True)
class Balances:
    """`most_used`, `most_spent` and `most_worst` are the highest that were seen, by budget."""

    url: str
    table: str
    readings: int = 0
    now: dict[str, Balance] = field(default_factory=dict)
    most_used: dict[str, int] = field(default_factory=dict)
    most_spent: dict[str, int] = field(default_factory=dict)
    most_worst: dict[str, int] = field(default_factory=dict)
    _keys: list[Row] = field(default_factory=list)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def spent(self, name: str) -> float:
        """The share of that budget that is spent."""
        found = self.now.get(name)
        return found.spent / found.limit if found else 0.0

    def read(self) -> None:
        """All known rows, once."""
        for key in self._keys:
            self._see(balance(self._ask("GetItem", Key=key, ConsistentRead=True)["Item"]))

    def search(self) -> None:
        """All rows of budgets that there are by now."""
        self._keys = [{"pk": row["pk"], "sk": row["sk"]} for row in self._scan()]

    def watch(self, expected: int) -> None:
        """Until `stop`."""
        while not self._stopped.wait(LOOK_SECONDS if len(self._keys) >= expected else SEARCH_SECONDS):
            if len(self._keys) < expected:
                self.search()
            self.read()

    def stop(self) -> None:
        self._stopped.set()

    def _see(self, seen: Balance) -> None:
        self.readings += 1
        self.now[seen.name] = seen
        for most, amount in (
            (self.most_used, seen.used),
            (self.most_spent, seen.spent),
            (self.most_worst, seen.worst),
        ):
            most[seen.name] = max(amount, most.get(seen.name, amount))

    def _scan(self) -> Iterator[Row]:
        more: dict[str, Any] = {}
        while True:
            page = self._ask("Scan", ConsistentRead=True, **more)
            yield from (row for row in page["Items"] if row["pk"]["S"].startswith("B#"))
            if "LastEvaluatedKey" not in page:
                return
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _ask(self, operation: str, **arguments: Any) -> dict[str, Any]:
        found: dict[str, Any] = call(
            self.url, DYNAMODB, operation, {"TableName": self.table, **arguments}, PATIENCE_SECONDS
        )
        return found


@contextmanager
def watched(url: str, table: str, expected: int) -> Iterator[Balances]:
    """`url` is the engine's own: the readings are not to fail, and one that does is raised in the end."""
    found = Balances(url, table)
    with ThreadPoolExecutor(1) as watchers:
        watching = watchers.submit(found.watch, expected)
        try:
            yield found
        finally:
            found.stop()
            watching.result()
