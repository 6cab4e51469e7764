"""The rollup on real engines: their own streams, their transactions, faults before and behind a commit, threads."""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest
from tests.engines import LedgerTable
from tests.faults.dynamodb_proxy import Fault, FaultProxy, Rule, on
from tests.unit.stores.calls import LEASE, record, reservation
from tests.unit.stores.stream_records import held, settled, sums, told

from sluice.domain.clock import Clock
from sluice.domain.principal import Principal
from sluice.domain.record import Outcome
from sluice.stores import table, totals
from sluice.stores.retries import FAILURES
from sluice.stores.rollup import Rolled, Rollup
from sluice.stores.table import Row
from sluice.stores.transitions import Transition, transition
from sluice_devstack.aws_json import DYNAMODB_STREAMS, call

CALLS = int(os.environ.get("SLUICE_ROLLUP_CALLS", "12"))
WORKERS = 4
TRANSACT = on("TransactWriteItems")
FAULTS = (
    Rule(Fault.DROP_AFTER, TRANSACT, probability=0.15),
    Rule(Fault.CUT, TRANSACT, probability=0.1),
    Rule(Fault.THROTTLE, probability=0.1),
    Rule(Fault.ERROR, probability=0.05),
    Rule(Fault.DROP_BEFORE, probability=0.05),
)


def live(ledger_table: LedgerTable, number: int, random: Random) -> None:
    """One call: settled, failed, unpriced, swept, or swept and settled late."""
    ledger, sweeper = ledger_table.ledger(), ledger_table.sweeper()
    who = Principal(f"arn:aws:iam::123456789012:role/p{random.randrange(3)}", "123456789012")
    made = reservation(request_id=f"call-{number}", principal=who, route=random.choice(["smart", "mini"]))
    ledger.reserve(made)
    end = random.choice(["settled", "failed", "unpriced", "swept", "lifted"])
    if end in ("swept", "lifted"):
        sweeper.sweep(LEASE + 1)
    changes: Mapping[str, dict[str, Any]] = {
        "failed": {"outcome": Outcome.FAILED, "attempts": ()},
        "unpriced": {"cost": None},
    }
    if end != "swept":
        assert ledger.settle(made, record(**{"cost": random.randrange(10**6), **changes.get(end, {})}))


def stream_of(ledger_table: LedgerTable) -> list[dict[str, Any]]:
    """All records of the table's stream, as the engine tells them."""
    url, found = ledger_table.engine.url, list[dict[str, Any]]()
    (listed,) = call(url, DYNAMODB_STREAMS, "ListStreams", {"TableName": ledger_table.name}, 10)["Streams"]
    arn = listed["StreamArn"]
    shards = call(url, DYNAMODB_STREAMS, "DescribeStream", {"StreamArn": arn}, 10)["StreamDescription"]["Shards"]
    for shard in shards:
        begin = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = call(url, DYNAMODB_STREAMS, "GetShardIterator", begin, 10)["ShardIterator"]
        while iterator:
            page = call(url, DYNAMODB_STREAMS, "GetRecords", {"ShardIterator": iterator}, 10)
            found += page["Records"]
            iterator = page.get("NextShardIterator") if page["Records"] else None
    return found


def steps_in(ledger_table: LedgerTable) -> list[Transition]:
    return [step for each in stream_of(ledger_table) if (step := transition(each))]


def rollup_on(ledger_table: LedgerTable, url: str | None = None, seed: int = 0) -> Rollup:
    return Rollup(ledger_table.client(url), ledger_table.name, Clock(), Random(seed))


def rows(ledger_table: LedgerTable, beginning: str) -> list[Row]:
    items: list[Any] = []
    more: dict[str, Any] = {}
    while True:
        page = ledger_table.client().scan(TableName=ledger_table.name, ConsistentRead=True, **more)
        items += [item for item in page["Items"] if item["pk"]["S"].startswith(beginning)]
        if "LastEvaluatedKey" not in page:
            return [table.row(item) for item in items]
        more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def figures(ledger_table: LedgerTable) -> dict[tuple[str, str], dict[str, int]]:
    found = {
        (row["pk"], row["sk"]): {name: row[name] for name in totals.FIGURES if row.get(name)}
        for row in rows(ledger_table, "D#2")
    }
    return {key: each for key, each in found.items() if each}


