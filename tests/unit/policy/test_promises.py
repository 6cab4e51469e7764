"""What a budget promises, whoever races: calls in any order, which cost anything up to their bound."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.policy.agents import BudgetRow

from sluice.domain.hold import Hold
from sluice.domain.policy import Budget, Estimate, Window
from sluice.policy.budgets import Demand, holds

LIMIT = 1000


@dataclass
class Calls:
    """Open ones, each with what it will have cost. `spent_most` and `used_most` are the highest there ever were."""

    budget: Budget
    row: BudgetRow = field(default_factory=BudgetRow)
    open: list[tuple[Hold, int]] = field(default_factory=list)
    spent_most: int = 0
    used_most: int = 0

    def begin(self, bound: int, estimate: int, probable: int, charge: int) -> None:
        demand = Demand(self.budget, "all", frozenset({"openai/gpt-5"}))
        (hold,) = holds([demand], bound, estimate, lambda _: probable, 0)
        if self.row.hold(hold):
            self.open.append((hold, min(charge, bound)))
        self._look()

    def end(self, place: int) -> None:
        if self.open:
            self.row.settle(*self.open.pop(place % len(self.open)))
        self._look()

    def _look(self) -> None:
        self.spent_most = max(self.spent_most, self.row.spent)
        self.used_most = max(self.used_most, self.row.used)


AMOUNT = st.integers(0, 700)
STEPS = st.lists(st.tuples(AMOUNT, AMOUNT, AMOUNT, AMOUNT) | st.integers(0, 9), max_size=40)


def run(budget: Budget, steps: list[tuple[int, int, int, int] | int]) -> Calls:
    calls = Calls(budget)
    for step in steps:
        if isinstance(step, int):
            calls.end(step)
        else:
            calls.begin(*step)
    while calls.open:
        calls.end(0)
    assert (calls.row.reserved, calls.row.worst) == (0, calls.row.used)
    return calls


@given(STEPS, st.integers(0, 2000))
def test_typical_is_never_spent_beyond_limit_and_overshoot(
    steps: list[tuple[int, int, int, int] | int], overshoot: int
) -> None:
    calls = run(Budget("typical", LIMIT, Window.DAY, overshoot=overshoot), steps)

    assert calls.spent_most <= LIMIT + overshoot


@given(STEPS)
def test_strict_never_holds_more_than_the_limit(steps: list[tuple[int, int, int, int] | int]) -> None:
    calls = run(Budget("strict", LIMIT, Window.DAY, estimate=Estimate.STRICT), steps)

    assert calls.used_most <= LIMIT
