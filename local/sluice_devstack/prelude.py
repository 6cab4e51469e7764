"""The head of a streamed HTTP response: a JSON prelude, eight NUL bytes, then the body.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html (response streaming) and, for the 16 KB, API
Gateway's limit; what a function URL does with a prelude that breaks these rules is unverified, so here it is an error.
"""

import json
from dataclasses import dataclass
from typing import Any

CONTENT_TYPE = "application/vnd.awslambda.http-integration-response"
DELIMITER = b"\0" * 8
MAX_PRELUDE_BYTES = 16 * 1024


class PreludeError(Exception):
    """The function's answer does not begin as an HTTP response should."""


@dataclass(frozen=True, slots=True)
class Prelude:
    status: int
    headers: dict[str, str]
    cookies: list[str]


class PreludeReader:
    """Takes the answer piece by piece, however it was cut, until `prelude` is there."""

    def __init__(self) -> None:
        self.prelude: Prelude | None = None
        self._pending = bytearray()

    def feed(self, data: bytes) -> bytes:
        """Returns what of `data` belongs to the body: nothing until the delimiter has passed."""
        if self.prelude is not None:
            return data
        self._pending += data
        # JSON has no NUL of its own, so the first one begins the delimiter, also where the body begins with NULs.
        text, delimiter, body = bytes(self._pending).partition(DELIMITER)
        if not delimiter and len(self._pending) > MAX_PRELUDE_BYTES:
            raise PreludeError(f"no prelude in the first {MAX_PRELUDE_BYTES} bytes")
        if not delimiter:
            return b""
        self.prelude = _parsed(text)
        self._pending.clear()
        return body


def _parsed(text: bytes) -> Prelude:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise PreludeError(f"the prelude is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise PreludeError("the prelude is not a JSON object")
    status, headers, cookies = document.get("statusCode", 200), document.get("headers"), document.get("cookies")
    if not isinstance(status, int) or not 200 <= status <= 599:
        raise PreludeError(f"statusCode {status!r} is not a final HTTP status")
    return Prelude(status, _text_map(headers or {}), _text_list(cookies or []))


def _text_map(headers: Any) -> dict[str, str]:
    if isinstance(headers, dict) and all(isinstance(value, str) for value in headers.values()):
        return headers
    raise PreludeError("headers is not a map of strings")


def _text_list(cookies: Any) -> list[str]:
    if isinstance(cookies, list) and all(isinstance(cookie, str) for cookie in cookies):
        return cookies
    raise PreludeError("cookies is not a list of strings")
