"""Every file of events/ through AWS's emulator and through the dev stack's environment, side by side.

Both sides have simulated providers of their own with the same random numbers and the same time, and get the events
in the same order, so all they may differ in is the id of the invocation.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.rie.artifact import Artifact, artifact
from tests.integration.rie.emulated import Emulated
from tests.integration.rie.outcome import Outcome, difference
from tests.integration.rie.placed import interpreter_on_lambda
from tests.integration.rie.reference import Reference
from tests.integration.rie.simulated import simulated

from sluice_devstack.aws import EmbeddedAws
from sluice_devstack.event_loop import EventLoopThread
from sluice_devstack.host import host_command, host_variables
from sluice_devstack.template import FunctionSettings, Template
from sluice_devstack.upstreams import Upstreams, upstreams

ROOT = Path(__file__).resolve().parents[3]
HOST = ROOT / "build" / "host"
EVENTS = ROOT / "events"
REGION = "us-east-1"
GATEWAY = "GatewayFunction"
OTHERS = {"rollup": "RollupFunction", "sweeper": "SweeperFunction"}  # by how the names of their events begin


@dataclass(frozen=True, slots=True)
class Row:
    """One event; `difference` is empty where both sides gave the same bytes."""

    event: str
    emulated: Outcome
    reference: Outcome

    @property
    def difference(self) -> str:
        return difference(self.emulated, self.reference)


@dataclass(frozen=True, slots=True)
class Sides:
    """One function, twice."""

    emulated: Emulated
    reference: Reference

    def row(self, path: Path) -> Row:
        event = json.loads(path.read_text(encoding="utf-8"))
        data, request_id = self.reference.invoke(event)
        given = self.emulated.invoke(json.dumps(event).encode())
        return Row(path.stem, Outcome.of(given), Outcome.of(data, request_id))


@dataclass(frozen=True, slots=True)
class World:
    """What stands around both sides; `exits` ends what is made in it."""

    template: Template
    providers: Upstreams
    aws: EmbeddedAws
    loop: EventLoopThread
    exits: ExitStack


def event_files() -> list[Path]:
    return sorted(path for path in EVENTS.glob("*.json") if path.name != "env.json")


def compared(say: Callable[[str], None]) -> Iterator[Row]:
    """A row for each file, as soon as it is known."""
    with ExitStack() as exits:
        made = artifact(say)
        say(made.description)
        template, providers = Template.load(ROOT), upstreams(HOST / "task" / "gateway.toml", {}, None)
        aws = exits.enter_context(EmbeddedAws(template, providers.secrets))
        world = World(template, providers, aws, exits.enter_context(EventLoopThread(_raise)), exits)
        sides = {name: _sides(made, name, world) for name in (GATEWAY, *OTHERS.values())}
        for path in event_files():
            yield sides[OTHERS.get(path.name.partition("-")[0], GATEWAY)].row(path)


def table_row(row: Row) -> str:
    return f"{row.event:28} {row.emulated.status:>7} {len(row.emulated.data):>7}  {'no' if row.difference else 'yes'}"


TABLE_HEAD = f"{'event':28} {'status':>7} {'bytes':>7}  equal"


def _raise(error: BaseException) -> None:
    raise error


def _sides(made: Artifact, name: str, world: World) -> Sides:
    settings, exits = world.template.function(name), world.exits
    lead = [_leading(name, world) for _ in ("emulated", "reference")]
    here = host_variables(HOST, REGION, name, settings) | world.aws.holders[settings.role or ""].variables
    command = host_command(HOST, settings)
    started = started_on_lambda(made, settings)
    emulated = Emulated(made, name, started, on_lambda(made, here, settings) | lead[0], settings.handler)
    reference = Reference(command, HOST / "task", here | lead[1])
    return Sides(exits.enter_context(emulated), exits.enter_context(reference))


def _leading(name: str, world: World) -> dict[str, str]:
    """What events/env.json sets, with this run's own addresses."""
    own = {
        "SLUICE_TABLE": world.aws.table,
        "AWS_ENDPOINT_URL_DYNAMODB": world.aws.dynamodb_url,
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": world.aws.secrets_url,
    }
    own |= world.exits.enter_context(simulated(world.providers, world.aws, REGION, world.loop))
    named: dict[str, Any] = json.loads((EVENTS / "env.json").read_text(encoding="utf-8"))[name]
    return {variable: own[variable] for variable in named}


def started_on_lambda(made: Artifact, settings: FunctionSettings) -> list[str]:
    """As the managed runtime starts it. The sweeper has no wrapper: its awslambdaric stands for the runtime's own."""
    python, wrapper = interpreter_on_lambda(made), settings.variables.get("AWS_LAMBDA_EXEC_WRAPPER")
    return [wrapper, python, "/var/runtime/bootstrap.py"] if wrapper else [python, "-m", "awslambdaric"]


def on_lambda(made: Artifact, here: dict[str, str], settings: FunctionSettings) -> dict[str, str]:
    """The dev stack's variables with Lambda's own paths."""
    there = {
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{made.version}",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "60",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/task:/opt/lib",
        "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin:/bin:/opt/bin",
        "PYTHONPATH": "/opt/python:/var/runtime",
    }
    variables = here | there
    if "AWS_LAMBDA_EXEC_WRAPPER" in settings.variables:
        del variables["PYTHONPATH"]  # Lambda sets none: the wrapper finds the folders
    return variables
