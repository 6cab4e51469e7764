"""The ledger behind a proxy that breaks its engine: catalogue rows D01 to D10, L05 and L06 at the level of the store.

No time is waited for: the ledger's clock moves only when it sleeps. What became of each call is read past the proxy.
"""

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from tests.engines import LedgerTable
from tests.faults.dynamodb_proxy import Fault, FaultProxy, Rule, on
from tests.unit.stores.calls import BOUND, COST, LEASE, HandClock, record, reservation

from sluice.domain.errors import DuplicateCall, LedgerBusy, Unavailable
from sluice.domain.record import Reservation
from sluice.stores.ledger import Ledger
from sluice.stores.sweep import SweepResult

CALL = reservation()
AFTER_LEASE = LEASE + 1
STORM_CALLS = 120
STORM_THREADS = 6
STORM = (
    Rule(Fault.DROP_BEFORE, probability=0.05),
    Rule(Fault.DROP_AFTER, probability=0.05),
    Rule(Fault.THROTTLE, probability=0.05),
    Rule(Fault.ERROR, probability=0.05),
    Rule(Fault.CONFLICT, probability=0.05),
    Rule(Fault.CUT, probability=0.05),
)


@pytest.fixture
def proxy(ledger_table: LedgerTable) -> Iterator[FaultProxy]:
    with FaultProxy(ledger_table.engine.url) as running:
        yield running


@pytest.fixture
def clock() -> HandClock:
    return HandClock(now=CALL.started_ms / 1000)


@pytest.fixture
def ledger(ledger_table: LedgerTable, proxy: FaultProxy, clock: HandClock) -> Ledger:
    return ledger_table.ledger(proxy.url, clock.clock)


@pytest.fixture
def stored(ledger_table: LedgerTable) -> Callable[[], dict[str, Any]]:
    """What the engine holds of the call, read without the proxy."""
    direct = ledger_table.ledger()
    return lambda: direct.read(CALL.request_id) or {}


@pytest.mark.fault("D01")
def test_a_throttle_that_lasts_ends_in_ledger_busy(
    ledger: Ledger, proxy: FaultProxy, clock: HandClock, stored: Callable[[], dict[str, Any]]
) -> None:
    proxy.use(Rule(Fault.THROTTLE))
    since = clock.seconds

    with pytest.raises(LedgerBusy) as caught:
        ledger.reserve(CALL)

    assert clock.seconds - since < 2.0
    assert (caught.value.status, caught.value.code) == (503, "ledger_busy")
    assert "retry-after" in caught.value.headers
    assert len(proxy.seen) > 3
    assert stored() == {}


@pytest.mark.fault("D01")
@pytest.mark.parametrize("fault", [Fault.THROTTLE, Fault.ERROR, Fault.CONFLICT, Fault.DROP_BEFORE])
def test_a_fault_that_passes_is_outlived(
    fault: Fault, ledger: Ledger, proxy: FaultProxy, stored: Callable[[], dict[str, Any]]
) -> None:
    proxy.use(Rule(fault, times=3))

    ledger.reserve(CALL)

    assert stored()["st"] == "R"
    assert proxy.statuses("PutItem") == [200]


@pytest.mark.fault("D02")
@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.DROP_BEFORE])
def test_a_ledger_that_fails_for_good_fails_closed(
    fault: Fault, ledger: Ledger, proxy: FaultProxy, clock: HandClock, stored: Callable[[], dict[str, Any]]
) -> None:
    proxy.use(Rule(fault))
    since = clock.seconds

    with pytest.raises(LedgerBusy):
        ledger.reserve(CALL)

    assert clock.seconds - since < 2.0
    assert stored() == {}


