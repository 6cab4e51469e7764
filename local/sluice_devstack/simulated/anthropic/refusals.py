"""Answers that are not a message, in Anthropic's error shape: https://platform.claude.com/docs/en/api/errors."""

import json

from sluice_devstack.simulated.refusal import Refusal, Refused

REQUEST_ID = "{request_id}"


def error(type_: str, message: str) -> dict[str, object]:
    return {"type": "error", "error": {"type": type_, "message": message}, "request_id": REQUEST_ID}


def refusal(status: int, type_: str, message: str, **headers: str) -> Refusal:
    """`{request_id}` in the body is filled in when it is sent; a header's name has `_` for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Refusal(status, json.dumps(error(type_, message)), named)


def invalid(message: str) -> Refused:
    return Refused(refusal(400, "invalid_request_error", message))


def not_found(message: str) -> Refused:
    return Refused(refusal(404, "not_found_error", message))


def wrong_method() -> Refused:
    return Refused(refusal(405, "invalid_request_error", "Method Not Allowed"))


OVERLOADED = ("overloaded_error", "Overloaded")
RATE_LIMIT = "This request would exceed the rate limit of your simulated organization. Please try again later."
NO_KEY = Refused(refusal(401, "authentication_error", "x-api-key header is required"))
WRONG_KEY = Refused(refusal(401, "authentication_error", "invalid x-api-key"))
NO_VERSION = invalid("anthropic-version: header is required")
TOO_LARGE = refusal(413, "request_too_large", "Request exceeds the maximum size")
