"""Waiting for somebody to end it: Ctrl-C, a closed terminal, or a kind kill.

Python's own handlers run only when the main thread runs, so it waits on a pipe that the signal itself writes to.
Behind the with signals do again what they do to every program, and whoever is impatient gets his way.
https://docs.python.org/3/library/signal.html#signal.set_wakeup_fd
"""

import os
import signal
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSignals:
    """A context manager for the main thread."""

    def __init__(self) -> None:
        self._before: dict[signal.Signals, Any] = {}
        self._wakeup_before = -1
        self._ends = (-1, -1)

    def __enter__(self) -> "StopSignals":
        self._ends = os.pipe()
        os.set_blocking(self._ends[1], False)
        self._wakeup_before = signal.set_wakeup_fd(self._ends[1], warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, _nothing) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.set_wakeup_fd(self._wakeup_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        for end in self._ends:
            os.close(end)

    def wait(self) -> signal.Signals:
        """The signal that came."""
        while True:
            (number,) = os.read(self._ends[0], 1)
            if number in SIGNALS:
                return signal.Signals(number)


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """Its being there keeps the signal from ending the process."""
