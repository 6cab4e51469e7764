"""Every way a call can fail, as one tree.

GatewayError
├── InvalidRequest            400  what the caller sent cannot be served
│   ├── InvalidJson           400
│   ├── UnknownReference      400  a stored answer that is not the caller's
│   │   ├── UnknownConversation 400
│   │   └── UnknownItem       400
│   ├── UnsupportedParameter  400  the model cannot take it
│   ├── UnsupportedImage      400
│   ├── InvalidImageUrl       400
│   ├── TooLarge              413
│   └── UnsupportedMediaType  415
├── NotFound                  404  no such path
│   └── ModelNotFound         404
├── MethodNotAllowed          405
├── Unauthenticated           403  no IAM principal on the event
├── InvalidKey                401  a virtual key that is not good
├── PolicyBlocked             403  no policy allows it, or one forbids it
│   └── BudgetUnpriced        403  a budget that cannot tell what it would cost
├── ContentBlocked            400  a guard found something in the prompt
├── RateLimited               429  too many requests, tokens or streams
├── BudgetExceeded            429  a budget has no room for it
├── DuplicateCall             409  this invocation was reserved before
├── IdempotencyConflict       409  the same Idempotency-Key, another request
│   └── StillRunning          409  the same Idempotency-Key, not answered yet
├── Unavailable               503  a part of ours that must hold did not
│   ├── LedgerBusy            503
│   └── SecretUnavailable     503
├── Misconfigured             500  the gateway's own configuration is wrong
├── DeadlineReached           504  Lambda would end the invocation
└── UpstreamError             502  the provider failed
    ├── UpstreamRefused       the provider's own status
    ├── UpstreamUnreachable   502  refused or unresolved: nothing was sent
    │   └── UpstreamLost      502  the connection went before an answer came
    ├── UpstreamTls           502
    ├── UpstreamTimeout       504
    ├── UpstreamAuth          502  the provider refused our key
    ├── UpstreamProtocol      502  not what was asked for
    ├── UpstreamTruncated     502  the stream broke off
    ├── CircuitOpen           503  it failed too often to be asked now
    └── UpstreamReported      502  an error event in the stream

`status`, `type` and `code` are those of OpenAI's error object. A message says what was wrong and what would be
right; it never holds a key, a prompt or an answer.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sluice.domain.usage import Usage

if TYPE_CHECKING:
    from sluice.domain.idempotency import KeptAnswer


class GatewayError(Exception):
    """A failure a caller may see."""

    status: int = 500
    type: str = "api_error"
    code: str = "internal_error"
    upstream_status: int | None = None  # what the provider answered, where it did

    def __init__(self, message: str, *, param: str | None = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.headers = dict(headers or {})
        self.is_recorded = False  # a usage record tells of it

    def __str__(self) -> str:
        """The message as it is now: the runtime puts it into trailers, and what repeats a key is withheld late."""
        return self.message


class InvalidRequest(GatewayError):
    status, type, code = 400, "invalid_request_error", "invalid_request"


class InvalidJson(InvalidRequest):
    code = "invalid_json"


class UnknownReference(InvalidRequest):
    """A stored response of another principal, or of nobody."""

    code = "previous_response_not_found"


class UnknownConversation(UnknownReference):
    code = "conversation_not_found"


class UnknownItem(UnknownReference):
    code = "item_not_found"


class UnsupportedParameter(InvalidRequest):
    """The model, or the API it is reached by, has nothing that this field could become."""

    code = "unsupported_parameter"


class UnsupportedImage(InvalidRequest):
    code = "unsupported_image"


class InvalidImageUrl(InvalidRequest):
    """Nothing is fetched for callers, so an image has to be in the request."""

    code = "invalid_image_url"


class TooLarge(InvalidRequest):
    status, code = 413, "request_too_large"


class UnsupportedMediaType(InvalidRequest):
    status, code = 415, "unsupported_media_type"


class NotFound(GatewayError):
    status, type, code = 404, "invalid_request_error", "unknown_path"


class ModelNotFound(NotFound):
    code = "model_not_found"


class MethodNotAllowed(GatewayError):
    status, type, code = 405, "invalid_request_error", "method_not_allowed"


class Unauthenticated(GatewayError):
    status, type, code = 403, "permission_error", "unauthenticated"


class InvalidKey(GatewayError):
    """Unknown, revoked or expired: which of them is not told."""

    status, type, code = 401, "invalid_request_error", "invalid_api_key"


class PolicyBlocked(GatewayError):
    """The message names the policy."""

    status, type, code = 403, "permission_error", "policy_blocked"


class BudgetUnpriced(PolicyBlocked):
    """A budget applies, and the price of the model, or under `strict` the bound of the call, is unknown."""

    code = "budget_unpriced"


class ContentBlocked(GatewayError):
    """The message names the pattern or the guardrail, and nothing of what was found."""

    status, type, code = 400, "invalid_request_error", "content_blocked"


class RateLimited(GatewayError):
    status, type, code = 429, "rate_limit_error", "rate_limit_exceeded"


class BudgetExceeded(GatewayError):
    """The message names the budget and when it begins anew. `fallback` is the route that may fit in its place.

    `is_false`: what was really spent is below nine tenths of the limit, and reservations are in the way.
    """

    status, type, code = 429, "insufficient_quota", "budget_exceeded"
    budget: str = ""
    fallback: str | None = None
    is_false: bool = False
    resets_at: int | None = None


class DuplicateCall(GatewayError):
    """The same invocation was delivered twice; the first delivery owns the call."""

    status, type, code = 409, "invalid_request_error", "duplicate_call"


class IdempotencyConflict(GatewayError):
    status, type, code = 409, "invalid_request_error", "idempotency_conflict"


class StillRunning(IdempotencyConflict):
    code = "idempotency_running"


class Repeated(Exception):
    """Not a failure: the call was made before under the same Idempotency-Key, and its answer is kept."""

    def __init__(self, answer: "KeptAnswer") -> None:
        super().__init__("the answer is kept")
        self.answer = answer


class Unavailable(GatewayError):
    status, code = 503, "unavailable"


class LedgerBusy(Unavailable):
    """The reservation could not be written, so nothing was sent to a provider."""

    code = "ledger_busy"


class SecretUnavailable(Unavailable):
    """The provider's key could not be had. The message names the secret's id and nothing of its value."""

    code = "secret_unavailable"


class Misconfigured(GatewayError):
    code = "misconfigured"


class DeadlineReached(GatewayError):
    status, type, code = 504, "timeout_error", "deadline"


class UpstreamError(GatewayError):
    """`used` are the tokens that were paid for before it, where a call takes several requests, `exception` AWS's name
    of it.
    """

    status, type, code = 502, "server_error", "upstream_error"
    used: Usage | None = None
    exception: str | None = None


class UpstreamRefused(UpstreamError):
    """The provider answered with an error status, which is ours too.

    `body` is the provider's own error as it came, None where it is not one or must not be shown, and `dialect` whose
    words it is in: "openai", "anthropic" or "bedrock". `told` is what it says, for callers of another dialect: any of
    OpenAI's message, type, param and code.
    """

    code = "upstream_refused"
    body: bytes | None = None
    dialect: str = "openai"
    told: Mapping[str, str | None] | None = None


class UpstreamUnreachable(UpstreamError):
    code = "upstream_unreachable"


class UpstreamLost(UpstreamUnreachable):
    """The request may have arrived, and be billed."""

    code = "upstream_lost"


class UpstreamTls(UpstreamError):
    code = "upstream_tls"


class UpstreamTimeout(UpstreamError):
    status, code = 504, "upstream_timeout"


class UpstreamAuth(UpstreamError):
    code = "provider_authentication_error"


class UpstreamProtocol(UpstreamError):
    code = "upstream_protocol"


class UpstreamTruncated(UpstreamError):
    code = "upstream_stream_truncated"


class CircuitOpen(UpstreamError):
    """The breakers of all targets are open, so nothing was sent."""

    status, code = 503, "circuit_open"


class UpstreamReported(UpstreamError):
    """The provider reported an error inside its stream."""

    code = "upstream_reported"
