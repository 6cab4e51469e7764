"""Budgets on real engines: exact to the nano-dollar, however many callers race and whoever dies.

What holds everywhere: when nothing is open any more, each budget's row is the sum of what the records say that it was
charged. SLUICE_ROUNDS is how often the crowd comes.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

import pytest
from tests.engines import LedgerTable
from tests.integration.budget_rows import amounts, assert_even, budget, edit, forget, move, place
from tests.integration.test_ledger import JOIN_SECONDS, at_once
from tests.unit.stores.calls import (
    BOUND,
    COST,
    ESTIMATE,
    LEASE,
    HandClock,
    hold,
    record,
    reservation,
    strict,
)

from sluice.domain.errors import BudgetExceeded, DuplicateCall, InvalidKey, LedgerBusy, Unavailable
from sluice.domain.hold import Hold
from sluice.domain.record import Reservation
from sluice.stores import table
from sluice.stores.ledger import Ledger
from sluice.stores.sweep import SweepResult

ROUNDS = int(os.environ.get("SLUICE_ROUNDS", "1"))
CALLERS = 100
TRIES = 10
WORST = 7_000_001
FITTING = 50  # of the crowd, by arithmetic
LIMIT = FITTING * WORST + WORST - 1
AFTER_LEASE = LEASE + 1
SWEEPERS = 6
KEY = "abcdefghijkl"
LEVELS = (
    hold(key="person#0123456789ab", name="person"),
    hold(key="team#0123456789ab", name="team", period="D20261120"),
    hold(key="all#0123456789ab", name="all", period="T", resets_at=None, expires=None),
)


@pytest.mark.fault("C01")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("is_hot", [False, True], ids=["together", "hot"])
def test_of_a_hundred_callers_at_once_as_many_are_let_in_as_arithmetic_says(
    exact_table: LedgerTable, is_hot: bool
) -> None:
    ledgers = [exact_table.ledger(clock=HandClock().clock, seed=number) for number in range(CALLERS)]
    for turn in range(ROUNDS):
        one = strict(LIMIT, WORST, key=f"round-{turn}#0123456789ab", is_hot=is_hot)
        calls = [call(f"{turn}-{number}", one) for number in range(CALLERS)]

        told = at_once([partial(reserve, *pair) for pair in zip(ledgers, calls, strict=True)])

        row = budget(exact_table, one)
        assert (told.count("reserved"), told.count("refused")) == (FITTING, CALLERS - FITTING)
        assert (row["u"], row["r"], row["w"]) == (FITTING * WORST,) * 3
        assert row["u"] <= LIMIT  # and LIMIT holds not one call more
        settled = at_once([partial(settle, *pair) for pair in zip(ledgers, calls, strict=True)])
        assert settled.count(True) == FITTING
        assert_even(exact_table, calls, one)


@pytest.mark.fault("C02")
def test_what_costs_more_than_was_reserved_is_charged_exactly(ledger_table: LedgerTable) -> None:
    one = hold(limit=1000, ceiling=1900, reserved=300, worst=600)
    ledger, calls = ledger_table.ledger(), [call(f"call-{number}", one) for number in range(4)]

    told = [reserve(ledger, each) for each in calls]
    row = budget(ledger_table, one)
    for each in calls[:3]:
        ledger.settle(each, record(charges=(599,)))
    after = budget(ledger_table, one)

    assert told == ["reserved", "reserved", "reserved", "refused"]
    assert (row["u"], row["r"], row["w"]) == (900, 900, 1800)
    assert (after["u"], after["r"], after["w"]) == (1797, 0, 1797)
    assert after["u"] - one.limit <= one.ceiling - one.limit
    assert_even(ledger_table, calls, one)


def test_the_ceiling_refuses_what_the_limit_would_let_in(ledger_table: LedgerTable) -> None:
    one = hold(limit=1000, ceiling=1100, reserved=100, worst=600)
    ledger = ledger_table.ledger()

    told = [reserve(ledger, call(f"call-{number}", one)) for number in range(2)]

    assert told == ["reserved", "refused"]


@pytest.mark.fault("C03")
def test_a_call_over_the_end_of_a_window_is_charged_to_the_one_it_began_in(ledger_table: LedgerTable) -> None:
    before, after = hold(period="D20261120"), hold(period="D20261121")
    early, late = call("early", before), call("late", after)
    ledger = ledger_table.ledger()

    ledger.reserve(early)
    ledger.reserve(late)
    ledger.settle(late, record(charges=(5,)))
    ledger.settle(early, record(charges=(7,)))

    assert [amounts(ledger_table, one) for one in (before, after)] == [(7, 0, 7), (5, 0, 5)]
    assert_even(ledger_table, [early, late], before, after)


@pytest.mark.fault("C04")
@pytest.mark.parametrize("is_hot", [False, True], ids=["together", "hot"])
def test_what_failed_before_a_provider_was_asked_gives_all_of_it_back(ledger_table: LedgerTable, is_hot: bool) -> None:
    one = hold(is_hot=is_hot, reserved=123_456_789, worst=1_234_567_891)
    ledger, kept, failed = ledger_table.ledger(), call("kept", one), call("failed", one)
    ledger.reserve(kept)
    before = amounts(ledger_table, one)

    ledger.reserve(failed)
    ledger.settle(failed, record(cost=0, charges=(0,)))

    assert amounts(ledger_table, one) == before
    ledger.settle(kept, record(charges=(1,)))
    assert_even(ledger_table, [kept, failed], one)


@pytest.mark.fault("C08")
def test_each_budget_is_charged_its_own_and_an_unknown_cost_at_worst(ledger_table: LedgerTable) -> None:
    each = call("call", *LEVELS)
    ledger = ledger_table.ledger()
    ledger.reserve(each)

    is_settled = ledger.settle(each, record(cost=None, charges=(COST, 0, LEVELS[2].worst)))

    assert is_settled
    assert [amounts(ledger_table, one)[0] for one in LEVELS] == [COST, 0, BOUND]
    assert (ledger.read("call") or {})["bud"] == [
        f"{one.key} {one.period} {charge}" for one, charge in zip(LEVELS, (COST, 0, BOUND), strict=True)
    ]


def test_of_several_budgets_none_is_touched_where_one_refuses(ledger_table: LedgerTable) -> None:
    full = replace(LEVELS[2], limit=ESTIMATE, ceiling=BOUND)
    ledger = ledger_table.ledger()
    ledger.reserve(call("first", full))

    with pytest.raises(BudgetExceeded) as caught:
        ledger.reserve(call("second", *LEVELS[:2], full))

    assert "the budget all ($0.0007 in all) is held" in caught.value.message
    assert ledger.read("second") is None
    assert [budget(ledger_table, one) for one in LEVELS[:2]] == [{}, {}]


def test_a_budget_in_the_shadow_counts_and_refuses_nothing(ledger_table: LedgerTable) -> None:
    one = hold(limit=1, ceiling=1, reserved=5, worst=9, is_enforced=False)
    calls = [call("first", one), call("second", one)]
    ledger = ledger_table.ledger()

    told = [reserve(ledger, each) for each in calls]

    assert told == ["reserved", "reserved"]
    assert amounts(ledger_table, one) == (10, 10, 18)


def test_what_can_never_fit_is_refused_without_a_question(ledger_table: LedgerTable) -> None:
    with pytest.raises(BudgetExceeded) as caught:
        ledger_table.ledger("http://127.0.0.1:9").reserve(call("call", strict(WORST - 1, WORST)))

    assert caught.value.headers == {"x-should-retry": "false"}


def test_a_row_tells_what_it_is_of_and_when_it_may_go(ledger_table: LedgerTable) -> None:
    one = hold()
    ledger_table.ledger().reserve(call("call", one))

    row = budget(ledger_table, one)

    expected = {"nm": one.name, "of": one.of, "lim": one.limit, "ceil": one.ceiling, "rs": one.resets_at}
    assert {name: row[name] for name in expected} == expected
    assert row["exp"] == one.expires
    assert not {"opk", "osk"} & row.keys()


@pytest.mark.fault("L06")
@pytest.mark.timeout(2 * JOIN_SECONDS)
@pytest.mark.parametrize("is_hot", [False, True], ids=["together", "hot"])
def test_an_event_delivered_eight_times_at_once_is_charged_once(exact_table: LedgerTable, is_hot: bool) -> None:
    one = hold(is_hot=is_hot)
    deliveries = [replace(call("call", one), nonce=f"{number:08d}-nonce") for number in range(8)]
    ledgers = [exact_table.ledger(seed=number) for number in range(8)]

    told = at_once([partial(reserve, *pair) for pair in zip(ledgers, deliveries, strict=True)])
    first = deliveries[told.index("reserved")]
    ledgers[0].settle(first, record(charges=(COST,)))

    assert sorted(told) == ["duplicate"] * 7 + ["reserved"]
    assert_even(exact_table, [first], one)
    assert amounts(exact_table, one) == (COST, 0, COST)


@pytest.mark.fault("D11")
@pytest.mark.parametrize("is_hot", [False, True], ids=["together", "hot"])
@pytest.mark.parametrize(
    "damage",
    [{"u": {"N": "-1"}}, {"u": {"S": "12"}}, {"w": {"N": "-5"}}, {"r": {"N": "-5"}}, {"r": {"S": "none"}}, {"u": None}],
    ids=str,
)
def test_a_damaged_row_fails_closed_for_its_callers_and_for_nobody_else(
    exact_table: LedgerTable, damage: dict[str, Any], is_hot: bool
) -> None:
    one, other = hold(is_hot=is_hot), hold(key="others#0123456789ab", is_hot=is_hot)
    ledger = exact_table.ledger()
    ledger.reserve(call("first", one))
    edit(exact_table, one, damage)

    with pytest.raises(Unavailable) as caught:
        ledger.reserve(call("second", one))
    ledger.reserve(call("third", other))

    assert caught.value.message.startswith("the budget developers cannot be read: its row is damaged")
    assert ledger.read("second") is None


@pytest.mark.fault("D11")
@pytest.mark.parametrize("damage", [{"u": {"N": "-1"}}, {"r": {"S": "none"}}], ids=str)
def test_a_damaged_row_in_the_shadow_refuses_nothing(exact_table: LedgerTable, damage: dict[str, Any]) -> None:
    shadow, one = hold(key="shadow#0123456789ab", is_enforced=False), hold()
    ledger, first, second = exact_table.ledger(), call("first", shadow), call("second", shadow, one)
    ledger.reserve(first)
    edit(exact_table, shadow, damage)
    before = budget(exact_table, shadow)

    ledger.reserve(second)
    is_settled = ledger.settle(second, record(charges=(COST, COST)))

    assert is_settled
    assert budget(exact_table, shadow) == before
    assert_even(exact_table, [second], one)


@pytest.mark.fault("D11")
@pytest.mark.parametrize("is_hot", [False, True], ids=["together", "hot"])
def test_a_row_that_somebody_removed_holds_no_record_up_and_does_not_go_below_nothing(
    ledger_table: LedgerTable, is_hot: bool
) -> None:
    one = hold(is_hot=is_hot)
    ledger, settled, swept = ledger_table.ledger(), call("settled", one), call("swept", one)
    ledger.reserve(settled)
    ledger.reserve(swept)
    ledger_table.client().delete_item(TableName=ledger_table.name, Key=table.item(place(one)))

    is_settled = ledger.settle(settled, record(charges=(COST,)))
    result = ledger_table.sweeper().sweep(AFTER_LEASE)
    is_lifted = ledger.settle(swept, record(charges=(COST,)))

    assert (is_settled, result.settled, is_lifted) == (True, 1, True)
    assert budget(ledger_table, one) == {}


@pytest.mark.parametrize("status", ["A", "R", None])
def test_a_virtual_key_has_to_be_good_when_the_call_is_written(ledger_table: LedgerTable, status: str | None) -> None:
    if status:
        item = table.item({"pk": f"K#{KEY}", "sk": "K", "st": status})
        ledger_table.client().put_item(TableName=ledger_table.name, Item=item)
    each = replace(call("call", hold()), key_id=KEY)
    ledger = ledger_table.ledger()

    if status == "A":
        ledger.reserve(each)
    else:
        with pytest.raises(InvalidKey):
            ledger.reserve(each)

    assert (ledger.read("call") is not None) is (status == "A")
    assert (budget(ledger_table, hold()) != {}) is (status == "A")


@pytest.mark.fault("D08")
@pytest.mark.timeout(2 * JOIN_SECONDS)
@pytest.mark.parametrize("is_hot", [False, True], ids=["together", "hot"])
def test_six_sweepers_and_late_settlers_charge_each_call_once(exact_table: LedgerTable, is_hot: bool) -> None:
    one = hold(is_hot=is_hot)
    calls, ledgers = [call(f"call-{n}", one) for n in range(12)], [exact_table.ledger(seed=n) for n in range(3)]
    for each in calls:
        ledgers[0].reserve(each)
    sweepers = [exact_table.sweeper(seed=number) for number in range(SWEEPERS)]

    late = [partial(settle_all, ledger, calls[number::3]) for number, ledger in enumerate(ledgers)]
    results = at_once([*(partial(each.sweep, AFTER_LEASE, page_size=5) for each in sweepers), *late])

    assert not any(result.failed for result in results[:SWEEPERS])
    assert all(all(told) for told in results[SWEEPERS:])
    exact_table.sweeper().sweep(AFTER_LEASE)
    assert amounts(exact_table, one) == (12 * COST, 0, 12 * COST)
    assert_even(exact_table, calls, one)


@pytest.mark.parametrize("is_hot", [False, True], ids=["together", "hot"])
def test_an_abandoned_call_is_charged_the_most_and_lifted_to_what_it_cost_once(
    ledger_table: LedgerTable, is_hot: bool
) -> None:
    one = hold(is_hot=is_hot)
    ledger, each = ledger_table.ledger(), call("call", one)
    ledger.reserve(each)

    swept = ledger_table.sweeper().sweep(AFTER_LEASE)
    at_worst = amounts(ledger_table, one)
    lifts = [ledger.settle(each, record(charges=(COST,))) for _ in range(2)]

    assert swept == SweepResult(settled=1)
    assert at_worst == (BOUND, 0, BOUND)
    assert lifts == [True, True]
    assert amounts(ledger_table, one) == (COST, 0, COST)
    assert_even(ledger_table, [each], one)


def test_a_hot_row_lists_what_is_open_and_the_sweeper_repairs_what_was_left_in_it(ledger_table: LedgerTable) -> None:
    one = hold(is_hot=True)
    ledger, orphan, half = ledger_table.ledger(), call("orphan", one), call("half", one)
    for each in (orphan, half, running := replace(call("running", one), lease=AFTER_LEASE + 60)):
        ledger.reserve(each)
    listed = {name for name in budget(ledger_table, one) if name.startswith("h")}
    forget(ledger_table, orphan)  # as if it had died before it wrote its record
    move(ledger_table, half, charge=COST)  # as if it had died after it had settled its record

    first, second = ledger_table.sweeper().sweep(AFTER_LEASE), ledger_table.sweeper().sweep(AFTER_LEASE)

    assert listed == {"horphan", "hhalf", "hrunning"}
    assert (first, second) == (SweepResult(repaired=2), SweepResult())
    assert amounts(ledger_table, one) == (COST + ESTIMATE, ESTIMATE, COST + BOUND)
    ledger.settle(running, record(charges=(3,)))
    assert_even(ledger_table, [half, running], one)


def test_a_hot_row_whose_window_is_over_is_not_looked_at_for_ever(ledger_table: LedgerTable) -> None:
    one = hold(is_hot=True, resets_at=LEASE - 100)
    ledger, each = ledger_table.ledger(), call("call", one)
    ledger.reserve(each)
    known = "opk" in budget(ledger_table, one)
    ledger.settle(each, record(charges=(COST,)))

    ledger_table.sweeper().sweep(AFTER_LEASE)

    assert known
    assert "opk" not in budget(ledger_table, one)
    assert amounts(ledger_table, one) == (COST, 0, COST)


def call(name: str, *holds: Hold) -> Reservation:
    return reservation(request_id=name, nonce=f"nonce-{name}", holds=holds)


def reserve(ledger: Ledger, each: Reservation) -> str:
    """However slow the machine: a reservation that was not answered in time is made again."""
    for _ in range(TRIES):
        try:
            ledger.reserve(each)
        except BudgetExceeded:
            return "refused"
        except DuplicateCall:
            return "duplicate"
        except LedgerBusy:
            continue
        return "reserved"
    return "busy"


def settle(ledger: Ledger, each: Reservation) -> bool:
    charge = Random(each.request_id).randrange(WORST)
    return ledger.settle(each, record(cost=charge, charges=(charge,)), budget_seconds=20.0)


def settle_all(ledger: Ledger, calls: Sequence[Reservation]) -> list[bool]:
    return [ledger.settle(each, record(charges=(COST,)), budget_seconds=20.0) for each in calls]
