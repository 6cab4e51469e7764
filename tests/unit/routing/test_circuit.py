"""The rules of one breaker, step by step and for any course of things."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.routing.circuit import (
    FAILURES_TO_OPEN,
    FIRST_OPENING_SECONDS,
    FORGET_SECONDS,
    LONGEST_OPENING_SECONDS,
    PROBE_SECONDS,
    SKEW_SECONDS,
    Phase,
    Report,
    closed,
    failed,
    opened,
    phase,
    probed,
    unprobed,
    wait,
)
from sluice.stores.circuits import Circuit

NOW = 1_795_208_400.0  # where ten seconds begin
OPEN = opened(Circuit(), NOW, FIRST_OPENING_SECONDS)
LAPSED = NOW + FIRST_OPENING_SECONDS


def report(calls: int = 1, failures: int = 1, sent_at: float = NOW, is_probe: bool = False) -> Report:
    return Report(calls, failures, sent_at, is_probe)


def after(circuit: Circuit, *times: float, calls: int = 1) -> Circuit:
    """What single failures at these times make of it."""
    for now in times:
        circuit = failed(circuit, report(calls=calls, sent_at=now), now)
    return circuit


def test_four_failures_do_not_open_and_the_fifth_does() -> None:
    four = after(Circuit(), *[NOW] * (FAILURES_TO_OPEN - 1))

    five = after(four, NOW + 1)

    assert phase(four, NOW) is Phase.CLOSED
    assert phase(five, NOW + 1) is Phase.OPEN
    assert wait(five, NOW + 1) == FIRST_OPENING_SECONDS


@pytest.mark.parametrize(("calls", "expected"), [(10, Phase.OPEN), (11, Phase.CLOSED)])
def test_failures_open_only_where_they_are_half_of_the_calls(calls: int, expected: Phase) -> None:
    circuit = failed(Circuit(), report(calls=calls, failures=FAILURES_TO_OPEN), NOW)

    assert phase(circuit, NOW) is expected


def test_failures_of_different_windows_are_not_added_up() -> None:
    circuit = after(Circuit(), NOW + 8, NOW + 9, NOW + 9, NOW + 9, NOW + 10)

    assert phase(circuit, NOW + 10) is Phase.CLOSED
    assert circuit.failures == 1


def test_a_failure_without_a_call_in_its_window_counts_as_one_call() -> None:
    circuit = after(Circuit(), *[NOW] * FAILURES_TO_OPEN, calls=0)

    assert phase(circuit, NOW) is Phase.OPEN


def test_an_opening_ends_and_half_opens() -> None:
    assert phase(OPEN, LAPSED - 0.001) is Phase.OPEN
    assert phase(OPEN, LAPSED) is Phase.HALF_OPEN
    assert wait(OPEN, LAPSED) == 0


def test_a_probe_under_way_asks_for_a_second() -> None:
    circuit = probed(OPEN, LAPSED)

    assert phase(circuit, LAPSED) is Phase.HALF_OPEN
    assert wait(circuit, LAPSED) == 1
    assert wait(circuit, LAPSED + PROBE_SECONDS) == 0
    assert wait(unprobed(circuit), LAPSED) == 0


def test_failed_probes_double_the_opening_up_to_a_minute() -> None:
    circuit, now, openings = OPEN, NOW, []
    for _ in range(6):
        openings.append(circuit.opening_seconds)
        now += circuit.opening_seconds
        circuit = failed(probed(circuit, now), report(sent_at=now, is_probe=True), now)

    assert openings == [5, 10, 20, 40, 60, 60]


def test_a_good_probe_closes_and_the_next_opening_is_short_again() -> None:
    long = opened(Circuit(), NOW, LONGEST_OPENING_SECONDS)

    shut = closed(probed(long, NOW + 60), NOW + 61)
    again = after(shut, *[NOW + 62] * FAILURES_TO_OPEN)

    assert phase(shut, NOW + 61) is Phase.CLOSED
    assert again.opening_seconds == FIRST_OPENING_SECONDS


def test_a_failure_of_a_call_from_before_tells_nothing_new() -> None:
    half_open, shut = probed(OPEN, LAPSED), closed(OPEN, LAPSED + 1)

    assert after(OPEN, NOW + 1) == OPEN
    assert failed(OPEN, report(sent_at=LAPSED - 1), LAPSED + 1) == OPEN
    assert failed(half_open, report(sent_at=LAPSED - 1), LAPSED + 1) == half_open
    assert failed(shut, report(sent_at=LAPSED), LAPSED + 2) == shut


def test_a_failure_after_closing_counts() -> None:
    shut = closed(OPEN, LAPSED + 1)

    counting = after(shut, LAPSED + 2)
    then = failed(counting, report(sent_at=LAPSED), LAPSED + 3)

    assert counting.failures == 1
    assert then == counting  # that one was sent before


def test_a_call_by_someone_who_knew_nothing_is_as_good_as_a_probe() -> None:
    circuit = after(OPEN, LAPSED + 1)

    assert phase(circuit, LAPSED + 1) is Phase.OPEN
    assert circuit.opening_seconds == 2 * FIRST_OPENING_SECONDS


def test_while_a_probe_is_under_way_it_decides() -> None:
    circuit = probed(OPEN, LAPSED)

    assert after(circuit, LAPSED + 1) == circuit
    assert phase(failed(circuit, report(sent_at=LAPSED, is_probe=True), LAPSED + 1), LAPSED + 1) is Phase.OPEN


def test_an_old_opening_that_nobody_probed_is_forgotten() -> None:
    late = LAPSED + FORGET_SECONDS

    circuit = after(OPEN, late)

    assert phase(OPEN, late) is Phase.CLOSED
    assert (circuit.failures, circuit.opening_seconds) == (1, 0)


def test_a_clock_that_is_ahead_by_seconds_has_the_window() -> None:
    ahead = after(Circuit(), *[NOW + 12] * 3)

    circuit = after(ahead, NOW + 9, NOW + 9)

    assert phase(circuit, NOW + 9) is Phase.OPEN


@pytest.mark.parametrize(
    "nonsense",
    [
        replace(OPEN, open_until=NOW + LONGEST_OPENING_SECONDS + SKEW_SECONDS + 1),
        replace(OPEN, open_until=9e11),
        Circuit(window=10**14, calls=10**6, failures=4),
        Circuit(calls=10**14, failures=3),
        Circuit(open_until=9e11),
    ],
    ids=str,
)
def test_a_breaker_that_makes_no_sense_is_closed_and_opens_as_any_other(nonsense: Circuit) -> None:
    circuit = after(nonsense, *[NOW] * FAILURES_TO_OPEN)

    assert phase(nonsense, NOW) is Phase.CLOSED
    assert wait(nonsense, NOW) == 0
    assert phase(circuit, NOW) is Phase.OPEN
    assert circuit.opening_seconds == FIRST_OPENING_SECONDS


def test_a_probe_from_a_far_future_is_none() -> None:
    circuit = replace(OPEN, probe_until=9e11)

    assert wait(circuit, LAPSED) == 0


numbers = st.one_of(st.just(0.0), st.floats(0, 1e15, exclude_max=True), st.floats(NOW - 200, NOW + 200))
circuits = st.builds(
    Circuit,
    window=st.integers(0, 10**15 - 1) | st.integers(int(NOW / 10) - 9, int(NOW / 10) + 9),
    calls=st.integers(0, 10**15 - 1),
    failures=st.integers(0, 10**15 - 1),
    opening_seconds=numbers,
    open_until=numbers,
    probe_until=numbers,
)


@given(circuits, st.floats(0, 120), st.booleans())
def test_from_any_state_a_target_is_tried_again_within_two_minutes(
    circuit: Circuit, since: float, is_probe: bool
) -> None:
    then = failed(circuit, report(sent_at=NOW - since, is_probe=is_probe), NOW)

    assert 0 <= wait(circuit, NOW) <= LONGEST_OPENING_SECONDS + SKEW_SECONDS
    assert 0 <= wait(then, NOW) <= LONGEST_OPENING_SECONDS + SKEW_SECONDS


@given(circuits)
def test_from_any_state_two_minutes_later_failures_open_it(circuit: Circuit) -> None:
    later = NOW + LONGEST_OPENING_SECONDS + SKEW_SECONDS
    times = [later + number / 10 for number in range(FAILURES_TO_OPEN)]
    fresh = replace(circuit, window=min(circuit.window, int(NOW / 10)), open_until=min(circuit.open_until, NOW + 60))

    then = after(fresh, *times)

    assert phase(then, times[-1]) is Phase.OPEN
