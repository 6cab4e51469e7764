"""The whole stack: embedded AWS, simulated providers, functions in their environments, URL, sweeper, rollup.

It knows the gateway only by what is deployed of it (build/host, template.yaml) and by its environment variables.
"""

import asyncio
import concurrent.futures
import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from sluice_devstack import ports
from sluice_devstack.answer import InvocationFailed
from sluice_devstack.anthropic_simulator import SimulatedAnthropic
from sluice_devstack.aws import EmbeddedAws
from sluice_devstack.azure_simulator import SimulatedAzure
from sluice_devstack.bedrock_simulator import SimulatedBedrock
from sluice_devstack.call import Call, Refusal
from sluice_devstack.environment import Environment, EnvironmentSettings, InitFailed
from sluice_devstack.event import UrlSite, scheduled_event
from sluice_devstack.event_loop import EventLoopThread
from sluice_devstack.function import LocalFunction, Watchers
from sluice_devstack.function_url import FunctionUrl, UnsupportedUrl
from sluice_devstack.guardian import Guardian
from sluice_devstack.host import host_command, host_variables
from sluice_devstack.lines import CallLines
from sluice_devstack.sigv4 import Identity, Verifier
from sluice_devstack.simulated.bedrock.access import Access, identity
from sluice_devstack.simulator import Received, SimulatedOpenAI
from sluice_devstack.table_stream import TableStream
from sluice_devstack.template import Template
from sluice_devstack.upstreams import ANTHROPIC, AZURE, BEDROCK, OPENAI, Upstreams, upstreams

ROOT = Path(__file__).resolve().parents[2]
REGION = "us-east-1"
ACCOUNT = "123456789012"
GATEWAY, ROLLUP, SWEEPER = "GatewayFunction", "RollupFunction", "SweeperFunction"
ROLLED_UP_SECONDS = 30.0
DEVELOPER = Identity(
    access_key_id="AKIDEXAMPLESLUICEDEV",
    secret_access_key="fake-secret-access-key-of-the-developer",
    user_arn=f"arn:aws:iam::{ACCOUNT}:user/developer",
)


class StackError(Exception):
    """The stack cannot start, or something in it went wrong; the message says what."""


@dataclass(frozen=True, slots=True)
class StackOptions:
    """`secrets` maps a secret's name to its value (anything but a string as JSON); `store` is "moto" or the URL of
    a DynamoDB engine; `environments` is the most that run at once; `aws_port`, `provider_port` and `bedrock_port`
    give way where they are taken; without `openai_api_key` OpenAI is simulated, without `anthropic_api_key`
    Anthropic; `recordings` is a folder that the simulated Bedrock replays from; `environment_variables` are the
    gateway's and win; `echo` prints; `identities` may call besides the developer; `sweeper_seconds` is the period
    of the sweeper, None for never; `rollup`: whether the table's stream is read, and totals are made; `parameters`
    are those of template.yaml that are not at their defaults; `host` and `root` say what runs."""

    config: Path | None = None
    secrets: Mapping[str, object] = field(default_factory=dict)
    store: str = "moto"
    environments: int = 8
    timeout_seconds: float = 900
    port: int = 0
    aws_port: int = 0
    provider_port: int = 0
    bedrock_port: int = 0
    openai_api_key: str | None = None
    anthropic_api_key: str | None = None
    recordings: Path | None = None
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    echo: Callable[[str], None] | None = None
    has_colour: bool = False
    shows_logs: bool = False
    identities: Sequence[Identity] = ()
    sweeper_seconds: float | None = 60
    rollup: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)
    host: Path | None = None
    root: Path = ROOT


class Simulated(Protocol):
    """A provider that is simulated on this machine. `requests` holds the last ones that it was sent."""

    requests: deque[Received]

    async def start(self, port: int = 0) -> str:
        """Listens on 127.0.0.1 and returns the base URL."""

    async def stop(self) -> None: ...


