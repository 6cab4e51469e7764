"""Where the response of an invocation goes: to the caller of the function URL, or back to who invoked it for a result.

Claims: facts/platform.md, sections 2.1, 2.3, 2.4 and 6. Unverified against AWS, and decided here: before the response
every failure is the 502 that a BUFFERED URL gives; a response that is cut by the environment's death or deadline ends
without its last chunk; one with error trailers ends properly; Date and Server are remapped like Content-Length, as API
Gateway does; a response without a content type is application/octet-stream. A caller who leaves changes nothing.
Not emulated: the 2 MB/s beyond the first 6 MB, the decoding of Content-Encoding (here that header is dropped), and the
hang of some regions on an empty body.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

from sluice_devstack.http1 import Exchange
from sluice_devstack.invocation import ErrorTrailers, FunctionError
from sluice_devstack.prelude import CONTENT_TYPE, Prelude, PreludeError, PreludeReader

Headers = list[tuple[str, str]]
DROPPED = frozenset(
    {
        "connection",
        "content-encoding",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
REMAPPED = frozenset({"content-length", "date", "server"})
FAILED_STATUS = 502
FAILED_BODY = b"Internal Server Error"


class UrlAnswer:
    """Turns prelude and chunks into an HTTP response, one chunk for one chunk. `on_end` is called just before the last
    byte goes out, so whoever has read the whole response finds the call recorded."""

    def __init__(self, exchange: Exchange, own_headers: Headers, owns_cors: bool, on_end: Callable[[], None]) -> None:
        self._exchange = exchange
        self._own_headers = own_headers
        self._owns_cors = owns_cors
        self._on_end = on_end
        self._prelude: PreludeReader | None = None
        self._ended = asyncio.Event()
        self.status = 0
        self.bytes_out = 0
        self.first_byte_at: float | None = None
        self.trailers: ErrorTrailers | None = None
        self.error: FunctionError | None = None

    @property
    def is_caller_gone(self) -> bool:
        return self._exchange.peer_has_hung_up

    async def ended(self) -> None:
        await self._ended.wait()

    def begin(self, content_type: str, is_streaming: bool) -> None:
        """Only a streamed response of the one content type is framed; anything else goes out as it is, under 200."""
        if is_streaming and content_type == CONTENT_TYPE:
            self._prelude = PreludeReader()
        else:
            self._start(200, [("Content-Type", content_type or "application/octet-stream")])

    async def write(self, parts: Sequence[bytes]) -> None:
        for part in parts:
            body = self._body_of(part)
            if body:
                self._exchange.write(body)
                self.bytes_out += len(body)
        if self.bytes_out and self.first_byte_at is None:
            self.first_byte_at = asyncio.get_running_loop().time()
        await self._exchange.flush()

    async def finish(self, trailers: ErrorTrailers | None) -> None:
        if not self._exchange.is_started:
            await self.fail(FunctionError("Runtime.InvalidPrelude", "the response ended inside its prelude"))
            return
        self.trailers = trailers
        self._on_end()
        try:
            await self._exchange.end()
        finally:
            self._ended.set()

    async def fail(self, error: FunctionError) -> None:
        self.error = error
        try:
            await (self._cut() if self._exchange.is_started else self._say_failed())
        finally:
            self._ended.set()

    async def _cut(self) -> None:
        self._on_end()
        await self._exchange.flush()
        self._exchange.cut()

    async def _say_failed(self) -> None:
        self.status = FAILED_STATUS
        self._on_end()
        await self._exchange.respond(FAILED_STATUS, [("Content-Type", "text/plain"), *self._own_headers], FAILED_BODY)

    def _body_of(self, part: bytes) -> bytes:
        if self._prelude is None or self._exchange.is_started:
            return part
        body = self._prelude.feed(part)
        if (prelude := self._prelude.prelude) is not None:
            self._start(prelude.status, _headers(prelude, self._owns_cors))
        return body

    def _start(self, status: int, headers: Headers) -> None:
        try:
            self._exchange.start(status, [*headers, *self._own_headers])
        except (ValueError, UnicodeEncodeError) as error:
            raise PreludeError(f"status and headers are not HTTP: {error}") from error
        self.status = status


def _headers(prelude: Prelude, owns_cors: bool) -> Headers:
    """The function's own headers, as far as Lambda passes them on; with CORS configured, its CORS headers are not."""
    headers: Headers = []
    for name, value in prelude.headers.items():
        key = name.lower()
        if key in REMAPPED:
            headers.append((f"x-amzn-remapped-{key}", value))
        elif key not in DROPPED and not (owns_cors and key.startswith("access-control-")):
            headers.append((name, value))
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/octet-stream"))
    return headers + [("Set-Cookie", cookie) for cookie in prelude.cookies]


class InvocationFailed(Exception):
    """A function that was invoked for its result gave an error."""

    def __init__(self, error: FunctionError) -> None:
        super().__init__(str(error))
        self.error = error


class ResultAnswer:
    """Collects a JSON result, as Invoke gives it to an SDK."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._error: FunctionError | None = None
        self._ended = asyncio.Event()

    async def result(self) -> Any:
        """The function's result, or InvocationFailed."""
        await self._ended.wait()
        if self._error is not None:
            raise InvocationFailed(self._error)
        try:
            return json.loads(self._received)
        except ValueError as error:
            raise InvocationFailed(FunctionError("Runtime.MarshalError", f"not JSON: {error}")) from error

    def begin(self, content_type: str, is_streaming: bool) -> None:
        """Nothing depends on how the response is sent: Invoke returns its bytes."""

    async def write(self, parts: Sequence[bytes]) -> None:
        self._received += b"".join(parts)

    async def finish(self, trailers: ErrorTrailers | None) -> None:
        if trailers is not None:
            self._error = FunctionError(trailers.error_type, json.dumps(trailers.error_body))
        self._ended.set()

    async def fail(self, error: FunctionError) -> None:
        self._error = error
        self._ended.set()
