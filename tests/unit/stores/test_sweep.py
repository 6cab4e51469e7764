"""Sweeps over a table in memory: only what has expired, each of it once, and one failure does not stop the rest."""

import logging
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
from tests.fakes.memory_dynamodb import MemoryDynamoDB, failure, lost, throttled
from tests.unit.stores.calls import BOUND, ESTIMATE, HandClock, hold, record, reservation

from sluice.domain.record import Reservation
from sluice.stores import sweep
from sluice.stores.ledger import Ledger
from sluice.stores.sweep import Sweeper, SweepResult
from sluice.stores.table import SHARDS, shard

CALLS = tuple(reservation(request_id=f"call-{number}") for number in range(12))
NOW = CALLS[0].lease + 1


def table_with(*calls: Reservation) -> MemoryDynamoDB:
    table = MemoryDynamoDB()
    table.page_size = 1
    ledger = Ledger(table, "ledger", HandClock().clock, Random(1))
    for call in calls:
        ledger.reserve(call)
    return table


def sweeper_on(table: MemoryDynamoDB, clock: HandClock | None = None) -> Sweeper:
    return Sweeper(table, "ledger", (clock or HandClock()).clock, Random(1), retention_days=10)


def statuses(table: MemoryDynamoDB) -> set[str]:
    return {str(item["st"]["S"]) for item in table.items.values()}


def test_every_expired_call_is_settled_over_shards_and_pages() -> None:
    table = table_with(*CALLS)

    swept = sweeper_on(table).sweep(NOW)

    assert swept == SweepResult(settled=12)
    assert {item["oc"]["S"] for item in table.items.values()} == {"abandoned"}
    assert {item["exp"]["N"] for item in table.items.values()} == {str(NOW + 10 * 86_400)}
    assert not any("opk" in item or "osk" in item for item in table.items.values())


def test_a_second_sweep_finds_nothing() -> None:
    table = table_with(*CALLS)
    sweeper_on(table).sweep(NOW)

    assert sweeper_on(table).sweep(NOW + 60) == SweepResult()


@pytest.mark.fault("L07")
@pytest.mark.parametrize("before", [0, 1, 300])
def test_a_call_whose_lease_runs_is_left_alone(before: int) -> None:
    table = table_with(CALLS[0])

    swept = sweeper_on(table).sweep(CALLS[0].lease - before)

    assert swept == SweepResult()
    assert statuses(table) == {"R"}


@pytest.mark.fault("D10")
def test_the_item_decides_where_the_index_lags() -> None:
    settled, running = CALLS[0], CALLS[1]
    table = table_with(settled, running)
    stale = {key: dict(item) for key, item in table.items.items()}
    Ledger(table, "ledger", HandClock().clock, Random(1)).settle(settled, record())
    at = f"R#{settled.request_id}", "R"
    table.items[at].update({name: stale[at][name] for name in ("opk", "osk")})
    table.items[f"R#{running.request_id}", "R"]["lease"] = {"N": str(NOW + 600)}

    swept = sweeper_on(table).sweep(NOW)

    assert swept == SweepResult(skipped=2)
    assert statuses(table) == {"S", "R"}


@pytest.mark.fault("D08")
def test_a_settler_between_read_and_write_wins() -> None:
    table = table_with(CALLS[0])
    table.before = [*[None] * index_of_write(CALLS[0]), failure("ConditionalCheckFailedException")]

    swept = sweeper_on(table).sweep(NOW)

    assert swept == SweepResult(skipped=1)


@pytest.mark.fault("D11")
@pytest.mark.parametrize("name", ["pr", "ts", "lease"])
def test_a_corrupt_row_is_counted_named_and_left(name: str, caplog: pytest.LogCaptureFixture) -> None:
    table = table_with(CALLS[0], CALLS[1])
    table.items["R#call-0", "R"][name] = {"BOOL": True} if name == "pr" else {"S": "soon"}

    with caplog.at_level(logging.ERROR):
        swept = sweeper_on(table).sweep(NOW)

    assert swept == SweepResult(settled=1, failed=1)
    assert "sweep.corrupt: call-0" in caplog.text


def test_a_write_that_fails_is_counted_and_the_rest_is_done(caplog: pytest.LogCaptureFixture) -> None:
    table = table_with(*CALLS[:3])
    first = min(CALLS[:3], key=lambda call: index_of_write(call))
    table.before = [*[None] * index_of_write(first), failure("AccessDeniedException")]

    with caplog.at_level(logging.ERROR):
        swept = sweeper_on(table).sweep(NOW)

    assert swept == SweepResult(settled=2, failed=1)
    assert f"sweep.failed: {first.request_id}, AccessDeniedException" in caplog.text


def test_a_shard_that_cannot_be_queried_is_one_failure() -> None:
    table = table_with()
    table.before = [failure("AccessDeniedException")]

    assert sweeper_on(table).sweep(NOW) == SweepResult(failed=1)


