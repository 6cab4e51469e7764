"""A `sluice dev` as a process of its own, and calls that are made through it."""

import contextlib
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import httpx
from tests.e2e.running import PATIENCE_SECONDS, Running, run

from sluice_cli import environment_file
from sluice_client import FunctionUrlAuth

READY = "Ctrl-C ends it"
TERMINAL = ("S", "A")


@dataclass(frozen=True, slots=True)
class Dev:
    """A `sluice dev` that is ready."""

    process: Running
    env_file: str
    welcome: str

    @property
    def variables(self) -> dict[str, str]:
        return environment_file.read(Path(self.env_file))

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`sluice` with this stack's env file."""
        return run(*words, "--env-file", self.env_file)

    def call(self, model: str, **body: Any) -> str:
        """A signed chat completion, read to its end; its request id."""
        asked = {"model": model, "messages": [{"role": "user", "content": "say it"}], **body}
        with httpx.Client(auth=self._auth(), trust_env=False, timeout=PATIENCE_SECONDS) as client:
            response = client.post(f"{self.variables['SLUICE_URL']}/v1/chat/completions", json=asked)
        return response.headers["x-request-id"]

    def client(self, service: str) -> Any:
        """Of boto3, for this stack's embedded AWS."""
        known = self.variables
        urls = {"dynamodb": "AWS_ENDPOINT_URL_DYNAMODB", "secretsmanager": "AWS_ENDPOINT_URL_SECRETS_MANAGER"}
        return boto3.client(
            service,  # type: ignore[call-overload]
            region_name=known["AWS_REGION"],
            endpoint_url=known[urls[service]],
            aws_access_key_id=known["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=known["AWS_SECRET_ACCESS_KEY"],
        )

    def rows(self, count: int) -> list[dict[str, Any]]:
        """All records of the table, once that many have ended and none is open."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            found = self.client("dynamodb").scan(TableName=self.variables["SLUICE_TABLE"])["Items"]
            items = [item for item in found if item["pk"]["S"].startswith("R#")]
            if len(items) >= count and all(item["st"]["S"] in TERMINAL for item in items):
                return list(items)
            assert time.monotonic() < until, f"{len(items)} of {count} records"
            time.sleep(0.05)

    def _auth(self) -> FunctionUrlAuth:
        session = botocore.session.Session()
        session.set_credentials(self.variables["AWS_ACCESS_KEY_ID"], self.variables["AWS_SECRET_ACCESS_KEY"])
        return FunctionUrlAuth(self.variables["AWS_REGION"], session)


@contextlib.contextmanager
def started(folder: Path) -> Iterator[Dev]:
    env_file = str(folder / "dev.env")
    with Running("dev", "--port", "0", "--env-file", env_file) as process:
        process.line(READY)
        yield Dev(process, env_file, "\n".join(process.said))
