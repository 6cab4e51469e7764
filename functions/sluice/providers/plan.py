"""What a provider makes of one call: the request as it will be sent, and how the answer is to be read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from sluice.codecs.dialect import Dialect
from sluice.domain.call import ModelRequest, Target
from sluice.domain.errors import UpstreamError
from sluice.provider_settings import ProviderSettings
from sluice.providers.upstream import Answered
from sluice.providers.watch import Watch
from sluice.translation.translation import Asked, Translator

Failure = Callable[[Mapping[str, Any]], UpstreamError]


class Translation(NamedTuple):
    """How an answer becomes one in the caller's dialect; `stream` is None where the operation has no streams."""

    whole: Callable[[Mapping[str, Any], Asked], dict[str, Any]]
    stream: Callable[[Asked], Translator] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """One call at one provider.

    `path` stands behind the provider's base URL. `payloads` are the bodies, one request each. `dialect` is that of the
    answer, `translation` None where it is the caller's too; `drops_usage`: usage was asked for and the caller did not.
    `warnings` name what the provider does not see of the request. `failure` makes our error of one in its stream. With
    `is_gathered` the answers of all payloads are one: {"answers": [...], "tokens": [...], "usage": {...}}.
    """

    path: str
    payloads: tuple[bytes, ...]
    dialect: Dialect
    translation: Translation | None = None
    drops_usage: bool = False
    warnings: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    failure: Failure | None = None
    is_gathered: bool = False

    @property
    def size(self) -> int:
        """Bytes of all that is sent."""
        return sum(map(len, self.payloads))


class Provider(Protocol):
    """One configured provider of any kind."""

    @property
    def settings(self) -> ProviderSettings: ...

    def plan(self, target: Target, request: ModelRequest) -> Plan:
        """Raises InvalidRequest for what this provider cannot be asked. No I/O."""

    def open(self, plan: Plan, key: str | None, watch: Watch) -> Answered:
        """Returns once an answer with status 200 has begun. Raises UpstreamError."""

    def passed(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Those of an answer's headers that a caller may see."""

    def request_id(self, headers: Mapping[str, str]) -> str | None:
        """The provider's own id of the call."""
