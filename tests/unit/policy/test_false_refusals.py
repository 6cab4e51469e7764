"""What budgets cost those who are refused too early, and those who pay: a mixed load of agents on budgets that run out.

A refusal is false while less than nine tenths of the limit are spent. `pytest -s` shows the figures, those of
docs/policies.md with `SLUICE_LOADS=5`: so many loads of each size.
"""

import os
from collections.abc import Sequence

import pytest
from tests.unit.policy.agents import MODELS, Load, Outcome, Totals

from sluice.domain.policy import Estimate

LOADS = int(os.environ.get("SLUICE_LOADS", "1"))
SIZES = ((5, 40), (10, 55), (20, 70), (50, 80), (100, 90), (500, 100))  # dollars, agents at once


@pytest.fixture(scope="module")
def typical() -> list[Outcome]:
    return run(Estimate.TYPICAL, SIZES)


def run(estimate: Estimate, sizes: Sequence[tuple[int, int]]) -> list[Outcome]:
    """One after the other in one table, so that what models cost is learned once."""
    totals = Totals()
    outcomes = [
        Load(seed, agents, totals, usd=limit, estimate=estimate).run()
        for seed in range(LOADS)
        for limit, agents in sizes
    ]
    print()
    for limit, agents in sizes:
        print(f"{estimate}, ${limit}, {agents} agents: {told([one for one in outcomes if one.agents == agents])}")
    print(f"{estimate}, all: {told(outcomes)}")
    return outcomes


def told(outcomes: Sequence[Outcome]) -> str:
    at_once = max(one.at_once for one in outcomes)
    above = max(0.0, *(one.overshoot / one.budget.limit for one in outcomes))
    calls = sum(one.calls for one in outcomes)
    return f"{calls} calls, up to {at_once} at once, {share(outcomes):.2%} refused falsely, {above:.1%} above the limit"


def share(outcomes: Sequence[Outcome]) -> float:
    return sum(one.refused_falsely for one in outcomes) / sum(one.calls for one in outcomes)


def test_few_calls_are_refused_while_a_budget_has_room(typical: list[Outcome]) -> None:
    assert share(typical) < 0.02


def test_budgets_that_are_large_beside_what_is_under_way_refuse_nobody_falsely(typical: list[Outcome]) -> None:
    assert all(one.false_share < 0.005 for one in typical if one.budget.limit >= 100 * 10**9)


def test_all_budgets_run_out(typical: list[Outcome]) -> None:
    assert all(one.refused > one.refused_falsely and one.spent >= 0.9 * one.budget.limit for one in typical)


def test_no_budget_is_spent_beyond_its_stated_overshoot(typical: list[Outcome]) -> None:
    assert all(one.overshoot <= one.budget.overshoot for one in typical)
    assert all(one.overshoot <= 0.1 * one.budget.limit for one in typical)  # what it comes to, beside what could be


@pytest.mark.parametrize("model", MODELS)
def test_an_agent_alone_on_a_small_budget_is_let_spend_it(model: str) -> None:
    outcome = Load(1, 1, Totals(), [model], usd=5).run()

    assert outcome.false_share < 0.02
    assert outcome.spent >= 0.9 * outcome.budget.limit


def test_a_strict_budget_is_never_overrun_and_refuses_more() -> None:
    strict = run(Estimate.STRICT, SIZES[:4:2] if LOADS == 1 else SIZES)

    assert all(one.overshoot <= 0 for one in strict)
    assert share(strict) > 0.02
