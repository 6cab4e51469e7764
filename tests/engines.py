"""Real DynamoDB engines for tests, each a process of its own on loopback, with the table of template.yaml.

Which: SLUICE_ENGINES="ministack,dynoxide,local,moto", else every exact one that is installed, else moto; pytest's
report says so. `make test` installs ministack and dynoxide; SLUICE_MINISTACK and SLUICE_DYNOXIDE name others.
`local` is AWS's own DynamoDB Local: SLUICE_DYNAMODB_LOCAL names its DynamoDBLocal.jar, whose libraries lie beside it
in DynamoDBLocal_lib, and `java` has to be on PATH. It listens on every address of the machine and cannot be told not to.
moto is the dev stack's own; it is not exact under threads, so tests of exactness leave it out, or skip without another.

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


def jar() -> str | None:
    named = os.environ.get("SLUICE_DYNAMODB_LOCAL", "")
    return named if named and shutil.which("java") and Path(named).is_file() else None


@dataclass(frozen=True, slots=True)
class Program:
    """How an engine is found and started. `hint`: how to get it."""

    find: Callable[[], str | None]
    command: Callable[[str, int], list[str]]
    hint: str


def java(path: str, port: int) -> list[str]:
    libraries = Path(path).parent / "DynamoDBLocal_lib"
    return ["java", f"-Djava.library.path={libraries}", "-jar", path, "-inMemory", "-sharedDb", "-port", str(port)]


PROGRAMS: dict[str, Program] = {
    "ministack": Program(
        find=lambda: program("SLUICE_MINISTACK", ".venv-engines/bin/ministack"),
        command=lambda path, _port: [path],  # its variables say the port
        hint="python3 scripts/setup.py engines",
    ),
    "dynoxide": Program(
        find=lambda: program("SLUICE_DYNOXIDE", "requirements/engines/node_modules/@dynoxide/linux-x64/dynoxide"),
        command=lambda path, port: [path, "--host", "127.0.0.1", "--port", str(port)],
        hint="python3 scripts/setup.py engines, with npm, on x86_64",
    ),
    "local": Program(find=jar, command=java, hint="java, and SLUICE_DYNAMODB_LOCAL=DynamoDBLocal.jar"),
}
NOT_INSTALLED = "no exact DynamoDB engine is installed or chosen; `make test` installs them"


def chosen() -> list[str]:
    """The engines this run uses."""
    asked = [name.strip() for name in os.environ.get("SLUICE_ENGINES", "").split(",") if name.strip()]
    return asked or [name for name, each in PROGRAMS.items() if each.find()] or ["moto"]


def one_exact() -> list[Any]:
    """For a test that starts a dev stack on an engine: the parameter is one of the exact ones, the fastest first."""
    found = [name for name in ("dynoxide", *PROGRAMS) if name in chosen()]
    return found[:1] or [pytest.param("", marks=pytest.mark.skip(NOT_INSTALLED))]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each engine in turn for what needs one."""
    if "dynamodb_engine" in metafunc.fixturenames:
        exact = [name for name in chosen() if name in PROGRAMS] if "exact_table" in metafunc.fixturenames else []
        metafunc.parametrize("dynamodb_engine", exact or chosen(), indirect=True, scope="session")


def engines() -> str:
    """What runs, and how the others could."""
    used = chosen()
    absent = [f"{name} ({each.hint})" for name, each in PROGRAMS.items() if name not in used]
    return f"DynamoDB engines: {', '.join(used)}" + (f"; not: {', '.join(absent)}" if absent else "")


def pytest_report_header() -> str:
    return engines()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The header again, at the end: `-q` leaves out the one at the beginning."""
    terminalreporter.write_line(engines())


@contextmanager
def running(name: str, folder: Path, database: Path | None = None) -> Iterator[Engine]:
    """`database` is the file in which dynoxide keeps its tables, SQLite's; without one it is all in memory."""
    if name == "moto":
        with EmbeddedAws(TEMPLATE, {}) as embedded:
            yield Engine(name, embedded.dynamodb_url, is_exact=False)
        return
    path = PROGRAMS[name].find()
    if path is None:
        pytest.skip(f"{name} is not installed: {PROGRAMS[name].hint}")
    more = ("--db-path", str(database)) if database else ()
    process, port = started(name, path, folder, more)
    try:
        yield Engine(name, f"http://127.0.0.1:{port}", is_exact=True)
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def started(name: str, path: str, folder: Path, more: tuple[str, ...] = ()) -> tuple["subprocess.Popen[bytes]", int]:
    """Starts it on a free port; on another one if somebody took that meanwhile."""
    for _ in range(PORTS_TRIED):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        process = subprocess.Popen(
            [*PROGRAMS[name].command(path, port), *more],
            env={
                "PATH": os.environ["PATH"],
                "TMPDIR": str(folder),
                "BIND_HOST": "127.0.0.1",
                "GATEWAY_PORT": str(port),
                "SERVICES": "dynamodb,dynamodbstreams,secretsmanager",
                "LOG_LEVEL": "ERROR",
                "DDB_LOCAL_TELEMETRY": "0",
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


@pytest.fixture(scope="session")
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
        pytest.skip(f"{ledger_table.engine.name} is not exact under threads: {NOT_INSTALLED}")
    return ledger_table
