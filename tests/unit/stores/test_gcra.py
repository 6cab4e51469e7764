"""The arithmetic of limits per minute, beside a bucket of fractions that leaks."""

from collections.abc import Iterable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.stores.gcra import MINUTE_MS, PerMinute

NOW_MS = 1_795_208_400_123
LIMITS = st.integers(1, 50) | st.sampled_from([60, 997, 60_000, 2_000_003])
STEPS = st.lists(st.tuples(st.integers(0, 3 * MINUTE_MS) | st.integers(0, 20), st.integers(0, 60)), max_size=60)


class Bucket:
    """What was let in leaks out at the limit's pace; one more is let in while a minute's whole amount is not exceeded."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.level = Fraction(0)

    def pass_time(self, milliseconds: int) -> None:
        self.level = max(Fraction(0), self.level - Fraction(self.limit * milliseconds, MINUTE_MS))

    def takes(self, things: int) -> bool:
        has_room = self.level + things <= self.limit
        self.level += things if has_room else 0
        return has_room


def admissions(pace: PerMinute, moments: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Those of the (millisecond, things) that are let in."""
    tat, found = None, []
    for now_ms, things in moments:
        if pace.has_room(tat, now_ms, things):
            tat = max(tat or 0, pace.moment(now_ms)) + pace.cost(things)
            found.append((now_ms, things))
    return found


@given(LIMITS, STEPS)
def test_what_is_let_in_left_and_waited_for_is_what_a_leaking_bucket_says(
    limit: int, steps: list[tuple[int, int]]
) -> None:
    pace, bucket, now_ms, tat = PerMinute(limit), Bucket(limit), NOW_MS, None

    for gap, things in steps:
        now_ms += gap
        bucket.pass_time(gap)
        assert pace.left(tat, now_ms) == max(0, (limit - bucket.level).__floor__())
        assert pace.reset_ms(tat, now_ms) == (bucket.level * MINUTE_MS / limit).__ceil__()
        has_room = bucket.takes(things)
        assert pace.has_room(tat, now_ms, things) is has_room
        assert (pace.wait_ms(tat, now_ms, things) == 0) is has_room
        if has_room:
            tat = max(tat or 0, pace.moment(now_ms)) + pace.cost(things)


@pytest.mark.fault("C07")
@given(LIMITS, STEPS)
def test_between_any_two_admissions_at_most_the_burst_and_the_rate_are_let_in(
    limit: int, steps: list[tuple[int, int]]
) -> None:
    now_ms, asked = NOW_MS, []
    for gap, things in steps:
        now_ms += gap
        asked.append((now_ms, things))

    found = admissions(PerMinute(limit), asked)

    for first in range(len(found)):
        amount = 0
        for moment, things in found[first:]:
            amount += things
            assert amount <= limit + Fraction(limit * (moment - found[first][0]), MINUTE_MS)


@pytest.mark.fault("C07")
def test_a_window_has_no_edge_at_which_twice_as_much_comes_through() -> None:
    edge = NOW_MS // MINUTE_MS * MINUTE_MS
    asked = [(edge - 1, 1)] * 100 + [(edge + 1, 1)] * 100

    assert len(admissions(PerMinute(100), asked)) == 100


@pytest.mark.fault("C07")
@given(st.integers(1, 200), st.lists(st.integers(0, 5000), max_size=80))
def test_a_clock_that_runs_twice_as_fast_lets_in_what_its_own_minutes_allow(limit: int, gaps: list[int]) -> None:
    moments = [NOW_MS + 2 * sum(gaps[: number + 1]) for number in range(len(gaps))]

    found = admissions(PerMinute(limit), [(moment, 1) for moment in moments])

    if found:
        assert len(found) <= limit + Fraction(limit * (found[-1][0] - found[0][0]), MINUTE_MS)


@pytest.mark.fault("C07")
@given(st.integers(1, 60), st.lists(st.tuples(st.integers(0, 2000), st.booleans()), max_size=120))
def test_clocks_that_differ_grant_their_difference_once(limit: int, steps: list[tuple[int, bool]]) -> None:
    apart, now_ms, asked = 3 * MINUTE_MS, NOW_MS, []
    for gap, is_ahead in steps:
        now_ms += gap
        asked.append((now_ms + apart * is_ahead, 1))

    found = admissions(PerMinute(limit), asked)

    assert len(found) <= limit + Fraction(limit * (now_ms - NOW_MS + apart), MINUTE_MS)


@given(LIMITS, st.integers(0, 10**6), st.integers(0, 60))
def test_a_wait_ends_at_the_first_millisecond_that_has_room(limit: int, ahead_ms: int, things: int) -> None:
    pace = PerMinute(limit)
    things = min(things, limit)
    tat = pace.moment(NOW_MS) + ahead_ms * limit // 3

    wait = pace.wait_ms(tat, NOW_MS, things)

    assert pace.has_room(tat, NOW_MS + wait, things)
    assert wait == 0 or not pace.has_room(tat, NOW_MS + wait - 1, things)


def test_a_limit_that_does_not_divide_a_minute_does_not_drift() -> None:
    asked = [(NOW_MS + millisecond, 1) for millisecond in range(10 * MINUTE_MS + 1)]

    assert len(admissions(PerMinute(7), asked)) == 7 + 70


@pytest.mark.parametrize(
    ("used", "later_ms", "amount"),
    [
        (100, 0, 0),
        (250, 0, 150),
        (250, 10 * MINUTE_MS, 150),  # a debt is owed whenever it is told
        (40, 0, -60),
        (0, 0, -100),
        (0, 3000, -50),  # half of the hundred have flowed off
        (40, 3000, -50),
        (90, 3000, -10),
        (0, 6000, 0),
        (0, 60_000, 0),
    ],
)
def test_a_claim_is_corrected_by_what_is_still_there_of_it(used: int, later_ms: int, amount: int) -> None:
    pace = PerMinute(1000)
    after = pace.moment(NOW_MS) + pace.cost(100)

    assert pace.correction(after, NOW_MS + later_ms, 100, used) == pace.cost(amount)


def test_what_never_fits() -> None:
    assert PerMinute(5).can_fit(5)
    assert not PerMinute(5).can_fit(6)
    assert not PerMinute(0).can_fit(1)
