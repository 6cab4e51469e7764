"""What runs a program of docs/clients.md: an interpreter that reads it from its standard input, as from a pipe."""

import os
import platform
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import pytest
from tests.clients.page import ROOT

import node_packages

CLIENTS = ROOT / ".venv-clients" / "bin"
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Runner:
    """A command that runs a program, the folder it starts in, and why it cannot be used here, if it cannot."""

    command: tuple[str, ...]
    folder: Path = ROOT
    path: Path | None = None
    defect: Callable[[], str] = str

    def start(self, program: str, variables: Mapping[str, str]) -> "Running":
        if reason := self.defect():
            pytest.skip(reason)
        return Running(self, program, variables)


class Running:
    """A context manager: the program, and what it has written so far."""

    def __init__(self, runner: Runner, program: str, variables: Mapping[str, str]) -> None:
        self.written = b""
        path = f"{runner.path}:{os.environ['PATH']}" if runner.path else os.environ["PATH"]
        self._process = subprocess.Popen(
            runner.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=runner.folder,
            env={"PATH": path, "PYTHONPATH": str(ROOT / "local"), **variables},
        )
        assert self._process.stdin is not None
        self._process.stdin.write(program.encode())
        self._process.stdin.close()

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()

    def until(self, text: str) -> None:
        """Reads on until the program has written this."""
        until = time.monotonic() + PATIENCE_SECONDS
        while text.encode() not in self.written:
            assert time.monotonic() < until, f"not written after {PATIENCE_SECONDS:g} s: {text!r}"
            assert self._read(1.0), f"it ended without {text!r}: {self.written!r} {self._complaint()}"

    def end(self) -> str:
        """All it has written, once it has ended well."""
        while self._read(PATIENCE_SECONDS):
            pass
        assert self._process.wait(PATIENCE_SECONDS) == 0, self._complaint()
        return self.written.decode()

    def _read(self, seconds: float) -> bool:
        """Waits for more; False at the end of the program's output."""
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(seconds):
                return True
        piece = os.read(self._process.stdout.fileno(), 65536)
        self.written += piece
        return piece != b""

    def _complaint(self) -> str:
        assert self._process.stderr is not None
        self._process.kill()
        return self._process.stderr.read().decode()


def clients_defect() -> str:
    there = (CLIENTS / "python").exists()
    return "" if there else "LangChain and awscurl are not installed; run python3 scripts/setup.py clients"


def node_defect() -> str:
    if reason := node_packages.missing():
        return f"{reason}; with Node.js {'.'.join(map(str, node_packages.MINIMUM))} or newer this runs"
    return (
        ""
        if node_packages.CLIENTS.is_installed()
        else "the JavaScript clients are not installed; run python3 scripts/setup.py node"
    )


def chromium_defect() -> str:
    there = node_packages.has_chromium()
    return node_defect() or ("" if there else f"the npm package has no Chromium for {platform.machine()}")


PYTHON = Runner((sys.executable, "-"))
PYTHON_OF_CLIENTS = Runner((str(CLIENTS / "python"), "-"), defect=clients_defect)
NODE = Runner(("node", "--input-type=module", "-"), folder=node_packages.FOLDER, defect=node_defect)
NODE_RESPONSES = Runner(("node", "responses.mjs"), folder=node_packages.FOLDER, defect=node_defect)
NODE_TOOLS = Runner(("node", "tools.mjs"), folder=node_packages.FOLDER, defect=node_defect)
NODE_BEDROCK = Runner(("node", "bedrock.mjs"), folder=node_packages.FOLDER, defect=node_defect)
CHROMIUM = Runner(("node", "visit.mjs"), folder=node_packages.FOLDER, defect=chromium_defect)
SHELL = Runner(("sh",))
SHELL_OF_CLIENTS = Runner(("sh",), path=CLIENTS, defect=clients_defect)
