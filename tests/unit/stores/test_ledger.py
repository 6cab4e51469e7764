"""The ledger's protocol, on a table in memory that fails where it is told to."""

import logging
from collections.abc import Callable
from random import Random

import pytest
from tests.fakes.memory_dynamodb import MemoryDynamoDB, failure, lost, throttled
from tests.unit.stores.calls import COST, HandClock, record, reservation

from sluice.domain.errors import DuplicateCall, LedgerBusy, Unavailable
from sluice.stores.ledger import Ledger
from sluice.stores.sweep import Sweeper

CALL = reservation()
AFTER_LEASE = CALL.lease + 1
DENIED = failure("AccessDeniedException")


def ledger_on(table: MemoryDynamoDB, clock: HandClock | None = None) -> Ledger:
    return Ledger(table, "ledger", (clock or HandClock()).clock, Random(1), retention_days=10)


def swept(table: MemoryDynamoDB) -> None:
    Sweeper(table, "ledger", HandClock().clock, Random(1)).sweep(AFTER_LEASE)


def test_a_call_is_reserved_then_settled() -> None:
    table = MemoryDynamoDB()
    ledger = ledger_on(table)

    ledger.reserve(CALL)
    is_settled = ledger.settle(CALL, record())

    row = ledger.read(CALL.request_id)
    assert is_settled
    assert row is not None
    assert (row["st"], row["act"], row["est"], row["ce"]) == ("S", COST, CALL.bound, CALL.estimate)
    assert (row["it"], row["cr"], row["ot"], row["rs"]) == (11, 3, 5, 2)
    assert table.calls == ["PutItem", "UpdateItem", "GetItem"]


def test_a_call_nobody_reserved_is_not_there() -> None:
    assert ledger_on(MemoryDynamoDB()).read("nobody") is None


@pytest.mark.fault("D10")
def test_a_record_may_expire_only_once_it_is_settled() -> None:
    table = MemoryDynamoDB()
    ledger = ledger_on(table)

    ledger.reserve(CALL)
    reserved = ledger.read(CALL.request_id) or {}
    ledger.settle(CALL, record())
    settled = ledger.read(CALL.request_id) or {}

    assert "exp" not in reserved
    assert settled["exp"] == CALL.started_ms // 1000 + 10 * 86_400


@pytest.mark.fault("L06")
@pytest.mark.parametrize("tells", [True, False])
def test_the_same_event_delivered_twice_is_refused(tells: bool) -> None:
    table = MemoryDynamoDB(tells)
    ledger_on(table).reserve(CALL)

    with pytest.raises(DuplicateCall) as caught:
        ledger_on(table).reserve(reservation(nonce="nonce-2"))

    assert caught.value.status == 409
    assert CALL.request_id in caught.value.message


@pytest.mark.fault("D06")
def test_a_second_reservation_changes_nothing_whatever_it_holds() -> None:
    table = MemoryDynamoDB()
    ledger_on(table).reserve(CALL)
    before = dict(table.items)

    for other in (reservation(nonce="nonce-2"), reservation(nonce="nonce-3", route="other", bound=1)):
        with pytest.raises(DuplicateCall):
            ledger_on(table).reserve(other)

    assert table.items == before


@pytest.mark.fault("D03")
@pytest.mark.parametrize("tells", [True, False])
def test_a_reservation_whose_answer_was_lost_is_our_own(tells: bool) -> None:
    table = MemoryDynamoDB(tells)
    table.after = [lost()]

    ledger_on(table).reserve(CALL)

    assert table.calls[:2] == ["PutItem", "PutItem"]


@pytest.mark.fault("D03")
@pytest.mark.parametrize("tells", [True, False])
def test_a_settlement_whose_answer_was_lost_is_done_once(tells: bool) -> None:
    table = MemoryDynamoDB(tells)
    ledger = ledger_on(table)
    ledger.reserve(CALL)
    table.after = [lost()]

    is_settled = ledger.settle(CALL, record())

    assert is_settled
    assert table.calls.count("UpdateItem") == 2


@pytest.mark.fault("D01")
def test_a_throttled_reservation_gives_up_within_two_seconds() -> None:
    clock = HandClock(now=0.0)
    table = MemoryDynamoDB()
    table.before = [throttled()] * 1000

    with pytest.raises(LedgerBusy) as caught:
        ledger_on(table, clock).reserve(CALL)

    assert clock.seconds < 2.0
    assert (caught.value.status, caught.value.code) == (503, "ledger_busy")
    assert int(caught.value.headers["retry-after"]) > 0
    assert table.items == {}


