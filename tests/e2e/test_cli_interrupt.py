"""Ctrl-C while something is awaited: at once, without a trace of what was under way."""

import contextlib
import os
import pty
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.running import COMMAND, PATIENCE_SECONDS, environment

from sluice_cli.waiting import ERASE

pytestmark = pytest.mark.slow


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes every connection and never says a word."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def take() -> None:
            while True:
                try:
                    taken.append(listening.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=take)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connection in taken:
        connection.close()


@pytest.mark.parametrize("words", [["usage"], ["logs"], ["logs", "aaaa"], ["chat", "Hi"], ["doctor"]], ids=" ".join)
def test_ctrl_c_ends_what_waits_and_cleans_the_line(silent: str, tmp_path: Path, words: list[str]) -> None:
    env_file = tmp_path / "dev.env"
    known = {
        "SLUICE_URL": silent,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "fake",
        "AWS_REGION": "us-east-1",
        "SLUICE_TABLE": "t",
        "AWS_ENDPOINT_URL_DYNAMODB": silent,
    }
    env_file.write_text("".join(f"export {name}={value}\n" for name, value in known.items()))
    terminal, child_end = pty.openpty()
    command = [*COMMAND, *words, "--env-file", str(env_file)]
    with subprocess.Popen(
        command,
        stdin=child_end,
        stdout=child_end,
        stderr=child_end,
        env=environment(TERM="xterm"),
        start_new_session=True,
    ) as process:
        os.close(child_end)
        said = b""
        while b" 1 s" not in said:  # it has waited for a second, and says so
            said += os.read(terminal, 4096)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) == 130
        said += rest(terminal)
    os.close(terminal)

    assert said.decode().endswith(ERASE)
    assert b"Traceback" not in said


def rest(terminal: int) -> bytes:
    """What was written and not read yet, once the other end is closed."""
    said = b""
    with contextlib.suppress(OSError):  # Linux: EIO where nothing is left
        while piece := os.read(terminal, 4096):
            said += piece
    return said
