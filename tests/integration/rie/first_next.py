"""What a cold start takes until the runtime asks for its first event, with compiled files and without.

A Runtime API of one answer stands outside; when /next comes, the process is looked at: its own processor time, its
memory now and at most. The SDK is compiled in both, as it is in AWS's image; only what we deploy differs.
"""

import shutil
import socket
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.integration.rie.artifact import Artifact
from tests.integration.rie.comparison import HOST, REGION, ROOT, on_lambda, started_on_lambda
from tests.integration.rie.placed import Placed

from sluice_devstack.host import host_variables
from sluice_devstack.template import Template

FUNCTION = "GatewayFunction"
NEXT_SECONDS = 30.0
NOT_CALLED = {  # before the first event nothing is
    "SLUICE_TABLE": "closed",
    "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER": "http://127.0.0.1:9",
}


@dataclass(frozen=True, slots=True)
class Start:
    """One cold start: milliseconds of processor time, megabytes now and at most."""

    cpu_ms: float
    now_mb: float
    most_mb: float


@contextmanager
def kinds(made: Artifact) -> Iterator[dict[str, Artifact]]:
    """The artifact as it is, and a copy without its compiled files."""
    with tempfile.TemporaryDirectory() as folder:
        bare = shutil.ignore_patterns("__pycache__")
        opt = shutil.copytree(made.opt, Path(folder) / "opt", ignore=bare)
        task = shutil.copytree(made.tasks[FUNCTION], Path(folder) / "task", ignore=bare)
        yield {"compiled": made, "not compiled": replace(made, opt=opt, tasks={FUNCTION: task})}


def measured(made: Artifact, rounds: int, say: Callable[[str], None]) -> dict[str, Start]:
    """The medians of so many rounds, one kind after the other in each."""
    settings = Template.load(ROOT).function(FUNCTION)
    command = started_on_lambda(made, settings)
    variables = on_lambda(made, host_variables(HOST, REGION, FUNCTION, settings), settings) | NOT_CALLED
    with kinds(made) as artifacts:
        starts: dict[str, list[Start]] = {name: [] for name in artifacts}
        for index in range(rounds + 1):
            say(f"cold starts, round {index} of {rounds}" if index else "cold starts, one round to warm the disk")
            for name, artifact in artifacts.items():
                start = _started(artifact, command, variables)
                starts[name] += [start] if index else []
    return {name: _median(all_of_it) for name, all_of_it in starts.items()}


def _started(artifact: Artifact, command: list[str], variables: Mapping[str, str]) -> Start:
    with socket.create_server(("127.0.0.1", 0)) as api:
        api.settimeout(NEXT_SECONDS)
        host = f"127.0.0.1:{api.getsockname()[1]}"
        with Placed(artifact, FUNCTION, command, {**variables, "AWS_LAMBDA_RUNTIME_API": host}) as placed:
            try:
                connection, _ = api.accept()
            except TimeoutError as error:
                raise RuntimeError(f"no /next within {NEXT_SECONDS:g} s\n{placed.said}") from error
            with connection:
                head = connection.recv(4096)
                assert head.startswith(b"GET /2018-06-01/runtime/invocation/next"), head
                return _looked_at(placed.children[0])


def _looked_at(pid: int) -> Start:
    """The shell that mounted and the wrapper became this process, so theirs is in its time: about a millisecond."""
    spent = sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat"))
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    now, most = (int(status[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    return Start(spent / 1e6, now, most)


def _median(starts: list[Start]) -> Start:
    return Start(*(statistics.median(getattr(start, name) for start in starts) for name in Start.__slots__))


def table(found: Mapping[str, Start]) -> str:
    head = f"{'to the first /next':20} {'CPU, ms':>8} {'memory, MB':>11} {'at most, MB':>12}"
    rows = [f"{name:20} {it.cpu_ms:8.0f} {it.now_mb:11.1f} {it.most_mb:12.1f}" for name, it in found.items()]
    return "\n".join([head, *rows])
