"""One call, as the caller made it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sluice.domain.operation import CHAT, SPEECH, Operation
from sluice.domain.principal import Principal
from sluice.domain.reference import Reference


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One operation's request as the caller sent it: their JSON whole, and accessors for what we read of it.

    `references` are stored answers of earlier calls that it builds on; `stored_object` is the field that names a
    file, a vector store, a container or a prompt of the provider's project, None where there is none.
    """

    body: Mapping[str, Any]
    operation: Operation = CHAT
    references: tuple[Reference, ...] = ()
    stored_object: str | None = None

    @property
    def model(self) -> str:
        return str(self.body["model"])

    @property
    def is_stream(self) -> bool:
        """Whether server-sent events are asked for."""
        is_sse = self.operation is SPEECH and self.body.get("stream_format") == "sse"
        return is_sse or self.body.get("stream") is True

    @property
    def wants_usage(self) -> bool:
        """Whether the caller asked for the usage chunk of a stream."""
        return (self.body.get("stream_options") or {}).get("include_usage") is True

    @property
    def service_tier(self) -> str | None:
        return self.body.get("service_tier")

    @property
    def choices(self) -> int:
        """How many answers are returned: `n`, for each prompt of a completion."""
        prompt = self.body.get("prompt")
        is_list = isinstance(prompt, list) and bool(prompt) and not isinstance(prompt[0], int)
        return (self.body.get("n") or 1) * (len(prompt) if is_list and isinstance(prompt, list) else 1)

    @property
    def generated(self) -> int:
        """How many answers are generated and paid for: a completion's `best_of` may be more than it returns."""
        return self.choices // (self.body.get("n") or 1) * max(self.body.get("n") or 1, self.body.get("best_of") or 1)

    @property
    def max_output_tokens(self) -> int | None:
        """The most each answer may have; None where the caller named no limit.

        The larger one where two names are used: which of them a provider obeys is not known.
        """
        return max(self.body.get(name) or 0 for name in self.operation.limits or ("",)) or None

    def changed(self, **values: Any) -> dict[str, Any]:
        """The caller's body with some keys replaced."""
        return {**self.body, **values}


@dataclass(frozen=True, slots=True)
class Call:
    """One invocation. `started` and `deadline` are monotonic seconds, `started_ms` epoch milliseconds.

    `request_id` is the invocation's aws_request_id. `provider` is the one that the path names, None where the model
    does. `timeouts` holds what the caller asked of them in headers.
    """

    request_id: str
    surface: str
    path: str
    request: ModelRequest
    principal: Principal
    started: float
    started_ms: int
    deadline: float
    bytes_in: int
    provider: str | None = None
    timeouts: Mapping[str, float] = field(default_factory=dict)
    metadata: Mapping[str, str | int | float | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Target:
    """One model at one provider."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"
