"""A sign of life on a terminal while something is awaited; it leaves no trace, and elsewhere it does nothing."""

import threading
import time
from types import TracebackType

from sluice_cli.terminal import Screen

PATIENCE_SECONDS = 0.5  # nobody wonders before that
TICK_SECONDS = 0.25
FRAMES = "|/-\\"
ERASE = "\r\x1b[K"


class Waiting:
    """A context manager. `text` says what is awaited and may change; `stop` ends it early, and again is harmless."""

    def __init__(self, screen: Screen, text: str, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.text = text
        self._screen = screen
        self._patience_seconds = patience_seconds
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "Waiting":
        if self._screen.has_cursor:
            self._thread = threading.Thread(target=self._show, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Returns when the line is clean."""
        thread, self._thread = self._thread, None
        self._stopped.set()
        if thread is not None:
            thread.join()

    def _show(self) -> None:
        began, frame = time.monotonic(), 0
        if self._stopped.wait(self._patience_seconds):
            return
        while True:
            seconds = time.monotonic() - began
            line = f"{FRAMES[frame % len(FRAMES)]} {self.text} {seconds:.0f} s"
            self._screen.write(ERASE + self._screen.paint(self._screen.fitted(line), "dim"))
            frame += 1
            if self._stopped.wait(TICK_SECONDS):
                break
        self._screen.write(ERASE)