@pytest.mark.fault("D02")
def test_a_ledger_where_nobody_listens_fails_closed(ledger_table: LedgerTable, clock: HandClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    since = clock.seconds

    with pytest.raises(LedgerBusy):
        ledger_table.ledger(f"http://127.0.0.1:{port}", clock.clock).reserve(CALL)

    assert clock.seconds - since < 2.0


@pytest.mark.fault("D02")
@pytest.mark.timeout(30)
def test_a_ledger_that_is_five_seconds_slow_fails_closed_before_it_answers(
    ledger_table: LedgerTable, proxy: FaultProxy
) -> None:
    proxy.use(Rule(Fault.DELAY, seconds=5.0))
    since = time.monotonic()

    with pytest.raises(LedgerBusy):
        ledger_table.ledger(proxy.url).reserve(CALL)

    assert time.monotonic() - since < 4.0  # 2 s of attempts, and what the last one may take


@pytest.mark.fault("D02")
def test_a_ledger_that_denies_us_fails_closed_at_once(ledger: Ledger, proxy: FaultProxy, clock: HandClock) -> None:
    proxy.use(Rule(Fault.DENIED))

    with pytest.raises(Unavailable) as caught:
        ledger.reserve(CALL)

    assert not isinstance(caught.value, LedgerBusy)
    assert len(proxy.seen) == 1
    assert clock.slept == []


@pytest.mark.fault("D03")
@pytest.mark.parametrize("fault", [Fault.DROP_AFTER, Fault.CUT])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_connection_cut_after_the_commit_reserves_and_settles_once(
    fault: Fault, times: int, ledger: Ledger, proxy: FaultProxy, stored: Callable[[], dict[str, Any]]
) -> None:
    proxy.use(Rule(fault, on("PutItem"), times=times), Rule(fault, on("UpdateItem"), times=times))

    ledger.reserve(CALL)
    reserved = stored()
    is_settled = ledger.settle(CALL, record())

    assert is_settled
    assert (reserved["st"], reserved["nn"]) == ("R", CALL.nonce)
    assert (stored()["st"], stored()["act"]) == ("S", COST)
    assert proxy.statuses("PutItem") == [200, *[400] * times]
    assert proxy.statuses("UpdateItem") == [200, *[400] * times]


@pytest.mark.fault("D03")
def test_a_reservation_nobody_learned_of_is_settled_by_the_sweeper(
    ledger: Ledger, ledger_table: LedgerTable, proxy: FaultProxy, stored: Callable[[], dict[str, Any]]
) -> None:
    proxy.use(Rule(Fault.DROP_AFTER))
    with pytest.raises(LedgerBusy):
        ledger.reserve(CALL)

    swept = ledger_table.sweeper().sweep(AFTER_LEASE)

    assert swept == SweepResult(settled=1)
    assert (stored()["st"], stored()["oc"]) == ("A", "abandoned")


@pytest.mark.fault("D05")
def test_a_call_that_could_not_be_settled_is_settled_by_the_sweeper_then_lifted_by_a_repair(
    ledger: Ledger, ledger_table: LedgerTable, proxy: FaultProxy, stored: Callable[[], dict[str, Any]]
) -> None:
    ledger.reserve(CALL)
    proxy.use(Rule(Fault.DROP_BEFORE, on("UpdateItem")))

    is_settled = ledger.settle(CALL, record())
    swept = ledger_table.sweeper().sweep(AFTER_LEASE)
    abandoned = stored()
    proxy.use()
    is_lifted = ledger.settle(CALL, record())

    assert (is_settled, swept, is_lifted) == (False, SweepResult(settled=1), True)
    assert (abandoned["st"], abandoned["act"], abandoned["ce"]) == ("A", BOUND, CALL.estimate)
    assert (stored()["st"], stored()["act"], stored()["src"]) == ("S", COST, "provider")


@pytest.mark.fault("D06")
@pytest.mark.parametrize("second", [CALL, replace(CALL, route="another", bound=1, bytes_in=1)], ids=["same", "other"])
def test_a_duplicate_id_is_refused_before_and_after_settling(
    second: Reservation, ledger: Ledger, stored: Callable[[], dict[str, Any]]
) -> None:
    ledger.reserve(CALL)
    with pytest.raises(DuplicateCall):
        ledger.reserve(replace(second, nonce="nonce-2"))
    ledger.settle(CALL, record())
    settled = stored()

    with pytest.raises(DuplicateCall):
        ledger.reserve(replace(second, nonce="nonce-3"))

    assert stored() == settled


@pytest.mark.fault("D07")
def test_two_megabytes_of_metadata_are_cut_before_the_write(
    ledger: Ledger, stored: Callable[[], dict[str, Any]]
) -> None:
    long = "é" * 1_000_000
    call = replace(CALL, metadata={"a": "kept", "b": long, **{f"k{n}": "v" * 90 for n in range(999)}}, route=long)

    ledger.reserve(call)
    is_settled = ledger.settle(call, record(model_answered=long, finish_reason=long))

    assert is_settled
    assert stored()["meta"]["a"] == "kept"
    assert len(repr(stored())) < 10_000


@pytest.mark.fault("D09")
@pytest.mark.parametrize("fault", [Fault.DROP_AFTER, Fault.DROP_BEFORE])
def test_a_settlement_sent_again_after_eleven_minutes_takes_effect_once(
    fault: Fault, ledger: Ledger, proxy: FaultProxy, clock: HandClock, stored: Callable[[], dict[str, Any]]
) -> None:
    ledger.reserve(CALL)
    proxy.use(Rule(fault, on("UpdateItem", "GetItem")))
    ledger.settle(CALL, record())
    proxy.use()

    clock.seconds += 11 * 60
    is_settled = ledger.settle(CALL, record())

    assert is_settled
    assert stored()["act"] == COST
    assert proxy.statuses("UpdateItem").count(200) == 1


@pytest.mark.fault("D10")
def test_the_time_to_live_is_set_by_settling_and_sweeping_only(
    ledger: Ledger, ledger_table: LedgerTable, clock: HandClock, stored: Callable[[], dict[str, Any]]
) -> None:
    ledger.reserve(CALL)
    reserved = stored()
    ledger_table.sweeper().sweep(AFTER_LEASE)
    abandoned = stored()
    ledger.settle(CALL, record())

    assert "exp" not in reserved
    assert abandoned["exp"] == AFTER_LEASE + 400 * 86_400
    assert stored()["exp"] == int(clock.seconds) + 400 * 86_400


@pytest.mark.fault("L05")
def test_a_process_killed_before_settling_leaves_its_bound_and_a_repair_lifts_it_once(
    ledger: Ledger, ledger_table: LedgerTable, proxy: FaultProxy, stored: Callable[[], dict[str, Any]]
) -> None:
    ledger.reserve(CALL)
    ledger_table.sweeper().sweep(AFTER_LEASE)
    abandoned = stored()

    repairs = [ledger.settle(CALL, record()) for _ in range(3)]

    assert (abandoned["act"], abandoned["src"]) == (BOUND, "estimated")
    assert repairs == [True, True, True]
    assert (stored()["act"], stored()["src"]) == (COST, "provider")
    assert proxy.statuses("UpdateItem").count(200) == 1


@pytest.mark.fault("L06")
def test_a_redelivered_event_is_refused_though_the_first_answer_was_lost(
    ledger_table: LedgerTable, proxy: FaultProxy, clock: HandClock
) -> None:
    proxy.use(Rule(Fault.DROP_AFTER, on("PutItem"), times=1))
    ledger_table.ledger(proxy.url, clock.clock).reserve(CALL)

    with pytest.raises(DuplicateCall):
        ledger_table.ledger(proxy.url, clock.clock).reserve(replace(CALL, nonce="nonce-2"))


@pytest.mark.fault("D03")
@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [1, 2])
def test_after_a_storm_every_call_has_exactly_one_terminal_record(exact_table: LedgerTable, seed: int) -> None:
    with FaultProxy(exact_table.engine.url, STORM, seed) as storm:
        share = STORM_CALLS // STORM_THREADS
        with ThreadPoolExecutor(STORM_THREADS) as pool:
            workers = [pool.submit(storm_of_calls, exact_table, storm.url, n, share) for n in range(STORM_THREADS)]
            told = [one for worker in workers for one in worker.result()]
        sweeping = exact_table.sweeper(storm.url, HandClock().clock)
        while any(vars_of(sweeping.sweep(AFTER_LEASE))):
            pass

    rows = [exact_table.ledger().read(call.request_id) or {} for call, _ in told]
    assert {row["st"] for row in rows if row} == {"S", "A"}
    for (call, is_settled), row in zip(told, rows, strict=True):
        assert row or is_settled is None  # only a refused call may have no record
        assert not is_settled or (row["st"], row["act"]) == ("S", call.bytes_in)
        assert not row or row["act"] == (call.bytes_in if row["st"] == "S" else BOUND)


def storm_of_calls(table: LedgerTable, url: str, worker: int, share: int) -> list[tuple[Reservation, bool | None]]:
    """Each call with what its caller was told: None where it was refused, else whether it was settled."""
    random = Random(worker)
    ledger = table.ledger(url, HandClock().clock, seed=worker)
    told: list[tuple[Reservation, bool | None]] = []
    for number in range(share):
        call = reservation(
            request_id=f"{worker}-{number}", nonce=f"n{worker}-{number}", bytes_in=random.randrange(10**6)
        )
        try:
            ledger.reserve(call)
        except Unavailable:
            told.append((call, None))
            continue
        is_killed = random.random() < 0.3
        told.append((call, False if is_killed else ledger.settle(call, record(cost=call.bytes_in))))
    return told


def vars_of(swept: SweepResult) -> tuple[int, int, int]:
    return swept.settled, swept.skipped, swept.failed