@pytest.mark.fault("D11")
@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException", "ValidationException"])
def test_a_reservation_that_can_never_work_fails_at_once_and_closed(
    code: str, caplog: pytest.LogCaptureFixture
) -> None:
    clock = HandClock(now=0.0)
    table = MemoryDynamoDB()
    table.before = [failure(code)]

    with pytest.raises(Unavailable) as caught:
        ledger_on(table, clock).reserve(CALL)

    assert not isinstance(caught.value, LedgerBusy)
    assert "retry-after" not in caught.value.headers
    assert clock.slept == []
    assert f"ledger.refused: table ledger, {code}" in caplog.text


def test_what_the_caller_reads_names_no_table_and_no_reason() -> None:
    table = MemoryDynamoDB()
    table.before = [DENIED]

    with pytest.raises(Unavailable) as caught:
        ledger_on(table).reserve(CALL)

    assert caught.value.message == "the ledger cannot be used; nothing was sent to a provider"


@pytest.mark.parametrize(
    "break_it", [lambda table: table.before.extend([throttled()] * 1000), lambda table: table.before.append(DENIED)]
)
def test_settling_never_raises(break_it: Callable[[MemoryDynamoDB], None], caplog: pytest.LogCaptureFixture) -> None:
    clock = HandClock(now=0.0)
    table = MemoryDynamoDB()
    ledger = ledger_on(table, clock)
    ledger.reserve(CALL)
    break_it(table)

    is_settled = ledger.settle(CALL, record(), budget_seconds=1.0)

    assert not is_settled
    assert clock.seconds < 1.0
    assert "ledger.unsettled" in caplog.text


def test_settling_what_was_never_reserved_writes_nothing() -> None:
    table = MemoryDynamoDB()

    is_settled = ledger_on(table).settle(CALL, record())

    assert not is_settled
    assert table.items == {}


@pytest.mark.parametrize("is_over", [True, False])
def test_settling_a_call_of_another_execution_writes_nothing(is_over: bool) -> None:
    table = MemoryDynamoDB()
    ledger = ledger_on(table)
    ledger.reserve(CALL)
    if is_over:
        ledger.settle(CALL, record())
    before = ledger.read(CALL.request_id)

    is_settled = ledger.settle(reservation(nonce="nonce-2"), record(cost=1))

    assert not is_settled
    assert ledger.read(CALL.request_id) == before


@pytest.mark.fault("L05")
def test_late_exact_figures_lift_what_the_sweeper_settled_once() -> None:
    table = MemoryDynamoDB()
    ledger = ledger_on(table)
    ledger.reserve(CALL)
    swept(table)
    abandoned = ledger.read(CALL.request_id) or {}

    first = ledger.settle(CALL, record())
    second = ledger.settle(CALL, record(cost=1))

    lifted = ledger.read(CALL.request_id) or {}
    assert (abandoned["st"], abandoned["act"], abandoned["src"]) == ("A", CALL.bound, "estimated")
    assert (lifted["st"], lifted["act"], lifted["src"], lifted["oc"]) == ("S", COST, "provider", "complete")
    assert (first, second) == (True, True)


def test_a_lift_to_an_unknown_cost_takes_the_bound_away() -> None:
    table = MemoryDynamoDB()
    ledger = ledger_on(table)
    ledger.reserve(CALL)
    swept(table)

    ledger.settle(CALL, record(cost=None))

    assert "act" not in (ledger.read(CALL.request_id) or {})


@pytest.mark.fault("D09")
def test_a_settlement_repeated_after_eleven_minutes_changes_nothing() -> None:
    clock = HandClock()
    table = MemoryDynamoDB()
    ledger = ledger_on(table, clock)
    ledger.reserve(CALL)
    ledger.settle(CALL, record())
    before = {key: dict(item) for key, item in table.items.items()}

    clock.seconds += 660
    is_settled = ledger.settle(CALL, record(cost=1))

    assert is_settled
    assert table.items == before


def test_reading_a_broken_ledger_is_an_unavailable_part() -> None:
    table = MemoryDynamoDB()
    table.before = [throttled()] * 1000

    with pytest.raises(LedgerBusy):
        ledger_on(table).read(CALL.request_id)


@pytest.fixture(autouse=True)
def _errors_are_captured(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
