"""One call, as the caller made it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sluice.domain.operation import CHAT, SPEECH, Operation
from sluice.domain.principal import Principal
from sluice.domain.reference import Reference


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One operation's request as the caller sent it: their JSON whole, and accessors for what we read of it.

    `references` are stored answers of earlier calls that it builds on; `stored_object` is the field that names a
    file, a vector store, a container or a prompt of the provider's project, None where there is none. `named` is the
    model where the path names it, `headers` are those of the caller's that the provider is to see.
    """

    body: Mapping[str, Any]
    operation: Operation = CHAT
    references: tuple[Reference, ...] = ()
    stored_object: str | None = None
    named: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def model(self) -> str:
        return str(self.body["model"]) if self.named is None else self.named

    @property
    def is_stream(self) -> bool:
        """Whether a stream of events is asked for."""
        if self.operation.is_streamed is not None:
            return self.operation.is_streamed
        is_sse = self.operation is SPEECH and self.body.get("stream_format") == "sse"
        return is_sse or self.body.get("stream") is True

    @property
    def wants_usage(self) -> bool:
        """Whether the caller asked for the usage chunk of a stream."""
        return (self.body.get("stream_options") or {}).get("include_usage") is True

    @property
    def service_tier(self) -> str | None:
        """As OpenAI and Anthropic name it, or as Bedrock does."""
        tier = self.body.get("service_tier") or _at(self.body, "serviceTier.type")
        return tier if isinstance(tier, str) else None

    @property
    def choices(self) -> int:
        """How many answers are returned: `n`, for each prompt of a completion."""
        if not self.operation.has_choices:
            return 1
        prompt = self.body.get("prompt")
        is_list = isinstance(prompt, list) and bool(prompt) and not isinstance(prompt[0], int)
        return (self.body.get("n") or 1) * (len(prompt) if is_list and isinstance(prompt, list) else 1)

    @property
    def generated(self) -> int:
        """How many answers are generated and paid for: a completion's `best_of` may be more than it returns."""
        if not self.operation.has_choices:
            return 1
        return self.choices // (self.body.get("n") or 1) * max(self.body.get("n") or 1, self.body.get("best_of") or 1)

    @property
    def max_output_tokens(self) -> int | None:
        """The most each answer may have; None where the caller named no limit.

        The larger one where two names are used: which of them a provider obeys is not known.
        """
        return max((_whole(_at(self.body, name)) for name in self.operation.limits), default=0) or None

    def changed(self, **values: Any) -> dict[str, Any]:
        """The caller's body with some keys replaced."""
        return {**self.body, **values}

    def of(self, override: Mapping[str, Any], drop: tuple[str, ...]) -> "ModelRequest":
        """The same request with fields that a route replaces, and without those it takes out."""
        if not (override or drop):
            return self
        return replace(
            self, body={name: value for name, value in {**self.body, **override}.items() if name not in drop}
        )


def _at(body: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path, None where there is none."""
    found: Any = body
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


@dataclass(frozen=True, slots=True)
class RetryWish:
    """What a caller asks of retries; None leaves it to the route. `backoff` is the name of one."""

    attempts: int | None = None
    delay_seconds: float | None = None
    backoff: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a caller wants to be tried: most calls have one, a list of fallbacks has several.

    `provider` is the one that the path names, None where the model does. `timeouts` and `retry` are what was asked of
    them, `key` is a provider key of the caller's own.
    """

    request: ModelRequest
    provider: str | None = None
    timeouts: Mapping[str, float] = field(default_factory=dict)
    retry: RetryWish = RetryWish()
    key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a caller asks of routing, in headers.

    `session` is the caller's own id of a conversation. `models` and `providers` are the only ones allowed, where there
    are any. `is_dry_run`: tell what would happen, and do nothing.
    """

    session: str | None = None
    is_sticky: bool = True
    models: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    is_dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One invocation. `started` and `deadline` are monotonic seconds, `started_ms` epoch milliseconds.

    `request_id` is the invocation's aws_request_id. `steps` are tried in order; there is at least one. `counts_steps`:
    the caller has written steps, and is told which of them answered. `idempotency_key` is the caller's own name of it,
    under which it is made at most once. `asked` is what a budget's fallback stands for: the call as its caller made it.
    """

    request_id: str
    surface: str
    path: str
    steps: tuple[Step, ...]
    principal: Principal
    started: float
    started_ms: int
    deadline: float
    bytes_in: int
    metadata: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    wishes: Wishes = Wishes()
    counts_steps: bool = False
    idempotency_key: str | None = None
    asked: "Call | None" = None

    @property
    def request(self) -> ModelRequest:
        """What the first step asks."""
        return self.steps[0].request


@dataclass(frozen=True, slots=True)
class Target:
    """One model at one provider.

    `base_model` is the model behind an id that does not tell it (an inference profile's ARN), `api` the provider's API
    that it is reached by where there are several ("openai" at Bedrock).
    """

    provider: str
    model: str
    base_model: str | None = None
    api: str | None = None

    @property
    def family_model(self) -> str:
        """The id that tells what the model can do and what it costs."""
        return self.base_model or self.model

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"
