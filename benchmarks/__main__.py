"""`make bench`: the gateway beside a Node pipe Lambda, on one mock provider and load client, rounds interleaved.

Three Sluices: with its ledger on a local engine (ministack where installed, else moto), with the ledger's calls left
out, and without compiled files. Figures of one run compare; figures of two runs do not.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.engines import PROGRAMS, running

from benchmarks import bench_folder, report
from sluice_devstack.aws import EmbeddedAws, create_table
from sluice_devstack.template import Template

ROOT = Path(__file__).resolve().parents[1]
HOST = ROOT / "build" / "host"
PEERS = ("direct", "lambda_node_pipe", "sluice", "sluice_no_ledger", "sluice_no_pyc")


def main() -> int:
    options = arguments()
    try:
        peers = bench_folder.build()
    except bench_folder.BenchMissing as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder, aws(Path(folder)) as environment:
        peers.PEERS.update(sluices(environment, Path(folder)))
        return run(peers, options)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(PEERS), help="peers, with commas between")
    parser.add_argument("--quick", action="store_true", help="fewer streams a round")
    return parser.parse_args()


@contextmanager
def aws(folder: Path) -> Iterator[dict[str, str]]:
    """The ledger's engine and the secret; the environment variables that lead there."""
    name = "ministack" if PROGRAMS["ministack"]() else "moto"
    print(f"bench: ledger on {name}", flush=True)
    with running(name, folder) as engine:
        store = "moto" if name == "moto" else engine.url
        with EmbeddedAws(Template.load(ROOT), {"sluice/openai": {"api_key": "sk-fake-bench"}}, store) as embedded:
            yield {
                "AWS_ENDPOINT_URL_DYNAMODB": embedded.dynamodb_url,
                "AWS_ENDPOINT_URL_SECRETS_MANAGER": embedded.secrets_url,
            }


def fresh_table(dynamodb_url: str) -> str:
    """A new table: the Runtime API of the bench counts its ids from one at each start, and a used id is refused."""
    settings, name = Template.load(ROOT).table(), f"bench-{uuid.uuid4().hex[:8]}"
    create_table(dynamodb_url, replace(settings, create={**settings.create, "TableName": name}))
    return name


def sluices(environment: dict[str, str], folder: Path) -> dict[str, dict[str, Any]]:
    """The gateway's variants as peers of the shared loop."""
    plain = folder / "plain"
    for part in ("opt", "task", "lang"):
        shutil.copytree(HOST / part, plain / part, ignore=shutil.ignore_patterns("__pycache__"))
    return {
        "sluice": peer(HOST, environment),
        "sluice_no_ledger": peer(HOST, environment, handler="without_ledger.handler"),
        "sluice_no_pyc": peer(plain, {**environment, "PYTHONDONTWRITEBYTECODE": "1"}),
    }


def peer(host: Path, environment: dict[str, str], handler: str = "gateway.handler") -> dict[str, Any]:
    interpreter = getattr(sys, "_base_executable", sys.executable)
    command = [str(host / "opt" / "bootstrap"), interpreter, "/var/runtime/bootstrap.py"]
    variables = {
        **environment,
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
        "SLUICE_PROVIDER_URL_OPENAI": "http://127.0.0.1:9000/v1",
    }

    def start(_port: int) -> list[str]:
        return ["env", f"SLUICE_TABLE={fresh_table(environment['AWS_ENDPOINT_URL_DYNAMODB'])}", *command]

    return {"kind": "lambda", "cmd": start, "env": variables}


def run(peers: Any, options: argparse.Namespace) -> int:
    out = bench_folder.BUILT / "results" / "sluice.json"
    out.unlink(missing_ok=True)
    quick = ["--quick"] if options.quick else []
    sys.argv = ["peers.py", "--rounds", str(options.rounds), "--only", options.only, "--out", str(out), *quick]
    peers.main()
    results = json.loads(out.read_text())
    print(f"\nmedians of {options.rounds} interleaved rounds, load {os.getloadavg()[0]:.1f}, node {node_version()}\n")
    print(report.table(results, [name for name in options.only.split(",") if name in results]))
    return 0


def node_version() -> str:
    return subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip() or "absent"


if __name__ == "__main__":
    raise SystemExit(main())
