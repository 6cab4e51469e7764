import os
import signal
import threading

import pytest

from sluice_cli.stop_signals import SIGNALS, StopSignals


@pytest.mark.parametrize("number", SIGNALS)
def test_each_signal_ends_the_wait(number: signal.Signals) -> None:
    with StopSignals() as signals:
        threading.Timer(0.02, os.kill, (os.getpid(), number)).start()

        assert signals.wait() is number


def test_a_signal_that_came_before_the_wait_is_not_lost() -> None:
    with StopSignals() as signals:
        os.kill(os.getpid(), signal.SIGTERM)

        assert signals.wait() is signal.SIGTERM


def test_a_signal_that_another_thread_was_given_ends_the_wait() -> None:
    def take_one() -> None:
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    with StopSignals() as signals:
        threading.Timer(0.02, take_one).start()

        assert signals.wait() is signal.SIGINT


def test_behind_it_signals_do_what_they_did() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]

    with StopSignals():
        inside = [signal.getsignal(number) for number in SIGNALS]

    assert [signal.getsignal(number) for number in SIGNALS] == before
    assert inside != before
