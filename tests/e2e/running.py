"""`sluice` as a process, as a person or a script runs it."""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "sluice_cli"]
PATIENCE_SECONDS = 60.0
NOT_PASSED_ON = ("AWS_", "SLUICE_", "OPENAI_", "NO_COLOR")


def environment(**changes: str) -> dict[str, str]:
    """This process's own, without anything that names another gateway, account or provider."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(NOT_PASSED_ON)}
    return {**kept, "PYTHONPATH": str(ROOT / "local"), "PYTHONUNBUFFERED": "", **changes}


def run(*words: str, typed: str = "", variables: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words],
        input=typed,
        capture_output=True,
        text=True,
        env=environment(**(variables or {})),
        timeout=PATIENCE_SECONDS,
        check=False,
    )


class Running:
    """A context manager: a `sluice` that goes on until it is told to end; both its outputs come as one."""

    def __init__(self, *words: str) -> None:
        self._words = words
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.said: list[str] = []

    def __enter__(self) -> "Running":
        self._process = subprocess.Popen(
            [*COMMAND, *self._words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(),
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def line(self, containing: str) -> str:
        """The next line that contains this; what comes before it is in `said`."""
        for line in self._new_lines():
            if containing in line:
                return line
        raise AssertionError(f"it ended without {containing!r}: {self.said}")

    def end(self, number: signal.Signals) -> int:
        """Sends the signal; the exit code, when all has been said."""
        self._process.send_signal(number)
        for _ in self._new_lines():
            pass
        return self._process.wait(PATIENCE_SECONDS)

    def _new_lines(self) -> Iterator[str]:
        while (line := self._lines.get(timeout=PATIENCE_SECONDS)) is not None:
            self.said.append(line)
            yield line

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)
