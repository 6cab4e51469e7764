"""Embedded AWS: DynamoDB with the table of template.yaml, and Secrets Manager, for one machine and one parent process.

Strategy: the parent opens the listening socket and hands it down, so the URLs hold at once and early callers wait in
its queue while the child still imports moto (about half of the start). What cannot be done meanwhile, the table and the
secrets, happens in `wait()`. State is in memory and ends with the process. Whoever signs as a holder of one of the
template's roles or policies may do what that grants; SLUICE_AWS_CALLS names a file to note such calls in. `authority`
says and notes the same for services that are simulated in the parent, as Bedrock is.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from sluice_devstack.authorization import Authority
from sluice_devstack.aws_json import DYNAMODB, SECRETS_MANAGER, AwsError, call
from sluice_devstack.aws_server import noted
from sluice_devstack.roles import policies
from sluice_devstack.template import TableSettings, Template

SERVER = Path(__file__).with_name("aws_server.py")
PACKAGES = SERVER.parents[1]
READY_SECONDS = 30.0
BACKLOG = 128


class EmbeddedAwsError(Exception):
    """Embedded AWS did not come up; the message holds the end of what it said."""


class EmbeddedAws:
    """A context manager; or `start()` early, other work meanwhile, `wait()` when needed, `stop()`.

    `store` is "moto" or the URL of another DynamoDB engine: then the table is created there (one that is already there
    stays as it is) and moto serves the secrets only. A secret is a string as it is, or anything else as JSON.
    """

    def __init__(self, template: Template, secrets: Mapping[str, object], store: str = "moto", port: int = 0) -> None:
        self._port = port
        self._table = template.table()
        self.holders = template.holders()
        self._policies = policies(self.holders.values())
        self.authority = Authority(self._policies, noted())
        self._secrets = dict(secrets)
        self._store = store
        self._url = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None

    @property
    def table(self) -> str:
        return self._table.name

    @property
    def dynamodb_url(self) -> str:
        return self._url if self._store == "moto" else self._store

    @property
    def url(self) -> str:
        """Of all services but DynamoDB, which another engine may be."""
        return self._url

    @property
    def secrets_url(self) -> str:
        return self._url

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def __enter__(self) -> "EmbeddedAws":
        self.start()
        try:
            self.wait()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Starts the process. The URLs hold from here on; the table and the secrets are there after `wait()`."""
        with socket.create_server(("127.0.0.1", self._port), backlog=BACKLOG) as listening:
            self._url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the process)
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(SERVER), str(listening.fileno()), json.dumps(self._policies)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                env=_environment(),
                pass_fds=[listening.fileno()],
                start_new_session=True,  # Ctrl-C goes to the parent, which stops us in order
            )

    def wait(self) -> None:
        """Returns when the table is active and every secret is stored."""
        try:
            create_table(self.dynamodb_url, self._table)
            for name, value in self._secrets.items():
                self.put_secret(name, value)
        except OSError as error:
            raise EmbeddedAwsError(f"embedded AWS is not there ({error}): {self._last_words()}") from error

    def put_secret(self, name: str, value: object) -> None:
        """Stores a new secret, or a new version of one; a running gateway sees it when its copy has expired."""
        text = value if isinstance(value, str) else json.dumps(value)
        try:
            self._secrets_manager("CreateSecret", {"Name": name, "SecretString": text})
        except AwsError as error:
            if error.code != "ResourceExistsException":
                raise
            self._secrets_manager("PutSecretValue", {"SecretId": name, "SecretString": text})

    def stop(self) -> None:
        """Ends the process and reaps it; harmless when it has ended."""
        process, errors, self._process, self._errors = self._process, self._errors, None, None
        if process is not None and process.stdin is not None:
            process.kill()
            process.wait()
            process.stdin.close()
        if errors is not None:
            errors.close()

    def _secrets_manager(self, operation: str, body: dict[str, Any]) -> None:
        call(self._url, SECRETS_MANAGER, operation, body, READY_SECONDS)

    def _last_words(self) -> str:
        if self._errors is None:
            return "it was not started"
        self._errors.seek(0)
        return self._errors.read()[-2000:].decode(errors="replace").strip() or "it said nothing"


def create_table(url: str, table: TableSettings) -> None:
    """Creates the table of the template, or takes the one that is there; returns when it is active."""
    if not _accepted(url, "CreateTable", table.create, {"ResourceInUseException"}):
        return
    _wait_until_active(url, table.name)
    if table.ttl_attribute:
        ttl = {"Enabled": True, "AttributeName": table.ttl_attribute}
        _where_there_is_such_a_thing(url, "UpdateTimeToLive", table, {"TimeToLiveSpecification": ttl})
    if table.point_in_time_recovery:
        recovery = {"PointInTimeRecoveryEnabled": True}
        _where_there_is_such_a_thing(
            url, "UpdateContinuousBackups", table, {"PointInTimeRecoverySpecification": recovery}
        )


def _where_there_is_such_a_thing(url: str, operation: str, table: TableSettings, body: dict[str, Any]) -> None:
    _accepted(url, operation, {"TableName": table.name, **body}, {"UnknownOperationException", "UnknownOperation"})


def _accepted(url: str, operation: str, body: dict[str, Any], tolerated: set[str]) -> bool:
    try:
        call(url, DYNAMODB, operation, body, READY_SECONDS)
    except AwsError as error:
        if error.code not in tolerated:
            raise
        return False
    return True


def _wait_until_active(url: str, name: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while call(url, DYNAMODB, "DescribeTable", {"TableName": name}, READY_SECONDS)["Table"]["TableStatus"] != "ACTIVE":
        if time.monotonic() > deadline:
            raise EmbeddedAwsError(f"table {name} is not active after {READY_SECONDS:.0f} s at {url}")
        time.sleep(0.02)


def _environment() -> dict[str, str]:
    """The parent's environment without its AWS settings: a profile that is not there would stop moto."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_"))}
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, [str(PACKAGES), kept.get("PYTHONPATH")]))}
