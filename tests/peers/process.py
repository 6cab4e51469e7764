"""A gateway that is a process: started in a folder of its own, awaited, and ended with all that it has started."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.peers.peer import PeerAbsent

START_SECONDS = 90.0
END_SECONDS = 5.0
KEPT = ("PATH", "HOME", "LANG", "SSL_CERT_FILE")


def free_port() -> int:
    """Free now; somebody else may take it before it is used."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def running(
    words: Sequence[str | Path], variables: Mapping[str, str], log: Path, is_ready: Callable[[], bool]
) -> Iterator[subprocess.Popen[bytes]]:
    """What it says goes to `log`, behind what stands there."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    with log.open("ab") as said:
        process = subprocess.Popen(
            list(map(str, words)),
            env={**kept, **variables},
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _await(process, log, is_ready)
            yield process
        finally:
            _end(process)


def _await(process: subprocess.Popen[bytes], log: Path, is_ready: Callable[[], bool]) -> None:
    until = time.monotonic() + START_SECONDS
    while not is_ready():
        if process.poll() is not None or time.monotonic() > until:
            last = (log.read_text(errors="replace").strip() or "no word").splitlines()[-1]
            raise PeerAbsent(f"does not start: {last[:200]}")
        time.sleep(0.1)


def _end(process: subprocess.Popen[bytes]) -> None:
    """The group is the process's own, so nobody else is in it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, number)
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                continue
