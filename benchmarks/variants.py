"""The gateway as peers of the shared bench: whole, with its ledger's calls left out, and without compiled files.

Each runs from a copy of build/host, through the layer's own bootstrap, on this machine's Python: what others build
meanwhile does not change a run. The whole one keeps its ledger in ministack where that is installed, else in moto.
"""

import os
import shutil
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.engines import PROGRAMS, running

from sluice_devstack.aws import EmbeddedAws, create_table
from sluice_devstack.template import Template

ROOT = Path(__file__).resolve().parents[1]
HOST = ROOT / "build" / "host"
PARTS = ("opt", "task", "lang")
MOCK = "http://127.0.0.1:9000"


@dataclass(frozen=True, slots=True)
class Variant:
    """One way of running the gateway; `environment` is what its process gets beside the machine's own."""

    host: Path
    environment: Mapping[str, str]

    @property
    def command(self) -> list[str]:
        interpreter = getattr(sys, "_base_executable", sys.executable)
        return [str(self.host / "opt" / "bootstrap"), interpreter, "/var/runtime/bootstrap.py"]

    def start(self) -> list[str]:
        """The command with a table of its own: the bench's Runtime API counts its ids from one at each start, and
        an id that was used is refused."""
        table = fresh_table(self.environment["AWS_ENDPOINT_URL_DYNAMODB"])
        return ["env", f"SLUICE_TABLE={table}", *self.command]

    def peer(self) -> dict[str, Any]:
        """As the shared loops want it."""
        return {"kind": "lambda", "cmd": lambda _port: self.start(), "env": dict(self.environment)}


@contextmanager
def variants(folder: Path) -> Iterator[dict[str, Variant]]:
    """All of them, by the names of their peers, while the ledger's engine runs."""
    built, plain = copied(folder / "built"), copied(folder / "plain", shutil.ignore_patterns("__pycache__"))
    with aws(folder) as endpoints:
        yield {
            "sluice": Variant(built, environment(built, endpoints)),
            "sluice_no_ledger": Variant(built, environment(built, endpoints, handler="without_ledger.handler")),
            "sluice_no_pyc": Variant(plain, environment(plain, endpoints) | {"PYTHONDONTWRITEBYTECODE": "1"}),
        }


def copied(folder: Path, ignore: Any = None) -> Path:
    for part in PARTS:
        shutil.copytree(HOST / part, folder / part, ignore=ignore)
    return folder


@contextmanager
def aws(folder: Path) -> Iterator[dict[str, str]]:
    """The ledger's engine and the secret; the environment variables that lead there."""
    name = "ministack" if PROGRAMS["ministack"].find() else "moto"
    print(f"bench: ledger on {name}", flush=True)
    with running(name, folder) as engine:
        store = "moto" if name == "moto" else engine.url
        with EmbeddedAws(Template.load(ROOT), {"sluice/openai": {"api_key": "sk-fake-bench"}}, store) as embedded:
            yield {
                "AWS_ENDPOINT_URL_DYNAMODB": embedded.dynamodb_url,
                "AWS_ENDPOINT_URL_SECRETS_MANAGER": embedded.secrets_url,
            }


def fresh_table(dynamodb_url: str) -> str:
    settings, name = Template.load(ROOT).table(), f"bench-{uuid.uuid4().hex[:8]}"
    create_table(dynamodb_url, replace(settings, create={**settings.create, "TableName": name}))
    return name


def environment(host: Path, endpoints: Mapping[str, str], handler: str = "gateway.handler") -> dict[str, str]:
    return {
        **endpoints,
        "_HANDLER": handler,
        "LAMBDA_TASK_ROOT": str(host / "task"),
        "PYTHONPATH": f"{ROOT / 'benchmarks'}{os.pathsep}{host / 'lang'}",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLEBENCH",
        "AWS_SECRET_ACCESS_KEY": "fake-bench-secret",
        "POWERTOOLS_SERVICE_NAME": "sluice",
        "POWERTOOLS_METRICS_NAMESPACE": "Sluice",
        "SLUICE_PROVIDER_URL_OPENAI": f"{MOCK}/v1",
        "SLUICE_PROVIDER_URL_BEDROCK": MOCK,
    }
