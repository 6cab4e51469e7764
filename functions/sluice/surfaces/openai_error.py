"""Our errors in OpenAI's shape, so that its SDKs raise their own exceptions.

https://platform.openai.com/docs/guides/error-codes: {"error": {"message", "type", "param", "code"}}; `request_id`
is added, since an error in a stream has no headers of its own.
"""

import json

from sluice.domain.errors import GatewayError, UpstreamRefused
from sluice.surfaces.request import JSON, Errors, Reply

DIALECT = "openai"


def error_body(error: GatewayError, request_id: str) -> dict[str, object]:
    """The error object; never an exception's own text, which could hold anything."""
    told = error.told if isinstance(error, UpstreamRefused) else None
    own = {"message": error.message, "type": error.type, "param": error.param, "code": error.code}
    return {"error": {**own, **(told or {}), "request_id": request_id}}


def error_bytes(error: GatewayError, request_id: str) -> bytes:
    """The body of an error answer: the provider's own where it is one that may be shown, else ours."""
    if isinstance(error, UpstreamRefused) and error.body and error.dialect == DIALECT:
        return error.body
    return json.dumps(error_body(error, request_id), separators=(",", ":")).encode()


def reply(error: GatewayError, request_id: str) -> Reply:
    """An error as an answer."""
    return Reply({**error.headers, "content-type": JSON}, error_bytes(error, request_id), error.status)


OPENAI_ERRORS = Errors(error_body, reply)
