"""Budgets behind a proxy that breaks their engine: catalogue rows D01 to D05, D08, D09 and L05 where a call holds some.

No time is waited for: the ledger's clock moves only when it sleeps. What became of each call is read past the proxy.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from random import Random

import pytest
from tests.engines import LedgerTable
from tests.faults.dynamodb_proxy import Fault, FaultProxy, Rule, on
from tests.integration.budget_rows import amounts, assert_even, budget
from tests.integration.test_budgets import AFTER_LEASE, call
from tests.unit.stores.calls import BOUND, COST, ESTIMATE, HandClock, hold, record

from sluice.domain.errors import BudgetExceeded, DuplicateCall, LedgerBusy, Unavailable
from sluice.domain.hold import Hold
from sluice.domain.record import Reservation
from sluice.stores.ledger import Ledger
from sluice.stores.sweep import SweepResult

TOGETHER = hold()
HOT = hold(key="hot#0123456789ab", name="hot", is_hot=True)
BOTH = pytest.mark.parametrize("one", [TOGETHER, HOT], ids=["together", "hot"])
WRITES = on("TransactWriteItems", "UpdateItem", "PutItem")
STORM_CALLS, STORM_THREADS = 90, 6
STORM = (
    Rule(Fault.DROP_BEFORE, probability=0.05),
    Rule(Fault.DROP_AFTER, probability=0.05),
    Rule(Fault.THROTTLE, probability=0.05),
    Rule(Fault.ERROR, probability=0.05),
    Rule(Fault.CONFLICT, WRITES, probability=0.05),
    Rule(Fault.CUT, probability=0.05),
)


@pytest.fixture
def proxy(exact_table: LedgerTable) -> Iterator[FaultProxy]:
    with FaultProxy(exact_table.engine.url) as running:
        yield running


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def ledger(exact_table: LedgerTable, proxy: FaultProxy, clock: HandClock) -> Ledger:
    return exact_table.ledger(proxy.url, clock.clock)


@BOTH
@pytest.mark.fault("D01")
@pytest.mark.parametrize("fault", [Fault.THROTTLE, Fault.ERROR, Fault.CONFLICT, Fault.DROP_BEFORE])
def test_a_fault_that_passes_is_outlived(
    fault: Fault, one: Hold, ledger: Ledger, exact_table: LedgerTable, proxy: FaultProxy
) -> None:
    proxy.use(Rule(fault, times=3))

    ledger.reserve(call("call", one))

    assert amounts(exact_table, one) == (ESTIMATE, ESTIMATE, BOUND)


@BOTH
@pytest.mark.fault("D01")
@pytest.mark.fault("D02")
@pytest.mark.parametrize("fault", [Fault.THROTTLE, Fault.ERROR, Fault.CONFLICT, Fault.DROP_BEFORE])
def test_a_ledger_that_fails_for_good_fails_closed_and_holds_nothing(
    fault: Fault, one: Hold, ledger: Ledger, exact_table: LedgerTable, proxy: FaultProxy, clock: HandClock
) -> None:
    proxy.use(Rule(fault))
    since = clock.seconds

    with pytest.raises(LedgerBusy) as caught:
        ledger.reserve(call("call", one))

    assert clock.seconds - since < 2.0
    assert "retry-after" in caught.value.headers
    assert budget(exact_table, one) == {}


@BOTH
@pytest.mark.fault("D02")
def test_a_ledger_that_denies_us_fails_closed_at_once(
    one: Hold, ledger: Ledger, proxy: FaultProxy, clock: HandClock
) -> None:
    proxy.use(Rule(Fault.DENIED))

    with pytest.raises(Unavailable) as caught:
        ledger.reserve(call("call", one))

    assert not isinstance(caught.value, LedgerBusy)
    assert (len(proxy.seen), clock.slept) == (1, [])


@pytest.mark.fault("C04")
def test_a_hot_budget_gets_back_what_it_held_where_the_record_cannot_be_written(
    ledger: Ledger, exact_table: LedgerTable, proxy: FaultProxy
) -> None:
    proxy.use(Rule(Fault.DENIED, on("PutItem")))

    with pytest.raises(Unavailable):
        ledger.reserve(call("call", HOT))

    assert amounts(exact_table, HOT) == (0, 0, 0)
    assert not [name for name in budget(exact_table, HOT) if name.startswith("h")]


@BOTH
@pytest.mark.fault("D03")
@pytest.mark.parametrize("fault", [Fault.DROP_AFTER, Fault.CUT])
@pytest.mark.parametrize("times", [1, 3])
def test_a_connection_cut_after_the_commit_reserves_and_charges_once(
    fault: Fault, times: int, one: Hold, ledger: Ledger, exact_table: LedgerTable, proxy: FaultProxy
) -> None:
    each = call("call", one)
    proxy.use(*(Rule(fault, on(operation), times=times) for operation in WRITES))
    ledger.reserve(each)
    reserved = amounts(exact_table, one)
    proxy.use(*(Rule(fault, on(operation), times=times) for operation in WRITES))

    is_settled = ledger.settle(each, record(charges=(COST,)))

    assert is_settled
    assert reserved == (ESTIMATE, ESTIMATE, BOUND)
    assert_even(exact_table, [each], one)
    assert amounts(exact_table, one) == (COST, 0, COST)


@BOTH
@pytest.mark.fault("D03")
@pytest.mark.parametrize("is_released", [True, False])
def test_a_reservation_nobody_learned_of_costs_nothing_once_released_and_the_most_once_swept(
    is_released: bool, one: Hold, ledger: Ledger, exact_table: LedgerTable, proxy: FaultProxy
) -> None:
    each = call("call", one)
    proxy.use(Rule(Fault.DROP_AFTER))
    with pytest.raises(LedgerBusy):
        ledger.reserve(each)
    proxy.use()

    if is_released:
        ledger.settle(each, record(cost=0, charges=(0,)))
    exact_table.sweeper().sweep(AFTER_LEASE)

    is_written = exact_table.ledger().read("call") is not None
    charge = BOUND if is_written and not is_released else 0
    assert amounts(exact_table, one) == (charge, 0, charge)
    assert_even(exact_table, [each], one)


@BOTH
@pytest.mark.fault("D04")
def test_a_storm_of_conflicts_is_waited_out_and_nothing_is_doubled(
    one: Hold, ledger: Ledger, exact_table: LedgerTable, proxy: FaultProxy
) -> None:
    calls = [call(f"call-{number}", one) for number in range(20)]
    proxy.use(Rule(Fault.CONFLICT, WRITES, probability=0.5))

    for each in calls:
        ledger.reserve(each)
    settled = [ledger.settle(each, record(charges=(COST,))) for each in calls]

    assert sum(seen.fault is Fault.CONFLICT for seen in proxy.seen) > 10
    assert all(settled)
    assert amounts(exact_table, one) == (20 * COST, 0, 20 * COST)
    assert_even(exact_table, calls, one)


@BOTH
@pytest.mark.fault("D05")
@pytest.mark.fault("L05")
def test_what_could_not_be_settled_is_charged_the_most_by_the_sweeper_then_what_it_cost(
    one: Hold, ledger: Ledger, exact_table: LedgerTable, proxy: FaultProxy
) -> None:
    each = call("call", one)
    ledger.reserve(each)
    proxy.use(Rule(Fault.DROP_BEFORE, WRITES))

    is_settled = ledger.settle(each, record(charges=(COST,)))
    swept = exact_table.sweeper().sweep(AFTER_LEASE)
    at_worst = amounts(exact_table, one)
    proxy.use()
    lifts = [ledger.settle(each, record(charges=(COST,))) for _ in range(2)]

    assert (is_settled, swept, lifts) == (False, SweepResult(settled=1), [True, True])
    assert at_worst == (BOUND, 0, BOUND)
    assert amounts(exact_table, one) == (COST, 0, COST)


@pytest.mark.fault("D05")
def test_a_hot_budget_that_could_not_be_charged_is_charged_by_the_sweeper_what_the_record_says(
    ledger: Ledger, exact_table: LedgerTable, proxy: FaultProxy
) -> None:
    each = call("call", HOT)
    ledger.reserve(each)
    proxy.use(Rule(Fault.DROP_AFTER, on("UpdateItem"), times=1), Rule(Fault.THROTTLE, on("UpdateItem")))

    is_settled = ledger.settle(each, record(charges=(COST,)))
    proxy.use()
    open_still = amounts(exact_table, HOT)
    swept = exact_table.sweeper().sweep(AFTER_LEASE)

    assert is_settled is False  # the record's own answer was lost, and nobody could be asked again
    assert open_still == (ESTIMATE, ESTIMATE, BOUND)
    assert swept == SweepResult(repaired=1)
    assert_even(exact_table, [each], HOT)
    assert amounts(exact_table, HOT) == (COST, 0, COST)


@BOTH
@pytest.mark.fault("D06")
def test_a_duplicate_is_refused_before_and_after_the_end_and_charges_nothing(
    one: Hold, ledger: Ledger, exact_table: LedgerTable
) -> None:
    each = call("call", one)
    ledger.reserve(each)
    with pytest.raises(DuplicateCall):
        ledger.reserve(replace(each, nonce="other-nonce"))
    ledger.settle(each, record(charges=(COST,)))

    with pytest.raises(DuplicateCall):
        ledger.reserve(replace(each, nonce="third-nonce", bound=1))

    assert amounts(exact_table, one) == (COST, 0, COST)


@BOTH
@pytest.mark.fault("D09")
@pytest.mark.parametrize("fault", [Fault.DROP_AFTER, Fault.DROP_BEFORE])
def test_a_settlement_sent_again_when_its_token_is_forgotten_charges_once(
    fault: Fault, one: Hold, ledger: Ledger, exact_table: LedgerTable, proxy: FaultProxy, clock: HandClock
) -> None:
    each = call("call", one)
    ledger.reserve(each)
    proxy.use(Rule(fault))
    ledger.settle(each, record(charges=(COST,)))
    proxy.use()

    clock.seconds += 11 * 60  # so that its time to live, and with it its token, is another
    is_settled = ledger.settle(each, record(charges=(COST,)))

    assert is_settled
    assert amounts(exact_table, one) == (COST, 0, COST)


@pytest.mark.fault("C01")
@pytest.mark.fault("D03")
@pytest.mark.slow
@pytest.mark.timeout(120)
def test_after_a_storm_each_budget_is_the_sum_of_what_the_records_say(exact_table: LedgerTable) -> None:
    level = hold(key="all#0123456789ab", name="all", period="T", limit=60 * ESTIMATE, ceiling=60 * BOUND)
    with FaultProxy(exact_table.engine.url, STORM, seed=3) as storm:
        share = STORM_CALLS // STORM_THREADS
        with ThreadPoolExecutor(STORM_THREADS) as pool:
            workers = [pool.submit(storm_of_calls, exact_table, storm.url, n, share, level) for n in range(6)]
            calls = [each for worker in workers for each in worker.result()]
        sweeping = exact_table.sweeper(storm.url, HandClock().clock)
        while (swept := sweeping.sweep(AFTER_LEASE)) != SweepResult():
            assert swept.left == 0

    assert_even(exact_table, calls, TOGETHER, level)
    assert_even(exact_table, calls, HOT)
    assert amounts(exact_table, level)[2] <= level.ceiling


def storm_of_calls(table: LedgerTable, url: str, worker: int, share: int, level: Hold) -> list[Reservation]:
    random, ledger = Random(worker), table.ledger(url, HandClock().clock, seed=worker)
    calls = []
    for number in range(share):
        holds = random.choice([(HOT,), (TOGETHER, level), (TOGETHER, level, replace(HOT, is_hot=False))])
        each = call(f"{worker}-{number}", *holds)
        calls.append(each)
        try:
            ledger.reserve(each)
        except (Unavailable, BudgetExceeded):
            continue
        if random.random() < 0.7:
            charges = tuple(random.randrange(hold.worst + 1) for hold in holds)
            ledger.settle(each, record(cost=charges[0], charges=charges))
    return calls
