"""A gateway that is run beside others: how it is started in front of the fault provider, and how it is called."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from sluice_prove.caller import Auth
from sluice_prove.catalogue import Target

KEY = "sk-fake-prove-0123456789abcdef"
DEAD_URLS = {Target.CLOSED_PORT: "http://127.0.0.1:1/v1", Target.NO_HOST: "https://no-such-host.invalid/v1"}


class PeerAbsent(Exception):
    """It is not installed here, or does not start; the message says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """A running gateway, as a caller is told of it. `own_secrets` are those that callers send themselves."""

    url: str
    models: Mapping[Target, str]
    headers: Mapping[str, str] = field(default_factory=dict)
    auth: Auth | None = None
    own_secrets: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where the fault provider listens."""

    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.address}/v1"


Start = Callable[[Upstream, float], AbstractContextManager[Place]]


@dataclass(frozen=True, slots=True)
class Peer:
    """A column. `version` and `start` raise PeerAbsent; `start` gets the provider's place and the timeout in seconds."""

    name: str
    version: Callable[[], str]
    start: Start
