"""The retry budget of several environments over one table, in their order and in any other."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.unit.routing.environments import PROVIDER, Environment, Region
from tests.unit.routing.stage import Choose, Stage, chosen_from, every_order
from tests.unit.stores.memory_table import failure, lost, throttled

from sluice.routing.retry_budget import DENIAL_SECONDS
from sluice.stores.retry_tokens import CAPACITY_TENTHS, KEPT_SECONDS
from sluice.stores.table import attribute

PLACE = (f"Q#{PROVIDER}", "Q")
REFUSED = failure("AccessDeniedException")
FULL = CAPACITY_TENTHS // 10


@pytest.fixture
def region() -> Region:
    return Region()


def call(one: Environment, times: int = 1) -> None:
    for _ in range(times):
        one.budget.called(PROVIDER)


def retries(region: Region, one: Environment, times: int) -> int:
    """How many of so many wishes are granted, a second between them."""
    granted = 0
    for _ in range(times):
        granted += one.budget.may_retry(PROVIDER)
        region.hand.seconds += DENIAL_SECONDS
    return granted


def leave(region: Region, tenths: int) -> None:
    """Leaves so much in the budget."""
    ends = int(region.hand.seconds) + KEPT_SECONDS
    key = {"pk": {"S": PLACE[0]}, "sk": {"S": PLACE[1]}}
    region.table.items[PLACE] = {**key, "t": attribute(tenths), "exp": attribute(ends), "v": {"S": "left"}}


def test_calls_alone_ask_nothing(region: Region) -> None:
    (one,) = region.environments(1)

    call(one, 1000)

    assert region.table.requests == []


def test_a_new_budget_holds_ten_retries(region: Region) -> None:
    (one,) = region.environments(1)

    assert retries(region, one, 30) == FULL


def test_a_retry_costs_a_read_and_a_write(region: Region) -> None:
    (one,) = region.environments(1)
    call(one)

    one.budget.may_retry(PROVIDER)

    assert region.table.requests == ["GetItem", "PutItem"]


def test_ten_calls_earn_a_retry_for_whoever_wants_it(region: Region) -> None:
    one, other = region.environments(2)
    leave(region, 0)

    call(one, 9)
    before = one.budget.may_retry(PROVIDER)
    call(other, 1)
    after = other.budget.may_retry(PROVIDER)

    assert (before, after) == (False, True)
    assert region.table.items[PLACE]["t"] == {"N": "0"}


def test_calls_are_told_once(region: Region) -> None:
    (one,) = region.environments(1)
    leave(region, 0)

    call(one, 25)

    assert retries(region, one, 10) == 2
    assert region.table.items[PLACE]["t"] == {"N": "5"}


def test_it_holds_no_more_than_ten(region: Region) -> None:
    (one,) = region.environments(1)
    call(one, 10_000)

    assert retries(region, one, 30) == FULL


def test_environments_share_it(region: Region) -> None:
    environments = region.environments(4)

    assert sum(retries(region, one, 10) for one in environments) == FULL


def test_providers_do_not(region: Region) -> None:
    (one,) = region.environments(1)
    leave(region, 0)

    assert not one.budget.may_retry(PROVIDER)
    assert one.budget.may_retry("azure-east")


def test_a_denial_is_remembered_for_a_second(region: Region) -> None:
    (one,) = region.environments(1)
    leave(region, 0)
    one.budget.may_retry(PROVIDER)
    region.table.requests.clear()
    call(one, 100)

    at_once = [one.budget.may_retry(PROVIDER) for _ in range(50)]
    requests = list(region.table.requests)
    region.hand.seconds += DENIAL_SECONDS
    later = one.budget.may_retry(PROVIDER)

    assert (any(at_once), requests, later) == (False, [], True)


def test_a_denial_with_nothing_to_tell_writes_nothing(region: Region) -> None:
    (one,) = region.environments(1)
    leave(region, 5)

    one.budget.may_retry(PROVIDER)

    assert region.table.requests == ["GetItem"]


def test_an_hour_of_peace_fills_it(region: Region) -> None:
    (one,) = region.environments(1)
    retries(region, one, 30)

    region.hand.seconds += KEPT_SECONDS

    assert retries(region, one, 30) == FULL


@pytest.mark.fault("D04")
@pytest.mark.parametrize(("conflicts", "granted"), [(1, True), (2, False)])
def test_a_write_that_others_were_faster_with_is_tried_twice(region: Region, conflicts: int, granted: bool) -> None:
    one, other = region.environments(2)
    left = [conflicts]

    def race() -> None:
        if region.table.requests[-1:] != [] and left[0]:
            left[0] -= 1
            pause, region.table.pause = region.table.pause, lambda: None
            other.budget.may_retry(PROVIDER)
            region.table.pause = pause

    region.table.pause = race

    assert one.budget.may_retry(PROVIDER) is granted


@pytest.mark.fault("D02")
@pytest.mark.parametrize("error", [REFUSED, throttled(), lost()], ids=lambda one: type(one).__name__ + str(one)[-40:])
@pytest.mark.parametrize("place", ["before", "after"])
def test_a_table_that_fails_means_no_retry(region: Region, error: Exception, place: str) -> None:
    (one,) = region.environments(1)
    setattr(region.table, place, [error] * 1000)

    assert not one.budget.may_retry(PROVIDER)


@pytest.mark.fault("D03")
def test_calls_that_may_have_been_told_are_not_told_again(region: Region) -> None:
    (one,) = region.environments(1)
    leave(region, 0)
    call(one, 50)
    region.table.after = [None, *[REFUSED] * 3]

    denied = one.budget.may_retry(PROVIDER)
    region.hand.seconds += DENIAL_SECONDS
    region.table.after = []

    assert not denied
    assert retries(region, one, 10) == 4


@pytest.mark.parametrize("value", [{"S": "x"}, {"N": "-1"}, {"N": "1e30"}, {"BOOL": True}, {"NULL": True}], ids=str)
def test_a_row_that_is_broken_is_empty_and_fills_again(region: Region, value: dict[str, Any]) -> None:
    (one,) = region.environments(1)
    leave(region, 100)
    region.table.items[PLACE]["t"] = value

    before = one.budget.may_retry(PROVIDER)
    region.hand.seconds += DENIAL_SECONDS
    call(one, 10)

    assert (before, one.budget.may_retry(PROVIDER)) == (False, True)


@pytest.mark.parametrize(("tenths", "calls", "most"), [(20, 0, 2), (0, 5, 1), (9, 1, 1)])
def test_in_every_order_three_environments_take_no_more_than_there_is(tenths: int, calls: int, most: int) -> None:
    granted: Counter[int] = Counter()

    with ThreadPoolExecutor(3) as pool:

        def play(choose: Choose) -> None:
            region = Region()
            environments = region.environments(3)
            leave(region, tenths)
            for one in environments:
                call(one, calls)
            stage = Stage([partial(one.budget.may_retry, PROVIDER) for one in environments])
            region.table.pause = stage.pause
            granted[sum(stage.play(choose, pool))] += 1

        orders = every_order(play)

    assert orders > 100
    assert max(granted) == most
    assert granted[most] > 0


NUMBERS = st.lists(st.integers(0, 10**6), max_size=60)
FAULTS = st.lists(st.sampled_from([None, None, None, REFUSED, throttled(), lost()]), max_size=30)


@settings(deadline=None, max_examples=150)
@given(st.integers(2, 6), st.lists(st.integers(0, 12), min_size=12, max_size=12), NUMBERS, FAULTS, FAULTS)
def test_in_any_order_and_with_any_faults_retries_keep_to_the_calls(
    count: int, calls: list[int], order: list[int], before: list[Exception | None], after: list[Exception | None]
) -> None:
    region = Region()
    environments = region.environments(count)
    leave(region, 10)
    region.table.before, region.table.after = list(before), list(after)
    mine: Iterator[int] = iter(calls)

    def work(one: Environment) -> int:
        granted = 0
        for _ in range(2):
            call(one, next(mine))
            granted += one.budget.may_retry(PROVIDER)
            region.hand.seconds += DENIAL_SECONDS
        return granted

    stage = Stage([partial(work, one) for one in environments])
    region.table.pause = stage.pause
    with ThreadPoolExecutor(count) as pool:
        granted = sum(stage.play(chosen_from(iter(order)), pool))

    assert granted <= 1 + sum(calls[: 2 * count]) / 10


class Model(RuleBasedStateMachine):
    """The budget beside a pure model: at most ten retries and a tenth for each call, since an hour of peace."""

    def __init__(self) -> None:
        super().__init__()
        self.region = Region()
        self.environments = self.region.environments(3)
        self.granted = 0
        self.calls = 0
        self.may_be_full_at = self.region.hand.seconds + KEPT_SECONDS

    @rule(who=st.integers(0, 2), times=st.integers(1, 30))
    def calls_come(self, who: int, times: int) -> None:
        call(self.environments[who], times)
        self.calls += times

    @rule(who=st.integers(0, 2))
    def a_retry_is_wanted(self, who: int) -> None:
        self.granted += self.environments[who].budget.may_retry(PROVIDER)

    @rule(place=st.sampled_from(["before", "after"]), error=st.sampled_from([None, REFUSED, throttled(), lost()]))
    def the_table_will_fail(self, place: str, error: Exception | None) -> None:
        getattr(self.region.table, place).append(error)

    @rule(seconds=st.floats(0, 3))
    def time_passes(self, seconds: float) -> None:
        self.region.hand.seconds += seconds

    @precondition(lambda self: self.region.hand.seconds < self.may_be_full_at - 100)
    @rule()
    def an_environment_starts_anew(self) -> None:
        self.environments.pop(0)
        self.environments.append(self.region.environment(f"new-{self.region.hand.seconds}-{self.granted}"))

    @invariant()
    def retries_keep_to_the_calls(self) -> None:
        assert self.granted <= FULL + self.calls / 10


TestModel = Model.TestCase
TestModel.settings = settings(deadline=None, max_examples=150, stateful_step_count=60)
