from collections.abc import Callable

import pytest

from sluice.domain.errors import DeadlineReached, UpstreamTimeout
from sluice.domain.timeouts import Timeouts
from sluice.providers.watch import DEADLINE_MARGIN_SECONDS, Watch

TIMEOUTS = Timeouts(
    connect_timeout_seconds=5, first_byte_timeout_seconds=30, idle_timeout_seconds=10, total_timeout_seconds=60
)


class Hand:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def watching(deadline: float = 900.0) -> tuple[Hand, Watch]:
    hand = Hand()
    return hand, Watch(TIMEOUTS, deadline, hand)


def test_connecting_may_take_its_own_time_and_no_more_than_is_left() -> None:
    hand, watch = watching()

    assert watch.connecting() == 5
    hand.seconds = 28
    assert watch.connecting() == 2


def test_the_first_event_must_come_in_time_however_much_drips() -> None:
    hand, watch = watching()

    hand.seconds = 29
    watch.heard()
    hand.seconds = 30

    with pytest.raises(UpstreamTimeout, match="within 30 s"):
        watch.heard()


@pytest.mark.parametrize("ask", [Watch.left, Watch.connecting])
def test_silence_is_limited_once_it_has_begun(ask: Callable[[Watch], float]) -> None:
    hand, watch = watching()
    watch.begin()

    hand.seconds = 9
    watch.heard()
    hand.seconds = 18
    assert watch.left() == 1
    hand.seconds = 19

    with pytest.raises(UpstreamTimeout, match="silent for 10 s"):
        ask(watch)


def test_the_total_limits_a_stream_that_never_pauses() -> None:
    hand, watch = watching()
    watch.begin()

    with pytest.raises(UpstreamTimeout, match="longer than 60 s"):
        for hand.seconds in range(100):
            watch.heard()

    assert hand.seconds == 60


@pytest.mark.fault("L02")
def test_the_deadline_comes_a_margin_before_lambda_ends_the_invocation() -> None:
    hand, watch = watching(deadline=20.0)
    watch.begin()

    hand.seconds = 20.0 - DEADLINE_MARGIN_SECONDS

    with pytest.raises(DeadlineReached):
        watch.heard()
