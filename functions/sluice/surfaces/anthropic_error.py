"""Our errors in Anthropic's shape: {"type": "error", "error": {"type", "message"}, "request_id"}.

https://platform.claude.com/docs/en/api/errors. Its SDKs choose their exception by the status, Claude Code by the type.
`code` and `param` are added: they say what our own documentation says.
"""

import json

from sluice.domain.errors import GatewayError, UpstreamRefused
from sluice.surfaces.request import JSON, Errors, Reply

DIALECT = "anthropic"
TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def error_type(status: int) -> str:
    """Anthropic's word for a status."""
    return TYPES.get(status, "invalid_request_error" if 400 <= status < 500 else "api_error")


def error_body(error: GatewayError, request_id: str) -> dict[str, object]:
    """The error object; never an exception's own text, which could hold anything."""
    told = (error.told if isinstance(error, UpstreamRefused) else None) or {}
    found = {"type": error_type(error.status), "message": told.get("message") or error.message}
    extra = {"code": error.code, "param": error.param}
    shown = {**found, **{name: value for name, value in extra.items() if value is not None}}
    return {"type": "error", "error": shown, "request_id": request_id}


def reply(error: GatewayError, request_id: str) -> Reply:
    """An error as an answer: the provider's own where it is one that may be shown, else ours."""
    headers = {"request-id": request_id, **error.headers, "content-type": JSON}
    if isinstance(error, UpstreamRefused) and error.body and error.dialect == DIALECT:
        return Reply(headers, error.body, error.status)
    body = json.dumps(error_body(error, request_id), separators=(",", ":")).encode()
    return Reply(headers, body, error.status)


ANTHROPIC_ERRORS = Errors(error_body, reply)
