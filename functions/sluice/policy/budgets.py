"""From budgets to what a call holds in them.

Two amounts are held of each: what the call probably costs within the limit, and the most it can cost within the
ceiling. Under `strict` both are the most, and the ceiling is the limit. Under `typical` the ceiling is higher by the
overshoot that the budget states, which therefore bounds what is ever spent: each call was let in while all open ones
together, at their worst, were below it.

Where the most is unknown, `typical` takes the estimate for it, and the bound does not cover such a call; `strict`
refuses it. Where not even the price is known, both refuse. A budget in the shadow refuses nothing: what it does not
know it counts as nothing.

Days, weeks (ISO 8601, from Monday) and months are those of UTC, and a call belongs to the one in which it was let in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from string import ascii_letters, digits
from typing import NamedTuple

from sluice.domain.errors import BudgetUnpriced
from sluice.domain.hold import Hold
from sluice.domain.policy import Budget, Estimate, Window
from sluice.domain.principal import Principal
from sluice.policy.access import Verdict
from sluice.policy.groups import group

KEPT_SECONDS = 400 * 86_400  # of a budget's row after its window
PLAIN = frozenset(ascii_letters + digits + "._:-")
MOST_SHOWN = 3  # targets in the words of one refusal


@dataclass(frozen=True, slots=True)
class Demand:
    """A budget that a call has to fit into, in the name of `of`, for these targets (`provider/model`)."""

    budget: Budget
    of: str
    targets: frozenset[str]
    is_enforced: bool = True

    @property
    def key(self) -> str:
        """Of its rows: readable, and safe to stand in a list of words."""
        name = "".join(one if one in PLAIN else "_" for one in self.budget.name)
        return f"{name}#{sha256(self.of.encode()).hexdigest()[:12]}"


class Span(NamedTuple):
    """One window: what it is called and when it ends, None for never."""

    period: str
    resets_at: int | None


def demands(principal: Principal, found: Sequence[tuple[str, Verdict]]) -> tuple[Demand, ...]:
    """All budgets of a call whose targets have these verdicts, and those of the caller's key; each once."""
    targets: dict[str, set[str]] = {}
    policies = {}
    for target, verdict in found:
        for policy in verdict.policies:
            policies[policy.name] = policy
            targets.setdefault(policy.name, set()).add(target)
    wanted = [
        Demand(budget, group(principal, budget.per), frozenset(targets[policy.name]), policy.is_enforced)
        for policy in policies.values()
        for budget in policy.budgets
    ]
    everywhere = frozenset(target for target, _ in found)
    own = principal.key.budgets if principal.key else ()
    wanted += [Demand(budget, group(principal, budget.per), everywhere) for budget in own]
    return tuple({demand.key: demand for demand in wanted}.values())


def holds(
    wanted: Sequence[Demand], bound: int | None, estimate: int | None, typical: Callable[[int], int], now: float
) -> tuple[Hold, ...]:
    """What is held of each. `bound` and `estimate` are nano-dollars, None where unknown; `typical` makes of an estimate
    what such calls have cost. Raises BudgetUnpriced.
    """
    probable = None if estimate is None else max(1, typical(estimate))
    return tuple(_hold(demand, _amounts(demand, bound, estimate, probable), now) for demand in wanted)


def span(window: Window, now: float) -> Span:
    """The window that this moment is in."""
    return SPANS[window](datetime.fromtimestamp(now, UTC))


def _hold(demand: Demand, amounts: tuple[int, int], now: float) -> Hold:
    budget, (period, resets_at) = demand.budget, span(demand.budget.window, now)
    is_strict, (reserved, worst) = budget.estimate is Estimate.STRICT, amounts
    return Hold(
        key=demand.key,
        period=period,
        name=budget.name,
        of=demand.of,
        limit=budget.limit,
        ceiling=budget.limit if is_strict else budget.limit + budget.overshoot,
        reserved=reserved,
        worst=worst,
        targets=demand.targets,
        is_hot=budget.is_hot,
        is_enforced=demand.is_enforced,
        is_strict=is_strict,
        resets_at=resets_at,
        expires=None if resets_at is None else resets_at + KEPT_SECONDS,
        fallback=budget.fallback,
    )


def _amounts(demand: Demand, bound: int | None, estimate: int | None, probable: int | None) -> tuple[int, int]:
    """What is reserved and the worst. Raises BudgetUnpriced where an enforced budget cannot know them."""
    is_strict = demand.budget.estimate is Estimate.STRICT
    worst = bound if is_strict or bound is not None else estimate
    if demand.is_enforced and worst is None:
        raise BudgetUnpriced(_unknown(demand, is_priced=estimate is not None), param="model")
    if demand.is_enforced and probable is None and not is_strict:
        raise BudgetUnpriced(_unknown(demand, is_priced=False), param="model")
    if is_strict or worst is None:
        return worst or 0, worst or 0
    return min(worst, worst if probable is None else probable), worst


def _unknown(demand: Demand, *, is_priced: bool) -> str:
    """What is not known, and what to do about it."""
    name, targets = demand.budget.name, ", ".join(sorted(demand.targets)[:MOST_SHOWN])
    if not is_priced:
        words = f"the budget {name} cannot tell what this costs: the price of {targets} is unknown for such a call"
        return f"{words}; give the model prices in its provider's table, or ask for another"
    words = f"the strict budget {name} cannot tell the most that this can cost: the length of the answer, or what the"
    return f"{words} provider adds by itself (sound, tools it runs, prompts it stores), has no limit at {targets}"


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _day(moment: datetime) -> Span:
    return Span(f"D{moment:%Y%m%d}", int((_midnight(moment) + timedelta(days=1)).timestamp()))


def _week(moment: datetime) -> Span:
    year, week, weekday = moment.isocalendar()
    return Span(f"W{year}-{week:02}", int((_midnight(moment) + timedelta(days=8 - weekday)).timestamp()))


def _month(moment: datetime) -> Span:
    next_month = (_midnight(moment).replace(day=1) + timedelta(days=32)).replace(day=1)
    return Span(f"M{moment:%Y%m}", int(next_month.timestamp()))


def _total(_: datetime) -> Span:
    return Span("T", None)


SPANS: dict[Window, Callable[[datetime], Span]] = {
    Window.DAY: _day,
    Window.WEEK: _week,
    Window.MONTH: _month,
    Window.TOTAL: _total,
}
