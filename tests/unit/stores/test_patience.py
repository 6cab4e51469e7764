"""A purse of time: what it holds, what empties it and how it fills."""

import pytest
from tests.unit.stores.calls import HandClock

from sluice.stores.patience import LEAST_SECONDS, PATIENCE_SECONDS, REFILL_SECONDS, Patience

SHORT = pytest.approx(PATIENCE_SECONDS, abs=1e-3)  # epoch seconds as floats have no finer differences


@pytest.fixture
def hand() -> HandClock:
    return HandClock()


def waited(patience: Patience, hand: HandClock, seconds: float) -> None:
    with patience.waiting():
        hand.seconds += seconds


def test_it_begins_full(hand: HandClock) -> None:
    assert Patience(hand.clock).seconds() == PATIENCE_SECONDS


def test_waiting_is_paid_from_it_and_time_fills_it_again(hand: HandClock) -> None:
    patience = Patience(hand.clock)

    waited(patience, hand, 0.1)
    after = patience.seconds()
    hand.seconds += REFILL_SECONDS
    later = patience.seconds()

    assert after == pytest.approx(PATIENCE_SECONDS - 0.1, abs=1e-3)
    assert later == SHORT


def test_it_never_holds_more_than_at_first(hand: HandClock) -> None:
    patience = Patience(hand.clock)

    hand.seconds += 3600

    assert patience.seconds() == PATIENCE_SECONDS


def test_with_almost_nothing_left_nothing_is_asked(hand: HandClock) -> None:
    patience = Patience(hand.clock)

    waited(patience, hand, PATIENCE_SECONDS - LEAST_SECONDS / 2)

    assert patience.seconds() == 0


def test_a_failure_empties_it_for_a_while(hand: HandClock) -> None:
    patience = Patience(hand.clock)

    patience.end()
    at_once = patience.seconds()
    hand.seconds += REFILL_SECONDS / 2
    later = patience.seconds()

    assert at_once == 0
    assert later == pytest.approx(PATIENCE_SECONDS / 2, abs=1e-3)


def test_waiting_far_too_long_is_no_debt(hand: HandClock) -> None:
    patience = Patience(hand.clock)

    waited(patience, hand, 60.0)
    hand.seconds += REFILL_SECONDS

    assert patience.seconds() == SHORT


def test_however_it_is_used_a_minute_holds_a_quarter_of_waiting(hand: HandClock) -> None:
    patience, total = Patience(hand.clock), 0.0

    for _ in range(6000):
        seconds = patience.seconds()
        waited(patience, hand, seconds)
        total += seconds
        hand.seconds += 0.01

    assert hand.seconds > 0
    assert total <= PATIENCE_SECONDS * (1 + 60 / REFILL_SECONDS)
