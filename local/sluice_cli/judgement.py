"""What the gateway itself says of a gateway.toml: one real environment of build/host is started with it.

The environment reads its configuration as it does on Lambda and ends its start where that is wrong, with the same
words. It is asked for its models, which takes no network: the addresses it is given lead nowhere.
"""

import tomllib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sluice_cli import host_build
from sluice_cli.completion import one_line
from sluice_cli.failure import CommandFailed
from sluice_devstack.answer import InvocationFailed, ResultAnswer
from sluice_devstack.environment import EnvironmentSettings, InitFailed
from sluice_devstack.event import Arrival, UrlSite, function_url_event
from sluice_devstack.event_loop import EventLoopThread
from sluice_devstack.function import LocalFunction, Watchers, event_bytes, new_ticket
from sluice_devstack.guardian import Guardian
from sluice_devstack.host import host_command, host_variables
from sluice_devstack.invocation import Invocation
from sluice_devstack.prelude import PreludeReader
from sluice_devstack.sigv4 import Identity, SignedRequest
from sluice_devstack.template import FunctionSettings, Template

PLACES = ("gateway.toml", "functions/gateway.toml")
ROOT = Path(__file__).resolve().parents[2]
FUNCTION = "GatewayFunction"
NOWHERE = "http://127.0.0.1:9"  # the discard port
SECONDS = 30.0
SITE = UrlSite("123456789012", "us-east-1")
NOBODY = Identity("AKIDEXAMPLECONFIGCHECK", "", "arn:aws:iam::123456789012:user/config-check")
MODELS = SignedRequest("GET", "/v1/models", "", (), b"")


@dataclass(frozen=True, slots=True)
class Judgement:
    """`error` is the gateway's own, empty where the file is right; `models` are all names that callers may use."""

    path: Path
    error: str
    models: Sequence[str]
    document: Mapping[str, Any]

    @property
    def providers(self) -> dict[str, Mapping[str, Any]]:
        return dict(self.document.get("providers", {}))

    @property
    def routes(self) -> dict[str, Mapping[str, Any]]:
        """Each route as a table with `targets`, each of which has a `model`."""
        routes = self.document.get("routes", {})
        return {name: {"targets": [{"model": one}]} if isinstance(one, str) else one for name, one in routes.items()}

    def models_of(self, provider: str) -> list[str]:
        return [name for name in self.models if name.startswith(f"{provider}/")]


def found_in(folder: Path) -> Path | None:
    """The configuration of a working folder."""
    return next((folder / place for place in PLACES if (folder / place).is_file()), None)


def judged(path: Path, root: Path = ROOT) -> Judgement:
    """Raises CommandFailed where build/host is not there, or fails for a reason that is not the configuration."""
    if host_build.is_missing(root):
        raise CommandFailed(f"build/host, which judges, is not there; {host_build.MAKE}")
    defects: list[BaseException] = []
    with ExitStack() as exits:
        guardian = Guardian()
        exits.callback(guardian.stop)
        loop = exits.enter_context(EventLoopThread(defects.append))
        watchers = Watchers(lambda _line: None, lambda _failed: None, defects.append)
        settings = _settings(path.absolute(), root)
        function = LocalFunction(f"arn:aws:lambda:{SITE.region}:{SITE.account_id}:x", settings, 1, guardian, watchers)
        exits.callback(lambda: loop.run(function.stop()))
        try:
            loop.run(function.warm())
            models = loop.run(_models(function))
        except InitFailed as failed:
            return Judgement(path, _words(failed), (), {})
        except InvocationFailed as failed:
            raise CommandFailed(f"the gateway started with {path} and then failed: {one_line(str(failed))}") from failed
    return Judgement(path, "", models, tomllib.loads(path.read_text(encoding="utf-8")))


class BodyAnswer(ResultAnswer):
    """Collects the JSON body of an HTTP response, without its prelude."""

    def __init__(self) -> None:
        super().__init__()
        self._prelude = PreludeReader()

    async def write(self, parts: Sequence[bytes]) -> None:
        await super().write([self._prelude.feed(part) for part in parts])


async def _models(function: LocalFunction) -> list[str]:
    ticket = new_ticket(function.arn)
    arrival = Arrival(ticket.request_id, ticket.trace_id, "127.0.0.1", datetime.now(UTC))
    answer = BodyAnswer()
    event = function_url_event(SITE, MODELS, arrival, NOBODY)
    await function.serve(Invocation(ticket, event_bytes(event), answer))
    return [str(model["id"]) for model in (await answer.result())["data"]]


def _settings(config: Path, root: Path) -> EnvironmentSettings:
    host = root / "build" / "host"
    function: FunctionSettings = Template.load(root).function(FUNCTION)
    ours = {
        "SLUICE_CONFIG": str(config),
        "SLUICE_TABLE": "config-check",
        "SLUICE_CONFIG_SECONDS": "0",  # this file and no other
        "AWS_ENDPOINT_URL_DYNAMODB": NOWHERE,
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": NOWHERE,
    }
    return EnvironmentSettings(
        command=host_command(host, function),
        directory=host / "task",
        variables=host_variables(host, SITE.region, FUNCTION, function) | ours,
        timeout_seconds=SECONDS,
    )


def _words(failed: InitFailed) -> str:
    """The gateway's own sentence; where the runtime says only that it ended, the log's last line for people."""
    if failed.error.error_type.rpartition(".")[2] == "Misconfigured":
        return one_line(failed.error.message)
    log = [line for line in failed.output if line.strip() and not line.startswith("{")]
    return one_line(": ".join([str(failed.error), *log[-1:]]))
