"""The ledger on real engines, with the table of template.yaml and the clients of the gateway."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.engines import LedgerTable
from tests.faults.dynamodb_proxy import Fault, FaultProxy, Rule, on
from tests.unit.stores.calls import BOUND, COST, LEASE, STARTED_MS, record, reservation

from sluice.domain.errors import DuplicateCall
from sluice.domain.record import Reservation
from sluice.stores import table
from sluice.stores.sweep import SweepResult

FUNCTIONS = Path(__file__).resolve().parents[2] / "functions"
AFTER_LEASE = LEASE + 1
ROUNDS = 20
SWEEPERS = 8
JOIN_SECONDS = 60.0
LATE = Rule(Fault.DELAY, on("UpdateItem"), probability=0.3, seconds=0.1)  # so that either side is first at times


def test_a_call_goes_from_reserved_to_settled(ledger_table: LedgerTable) -> None:
    ledger = ledger_table.ledger()
    call = reservation()

    ledger.reserve(call)
    reserved = ledger.read(call.request_id)
    is_settled = ledger.settle(call, record())
    settled = ledger.read(call.request_id)

    assert is_settled
    assert reserved == known(table.reserved(call))
    assert settled is not None
    assert settled == known(table.reserved(call) | table.settled(call, record(), settled["exp"]))


def test_a_full_row_reads_back_as_it_was_written(ledger_table: LedgerTable) -> None:
    ledger = ledger_table.ledger()
    metadata = {"empty": "", "unicode": "日本語 😀", "float": 0.125, "negative": -7, "no": False, "long": "x" * 400}
    call = reservation(metadata=metadata, bound=None, estimate=None, route="#st = :x' OR 1=1 --")

    ledger.reserve(call)

    row = ledger.read(call.request_id) or {}
    assert row["meta"] == metadata
    assert row["rt"] == call.route
    assert not {"est", "ce"} & row.keys()


def test_an_open_call_is_in_one_index_and_a_settled_one_in_the_other(ledger_table: LedgerTable) -> None:
    ledger, call = ledger_table.ledger(), reservation()

    ledger.reserve(call)
    while_open = {name: found(ledger_table, name, call) for name in ("open", "bytime")}
    ledger.settle(call, record())
    afterwards = {name: found(ledger_table, name, call) for name in ("open", "bytime")}

    assert while_open == {"open": 1, "bytime": 0}
    assert afterwards == {"open": 0, "bytime": 1}


@pytest.mark.fault("L06")
def test_a_second_delivery_of_the_same_event_is_refused(ledger_table: LedgerTable) -> None:
    call = reservation()
    ledger_table.ledger().reserve(call)

    with pytest.raises(DuplicateCall):
        ledger_table.ledger().reserve(replace(call, nonce="nonce-2"))


@pytest.mark.fault("L06")
@pytest.mark.timeout(JOIN_SECONDS)
def test_of_sixteen_deliveries_at_once_one_gets_the_call(exact_table: LedgerTable) -> None:
    deliveries = [reservation(nonce=f"nonce-{number}") for number in range(16)]
    ledgers = [exact_table.ledger(seed=number) for number in range(16)]

    outcomes = at_once([partial(reserve, *pair) for pair in zip(ledgers, deliveries, strict=True)])

    row = ledgers[0].read(deliveries[0].request_id) or {}
    assert outcomes.count("reserved") == 1
    assert row["nn"] == deliveries[outcomes.index("reserved")].nonce


@pytest.mark.fault("D08")
@pytest.mark.slow
@pytest.mark.timeout(2 * JOIN_SECONDS)
def test_eight_sweepers_and_a_late_settler_have_one_effect_in_each_round(exact_table: LedgerTable) -> None:
    lifts = 0
    with FaultProxy(exact_table.engine.url, [LATE]) as proxy:
        sweepers = [exact_table.sweeper(proxy.url, seed=number) for number in range(SWEEPERS)]
        ledger = exact_table.ledger(proxy.url)
        for number in range(ROUNDS):
            call = reservation(request_id=f"round-{number}")
            ledger.reserve(call)
            proxy.seen.clear()

            settle = partial(ledger.settle, call, record())
            results = at_once([*(partial(one.sweep, AFTER_LEASE) for one in sweepers), settle])

            abandoned = sum(swept.settled for swept in results[:-1])
            row = ledger.read(call.request_id) or {}
            assert results[-1] is True
            assert abandoned in (0, 1)
            assert (row["st"], row["act"], row["oc"]) == ("S", COST, "complete")
            assert proxy.statuses("UpdateItem").count(200) == 1 + abandoned  # a lift follows, where a sweeper was first
            lifts += abandoned
    assert 0 < lifts < ROUNDS  # the race was one


@pytest.mark.fault("D08")
@pytest.mark.timeout(JOIN_SECONDS)
def test_eight_sweepers_share_forty_abandoned_calls(exact_table: LedgerTable) -> None:
    ledger = exact_table.ledger()
    for number in range(40):
        ledger.reserve(reservation(request_id=f"call-{number}"))
    sweepers = [exact_table.sweeper(seed=number) for number in range(SWEEPERS)]

    results = at_once([partial(one.sweep, AFTER_LEASE, page_size=7) for one in sweepers])

    rows = [ledger.read(f"call-{number}") or {} for number in range(40)]
    assert sum(swept.settled for swept in results) == 40
    assert sum(swept.failed for swept in results) == 0
    assert {(row["st"], row["act"], row["src"]) for row in rows} == {("A", BOUND, "estimated")}


def test_a_sweep_leaves_running_and_settled_calls_alone(ledger_table: LedgerTable) -> None:
    ledger = ledger_table.ledger()
    running, settled, dead = (reservation(request_id=name) for name in ("running", "settled", "dead"))
    ledger.reserve(replace(running, lease=AFTER_LEASE + 60))
    ledger.reserve(settled)
    ledger.settle(settled, record())
    ledger.reserve(dead)

    first, second = ledger_table.sweeper().sweep(AFTER_LEASE), ledger_table.sweeper().sweep(AFTER_LEASE)

    assert (first, second) == (SweepResult(settled=1), SweepResult())
    assert [(ledger.read(one.request_id) or {})["st"] for one in (running, settled, dead)] == ["R", "S", "A"]


def test_the_sweeper_function_settles_by_the_time_of_its_event(ledger_table: LedgerTable) -> None:
    call = reservation()
    ledger_table.ledger().reserve(call)
    program = "import json, sweeper; [print(json.dumps(sweeper.handler({'time': at}, None))) for at in %r]"
    times = [iso(LEASE), iso(LEASE + 1), iso(LEASE + 61)]

    ran = run_sweeper(ledger_table, program % (times,))

    lines = ran.stdout.splitlines()
    assert lines[1::2] == [counts(), counts(settled=1), counts()]
    assert lines[2] == f'{{"message": "sluice.sweep", "time": "{times[1]}", {counts(settled=1)[1:]}'
    assert (ledger_table.ledger().read(call.request_id) or {})["oc"] == "abandoned"


def test_what_a_sweep_could_not_settle_is_a_metric_that_an_alarm_sees(ledger_table: LedgerTable) -> None:
    call = reservation()
    ledger_table.ledger().reserve(call)
    damage = {"UpdateExpression": "SET lease = :soon", "ExpressionAttributeValues": {":soon": {"S": "soon"}}}
    ledger_table.client().update_item(TableName=ledger_table.name, Key=table.item(table.key(call.request_id)), **damage)

    ran = run_sweeper(ledger_table, f"import sweeper; sweeper.handler({{'time': {iso(AFTER_LEASE)!r}}}, None)")

    said, measured = (json.loads(line) for line in ran.stdout.splitlines())
    (directive,) = measured["_aws"]["CloudWatchMetrics"]
    assert (said["failed"], measured["SweepFailed"], measured["table"]) == (1, 1, ledger_table.name)
    assert directive["Metrics"] == [{"Name": "SweepFailed", "Unit": "Count"}]
    assert (directive["Namespace"], directive["Dimensions"]) == ("Sluice", [["table"]])
    assert measured["_aws"]["Timestamp"] == AFTER_LEASE * 1000


@pytest.mark.parametrize("event", ["{}", "{'time': None}", "{'time': 'soon'}", "{'time': '2026-11-20T21:00:00'}"])
def test_the_sweeper_function_refuses_an_event_without_a_time(ledger_table: LedgerTable, event: str) -> None:
    ran = run_sweeper(ledger_table, f"import sweeper; sweeper.handler({event}, None)", is_ok=False)

    assert "ValueError: the event's time is" in ran.stderr


def test_a_sweep_imports_no_framework_and_no_http_client(ledger_table: LedgerTable) -> None:
    heavy = ["boto3", "httpx", "h11", "aws_lambda_powertools", "sluice.settings", "sluice.wiring", "sluice.telemetry"]

    ran = run_sweeper(ledger_table, f"import sys, sweeper; print([name for name in {heavy} if name in sys.modules])")

    assert ran.stdout.strip() == "[]"


def reserve(ledger: Any, call: Reservation) -> str:
    try:
        ledger.reserve(call)
    except DuplicateCall:
        return "refused"
    return "reserved"


def at_once(works: Sequence[Callable[[], Any]]) -> list[Any]:
    """Runs each work in a thread of its own, all of them let go together."""
    barrier = threading.Barrier(len(works), timeout=JOIN_SECONDS)

    def one(work: Callable[[], Any]) -> Any:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(one, works, timeout=JOIN_SECONDS))


def known(row: dict[str, Any]) -> dict[str, Any]:
    """The row without what is not known: as it is read back."""
    return table.row(table.item(row))


def found(ledger_table: LedgerTable, index: str, call: Reservation) -> int:
    """How many items an index holds where this call would be, once it has caught up."""
    closed = table.closing(STARTED_MS, call.request_id, 0)
    name, value = {"open": ("opk", table.reserved(call)["opk"]), "bytime": ("g2pk", closed["g2pk"])}[index]
    answer = ledger_table.client().query(
        TableName=ledger_table.name,
        IndexName=index,
        KeyConditionExpression=f"{name} = :value",
        ExpressionAttributeValues={":value": {"S": value}},
    )
    return int(answer["Count"])


def run_sweeper(ledger_table: LedgerTable, program: str, is_ok: bool = True) -> "subprocess.CompletedProcess[str]":
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(FUNCTIONS),
            "SLUICE_TABLE": ledger_table.name,
            "AWS_ENDPOINT_URL_DYNAMODB": ledger_table.engine.url,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "fake-secret-access-key",
        },
        capture_output=True,
        text=True,
        timeout=JOIN_SECONDS,
        check=False,
    )
    assert (ran.returncode == 0) is is_ok, ran.stderr
    return ran


def iso(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def counts(settled: int = 0) -> str:
    return f'{{"settled": {settled}, "skipped": 0, "failed": 0, "repaired": 0, "left": 0}}'
