"""The front half of the dev stack alone: function URL, Runtime API, environments; no AWS and no models."""

import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from tests.integration.devstack.caller import DEVELOPER, Caller

from sluice_devstack.call import Call, Refusal
from sluice_devstack.environment import Environment, EnvironmentSettings, InitFailed
from sluice_devstack.event import UrlSite
from sluice_devstack.event_loop import EventLoopThread
from sluice_devstack.function import LocalFunction, Watchers
from sluice_devstack.function_url import FunctionUrl
from sluice_devstack.guardian import Guardian
from sluice_devstack.sigv4 import Identity, Verifier
from sluice_devstack.template import CorsSettings, UrlSettings

ARN = "arn:aws:lambda:us-east-1:123456789012:function:Front:live"


@dataclass(frozen=True, slots=True)
class FrontOptions:
    command: Sequence[str]
    variables: dict[str, str] = field(default_factory=dict)
    directory: Path = Path("/")
    environments: int = 2
    timeout_seconds: float = 30
    cors: CorsSettings | None = None
    auth_type: str = "AWS_IAM"
    identities: Sequence[Identity] = (DEVELOPER,)


class Front:
    """A context manager; a defect of the emulator fails the test at its end."""

    def __init__(self, options: FrontOptions) -> None:
        self.options = options
        self.url = ""
        self.calls: list[Call] = []
        self.refusals: list[Refusal] = []
        self.lines: list[str] = []
        self.init_failures: list[InitFailed] = []
        self.defects: list[BaseException] = []
        self.changed = threading.Condition()
        self._exits = ExitStack()

    def __enter__(self) -> "Front":
        options = self.options
        with ExitStack() as exits:
            self.guardian = Guardian()
            exits.callback(self.guardian.stop)
            self.loop = exits.enter_context(EventLoopThread(self.defects.append))
            watchers = Watchers(self._took_line, self.init_failures.append, self.defects.append)
            settings = EnvironmentSettings(
                options.command, options.directory, options.variables, options.timeout_seconds
            )
            self.function = LocalFunction(ARN, settings, options.environments, self.guardian, watchers)
            exits.callback(lambda: self.loop.run(self.function.stop()))
            verifier = Verifier({who.access_key_id: who for who in options.identities}, "us-east-1", _now)
            url_settings = UrlSettings(options.auth_type, "RESPONSE_STREAM", options.cors)
            site = UrlSite("123456789012", "us-east-1")
            url = FunctionUrl(self.function, site, url_settings, verifier, self, watchers)
            self.url = f"http://127.0.0.1:{self.loop.run(url.start(0))}"
            exits.callback(lambda: self.loop.run(url.stop()))
            self._exits = exits.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exits.close()
        assert not self.defects or error is not None, self.defects

    @property
    def environments(self) -> list[Environment]:
        return self.function.environments

    def caller(self) -> Caller:
        return Caller(self.url)

    def wait_for_calls(self, count: int) -> list[Call]:
        self.wait(lambda: len(self.calls) >= count)
        return self.calls

    def wait(self, condition: "object") -> None:
        """Until something told the front what makes `condition()` true."""
        with self.changed:
            assert self.changed.wait_for(condition, 20), "it did not happen"  # type: ignore[arg-type]

    def finished(self, call: Call) -> None:
        with self.changed:
            self.calls.append(call)
            self.changed.notify_all()

    def refused(self, refusal: Refusal) -> None:
        with self.changed:
            self.refusals.append(refusal)
            self.changed.notify_all()

    def _took_line(self, line: str) -> None:
        with self.changed:
            self.lines.append(line)
            self.changed.notify_all()


def _now() -> datetime:
    return datetime.now(UTC)
