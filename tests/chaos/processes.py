"""The processes beside the gateway: a provider, a proxy that fails, a watcher. Each is forked, serves and is stopped.

They are forks of a process without threads. What each has to tell comes through a pipe: first where it listens, and at
the end what it has seen.
"""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

FORK = multiprocessing.get_context("fork")
STOP_SECONDS = 60.0
Work = Callable[[Connection], Any]


class Beside:
    """One such process. `told` is what it said first."""

    def __init__(self, work: Work) -> None:
        self._ours, theirs = FORK.Pipe()
        self._process = FORK.Process(target=_run, args=(work, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self.told = self._ours.recv()

    def stop(self) -> Any:
        """Tells it to end; what it had to tell."""
        self._ours.send("stop")
        return self.result(STOP_SECONDS)

    def result(self, seconds: float) -> Any:
        """What it has to tell when it has done its work."""
        if not self._ours.poll(seconds):
            raise TimeoutError(f"a process of the run is not done after {seconds:g} s")
        try:
            found = self._ours.recv()
        except EOFError:
            raise ChildProcessError("a process of the run has died; its last words are above or in the log") from None
        self._process.join(STOP_SECONDS)
        return found

    def kill(self) -> None:
        self._process.kill()


def _run(work: Work, connection: Connection) -> None:
    connection.send(work(connection))


@contextmanager
def beside(work: Work) -> Iterator[Beside]:
    running = Beside(work)
    try:
        yield running
    finally:
        running.kill()
