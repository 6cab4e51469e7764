"""`sluice dev`: the gateway on this machine, from its function URL to its ledger, until Ctrl-C."""

import argparse
import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

from sluice_cli import environment_file, local_stack
from sluice_cli.arguments import Parser, assignment, count, existing_file, port, timeout
from sluice_cli.environment_file import EnvironmentFile
from sluice_cli.stop_signals import StopSignals
from sluice_cli.terminal import Terminal
from sluice_cli.welcome import Welcome
from sluice_devstack.ports import AWS_PORT, BEDROCK_PORT, PROVIDER_PORT
from sluice_devstack.stack import DevStack, StackOptions

DEFAULT_PORT = 8787


@dataclass(frozen=True, slots=True)
class Options:
    """What was typed."""

    port: int
    config: Path | None
    secrets: Path | None
    env_file: Path | None
    store: str
    environments: int
    timeout_seconds: float
    cors_origin: list[str]
    parameter: list[tuple[str, str]]

    @property
    def parameters(self) -> dict[str, str]:
        """Of template.yaml."""
        origins = {"CorsOrigins": ",".join(self.cors_origin)} if self.cors_origin else {}
        return dict(self.parameter) | origins


def parser() -> Parser:
    made = Parser(
        "dev",
        "Runs the gateway on this machine: the runtime layer, the function, its table and its secrets.\n"
        "OpenAI is simulated unless OPENAI_API_KEY is set, Anthropic unless ANTHROPIC_API_KEY is, Azure and Bedrock\n"
        "always. One line per call; totals on Ctrl-C.",
        "sluice dev --port 9000 --config gateway.toml --secrets secrets.json",
    )
    add = made.add_argument
    add("--port", type=port, default=DEFAULT_PORT, help=f"port of the function URL, 0 for any (default {DEFAULT_PORT})")
    add("--config", type=existing_file, metavar="FILE", help="configuration in place of functions/gateway.toml")
    add("--secrets", type=existing_file, metavar="FILE", help="JSON: the secrets by name, as in Secrets Manager")
    add("--env-file", type=Path, metavar="FILE", help="where the export lines go (default build/dev.env)")
    add("--store", default="moto", metavar="moto|URL", help="the ledger: in memory, or a DynamoDB (default moto)")
    add("--environments", type=count, default=8, metavar="N", help="most calls at once (default 8)")
    limits = "more than 3 (2 are kept to end a stream honestly, 1 to settle), at most 900"
    add("--timeout-seconds", type=timeout, default=900.0, metavar="S", help=f"the function's: {limits} (default 900)")
    origins = "a web origin whose pages may call, as http://localhost:3000; may be given several times"
    add("--cors-origin", action="append", default=[], metavar="ORIGIN", help=origins)
    parameters = "a parameter of template.yaml, as SecretPrefix=team/sluice; may be given several times"
    add("--parameter", type=assignment, action="append", default=[], metavar="NAME=VALUE", help=parameters)
    return made


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    return _run(Options(**vars(options)), terminal)


def _run(options: Options, terminal: Terminal) -> int:
    started = time.monotonic()
    configuration = local_stack.Configuration.load(options.config)
    if options.env_file:
        EnvironmentFile(options.env_file).check()
    with local_stack.running(_stack_options(options, terminal), terminal) as stack, StopSignals() as signals:
        file = _env_file(options, stack, terminal)
        file.write(local_stack.variables(stack))
        try:
            chosen = None if file.path == environment_file.DEFAULT else _from_here(file.path)
            welcome = _welcome(options, stack, configuration, time.monotonic() - started, chosen, terminal)
            terminal.out.line(f"{welcome.text(terminal.out)}\n")
            signals.wait()
        finally:
            file.remove()
    terminal.out.line(f"\n{stack.totals}")
    return 0


def _env_file(options: Options, stack: DevStack, terminal: Terminal) -> EnvironmentFile:
    """The one that was asked for, else the usual one, unless that belongs to a stack that runs."""
    if options.env_file:
        return EnvironmentFile(options.env_file)
    file = EnvironmentFile.beside(stack.url)
    if file.path != environment_file.DEFAULT:
        told = f"another `sluice dev` is running; to talk to this one: --env-file {_from_here(file.path)}"
        terminal.error.line(told)
    return file


def _from_here(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _stack_options(options: Options, terminal: Terminal) -> StackOptions:
    def echo(line: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # nobody reads any more; the calls go on
            terminal.out.line(line)

    return StackOptions(
        config=options.config,
        secrets=local_stack.secrets(options.secrets),
        store=local_stack.store(options.store),
        environments=options.environments,
        timeout_seconds=options.timeout_seconds,
        port=options.port,
        aws_port=AWS_PORT if options.port else 0,
        provider_port=PROVIDER_PORT if options.port else 0,
        bedrock_port=BEDROCK_PORT if options.port else 0,
        openai_api_key=local_stack.api_key(terminal.environ),
        anthropic_api_key=local_stack.anthropic_api_key(terminal.environ),
        recordings=local_stack.recordings(terminal.environ),
        echo=echo,
        has_colour=terminal.out.has_colour,
        parameters=options.parameters,
        rollup=True,
    )


def _welcome(
    options: Options,
    stack: DevStack,
    configuration: local_stack.Configuration,
    ready_seconds: float,
    env_file: Path | None,
    terminal: Terminal,
) -> Welcome:
    return Welcome(
        url=stack.url,
        ready_seconds=ready_seconds,
        store=options.store,
        table=stack.table,
        providers=configuration.providers(
            local_stack.api_key(terminal.environ), local_stack.anthropic_api_key(terminal.environ)
        ),
        model=configuration.model,
        bedrock_model=configuration.bedrock_model,
        region=stack.region,
        access_key_id=stack.access_key_id,
        secret_access_key=stack.secret_access_key,
        env_file=env_file,
        program=terminal.program,
    )
