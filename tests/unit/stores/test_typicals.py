"""What calls have cost beside what was estimated: learned from the totals of two days, and never waited for."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.stores.calls import HandClock
from tests.unit.stores.memory_table import failure, throttled

from sluice.domain.clock import Clock
from sluice.stores import table
from sluice.stores.patience import PATIENCE_SECONDS
from sluice.stores.typicals import FAILED_SECONDS, MAX_REMEMBERED, REMEMBERED_SECONDS, Sums, Typicals, scaled

NAME, TARGET = "ledger", "openai/gpt-5"
TODAY, YESTERDAY, BEFORE = "D#20261120", "D#20261119", "D#20261118"


class Days:
    """Rows of totals, which can fail and can take its time."""

    def __init__(self) -> None:
        self.hand = HandClock()
        self.rows: dict[tuple[str, str], dict[str, Any]] = {}
        self.failures: list[Exception] = []
        self.seconds = 0.0
        self.asked: list[list[tuple[str, str]]] = []

    def batch_get_item(self, **arguments: Any) -> Mapping[str, Any]:
        keys = [(one["pk"]["S"], one["sk"]["S"]) for one in arguments["RequestItems"][NAME]["Keys"]]
        self.asked.append(keys)
        self.hand.seconds += self.seconds
        if self.failures:
            raise self.failures.pop(0)
        return {"Responses": {NAME: [table.item(self.rows[key]) for key in keys if key in self.rows]}}

    def add(self, day: str, calls: int, estimated: int, cost: int, target: str = TARGET, **more: Any) -> None:
        self.rows[day, f"M#{target}"] = {"n": calls, "ce": estimated, "ca": cost, "exp": 1, **more}


@pytest.fixture
def days() -> Days:
    return Days()


@pytest.fixture
def typicals(days: Days) -> Typicals:
    return Typicals(days, NAME, days.hand.clock)


def test_two_days_are_one_ratio(days: Days, typicals: Typicals) -> None:
    days.add(TODAY, 10, 1000, 100)
    days.add(YESTERDAY, 30, 3000, 1100)
    days.add(BEFORE, 10**6, 1, 10**9)

    assert typicals.cost(TARGET, 1000) == 300
    assert days.asked == [[(TODAY, f"M#{TARGET}"), (YESTERDAY, f"M#{TARGET}")]]


def test_it_is_rounded_up(days: Days, typicals: Typicals) -> None:
    days.add(TODAY, 20, 3, 2)

    assert [typicals.cost(TARGET, one) for one in (0, 1, 2, 3, 4)] == [0, 1, 2, 2, 3]


def test_a_few_calls_tell_nothing(days: Days, typicals: Typicals) -> None:
    days.add(TODAY, 19, 1000, 100)

    assert typicals.cost(TARGET, 1000) == 1000


def test_calls_whose_cost_is_unknown_are_not_counted(days: Days, typicals: Typicals) -> None:
    days.add(TODAY, 39, 1000, 100, np=20)

    assert typicals.cost(TARGET, 1000) == 1000


@pytest.mark.parametrize(("cost", "expected"), [(0, 50), (10, 50), (51, 51), (5000, 5000), (10**9, 5000)])
def test_no_ratio_is_trusted_beyond_a_factor(days: Days, typicals: Typicals, cost: int, expected: int) -> None:
    days.add(TODAY, 100, 1000, cost)

    assert typicals.cost(TARGET, 1000) == expected


def test_each_model_has_its_own(days: Days, typicals: Typicals) -> None:
    days.add(TODAY, 100, 1000, 500)
    days.add(TODAY, 100, 1000, 250, target="bedrock/haiku")

    assert [typicals.cost(one, 1000) for one in (TARGET, "bedrock/haiku", "other/x")] == [500, 250, 1000]


def test_it_is_remembered_for_a_minute(days: Days, typicals: Typicals) -> None:
    days.add(TODAY, 100, 1000, 500)
    typicals.cost(TARGET, 1)
    days.add(TODAY, 100, 1000, 250)

    assert typicals.cost(TARGET, 1000) == 500
    days.hand.seconds += REMEMBERED_SECONDS
    assert typicals.cost(TARGET, 1000) == 250
    assert len(days.asked) == 2


def test_the_days_are_those_of_utc(days: Days, typicals: Typicals) -> None:
    days.add("D#20261121", 100, 1000, 500)

    assert typicals.cost(TARGET, 1000) == 1000
    days.hand.seconds += 3 * 3600  # past midnight
    assert typicals.cost(TARGET, 1000) == 500
    assert days.asked[-1][1][0] == TODAY


@pytest.mark.parametrize(
    "error", [throttled(), failure("AccessDeniedException"), ConnectTimeoutError(endpoint_url="x")]
)
def test_a_table_that_fails_costs_the_default_and_is_left_in_peace(
    days: Days, typicals: Typicals, error: Exception
) -> None:
    days.add(TODAY, 100, 1000, 500)
    days.failures = [error]

    assert [typicals.cost(TARGET, 1000) for _ in range(5)] == [1000] * 5
    assert len(days.asked) == 1
    days.hand.seconds += FAILED_SECONDS
    assert typicals.cost(TARGET, 1000) == 500


def test_what_was_known_stays_while_the_table_fails(days: Days, typicals: Typicals) -> None:
    days.add(TODAY, 100, 1000, 500)
    typicals.cost(TARGET, 1)
    days.hand.seconds += REMEMBERED_SECONDS
    days.failures = [throttled()]

    assert typicals.cost(TARGET, 1000) == 500


def test_a_slow_table_is_waited_for_a_moment_and_not_by_every_call(days: Days) -> None:
    typicals = Typicals(days, NAME, days.hand.clock)
    days.seconds, days.failures = PATIENCE_SECONDS, [throttled()] * 99
    started = days.hand.seconds

    for number in range(100):
        typicals.cost(f"openai/{number}", 1000)

    assert days.hand.seconds - started <= PATIENCE_SECONDS
    assert len(days.asked) == 1


@pytest.mark.parametrize(
    "row",
    [
        {"n": "100"},
        {"ce": None},
        {"ce": -5},
        {"ca": -1},
        {"n": 1.5},
        {"np": "x"},
        {"ca": True},
        {"n": {}, "ce": [], "ca": "x"},
        {"ce": 0},
    ],
)
def test_a_row_that_says_something_else_tells_nothing(days: Days, typicals: Typicals, row: dict[str, Any]) -> None:
    days.add(TODAY, 100, 1000, 500)
    days.rows[TODAY, f"M#{TARGET}"] |= row
    if None in row.values():
        del days.rows[TODAY, f"M#{TARGET}"]["ce"]

    assert typicals.cost(TARGET, 1000) == 1000


def test_a_damaged_day_leaves_the_other(days: Days, typicals: Typicals) -> None:
    days.add(TODAY, 100, 1000, 500, np="x")
    days.add(YESTERDAY, 100, 1000, 250)

    assert typicals.cost(TARGET, 1000) == 250


def test_the_memory_is_bounded(days: Days, typicals: Typicals) -> None:
    for number in range(MAX_REMEMBERED + 10):
        typicals.cost(f"openai/{number}", 1)
    asked = len(days.asked)

    typicals.cost(f"openai/{MAX_REMEMBERED + 9}", 1)
    assert len(days.asked) == asked
    typicals.cost("openai/0", 1)
    assert len(days.asked) == asked + 1


@given(st.integers(0, 10**18), st.integers(20, 10**6), st.integers(1, 10**20), st.integers(0, 10**20))
def test_the_arithmetic_is_exact(estimate: int, calls: int, estimated: int, cost: int) -> None:
    ratio = min(max(Fraction(cost, estimated), Fraction(1, 20)), Fraction(5))

    assert scaled(estimate, Sums(calls, estimated, cost)) == -((-estimate * ratio) // 1)


def test_the_clients_own_timeouts_are_bounded() -> None:
    days = Days()
    given: list[float] = []

    def within(seconds: float, /) -> Any:
        given.append(seconds)
        return NoLimit()

    Typicals(days, NAME, Clock(now=lambda: 1e9, monotonic=lambda: 5.0), within).cost(TARGET, 1)

    assert given == [PATIENCE_SECONDS]


class NoLimit:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...
