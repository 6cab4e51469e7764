"""The thread in which the runtime waits for /next, so that Python's signal handlers can run meanwhile.

Stands in for the ThreadPoolExecutor that awslambdaric makes for each wait. On Python 3.13 the interpreter joins an
executor's thread before it ends, so a SIGTERM handler that calls sys.exit would hang until Lambda kills the process. A
daemon thread is not waited for.
"""

import threading
from collections.abc import Callable
from types import TracebackType


class PollingThread:
    """As much of an executor, and of its future, as one call needs."""

    def __init__(self, **_options: int) -> None:
        self.done = threading.Event()
        self.outcome: object = None
        self.error: Exception | None = None

    def __enter__(self) -> "PollingThread":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leaves the thread alone: `result` waits for what it brings."""

    def submit(self, poll: Callable[[], object]) -> "PollingThread":
        threading.Thread(target=self.run, args=(poll,), daemon=True).start()
        return self

    def run(self, poll: Callable[[], object]) -> None:
        try:
            self.outcome = poll()
        except Exception as error:
            self.error = error
        self.done.set()

    def result(self) -> object:
        self.done.wait()
        if self.error is not None:
            raise self.error
        return self.outcome
