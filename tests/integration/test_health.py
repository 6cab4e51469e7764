"""Breakers, retry budgets and paces on real engines with the gateway's own client: the rows of health."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from random import Random
from typing import Any

import pytest
from tests.engines import REGION, LedgerTable
from tests.faults.dynamodb_proxy import Fault, FaultProxy, Rule, on
from tests.unit.routing.environments import PROVIDER, TARGET, Environment
from tests.unit.stores.calls import LEASE, record, reservation

from sluice.domain.clock import Clock
from sluice.routing.breaker import Breakers
from sluice.routing.circuit import FAILURES_TO_OPEN, FIRST_OPENING_SECONDS, Phase
from sluice.routing.pace import Pace
from sluice.routing.retry_budget import DENIAL_SECONDS, RetryBudget
from sluice.stores import aws
from sluice.stores.circuits import NAMES, Circuit, Circuits
from sluice.stores.health import HealthRows, HealthUnknown, Within
from sluice.stores.paces import Paces, Sum, bucket
from sluice.stores.patience import PATIENCE_SECONDS, Patience
from sluice.stores.retry_tokens import RetryTokens, Tokens
from sluice.stores.wire import Wire

MANY = 16
JOIN_SECONDS = 60.0
CALM_SECONDS = 20.0  # of patience, so that a busy machine is no fault of the table
HANG_SECONDS = 20.0
NOW = 1_795_208_400.0
ODD_ATTRIBUTES: list[dict[str, Any]] = [
    {"S": "x"},
    {"N": "-1"},
    {"N": "1.2345678901234567890123456789"},
    {"N": "9.9E+100"},
    {"BOOL": True},
    {"NULL": True},
    {"B": b"\0\1"},
    {"SS": ["a", "b"]},
    {"NS": ["1", "2"]},
    {"L": [{"N": "1"}]},
    {"M": {"a": {"S": "b"}}},
]


class Time:
    """One time for all environments, moved by hand; a pause between two tries is a real one."""

    def __init__(self) -> None:
        self.seconds = NOW
        self.clock = Clock(now=lambda: self.seconds, monotonic=lambda: self.seconds, sleep=time.sleep)


@pytest.fixture
def hand() -> Time:
    return Time()


def nonce() -> str:
    return uuid.uuid4().hex[:16]


def rows(table: LedgerTable, clock: Clock, url: str | None = None) -> HealthRows:
    return HealthRows(table.client(url), table.name, clock, Random(0), nonce, patience=Patience(clock, CALM_SECONDS))


def environment(table: LedgerTable, clock: Clock, url: str | None = None) -> Environment:
    shared = rows(table, clock, url)
    return Environment(
        Breakers(Circuits(shared, clock), clock),
        RetryBudget(RetryTokens(shared, clock), clock),
        Pace(Paces(shared), clock),
    )


def at_once(works: Sequence[Callable[[], Any]]) -> list[Any]:
    """Runs each work in a thread of its own, all of them let go together."""
    barrier = threading.Barrier(len(works), timeout=JOIN_SECONDS)

    def one(work: Callable[[], Any]) -> Any:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(one, works, timeout=JOIN_SECONDS))


def open_for(environments: Sequence[Environment]) -> None:
    """Opens the breaker, and lets each know."""
    for one in (environments[0],) * FAILURES_TO_OPEN + tuple(environments[1:]):
        one.fail()


def test_rows_are_read_as_they_were_written(ledger_table: LedgerTable, hand: Time) -> None:
    shared = rows(ledger_table, hand.clock)
    circuits, tokens, paces = Circuits(shared, hand.clock), RetryTokens(shared, hand.clock), Paces(shared)
    circuit = Circuit(179, 7, 3, 5.0, NOW + 5, NOW + 30)
    place = (TARGET, bucket(NOW))

    circuits.swap(TARGET, Circuit(), circuit)
    tokens.swap(PROVIDER, Tokens(), Tokens(42))
    paces.add(place, Sum(100, 1))
    paces.add(place, Sum(50, 2))

    assert circuits.read(TARGET) == circuit
    assert tokens.read(PROVIDER) == Tokens(42)
    assert paces.read([place, (TARGET, 1)]) == {place: Sum(150, 3)}


@pytest.mark.parametrize("attribute", ODD_ATTRIBUTES, ids=lambda one: next(iter(one)) + str(next(iter(one.values()))))
def test_rows_of_any_shape_are_read_and_replaced(
    ledger_table: LedgerTable, hand: Time, attribute: dict[str, Any]
) -> None:
    one = environment(ledger_table, hand.clock)
    odd = dict.fromkeys((*NAMES, "t", "s", "v"), attribute)
    for primary, sort in ((f"X#{TARGET}", "X"), (f"Q#{PROVIDER}", "Q"), (f"Y#{TARGET}", str(bucket(NOW)))):
        item = {"pk": {"S": primary}, "sk": {"S": sort}, **odd}
        ledger_table.client().put_item(TableName=ledger_table.name, Item=item)

    open_for([one])
    for _ in range(10):
        one.budget.called(PROVIDER)
    one.pace.saw(TARGET, 100)
    one.pace.flush()

    stored = rows(ledger_table, hand.clock)
    assert Circuits(stored, hand.clock).read(TARGET).opening_seconds == FIRST_OPENING_SECONDS
    assert one.budget.may_retry(PROVIDER)
    assert RetryTokens(stored, hand.clock).read(PROVIDER) == Tokens(0)
    assert one.pace.averages([TARGET]) == {TARGET: 100}


@pytest.mark.timeout(2 * JOIN_SECONDS)
def test_of_sixteen_environments_one_sends_the_probe(exact_table: LedgerTable, hand: Time) -> None:
    environments = [environment(exact_table, hand.clock) for _ in range(MANY)]
    open_for(environments)

    for opening in (1, 2, 4):
        hand.seconds += opening * FIRST_OPENING_SECONDS
        allowed = at_once([partial(one.breakers.allows, TARGET) for one in environments])
        assert allowed.count(True) == 1
        environments[allowed.index(True)].fail()

    hand.seconds += 8 * FIRST_OPENING_SECONDS
    allowed = at_once([partial(one.breakers.allows, TARGET) for one in environments])
    environments[allowed.index(True)].succeed()
    hand.seconds += 1
    assert allowed.count(True) == 1
    assert all(at_once([partial(one.breakers.allows, TARGET) for one in environments]))


@pytest.mark.timeout(2 * JOIN_SECONDS)
def test_sixteen_that_fail_at_once_open_it(exact_table: LedgerTable, hand: Time) -> None:
    environments = [environment(exact_table, hand.clock) for _ in range(MANY)]

    at_once([one.fail for one in environments])
    at_once([one.fail for one in environments])

    assert {one.breakers.state(TARGET) for one in environments} == {Phase.OPEN}


@pytest.mark.timeout(2 * JOIN_SECONDS)
def test_retries_of_sixteen_environments_keep_to_their_calls(exact_table: LedgerTable, hand: Time) -> None:
    environments = [environment(exact_table, hand.clock) for _ in range(MANY)]
    rounds, granted = 12, 0

    def work(one: Environment) -> int:
        one.budget.called(PROVIDER)
        return one.budget.may_retry(PROVIDER)

    for _ in range(rounds):
        granted += sum(at_once([partial(work, one) for one in environments]))
        hand.seconds += DENIAL_SECONDS

    left = RetryTokens(rows(exact_table, hand.clock), hand.clock).read(PROVIDER).tenths
    assert 10 <= granted <= 10 + rounds * MANY / 10
    assert left + 10 * granted <= 100 + rounds * MANY


@pytest.mark.fault("D03")
@pytest.mark.timeout(2 * JOIN_SECONDS)
def test_retries_keep_to_the_calls_when_answers_are_lost(exact_table: LedgerTable, hand: Time) -> None:
    faults = [Rule(Fault.DROP_AFTER, probability=0.2), Rule(Fault.THROTTLE, probability=0.2)]
    calls = granted = 0

    with FaultProxy(exact_table.engine.url, faults, seed=7) as proxy:
        environments = [environment(exact_table, hand.clock, proxy.url) for _ in range(4)]
        for number in range(60):
            one = environments[number % 4]
            for _ in range(number % 5):
                one.budget.called(PROVIDER)
            calls += number % 5
            granted += one.budget.may_retry(PROVIDER)
            hand.seconds += DENIAL_SECONDS / 2

    assert 10 <= granted <= 10 + calls / 10


@pytest.mark.timeout(2 * JOIN_SECONDS)
def test_sums_of_sixteen_environments_are_exact(exact_table: LedgerTable, hand: Time) -> None:
    environments = [environment(exact_table, hand.clock) for _ in range(MANY)]
    for number, one in enumerate(environments):
        one.pace.saw(TARGET, 100 + number)

    at_once([one.pace.flush for one in environments])

    place = (TARGET, bucket(NOW))
    assert Paces(rows(exact_table, hand.clock)).read([place]) == {place: Sum(100 * MANY + 120, MANY)}


@pytest.mark.fault("D02")
@pytest.mark.parametrize("fault", [Fault.DENIED, Fault.ERROR, Fault.THROTTLE, Fault.DROP_BEFORE, Fault.CUT])
def test_a_table_that_fails_leaves_each_environment_to_itself(ledger_table: LedgerTable, fault: Fault) -> None:
    clock = Clock()
    with FaultProxy(ledger_table.engine.url, [Rule(fault)]) as proxy:
        shared = HealthRows(ledger_table.client(proxy.url), ledger_table.name, clock, Random(0), nonce)
        breakers = Breakers(Circuits(shared, clock), clock)
        for _ in range(2 * FAILURES_TO_OPEN):  # on a real clock they may fall into two windows
            breakers.called(TARGET)
            breakers.failed(TARGET)
        pace = Pace(Paces(shared), clock)
        pace.saw(TARGET, 100)
        pace.flush()

        assert breakers.state(TARGET) == Phase.OPEN
        assert not RetryBudget(RetryTokens(shared, clock), clock).may_retry(PROVIDER)
        assert pace.averages([TARGET]) == {TARGET: 100}


@contextmanager
def hanging(table: LedgerTable) -> Iterator[tuple[Any, Within]]:
    """A client of a table that answers far too late, and what limits it."""
    with FaultProxy(table.engine.url, [Rule(Fault.DELAY, seconds=HANG_SECONDS)]) as proxy:
        wire = Wire(None, read_seconds=HANG_SECONDS)
        session = aws.new_session()
        session.set_credentials("AKIDEXAMPLE", "fake-secret-access-key")
        try:
            yield aws.dynamodb(session, REGION, wire, proxy.url), wire.within
        finally:
            wire.close()


@pytest.mark.fault("D02")
def test_a_table_that_hangs_is_waited_for_a_quarter_of_a_second(ledger_table: LedgerTable) -> None:
    clock = Clock()
    with hanging(ledger_table) as (client, within):
        shared = HealthRows(client, ledger_table.name, clock, Random(0), nonce, within)

        started = time.monotonic()
        with pytest.raises(HealthUnknown, match="ReadTimeoutError"):
            shared.read({"pk": "X#x", "sk": "X"})
        took = time.monotonic() - started

    assert PATIENCE_SECONDS - 0.1 <= took < HANG_SECONDS / 2


@pytest.mark.fault("D02")
def test_the_gateways_own_client_is_limited(ledger_table: LedgerTable, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Rule(Fault.DELAY, seconds=3 * PATIENCE_SECONDS)  # within a second, which the ledger would wait
    with FaultProxy(ledger_table.engine.url, [slow]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", proxy.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "fake-secret-access-key")
        made = aws.clients(REGION)
        limited = HealthRows(made.dynamodb, ledger_table.name, Clock(), Random(0), nonce, made.dynamodb_within)

        with pytest.raises(HealthUnknown, match="ReadTimeoutError"):
            limited.read({"pk": "X#x", "sk": "X"})


@pytest.mark.fault("D02")
def test_one_limit_does_not_outlive_its_request(ledger_table: LedgerTable) -> None:
    with FaultProxy(ledger_table.engine.url, [Rule(Fault.DELAY, on("GetItem"), times=2, seconds=0.3)]) as proxy:
        wire = Wire(None, read_seconds=HANG_SECONDS)
        session = aws.new_session()
        session.set_credentials("AKIDEXAMPLE", "fake-secret-access-key")
        client = aws.dynamodb(session, REGION, wire, proxy.url)
        limited = HealthRows(client, ledger_table.name, Clock(), Random(0), nonce, wire.within)

        with pytest.raises(HealthUnknown):
            limited.read({"pk": "X#x", "sk": "X"})
        answer = client.get_item(TableName=ledger_table.name, Key={"pk": {"S": "X#x"}, "sk": {"S": "X"}})
        wire.close()

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert [one.fault for one in proxy.seen].count(Fault.DELAY) >= 1


def test_what_it_costs_is_known(ledger_table: LedgerTable, hand: Time) -> None:
    if ledger_table.engine.name == "moto":
        pytest.skip("moto counts a consistent read as half of what it costs; ministack or dynoxide is needed")
    client, units = ledger_table.client(), Units()
    client.meta.events.register("provide-client-params.dynamodb", units.ask)
    client.meta.events.register("after-call.dynamodb", units.hear)
    shared = HealthRows(client, ledger_table.name, hand.clock, Random(0), nonce, patience=Patience(hand.clock))
    breakers = Breakers(Circuits(shared, hand.clock), hand.clock)
    budget = RetryBudget(RetryTokens(shared, hand.clock), hand.clock)
    pace = Pace(Paces(shared), hand.clock)

    breakers.failed(TARGET)
    failure = units.take()
    budget.may_retry(PROVIDER)
    retry = units.take()
    pace.saw(TARGET, 100)
    pace.flush()
    flush = units.take()

    assert failure == [("PutItem", 1)]
    assert retry == [("GetItem", 1), ("PutItem", 1)]
    assert flush == [("UpdateItem", 1)]


class Units:
    """What DynamoDB says that each request costs."""

    def __init__(self) -> None:
        self._heard: list[tuple[str, float]] = []

    def take(self) -> list[tuple[str, float]]:
        """Those since the last time."""
        heard, self._heard = self._heard, []
        return heard

    @staticmethod
    def ask(params: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {**params, "ReturnConsumedCapacity": "TOTAL"}

    def hear(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        told = parsed["ConsumedCapacity"]
        units = sum(each["CapacityUnits"] for each in (told if isinstance(told, list) else [told]))
        self._heard.append((model.name, units))


def test_a_sweep_leaves_the_rows_alone(ledger_table: LedgerTable, hand: Time) -> None:
    one, ledger, call = environment(ledger_table, hand.clock), ledger_table.ledger(), reservation()
    open_for([one])
    one.budget.may_retry(PROVIDER)
    ledger.reserve(call)

    swept = ledger_table.sweeper().sweep(LEASE + 1)
    ledger.settle(call, record())

    stored = rows(ledger_table, hand.clock)
    assert (swept.settled, swept.failed) == (1, 0)
    assert Circuits(stored, hand.clock).read(TARGET).opening_seconds == FIRST_OPENING_SECONDS
    assert RetryTokens(stored, hand.clock).read(PROVIDER) == Tokens(90)
