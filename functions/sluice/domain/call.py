"""One call, as the caller made it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sluice.domain.principal import Principal


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A chat completion as the caller sent it: their JSON whole, and accessors for what we read of it."""

    body: Mapping[str, Any]

    @property
    def model(self) -> str:
        return str(self.body["model"])

    @property
    def is_stream(self) -> bool:
        return self.body.get("stream") is True

    @property
    def wants_usage(self) -> bool:
        """Whether the caller asked for the usage chunk of a stream."""
        return (self.body.get("stream_options") or {}).get("include_usage") is True

    @property
    def service_tier(self) -> str | None:
        return self.body.get("service_tier")

    @property
    def choices(self) -> int:
        return self.body.get("n") or 1

    @property
    def max_output_tokens(self) -> int | None:
        """The most each choice may have; None where the caller named no limit.

        The larger one where both names are used: which of them a provider obeys is not known.
        """
        return max(self.body.get("max_completion_tokens") or 0, self.body.get("max_tokens") or 0) or None

    def changed(self, **values: Any) -> dict[str, Any]:
        """The caller's body with some keys replaced."""
        return {**self.body, **values}


@dataclass(frozen=True, slots=True)
class Call:
    """One invocation. `started` and `deadline` are monotonic seconds, `started_ms` epoch milliseconds.

    `request_id` is the invocation's aws_request_id. `timeouts` holds what the caller asked of them in headers.
    """

    request_id: str
    surface: str
    path: str
    request: ChatRequest
    principal: Principal
    started: float
    started_ms: int
    deadline: float
    bytes_in: int
    timeouts: Mapping[str, float] = field(default_factory=dict)
    metadata: Mapping[str, str | int | float | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Target:
    """One model at one provider."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"
