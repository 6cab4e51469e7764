"""Sweeps over a table in memory: only what has expired, each of it once, and one failure does not stop the rest."""

import logging
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
from tests.unit.stores.calls import HandClock, record, reservation
from tests.unit.stores.memory_table import MemoryTable, failure, lost, throttled

from sluice.domain.record import Reservation
from sluice.stores import sweep
from sluice.stores.ledger import Ledger
from sluice.stores.sweep import Sweeper, SweepResult
from sluice.stores.table import SHARDS, shard

CALLS = tuple(reservation(request_id=f"call-{number}") for number in range(12))
NOW = CALLS[0].lease + 1


def table_with(*calls: Reservation) -> MemoryTable:
    table = MemoryTable()
    ledger = Ledger(table, "ledger", HandClock().clock, Random(1))
    for call in calls:
        ledger.reserve(call)
    return table


def sweeper_on(table: MemoryTable, clock: HandClock | None = None) -> Sweeper:
    return Sweeper(table, "ledger", (clock or HandClock()).clock, Random(1), retention_days=10)


def statuses(table: MemoryTable) -> set[str]:
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
    table.items[f"R#{settled.request_id}"].update(
        {name: stale[f"R#{settled.request_id}"][name] for name in ("opk", "osk")}
    )
    table.items[f"R#{running.request_id}"]["lease"] = {"N": str(NOW + 600)}

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
    table.items["R#call-0"][name] = {"BOOL": True} if name == "pr" else {"S": "soon"}

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

    class Slow(MemoryTable):
        def get_item(self, **arguments: Any) -> Mapping[str, Any]:
            clock.seconds += sweep.SWEEP_SECONDS / 4
            return super().get_item(**arguments)

    slow = Slow()
    slow.items = table.items

    swept = sweeper_on(slow, clock).sweep(NOW)
    rest = sweeper_on(table, clock).sweep(NOW)

    assert swept == SweepResult(settled=4)
    assert rest == SweepResult(settled=8)


def test_an_outage_ends_the_sweep_soon() -> None:
    clock = HandClock(now=0.0)
    table = table_with(*CALLS)
    table.before = [throttled()] * 100_000

    swept = sweeper_on(table, clock).sweep(NOW)

    assert swept == SweepResult(failed=SHARDS)
    assert clock.seconds < SHARDS * sweep.CALL_SECONDS


def index_of_write(call: Reservation) -> int:
    """How many operations come before the write that settles this call, were it alone: its shard's queries, a read."""
    return shard(call.request_id) + 2