def records(ledger_table: LedgerTable) -> list[Row]:
    return [row for row in rows(ledger_table, "R#") if row["st"] != "R"]


def deliver(rollup: Callable[[], Rollup], steps: list[Transition]) -> None:
    """As Lambda does: what fails comes again in halves, to another environment."""
    waiting = [steps]
    while waiting:
        batch = waiting.pop()
        try:
            rollup().add(batch)
        except FAILURES:
            half = len(batch) // 2
            waiting += [batch[half:], batch[:half]] if half else [batch]


@pytest.mark.fault("D10")
def test_the_totals_of_a_real_stream_equal_its_records_in_whatever_order_it_comes(ledger_table: LedgerTable) -> None:
    random = Random(1)
    for number in range(CALLS):
        live(ledger_table, number, random)
    steps = steps_in(ledger_table)
    assert len(steps) >= CALLS

    random.shuffle(steps)
    for start in range(0, len(steps), 7):
        rollup_on(ledger_table).add(steps[start : start + 9])

    assert figures(ledger_table) == sums(records(ledger_table))


@pytest.mark.fault("D03")
@pytest.mark.fault("D04")
def test_faults_before_and_behind_the_commit_count_nothing_twice(exact_table: LedgerTable) -> None:
    steps = made_up(3 * CALLS)
    with FaultProxy(exact_table.engine.url, FAULTS, seed=7) as proxy:
        for start in range(0, len(steps), 5):
            deliver(lambda: rollup_on(exact_table, proxy.url, seed=start), steps[start : start + 10])  # noqa: B023

    assert figures(exact_table) == sums(step.after for step in steps)
    assert {seen.fault for seen in proxy.seen} >= {Fault.DROP_AFTER, Fault.THROTTLE}


@pytest.mark.fault("D10")
def test_the_same_stream_read_by_several_at_once_is_counted_once(exact_table: LedgerTable) -> None:
    steps = made_up(3 * CALLS)

    def read(worker: int) -> None:
        own, random = list(steps), Random(worker)
        random.shuffle(own)
        rollup = rollup_on(exact_table, seed=worker)
        for start in range(0, len(own), 6):
            deliver(lambda: rollup, own[start : start + 6])

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(read, range(WORKERS)))

    assert figures(exact_table) == sums(step.after for step in steps)


def made_up(count: int) -> list[Transition]:
    """Calls of five principals, three models, two providers and three routes, ended within a few seconds."""
    made = []
    for number in range(count):
        row = held(number, principal=f"p{number % 5}", model=f"m{number % 3}", route=f"r{number % 3}")
        ended = settled(row, cost=number, provider=("openai", "bedrock")[number % 2], seconds=number // 50)
        step = transition(told(row, ended))
        assert step
        made.append(step)
    return made


class Metered:
    """A client that asks what each call consumes."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.write_units = 0.0
        self.read_units = 0.0

    def get_item(self, **arguments: Any) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._client.get_item(**arguments, ReturnConsumedCapacity="TOTAL")
        self.read_units += answer["ConsumedCapacity"]["CapacityUnits"]
        return answer

    def update_item(self, **arguments: Any) -> Mapping[str, Any]:
        """The note of when totals began: once in an environment's life, so not of a batch."""
        answer: Mapping[str, Any] = self._client.update_item(**arguments)
        return answer

    def transact_write_items(self, **arguments: Any) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._client.transact_write_items(**arguments, ReturnConsumedCapacity="TOTAL")
        self.write_units += sum(each["CapacityUnits"] for each in answer["ConsumedCapacity"])
        return answer


@pytest.mark.parametrize(("size", "units"), [(1, 10), (10, 34), (100, 34)])
def test_what_a_batch_costs(exact_table: LedgerTable, size: int, units: int) -> None:
    """In write units: 2 for each kilobyte of each row, and nothing is read; docs/costs.md has these figures."""
    client = Metered(exact_table.client())
    rollup = Rollup(client, exact_table.name, Clock(), Random(1))

    assert rollup.add(made_up(size)) == Rolled(counted=size)

    assert (client.write_units, client.read_units) == (units, 0)
