"""Real DynamoDB engines for tests, each a process of its own on loopback, with the table of template.yaml.

Which: SLUICE_ENGINES="ministack,dynoxide,moto", else every exact one that is installed, else moto. `ministack` is
looked for in SLUICE_MINISTACK, .venv-engines and PATH, `dynoxide` in SLUICE_DYNOXIDE, node_modules and PATH. moto is
the dev stack's own; it is not exact under threads, so tests of exactness skip it.

tests/conftest.py makes these fixtures known.
"""

import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sluice.domain.clock import Clock
from sluice.stores import aws
from sluice.stores.ledger import Ledger
from sluice.stores.sweep import Sweeper
from sluice.stores.wire import Wire
from sluice_devstack.aws import EmbeddedAws, create_table
from sluice_devstack.template import Template

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = Template.load(ROOT)
READY_SECONDS = 20.0
STOP_SECONDS = 10.0
PORTS_TRIED = 3
REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Engine:
    """A running engine. `is_exact` says whether it keeps its word under threads."""

    name: str
    url: str
    is_exact: bool


@dataclass(frozen=True, slots=True)
class LedgerTable:
    """An empty table of the gateway's shape in an engine."""

    engine: Engine
    name: str
    connections: "Connections"

    def client(self, url: str | None = None) -> Any:
        """The gateway's own client for one thread; `url` goes through a proxy."""
        return self.connections.dynamodb(url or self.engine.url)

    def ledger(self, url: str | None = None, clock: Clock | None = None, seed: int = 0) -> Ledger:
        return Ledger(self.client(url), self.name, clock or Clock(), Random(seed))

    def sweeper(self, url: str | None = None, clock: Clock | None = None, seed: int = 0) -> Sweeper:
        return Sweeper(self.client(url), self.name, clock or Clock(), Random(seed))


class Connections:
    """Makes the gateway's own clients, and closes their connections in the end."""

    def __init__(self) -> None:
        self._wires: list[Wire] = []
        self._session = aws.new_session()
        self._session.set_credentials("AKIDEXAMPLE", "fake-secret-access-key")

    def dynamodb(self, url: str) -> Any:
        return aws.dynamodb(self._session, REGION, self._wire(1.0), url)

    def secretsmanager(self, url: str) -> Any:
        return aws.secretsmanager(self._session, REGION, self._wire(aws.SECRETS_MANAGER_SECONDS), url)

    def close(self) -> None:
        for wire in self._wires:
            wire.close()

    def _wire(self, read_seconds: float) -> Wire:
        self._wires.append(Wire(None, read_seconds=read_seconds))
        return self._wires[-1]


def program(variable: str, *places: str) -> str | None:
    """The first of these that is there: what the variable names, a file of the repository, a command on PATH."""
    candidates = [os.environ.get(variable, ""), *(str(ROOT / place) for place in places), Path(places[0]).name]
    return next((found for one in candidates if one and (found := shutil.which(one))), None)


PROGRAMS: dict[str, Callable[[], str | None]] = {
    "ministack": lambda: program("SLUICE_MINISTACK", ".venv-engines/bin/ministack"),
    "dynoxide": lambda: program("SLUICE_DYNOXIDE", "node_modules/@dynoxide/linux-x64/dynoxide"),
}


def chosen() -> list[str]:
    """The engines this run uses."""
    asked = [name.strip() for name in os.environ.get("SLUICE_ENGINES", "").split(",") if name.strip()]
    return asked or [name for name, find in PROGRAMS.items() if find()] or ["moto"]


@contextmanager
def running(name: str, folder: Path) -> Iterator[Engine]:
    if name == "moto":
        with EmbeddedAws(TEMPLATE, {}) as embedded:
            yield Engine(name, embedded.dynamodb_url, is_exact=False)
        return
    path = PROGRAMS[name]()
    if path is None:
        pytest.skip(f"{name} is not installed")
    process, port = started(name, path, folder)
    try:
        yield Engine(name, f"http://127.0.0.1:{port}", is_exact=True)
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def started(name: str, path: str, folder: Path) -> tuple["subprocess.Popen[bytes]", int]:
    """Starts it on a free port; on another one if somebody took that meanwhile."""
    for _ in range(PORTS_TRIED):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        process = subprocess.Popen(
            [path, *(["--host", "127.0.0.1", "--port", str(port)] if name == "dynoxide" else [])],
            env={
                "PATH": os.environ["PATH"],
                "TMPDIR": str(folder),
                "BIND_HOST": "127.0.0.1",
                "GATEWAY_PORT": str(port),
                "SERVICES": "dynamodb,dynamodbstreams,secretsmanager",
                "LOG_LEVEL": "ERROR",
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
        )
        if is_listening(process, port):
            return process, port
        process.kill()
        process.wait(STOP_SECONDS)
    pytest.fail(f"{name} did not come up within {READY_SECONDS:.0f} s")


def is_listening(process: "subprocess.Popen[bytes]", port: int) -> bool:
    until = time.monotonic() + READY_SECONDS
    while process.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)  # there is nothing to await in a process that is still importing
        else:
            return True
    return False


@pytest.fixture(scope="session", params=chosen())
def dynamodb_engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with running(request.param, tmp_path_factory.mktemp(request.param)) as engine:
        yield engine


@pytest.fixture(scope="session")
def secrets_engine() -> Iterator[EmbeddedAws]:
    """A Secrets Manager: the dev stack's own, whatever keeps the ledger."""
    with EmbeddedAws(TEMPLATE, {}) as embedded:
        yield embedded


@pytest.fixture
def connections() -> Iterator[Connections]:
    made = Connections()
    yield made
    made.close()


@pytest.fixture
def ledger_table(dynamodb_engine: Engine, connections: Connections) -> LedgerTable:
    """A table of its own for each test, so that a sweep finds nothing of another."""
    settings = TEMPLATE.table()
    name = f"ledger-{uuid.uuid4().hex}"
    create_table(dynamodb_engine.url, replace(settings, create={**settings.create, "TableName": name}))
    return LedgerTable(dynamodb_engine, name, connections)


@pytest.fixture
def exact_table(ledger_table: LedgerTable) -> LedgerTable:
    if not ledger_table.engine.is_exact:
        pytest.skip(f"{ledger_table.engine.name} is not exact under threads; install ministack for this one")
    return ledger_table