@pytest.mark.fault("D03")
def test_a_write_whose_answer_was_lost_takes_effect_once() -> None:
    table = table_with(CALLS[0])
    table.after = [*[None] * index_of_write(CALLS[0]), lost()]

    swept = sweeper_on(table).sweep(NOW)

    assert swept == SweepResult(skipped=1)
    assert statuses(table) == {"A"}


def test_a_sweep_that_takes_too_long_leaves_the_rest_to_the_next() -> None:
    clock = HandClock()
    table = table_with(*CALLS)

    class Slow(MemoryDynamoDB):
        def get_item(self, **arguments: Any) -> Mapping[str, Any]:
            clock.seconds += sweep.SWEEP_SECONDS / 4
            return super().get_item(**arguments)

    slow = Slow()
    slow.page_size = 3
    slow.items = table.items

    swept = sweeper_on(slow, clock).sweep(NOW)
    rest = sweeper_on(table, clock).sweep(NOW)

    assert (swept.settled, swept.failed) == (4, 0)
    assert 0 < swept.left <= 8
    assert rest == SweepResult(settled=8)


def test_an_outage_ends_the_sweep_soon() -> None:
    clock = HandClock(now=0.0)
    table = table_with(*CALLS)
    table.before = [throttled()] * 100_000

    swept = sweeper_on(table, clock).sweep(NOW)

    assert swept == SweepResult(failed=SHARDS + 1)
    assert clock.seconds < (SHARDS + 1) * sweep.CALL_SECONDS


HOT = tuple(reservation(request_id=f"hot-{number}", holds=(hold(is_hot=True),)) for number in range(3))
BUDGET = f"B#{HOT[0].holds[0].key}", HOT[0].holds[0].period


def amounts(table: MemoryDynamoDB) -> tuple[int, int, int]:
    row = table.row(*BUDGET)
    return row["u"], row["r"], row["w"]


@pytest.mark.parametrize("is_hot", [True, False])
def test_a_budget_is_charged_the_most_with_the_call_that_it_paid_for(is_hot: bool) -> None:
    table = table_with(*(reservation(request_id=f"{n}", holds=(hold(is_hot=is_hot),)) for n in range(3)))

    swept = sweeper_on(table).sweep(NOW)

    assert swept == SweepResult(settled=3)
    assert amounts(table) == (3 * BOUND, 0, 3 * BOUND)
    assert not [name for name in table.row(*BUDGET) if name.startswith("h")]


def test_an_entry_without_a_record_is_released_and_one_that_is_open_is_left() -> None:
    table = table_with(*HOT[:2], reservation(request_id="later", lease=NOW + 60, holds=HOT[0].holds))
    del table.items["R#hot-0", "R"]

    first, second = sweeper_on(table).sweep(NOW), sweeper_on(table).sweep(NOW)

    assert (first, second) == (SweepResult(settled=1, repaired=1), SweepResult())
    assert amounts(table) == (BOUND + ESTIMATE, ESTIMATE, 2 * BOUND)


def test_an_entry_of_another_execution_than_the_record_is_released() -> None:
    table = table_with(HOT[0])
    table.items["R#hot-0", "R"]["nn"] = {"S": "other-nonce"}
    table.items["R#hot-0", "R"]["lease"] = {"N": str(NOW + 60)}

    assert sweeper_on(table).sweep(NOW) == SweepResult(skipped=1, repaired=1)
    assert amounts(table) == (0, 0, 0)


def test_what_cannot_be_repaired_is_counted_and_the_rest_is_done(caplog: pytest.LogCaptureFixture) -> None:
    table = table_with(*HOT)
    for call in HOT:
        del table.items[f"R#{call.request_id}", "R"]
    table.before = [*[None] * (SHARDS + 3), failure("AccessDeniedException")]

    with caplog.at_level(logging.ERROR):
        swept = sweeper_on(table).sweep(NOW)

    assert swept == SweepResult(repaired=2, failed=1)
    assert "sweep.unrepaired: call hot-0 in budget developers#0123456789ab, AccessDeniedException" in caplog.text


def test_a_hot_row_that_cannot_be_read_is_one_failure(caplog: pytest.LogCaptureFixture) -> None:
    table = table_with(HOT[0])
    del table.items["R#hot-0", "R"]
    table.before = [*[None] * (SHARDS + 1), failure("AccessDeniedException")]

    with caplog.at_level(logging.ERROR):
        assert sweeper_on(table).sweep(NOW) == SweepResult(failed=1)
    assert f"sweep.unrepaired: budget {BUDGET[0]}" in caplog.text


@pytest.mark.fault("D11")
def test_a_call_whose_budgets_cannot_be_read_is_named_and_left(caplog: pytest.LogCaptureFixture) -> None:
    table = table_with(reservation(request_id="call-0", holds=(hold(),)))
    table.items["R#call-0", "R"]["bud"] = {"L": [{"S": "what"}]}

    with caplog.at_level(logging.ERROR):
        assert sweeper_on(table).sweep(NOW) == SweepResult(failed=1)
    assert "sweep.corrupt: call-0" in caplog.text


def index_of_write(call: Reservation) -> int:
    """How many operations come before the write that settles this call, were it alone: its shard's queries, a read."""
    return shard(call.request_id) + 2
