"""One run: everything is started, calls are made and die, what died is swept, and what is left is judged."""

import gc
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

from tests.chaos import provider, setting, stream, watcher
from tests.chaos.environment import Gateway, Told, Worker, without_connections
from tests.chaos.evidence import Evidence
from tests.chaos.plan import plan, plans
from tests.chaos.processes import beside
from tests.engines import TEMPLATE, Engine
from tests.faults.dynamodb_proxy import Fault, FaultProxy, Rule

from sluice.stores import table
from sluice_devstack.aws import create_table
from sluice_devstack.aws_json import DYNAMODB, call

FAILING = 0.15
FAULTS = (Fault.THROTTLE, Fault.CONFLICT, Fault.DROP_AFTER)
RULES = tuple(Rule(fault, probability=1 - (1 - FAILING) ** (1 / len(FAULTS))) for fault in FAULTS)
WARM_CALLS = 8
LONGEST_SECONDS = 3600.0  # of all calls
SWEEP_SECONDS = 0.5
EARLY = 0.1  # of all sweeps: their clock is ahead, so they end calls that live
AHEAD = timedelta(minutes=5)
AFTER_ALL_LEASES = timedelta(hours=1)
SWEEPS = 60
READ_SECONDS = 60.0
NAME = TEMPLATE.table().name
Printed = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Run:
    """One engine, one seed. `database` is dynoxide's file."""

    engine: Engine
    seed: int
    calls: int
    workers: int
    folder: Path
    database: Path | None = None

    def make(self) -> Evidence:
        began = time.monotonic()
        create_table(self.engine.url, TEMPLATE.table())
        if self.database:
            setting.quicken(self.database)
        seen, url, printed = self.folder / "seen", self.engine.url, partial(said, self.folder)
        with ExitStack() as stack:
            upstream = stack.enter_context(beside(partial(provider.serve, self.seed, seen)))
            proxy = stack.enter_context(beside(partial(failing, url, self.seed)))
            setting.environ(self.folder, proxy.told, upstream.told, self.calls)
            key = setting.key(url, self.seed, self.calls)
            watching = stack.enter_context(beside(partial(watcher.watch, url, NAME, tuple(setting.budgets(key)))))
            sweeping = stack.enter_context(beside(partial(sweep, self.seed, printed)))
            rolling = stack.enter_context(beside(partial(stream.roll, url, self.seed, printed)))
            told = self._called(stack, key)
            spent = time.monotonic() - began
            swept = sweeping.stop()
            rolled, watched = rolling.stop(), watching.stop()
            faults, _ = proxy.stop(), upstream.stop()
        rows = tuple(everything(url))
        return Evidence(self.seed, rows, tuple(seen.read_text().split()), told, watched, faults, swept, rolled, spent)

    def _called(self, stack: ExitStack, key: str) -> Told:
        """Makes all the calls, in several processes; what was seen of them."""
        gateway = warmed(self.seed, self.folder, key)
        shares = [range(place, self.calls, self.workers) for place in range(self.workers)]
        working = [stack.enter_context(beside(partial(work, gateway, self.seed, one, self.folder))) for one in shares]
        return sum((one.result(LONGEST_SECONDS) for one in working), Told())


def failing(url: str, seed: int, connection: Connection) -> Counter[str]:
    """The proxy before DynamoDB; how many requests met which fault, and how many none."""
    with FaultProxy(url, RULES, seed) as proxy:
        connection.send(proxy.url)
        connection.recv()
        return Counter(str(one.fault or "") for one in proxy.seen)


def warmed(seed: int, folder: Path, key: str) -> Gateway:
    """The gateway as it is deployed, after some calls: what the first one loads is there for all forks."""
    from sluice.wiring import build

    gateway = Gateway(build(folder / "gateway.toml"), key)
    with said(folder):
        for number in range(1, WARM_CALLS + 1):
            gateway.made(plan(seed, -number))
    without_connections()
    gc.collect()
    gc.freeze()
    return gateway


def work(gateway: Gateway, seed: int, numbers: Sequence[int], folder: Path, connection: Connection) -> Told:
    connection.send("working")
    with said(folder):
        return Worker(gateway).work(list(plans(seed, numbers)))


@contextmanager
def said(folder: Path) -> Iterator[None]:
    """What the functions print goes to a file of the run."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)


def sweep(seed: int, printed: Printed, connection: Connection) -> Counter[str]:
    """The sweeper while calls are made, some of its sweeps too early; at the end, sweeps until nothing is left."""
    import sweeper

    connection.send("sweeping")
    random, swept = Random(seed), Counter[str]()
    with printed():
        while not connection.poll(SWEEP_SECONDS):
            ahead = AHEAD if random.random() < EARLY else timedelta(0)
            swept.update(sweeper.handler({"time": (datetime.now(UTC) + ahead).isoformat()}, None))
        for _ in range(SWEEPS):
            found = sweeper.handler({"time": (datetime.now(UTC) + AFTER_ALL_LEASES).isoformat()}, None)
            swept.update(found)
            if not sum(found.values()):
                break
    return swept


def everything(url: str) -> Iterator[table.Row]:
    """All rows of the table."""
    body: dict[str, Any] = {"TableName": NAME, "ConsistentRead": True}
    while True:
        page = call(url, DYNAMODB, "Scan", body, READ_SECONDS)
        yield from (table.row(item) for item in page["Items"])
        if "LastEvaluatedKey" not in page:
            return
        body["ExclusiveStartKey"] = page["LastEvaluatedKey"]