class DevStack:
    """A context manager: everything runs, with one warm environment, inside; nothing is left outside."""

    access_key_id = DEVELOPER.access_key_id
    secret_access_key = DEVELOPER.secret_access_key
    region = REGION

    def __init__(self, options: StackOptions | None = None) -> None:
        self.options = options or StackOptions()
        self.url = ""
        self.simulated_url = ""
        self.simulated_urls: dict[str, str] = {}
        self.simulated: dict[str, Simulated] = {}
        self._echo = self.options.echo or (lambda _: None)
        self._site = UrlSite(ACCOUNT, REGION)
        self._exits = ExitStack()
        self._calls: list[Call] = []
        self._has_new_call = threading.Condition()
        self._defects: list[BaseException] = []
        self._guardian: Guardian
        self._loop: EventLoopThread
        self._aws: EmbeddedAws
        self._lines: CallLines
        self._gateway: LocalFunction
        self._rollup: LocalFunction
        self._sweeper: LocalFunction
        self._stream: TableStream | None = None

    def __enter__(self) -> "DevStack":
        with ExitStack() as exits:
            try:
                self._start(exits)
            except (InitFailed, UnsupportedUrl) as error:
                raise StackError(str(error)) from error
            self._exits = exits.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exits.close()
        if self._defects and error is None:
            raise BaseExceptionGroup("defects of the dev stack", self._defects)

    @property
    def table(self) -> str:
        return self._aws.table

    @property
    def dynamodb_url(self) -> str:
        return self._aws.dynamodb_url

    @property
    def secrets_url(self) -> str:
        return self._aws.secrets_url

    @property
    def environments(self) -> list[Environment]:
        """The gateway's live environments, the oldest first."""
        return self._gateway.environments

    @property
    def calls(self) -> list[Call]:
        """The calls that have finished, in the order of their ends."""
        with self._has_new_call:
            return list(self._calls)

    @property
    def totals(self) -> str:
        """A table of what was called so far."""
        return self._lines.totals.table()

    def wait_for_calls(self, count: int, timeout_seconds: float = 10) -> list[Call]:
        """All finished calls, once there are that many: a call may end after its caller has left."""
        with self._has_new_call:
            if not self._has_new_call.wait_for(lambda: len(self._calls) >= count, timeout_seconds):
                raise StackError(f"{len(self._calls)} of {count} calls have finished after {timeout_seconds:g} s")
            return list(self._calls)

    def put_secret(self, name: str, value: object) -> None:
        self._aws.put_secret(name, value)

    def invoke_sweeper(self, time: str) -> Any:
        """One sweep with that clock (ISO 8601, UTC); its JSON result, or StackError."""
        try:
            return self._loop.run(self._sweeper.invoke(scheduled_event(self._site, SWEEPER, time)))
        except InvocationFailed as failed:
            raise StackError(f"the sweeper failed: {failed}") from failed

    def rolled_up(self, timeout_seconds: float = ROLLED_UP_SECONDS) -> None:
        """Returns when the totals hold every call that had been settled; StackError where they do not in time."""
        if self._stream is None:
            raise StackError("nothing is rolled up: StackOptions.rollup is False")
        reading = self._loop.submit(self._stream.read_out())
        try:
            reading.result(timeout_seconds)
        except TimeoutError:
            reading.cancel()
            raise StackError(f"the table's stream is not read out after {timeout_seconds:g} s") from None

    def invoke_rollup(self, records: Sequence[Mapping[str, Any]]) -> Any:
        """One delivery of these records of the stream; its JSON result, or StackError."""
        try:
            return self._loop.run(self._rollup.invoke({"Records": list(records)}))
        except InvocationFailed as failed:
            raise StackError(f"the rollup failed: {failed}") from failed

    def finished(self, call: Call) -> None:
        """A call has ended (told by the function URL)."""
        self._lines.finished(call)
        with self._has_new_call:
            self._calls.append(call)
            self._has_new_call.notify_all()

    def refused(self, refusal: Refusal) -> None:
        self._lines.refused(refusal)

    def _start(self, exits: ExitStack) -> None:
        """Each part is put on `exits` when it runs, so a failure half-way ends what has begun."""
        options = self.options
        host = (options.host or options.root / "build" / "host").absolute()
        if not (host / "task").is_dir():
            raise StackError(f"{host} is not there: `make host` builds it")
        template = Template.load(options.root, options.parameters)
        config = (options.config or host / "task" / "gateway.toml").absolute()
        providers = upstreams(config, options.secrets, options.openai_api_key, options.anthropic_api_key)
        aws_port = self._given("embedded AWS", options.aws_port)
        self._aws = EmbeddedAws(template, providers.secrets, options.store, aws_port)
        exits.callback(self._aws.stop)
        self._aws.start()
        self._guardian = Guardian()
        exits.callback(self._guardian.stop)
        self._loop = exits.enter_context(EventLoopThread(self._report_defect))
        self._lines = CallLines(self._echo, self._loop.later, options.has_colour)
        exits.callback(self._lines.flush)
        self._start_simulated(providers, exits)
        self._start_functions(template, host, config, providers, exits)
        self._start_url(template, exits)
        self._start_sweeping(exits)
        self._start_rolling_up(template, exits)

    def _start_simulated(self, providers: Upstreams, exits: ExitStack) -> None:
        """Each kind for itself; OpenAI's and Bedrock's on the ports of events/env.json, the others on any."""
        keys = providers.accepted_keys
        self.simulated = {
            OPENAI: SimulatedOpenAI(keys),
            ANTHROPIC: SimulatedAnthropic(keys),
            BEDROCK: self._simulated_bedrock(keys, providers.regions),
            AZURE: SimulatedAzure(keys, providers.deployments),
        }
        ports_of = {
            OPENAI: self._given("the simulated provider", self.options.provider_port),
            BEDROCK: self._given("the simulated Bedrock", self.options.bedrock_port),
        }
        for kind, provider in self.simulated.items():
            self.simulated_urls[kind] = self._loop.run(provider.start(ports_of.get(kind, 0)))
            exits.callback(self._stop, provider)
        self.simulated_url = self.simulated_urls[OPENAI]

    def _simulated_bedrock(self, api_keys: Collection[str], regions: Sequence[str]) -> SimulatedBedrock:
        """Of all regions at once; it checks signatures and policies of those whom embedded AWS knows."""
        holders = map(identity, self._aws.holders.values())
        identities = [DEVELOPER, *self.options.identities, *holders]
        access = Access(identities, self._aws.authority, [REGION, *regions], api_keys)
        return SimulatedBedrock(access, self.options.recordings)

    def _stop(self, provider: Simulated) -> None:
        self._loop.run(provider.stop())

    def _given(self, part: str, port: int) -> int:
        """The port to listen on; says so where another has to be taken."""
        found = ports.available(port)
        if port and not found:
            self._echo(f"port {port} is taken, so {part} gets another one: events/env.json does not fit this stack")
        return found

    def _start_functions(
        self, template: Template, host: Path, config: Path, providers: Upstreams, exits: ExitStack
    ) -> None:
        ours = {
            "SLUICE_TABLE": self.table,
            "SLUICE_CONFIG": str(config),
            "AWS_ENDPOINT_URL_DYNAMODB": self.dynamodb_url,
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": self.secrets_url,
        }
        gateway = {**ours, **providers.variables(self.simulated_urls), **self.options.environment_variables}
        self._gateway = self._function(template, GATEWAY, host, gateway, self.options.timeout_seconds, exits)
        self._sweeper = self._function(template, SWEEPER, host, ours, None, exits)
        events = {"AWS_ENDPOINT_URL_EVENTBRIDGE": self._aws.url}
        self._rollup = self._function(template, ROLLUP, host, ours | events, None, exits)
        warming = self._loop.submit(self._gateway.warm())
        self._aws.wait()  # the table and the secrets come into being while the gateway starts
        warming.result()

    def _function(
        self,
        template: Template,
        logical_id: str,
        host: Path,
        variables: Mapping[str, str],
        timeout_seconds: float | None,
        exits: ExitStack,
    ) -> LocalFunction:
        settings = template.function(logical_id)
        role = self._aws.holders.get(settings.role or "")
        environment = EnvironmentSettings(
            command=host_command(host, settings),
            directory=host / "task",
            variables=host_variables(host, REGION, logical_id, settings)
            | (role.variables if role else {})
            | dict(variables),
            timeout_seconds=timeout_seconds or settings.timeout_seconds,
        )
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{logical_id}:live"
        cap = self.options.environments if settings.url else 1
        function = LocalFunction(arn, environment, cap, self._guardian, self._watchers)
        exits.callback(lambda: self._loop.run(function.stop()))
        return function

    def _start_url(self, template: Template, exits: ExitStack) -> None:
        settings = template.function(GATEWAY).url
        if settings is None:
            raise StackError(f"template.yaml gives {GATEWAY} no FunctionUrlConfig")
        identities = {identity.access_key_id: identity for identity in (DEVELOPER, *self.options.identities)}
        verifier = Verifier(identities, REGION, lambda: datetime.now(UTC))
        url = FunctionUrl(self._gateway, self._site, settings, verifier, self, self._watchers)
        self.url = f"http://127.0.0.1:{self._loop.run(url.start(self.options.port))}"
        exits.callback(lambda: self._loop.run(url.stop()))

    def _start_sweeping(self, exits: ExitStack) -> None:
        if self.options.sweeper_seconds is not None:
            sweeping = self._loop.submit(self._sweep_every(self.options.sweeper_seconds))
            exits.callback(lambda: _ended(sweeping))

    def _start_rolling_up(self, template: Template, exits: ExitStack) -> None:
        settings = template.function(ROLLUP)
        if not self.options.rollup or settings.stream is None:
            return
        signs = self._aws.holders[settings.role or ""].key
        self._stream = TableStream(self.dynamodb_url, settings.stream, self._rollup, signs, self._echo)
        following = self._loop.submit(self._stream.follow())
        exits.callback(lambda: _ended(following))

    async def _sweep_every(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            try:
                await self._sweeper.invoke(scheduled_event(self._site, SWEEPER, now))
            except InvocationFailed as failed:
                self._echo(f"the sweeper failed: {failed}")

    @property
    def _watchers(self) -> Watchers:
        return Watchers(self._report_line, self._report_init_failure, self._report_defect)

    def _report_line(self, line: str) -> None:
        self._lines.log_line(line)
        if self.options.shows_logs:
            self._echo(line)

    def _report_init_failure(self, failed: InitFailed) -> None:
        self._echo(f"an environment could not start: {failed}")

    def _report_defect(self, error: BaseException) -> None:
        self._defects.append(error)
        self._echo(f"defect of the dev stack: {error!r}")


def _ended(task: "concurrent.futures.Future[None]") -> None:
    """Cancels it, and raises what it had died of before."""
    if not task.cancel() and not task.cancelled():
        task.result()
