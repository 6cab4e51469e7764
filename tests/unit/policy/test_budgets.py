"""From budgets to holds: whose, in which window, how much of it, and what is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.policy.callers import DEVELOPER, ROLE, with_key

from sluice.domain.errors import BudgetUnpriced
from sluice.domain.hold import Hold
from sluice.domain.policy import Budget, Estimate, Mode, Policy, Window
from sluice.domain.principal import Principal
from sluice.policy.access import Verdict
from sluice.policy.budgets import KEPT_SECONDS, Demand, demands, holds, span

NOW = datetime(2026, 11, 21, 10, 30, tzinfo=UTC).timestamp()
TYPICAL = Budget("typical", 1000, Window.MONTH, overshoot=250)
STRICT = Budget("strict", 1000, Window.MONTH, estimate=Estimate.STRICT)
GPT, HAIKU = "openai/gpt-5", "bedrock/haiku"


def policy(name: str, *budgets: Budget, **more: Any) -> Policy:
    return Policy(name, budgets=budgets, **more)


def wanted(*policies: Policy, caller: Principal = DEVELOPER, targets: tuple[str, ...] = (GPT,)) -> tuple[Demand, ...]:
    return demands(caller, [(target, Verdict(policies)) for target in targets])


def held(budget: Budget, bound: int | None, estimate: int | None, *, ratio: int = 1, is_enforced: bool = True) -> Hold:
    demand = Demand(budget, ROLE, frozenset({GPT}), is_enforced)
    return holds([demand], bound, estimate, lambda one: one * ratio, NOW)[0]


def test_each_budget_of_each_policy_is_wanted_for_the_targets_it_pays_for() -> None:
    both, one = policy("both", TYPICAL, STRICT), policy("one", Budget("one", 5, Window.DAY, "all"), mode=Mode.SHADOW)

    found = demands(DEVELOPER, [(GPT, Verdict((both, one))), (HAIKU, Verdict((both,)))])

    assert found == (
        Demand(TYPICAL, ROLE, frozenset({GPT, HAIKU})),
        Demand(STRICT, ROLE, frozenset({GPT, HAIKU})),
        Demand(one.budgets[0], "all", frozenset({GPT}), is_enforced=False),
    )


def test_a_route_that_names_a_target_twice_holds_a_budget_once() -> None:
    assert wanted(policy("one", TYPICAL), targets=(GPT, GPT)) == (Demand(TYPICAL, ROLE, frozenset({GPT})),)


def test_without_budgets_there_is_nothing_to_hold() -> None:
    assert wanted(policy("one")) == ()
    assert wanted() == ()
    assert holds((), None, None, lambda one: one, NOW) == ()


def test_a_keys_own_budgets_are_beside_those_of_policies() -> None:
    own = Budget("key batch", 9, Window.TOTAL, per="key")
    caller = with_key(budgets=(own,))

    found = wanted(policy("one", TYPICAL), caller=caller, targets=(GPT, HAIKU))

    assert [(one.budget, one.of) for one in found] == [(TYPICAL, "key:abcdefgh2345"), (own, "abcdefgh2345")]
    assert found[1] == Demand(own, "abcdefgh2345", frozenset({GPT, HAIKU}))


def test_a_row_is_named_so_that_it_can_stand_in_a_list_of_words() -> None:
    demand = Demand(Budget("key née #1 x:2", 9, Window.DAY), "k", frozenset())

    assert demand.key == "key_n_e__1_x:2#8254c329a928"


def test_groups_have_rows_of_their_own() -> None:
    ads, search = (with_key(tags={"team": team}) for team in ("ads", "search"))
    of_teams = policy("teams", Budget("teams", 5, Window.DAY, "tag:team"))

    keys = {wanted(of_teams, caller=one)[0].key for one in (ads, search, DEVELOPER, with_key())}

    assert len(keys) == 3


@pytest.mark.parametrize(
    ("window", "period", "resets_at"),
    [
        (Window.DAY, "D20261121", "2026-11-22"),
        (Window.WEEK, "W2026-47", "2026-11-23"),
        (Window.MONTH, "M202611", "2026-12-01"),
        (Window.TOTAL, "T", None),
    ],
)
def test_a_window_has_a_name_and_an_end(window: Window, period: str, resets_at: str | None) -> None:
    hold = held(Budget("x", 5, window), 5, 5)
    end = resets_at and int(datetime.fromisoformat(f"{resets_at}T00:00:00+00:00").timestamp())

    assert (hold.period, hold.resets_at) == (period, end)
    assert hold.expires == (end + KEPT_SECONDS if isinstance(end, int) else None)


@pytest.mark.parametrize(
    ("moment", "week"),
    [("2026-01-01", "W2026-01"), ("2027-01-03", "W2026-53"), ("2027-01-04", "W2027-01"), ("2024-12-30", "W2025-01")],
)
def test_weeks_are_those_of_iso_8601(moment: str, week: str) -> None:
    assert span(Window.WEEK, datetime.fromisoformat(f"{moment}T12:00:00+00:00").timestamp()).period == week


@pytest.mark.fault("C03")
@given(
    st.datetimes(datetime(2001, 1, 1), datetime(2090, 1, 1)), st.sampled_from([Window.DAY, Window.WEEK, Window.MONTH])
)
def test_windows_follow_each_other_without_a_gap(moment: datetime, window: Window) -> None:
    """Each moment is in one window, which lasts until just before its end; there the next one begins."""
    now = moment.replace(tzinfo=UTC).timestamp()
    period, end = span(window, now)

    assert end is not None
    assert now < end <= now + 31 * 86_400
    assert span(window, end - 0.001) == (period, end)
    assert span(window, end).period != period
    assert datetime.fromtimestamp(end, UTC).time() == datetime.min.time()
    assert len({span(window, end + step).period for step in (0, 3600, 86_399)}) == 1


@pytest.mark.fault("C03")
def test_a_call_belongs_to_the_window_in_which_it_was_let_in() -> None:
    midnight = datetime(2026, 12, 1, tzinfo=UTC)
    demand = Demand(Budget("x", 5, Window.MONTH), "a", frozenset({GPT}))
    before, after = ((midnight + timedelta(milliseconds=ms)).timestamp() for ms in (-1, 0))

    periods = [holds([demand], 5, 5, lambda one: one, now)[0].period for now in (before, after)]

    assert periods == ["M202611", "M202612"]


def test_strict_holds_the_most_it_can_cost_below_the_limit() -> None:
    hold = held(STRICT, 400, 100, ratio=3)

    assert (hold.reserved, hold.worst, hold.limit, hold.ceiling, hold.is_strict) == (400, 400, 1000, 1000, True)


def test_typical_holds_what_it_probably_costs_and_the_most_below_the_ceiling() -> None:
    hold = held(TYPICAL, 400, 100, ratio=3)

    assert (hold.reserved, hold.worst, hold.limit, hold.ceiling, hold.is_strict) == (300, 400, 1000, 1250, False)


@pytest.mark.parametrize(
    ("bound", "estimate", "ratio", "reserved", "worst"),
    [
        (400, 100, 9, 400, 400),  # never more than the most
        (400, 100, 0, 1, 400),  # never nothing, while it can cost something
        (0, 0, 1, 0, 0),  # what is free holds nothing
        (None, 100, 3, 100, 100),  # the exception: the most is unknown, and the estimate stands for it
        (None, 100, 0, 1, 100),
    ],
)
def test_what_is_reserved_stays_within_the_worst(
    bound: int | None, estimate: int, ratio: int, reserved: int, worst: int
) -> None:
    hold = held(TYPICAL, bound, estimate, ratio=ratio)

    assert (hold.reserved, hold.worst) == (reserved, worst)


def test_what_a_budget_says_is_on_its_hold() -> None:
    budget = Budget("developers:2", 7, Window.WEEK, is_hot=True, fallback="cheap")
    hold = held(budget, 5, 5)

    assert (hold.name, hold.of, hold.is_hot, hold.fallback, set(hold.targets)) == (
        "developers:2",
        ROLE,
        True,
        "cheap",
        {GPT},
    )
    assert hold.key.partition("#")[0] == "developers:2"


@pytest.mark.fault("C08")
@pytest.mark.parametrize(
    ("budget", "estimate", "says"),
    [
        (TYPICAL, None, "the budget typical cannot tell what this costs: the price of openai/gpt-5 is unknown"),
        (STRICT, None, "the budget strict cannot tell what this costs: the price of openai/gpt-5 is unknown"),
        (STRICT, 100, "the strict budget strict cannot tell the most that this can cost"),
    ],
)
def test_a_budget_that_cannot_tell_what_a_call_costs_refuses_it(
    budget: Budget, estimate: int | None, says: str
) -> None:
    with pytest.raises(BudgetUnpriced) as caught:
        held(budget, None, estimate)

    assert says in caught.value.message
    assert (caught.value.status, caught.value.code, caught.value.param) == (403, "budget_unpriced", "model")


@pytest.mark.fault("C08")
def test_typical_refuses_a_bound_without_a_price_too() -> None:
    with pytest.raises(BudgetUnpriced):
        held(TYPICAL, 5, None)


@pytest.mark.parametrize("budget", [TYPICAL, STRICT])
def test_a_budget_in_the_shadow_counts_what_it_knows_and_refuses_nothing(budget: Budget) -> None:
    unknown, known = held(budget, None, None, is_enforced=False), held(budget, 400, 400, is_enforced=False)

    assert (unknown.reserved, unknown.worst, unknown.is_enforced) == (0, 0, False)
    assert (known.reserved, known.worst, known.is_enforced) == (400, 400, False)


@given(
    st.integers(0, 10**15) | st.none(),
    st.integers(0, 10**15) | st.none(),
    st.integers(0, 10**15),
    st.sampled_from([TYPICAL, STRICT]),
    st.booleans(),
)
def test_whatever_is_known_a_hold_is_whole(
    bound: int | None, estimate: int | None, probable: int, budget: Budget, is_enforced: bool
) -> None:
    demand = Demand(budget, ROLE, frozenset({GPT}), is_enforced)
    try:
        (hold,) = holds([demand], bound, estimate, lambda _: probable, NOW)
    except BudgetUnpriced:
        assert is_enforced
        assert bound is None or estimate is None
        return

    assert 0 <= hold.reserved <= hold.worst
    assert hold.limit <= hold.ceiling
    assert bound is None or hold.worst == bound
    assert not hold.is_strict or hold.reserved == hold.worst
