"""The httpx transport of the providers: kept-alive connections that can be read in ticks.

`httpx.Client` stays the client; this is what it sends through. httpx's own transport loses its place after a read
timeout, so a heartbeat would end the stream, and costs twice the CPU (facts/performance.md 3.1). A request carries
its `Watch` in `extensions["watch"]`; the answer's own body is `extensions["body"]`, which yields b"" on every silent
tick (`iter_raw` drops them). No redirect is ever followed, no proxy is read from the environment.
"""

import ssl
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import h11
import httpx

from sluice.providers.connection import TICK_SECONDS, Connect, Connection, StaleConnection, connect
from sluice.providers.watch import Watch

MAX_IDLE_SECONDS = 30.0  # a frozen environment's connection may be dead without a word


class Origin(NamedTuple):
    scheme: str
    host: str
    port: int


class Kept(NamedTuple):
    connection: Connection
    since: float


class Transport(httpx.BaseTransport):
    """One connection per origin is kept: an environment serves one call at a time. `now` is epoch seconds."""

    def __init__(
        self,
        now: Callable[[], float],
        context: ssl.SSLContext,
        connect: Connect = connect,
        tick_seconds: float = TICK_SECONDS,
    ) -> None:
        self._now = now
        self._context = context
        self._connect = connect
        self._tick = tick_seconds
        self._kept: dict[Origin, Kept] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Raises the UpstreamError that says what happened; a kept connection that died is replaced once, silently."""
        watch: Watch = request.extensions["watch"]
        origin = _origin(request.url)
        connection = self._take(origin) or self._open(origin, watch)
        try:
            return self._answer(connection, origin, request, watch)
        except StaleConnection:
            return self._answer(self._open(origin, watch), origin, request, watch)

    def close(self) -> None:
        for kept in self._kept.values():
            kept.connection.close()
        self._kept.clear()

    def _answer(self, connection: Connection, origin: Origin, request: httpx.Request, watch: Watch) -> httpx.Response:
        try:
            head = connection.exchange(_head(request), request.read(), watch)
        except BaseException:
            connection.close()
            raise
        body = Body(connection, watch, partial(self._put_back, origin, connection))
        return httpx.Response(head.status_code, headers=list(head.headers), stream=body, extensions={"body": body})

    def _open(self, origin: Origin, watch: Watch) -> Connection:
        context = self._context if origin.scheme == "https" else None
        return Connection.open(origin.host, origin.port, context, watch, self._connect, self._tick)

    def _take(self, origin: Origin) -> Connection | None:
        kept = self._kept.pop(origin, None)
        if kept is None:
            return None
        if self._now() - kept.since < MAX_IDLE_SECONDS and kept.connection.reuse():
            return kept.connection
        kept.connection.close()
        return None

    def _put_back(self, origin: Origin, connection: Connection) -> None:
        if origin in self._kept:
            connection.close()
        else:
            self._kept[origin] = Kept(connection, self._now())


class Body(httpx.SyncByteStream):
    """An answer's body: one piece per read, b"" on a silent tick."""

    def __init__(self, connection: Connection, watch: Watch, put_back: Callable[[], None]) -> None:
        self._connection = connection
        self._chunks = connection.chunks(watch)
        self._put_back = put_back
        self._is_over = False
        self._is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        yield from self._chunks
        self._is_over = True

    def over(self) -> None:
        """All that matters was read, if not the very end: the connection may serve again."""
        self._is_over = True

    def close(self) -> None:
        """Keeps the connection if the answer is over, closes it otherwise, which ends the generation. Idempotent."""
        if not self._is_closed:
            self._is_closed = True
            (self._put_back if self._is_over else self._connection.close)()


def _origin(url: httpx.URL) -> Origin:
    return Origin(url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80))


def _head(request: httpx.Request) -> h11.Request:
    return h11.Request(method=request.method, target=request.url.raw_path, headers=request.headers.raw)
