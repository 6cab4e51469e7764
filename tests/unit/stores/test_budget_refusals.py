"""What a caller is told whose budget has no room."""

from typing import Any

import pytest
from tests.unit.stores.calls import hold, strict

from sluice.domain.errors import BudgetExceeded, Unavailable
from sluice.stores.budget_refusals import dollars, refusal, too_large

NOW = 1_796_083_200 - 3600
CENT = 10**7
MONTHLY = hold(limit=5000 * CENT, ceiling=5500 * CENT, reserved=CENT, worst=4 * CENT, fallback="cheap")


def refused(one: Any, **row: int) -> BudgetExceeded:
    error = refusal(one, row, NOW)
    assert isinstance(error, BudgetExceeded)
    return error


def test_a_spent_budget_says_which_how_much_and_when_it_begins_anew() -> None:
    error = refused(MONTHLY, u=5000 * CENT, r=0, w=5000 * CENT)

    assert error.message == (
        "the budget developers ($50.00 a month) is spent: $50.00 of it are used or reserved, "
        "and this call takes $0.01 and at most $0.04; it begins anew 2026-12-01T00:00:00Z"
    )
    assert error.headers == {
        "x-should-retry": "false",
        "retry-after": "3600",
        "x-sluice-budget-resets-at": "2026-12-01T00:00:00Z",
    }
    assert (error.resets_at, error.fallback, error.is_false) == (MONTHLY.resets_at, "cheap", False)


def test_a_budget_for_ever_does_not_begin_anew() -> None:
    error = refused(hold(period="T", limit=CENT, ceiling=CENT, resets_at=None), u=CENT, r=0, w=CENT)

    assert error.message.startswith("the budget developers ($0.01 in all) is spent")
    assert error.message.endswith("; it does not begin anew")
    assert error.headers == {"x-should-retry": "false"}


def test_a_ceiling_that_is_reached_is_told_too() -> None:
    one = hold(limit=5000 * CENT, ceiling=5010 * CENT, reserved=CENT, worst=40 * CENT)

    error = refused(one, u=4990 * CENT, r=0, w=5005 * CENT)

    assert (
        "is spent: $49.90 of it are used or reserved, at worst $50.05 of $50.10, and this call takes" in error.message
    )


def test_what_calls_under_way_hold_may_come_back_soon() -> None:
    error = refused(MONTHLY, u=5000 * CENT, r=1000 * CENT, w=5000 * CENT)

    assert error.message == (
        "the budget developers ($50.00 a month) is held by calls under way: $40.00 of it are spent and $10.00 "
        "reserved, and this call takes $0.01 and at most $0.04; try again when they have ended"
    )
    assert error.headers == {"x-should-retry": "true", "retry-after": "2"}
    assert error.is_false


@pytest.mark.parametrize(("settled", "is_false"), [(4499, True), (4500, False), (5000, False)])
def test_a_refusal_is_false_where_less_than_nine_tenths_are_spent(settled: int, is_false: bool) -> None:
    error = refused(MONTHLY, u=5000 * CENT, r=(5000 - settled) * CENT, w=5000 * CENT)

    assert error.is_false is is_false


def test_what_never_fits_is_told_what_would() -> None:
    error = too_large(strict(CENT, 3 * CENT, name="small", fallback="cheap"))

    assert error.message == (
        "the budget small ($0.01 a month) never has room for this call, which takes $0.03; "
        "ask for fewer output tokens, or for a cheaper model"
    )
    assert (error.headers, error.fallback, error.is_false) == ({"x-should-retry": "false"}, "cheap", False)


@pytest.mark.fault("D11")
def test_a_row_that_cannot_be_true_is_no_refusal_but_a_damage() -> None:
    error = refusal(MONTHLY, {"u": -1, "r": 0, "w": 0}, NOW)

    assert isinstance(error, Unavailable)
    assert "the budget developers cannot be read" in error.message


@pytest.mark.parametrize(
    ("nano", "text"), [(0, "$0.00"), (1, "$0.000000001"), (700_000, "$0.0007"), (10**9, "$1.00"), (15 * 10**8, "$1.50")]
)
def test_dollars_are_exact(nano: int, text: str) -> None:
    assert dollars(nano) == text
