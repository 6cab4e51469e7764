"""What Bedrock's errors mean to a caller.

The exception's name decides, not its HTTP status: a quota is a 400 there, a cold model a 429, and an expired
credential a 403, though it is the gateway's and not the caller's.
https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html
https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html
"""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Meaning(NamedTuple):
    """An error as OpenAI's clients know it; `is_final`: the same request would fail again, so do not retry."""

    status: int
    type: str
    code: str | None
    param: str | None = None
    is_final: bool = False


INVALID = Meaning(400, "invalid_request_error", None)
CONTEXT_LENGTH = Meaning(400, "invalid_request_error", "context_length_exceeded")
UNKNOWN_MODEL = Meaning(404, "invalid_request_error", "model_not_found", "model")
ACCESS_DENIED = Meaning(403, "permission_error", "model_access_denied")
THROTTLED = Meaning(429, "rate_limit_error", "rate_limit_exceeded")
TIMED_OUT = Meaning(504, "server_error", "model_timeout")
MODEL_ERROR = Meaning(502, "server_error", "model_error")
INTERNAL = Meaning(500, "server_error", "internal_error")
UNAVAILABLE = Meaning(503, "server_error", "service_unavailable")
OUR_CREDENTIALS = Meaning(502, "server_error", "provider_authentication_error", is_final=True)
UNKNOWN = Meaning(502, "server_error", "upstream_error")

# by name, without "Exception" at its end
MEANINGS = {
    "Validation": INVALID,
    "ResourceNotFound": UNKNOWN_MODEL._replace(param=None),  # may be a guardrail or a prompt as well
    "AccessDenied": ACCESS_DENIED,
    "Throttling": THROTTLED,
    "TooManyRequests": THROTTLED,
    "ServiceQuotaExceeded": Meaning(429, "insufficient_quota", "insufficient_quota", is_final=True),
    "ModelNotReady": Meaning(503, "server_error", "model_not_ready"),
    "ModelTimeout": TIMED_OUT,
    "ModelError": MODEL_ERROR,
    "ModelStreamError": MODEL_ERROR,
    "InternalServer": INTERNAL,
    "InternalFailure": INTERNAL,
    "ServiceUnavailable": UNAVAILABLE,
    "ExpiredToken": OUR_CREDENTIALS,
    "IncompleteSignature": OUR_CREDENTIALS,
    "InvalidClientTokenId": OUR_CREDENTIALS,
    "InvalidSignature": OUR_CREDENTIALS,
    "MissingAuthenticationToken": OUR_CREDENTIALS,
    "RequestExpired": OUR_CREDENTIALS,
    "SignatureDoesNotMatch": OUR_CREDENTIALS,
    "UnrecognizedClient": OUR_CREDENTIALS,
}
# of errors that have no name we know
STATUSES = {
    401: OUR_CREDENTIALS,
    403: Meaning(403, "permission_error", None),
    408: TIMED_OUT,
    424: MODEL_ERROR,
    429: THROTTLED,
    500: INTERNAL,
    503: UNAVAILABLE,
    504: TIMED_OUT,
}
# what an invalid request's message tells more exactly than its name, in small letters
PHRASES = {
    "the provided model identifier is invalid": UNKNOWN_MODEL,
    "you don't have access to the model": ACCESS_DENIED,
    "input is too long": CONTEXT_LENGTH,
    "input tokens exceeded": CONTEXT_LENGTH,
    "prompt is too long": CONTEXT_LENGTH,
    "maximum context length": CONTEXT_LENGTH,
    "too many total text bytes": CONTEXT_LENGTH,
    "exceed context limit": CONTEXT_LENGTH,
    "too many input tokens": CONTEXT_LENGTH,
}
# the HTTP status that botocore's service model gives to each exception that comes inside a stream
EXCEPTION_STATUSES = {
    "internalServerException": 500,
    "modelStreamErrorException": 424,
    "modelTimeoutException": 408,
    "serviceUnavailableException": 503,
    "throttlingException": 429,
    "validationException": 400,
}


def name(header: str | None, body: Mapping[str, Any] | None) -> str:
    """The exception's name from x-amzn-errortype or the body's `__type`, without namespace and URL; "" if unknown."""
    told = header or (body or {}).get("__type")
    return _bare(told) if isinstance(told, str) else ""


def message(body: Mapping[str, Any] | None) -> str:
    """AWS's own text, and what the model said where that is told apart; "" if there is none."""
    told = body or {}
    text = next((told[key] for key in ("message", "Message") if isinstance(told.get(key), str)), "")
    original = [str(told[key]) for key in ("originalStatusCode", "originalMessage") if _is_told(told.get(key))]
    return f"{text} (the model answered: {' '.join(original)})".lstrip() if original else text


def meaning(name: str, message: str, status: int | None = None) -> Meaning:
    """`name` as a header, a body or an exception frame has it; `status` decides where the name is unknown."""
    found = MEANINGS.get(_key(name)) or _by_status(status)
    return _told_by(message) or found if found == INVALID else found


def _by_status(status: int | None) -> Meaning:
    if status is None:
        return UNKNOWN
    return STATUSES.get(status) or (INVALID._replace(status=status) if 400 <= status < 500 else UNKNOWN)


def _told_by(message: str) -> Meaning | None:
    said = message.lower()
    return next((found for phrase, found in PHRASES.items() if phrase in said), None)


def _bare(told: str) -> str:
    return told.split(":", 1)[0].rsplit("#", 1)[-1].strip()


def _key(name: str) -> str:
    bare = _bare(name)
    return (bare[:1].upper() + bare[1:]).removesuffix("Exception")


def _is_told(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""
