"""Carries the SDK's signed requests over one kept-open connection with a TLS context that is ready.

The SDK's own HTTP layer parses the whole bundle of root certificates for each connection it opens (14 ms of CPU, so
200 ms at 128 MB) and lets an answer end before its announced length. Its `before-send` event takes an answer from a
handler instead (https://docs.aws.amazon.com/botocore/latest/topics/events.html), which is what an instance is. It is
not shared between threads.
"""

import encodings.idna  # noqa: F401 (the first host name looked up would import it, 1 ms)
import http.client
import select
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import SplitResult, urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, HTTPClientError, ReadTimeoutError

LEAST_SECONDS = 0.001  # a timeout of 0 would be a socket that does not wait at all


class Body:
    """An answer's bytes as the SDK wants to read them."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Iterable[bytes]:
        return (self._content,)


class Wire:
    """One connection to one endpoint, opened at the first request and again after a failure."""

    def __init__(
        self,
        context: ssl.SSLContext | None,
        connect_seconds: float = 0.5,
        read_seconds: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._context = context
        self._connect_seconds = connect_seconds
        self._read_seconds = read_seconds
        self._monotonic = monotonic
        self._until: float | None = None
        self._connection: http.client.HTTPConnection | None = None

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """What is asked meanwhile times out when these seconds are over, if not sooner; names are looked up apart."""
        self._until = self._monotonic() + seconds
        try:
            yield
        finally:
            self._until = None

    def __call__(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """Raises the SDK's own failures, so that whoever calls the client sees no difference."""
        connection = self._open(request.url)
        body, headers = cast(bytes, request.body), cast("dict[str, str]", request.headers)
        connection.sock.settimeout(self._at_most(self._read_seconds))
        try:
            connection.request(request.method, urlsplit(request.url).path or "/", body, headers)
            answer = connection.getresponse()
            content = answer.read()
        except TimeoutError as error:
            self.close()
            raise ReadTimeoutError(endpoint_url=request.url, error=error) from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise HTTPClientError(error=error) from error
        return AWSResponse(request.url, answer.status, cast(Any, answer.headers), Body(content))

    def close(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None

    def _open(self, url: str) -> http.client.HTTPConnection:
        target = urlsplit(url)
        if self._connection and self._connection.host == target.hostname and is_alive(self._connection):
            return self._connection
        self.close()
        connection = self._new(target)
        try:
            connection.connect()
        except TimeoutError as error:
            raise ConnectTimeoutError(endpoint_url=url, error=error) from error
        except OSError as error:
            raise EndpointConnectionError(endpoint_url=url, error=error) from error
        self._connection = connection
        return connection

    def _new(self, target: SplitResult) -> http.client.HTTPConnection:
        host, port, seconds = target.hostname or "", target.port, self._at_most(self._connect_seconds)
        if target.scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=seconds, context=self._context)
        return http.client.HTTPConnection(host, port, timeout=seconds)

    def _at_most(self, seconds: float) -> float:
        return seconds if self._until is None else max(LEAST_SECONDS, min(seconds, self._until - self._monotonic()))


def is_alive(connection: http.client.HTTPConnection) -> bool:
    """False where the other side has closed it: an idle connection has nothing to say otherwise."""
    if connection.sock is None:
        return False
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return not poll.poll(0)
