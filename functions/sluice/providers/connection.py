"""One HTTP/1.1 connection to a provider, read so that a silent wait loses nothing.

The socket is read with a short timeout (a tick) and the framing is h11's, which keeps its state between reads, so a
wait can stop at any byte and go on. https://h11.readthedocs.io. Everything one read brought is handed out together.
"""

import socket
import ssl
import time
from collections.abc import Callable, Iterator

import h11

from sluice.domain.errors import (
    GatewayError,
    UpstreamLost,
    UpstreamProtocol,
    UpstreamTimeout,
    UpstreamTls,
    UpstreamTruncated,
    UpstreamUnreachable,
)
from sluice.providers.watch import Watch

READ_BYTES = 64 * 1024  # more makes malloc map and unmap memory on every call (facts/performance.md 3.1)
MAX_HEAD_BYTES = 64 * 1024
TICK_SECONDS = 0.25

Connect = Callable[[str, int, float], socket.socket]


def connect(host: str, port: int, timeout: float) -> socket.socket:
    """A TCP connection that sends small writes at once; all addresses of the host share one timeout."""
    until = time.monotonic() + timeout
    failure: OSError = OSError("no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(max(until - time.monotonic(), 0.001))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    raise failure


class StaleConnection(Exception):
    """A kept-alive connection was closed by the other side before it answered anything."""


class Connection:
    """Owns a socket; `exchange` one request after the other while `is_reusable`. Close it when done."""

    def __init__(self, sock: socket.socket, tick_seconds: float = TICK_SECONDS) -> None:
        self._sock = sock
        self._tick = tick_seconds
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._is_used = False  # it answered a request before
        self._is_silent = True  # it sent nothing for this request yet
        self._has_head = False
        self._is_closed = False  # by the other side
        self._has_waited = False  # a tick passed since the request was sent

    @classmethod
    def open(
        cls, host: str, port: int, context: ssl.SSLContext | None, watch: Watch, connect: Connect, tick_seconds: float
    ) -> "Connection":
        """Raises UpstreamUnreachable, UpstreamTls, UpstreamTimeout or DeadlineReached."""
        try:
            sock = connect(host, port, watch.connecting())
        except TimeoutError:
            watch.left()
            raise UpstreamTimeout(f"no connection to {host} in time") from None
        except OSError as error:
            raise UpstreamUnreachable(f"cannot reach {host}: {error.strerror or type(error).__name__}") from None
        return cls(_secured(sock, host, context, watch) if context else sock, tick_seconds)

    def exchange(self, request: h11.Request, body: bytes, watch: Watch) -> h11.Response:
        """Sends a request and waits for the head of the answer. Raises StaleConnection on a used connection."""
        self._send(request, body, watch)
        while True:
            event = self._next_event()
            if isinstance(event, h11.Response):
                self._has_head = True
                return event
            if event is h11.NEED_DATA:
                self._receive(watch)

    def chunks(self, watch: Watch) -> Iterator[bytes]:
        """The body as it comes, one piece per read; b"" on a silent tick. Raises UpstreamTruncated if it is cut."""
        while True:
            data, is_over = self._body()
            if data:
                yield data
            if is_over:
                return
            if not self._receive(watch):
                yield b""

    def reuse(self) -> bool:
        """Makes it ready for the next request; False unless the last answer is over and both sides keep the connection.

        What is left of an answer that was not read to its end (the last chunk after `[DONE]`) is read here, as far as
        it has come.
        """
        try:
            self._sock.settimeout(0)
            self._read_out()
            self._sock.settimeout(self._tick)
            self._http.start_next_cycle()
        except (OSError, h11.ProtocolError, GatewayError):
            return False
        self._is_used, self._is_silent, self._has_head, self._has_waited = True, True, False, False
        return True

    def _read_out(self) -> None:
        """Takes in what has come until nothing more is there; an end of the connection is an OSError.

        So is a byte behind the end of the answer: it would be read as the next one's.
        """
        while True:
            self._body()
            try:
                data = self._sock.recv(READ_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError):
                if self._http.trailing_data[0]:
                    raise ConnectionResetError from None
                return
            if not data or self._http.their_state is h11.DONE:
                raise ConnectionResetError
            self._http.receive_data(data)

    def close(self) -> None:
        self._sock.close()

    def _send(self, request: h11.Request, body: bytes, watch: Watch) -> None:
        parts = (request, h11.Data(data=body), h11.EndOfMessage()) if body else (request, h11.EndOfMessage())
        data = b"".join(self._http.send(part) or b"" for part in parts)
        try:
            self._sock.settimeout(watch.left())
            watch.has_sent = True
            self._sock.sendall(data)
        except TimeoutError:
            watch.left()
            raise UpstreamTimeout("the provider did not take the request in time") from None
        except OSError:
            if self._is_used:
                raise self._lost() from None
            # a refusal may have come before the provider closed: the wait for the head will tell
        self._sock.settimeout(self._tick)

    def _receive(self, watch: Watch) -> bool:
        """Waits for one read, a tick at most; whether it brought anything."""
        try:
            data = self._sock.recv(READ_BYTES)
        except TimeoutError:
            self._has_waited = True
            watch.left()
            return False
        except OSError:
            raise self._lost() from None
        watch.heard()
        self._is_closed = not data
        self._is_silent = self._is_silent and not data
        self._http.receive_data(data)
        return True

    def _body(self) -> tuple[bytes, bool]:
        """All body bytes received so far, and whether the body is over. What precedes a fault is handed out first."""
        pieces: list[bytes] = []
        while True:
            try:
                event = self._next_event()
            except GatewayError:
                if pieces:
                    return b"".join(pieces), False
                raise
            if not isinstance(event, h11.Data):
                return b"".join(pieces), isinstance(event, h11.EndOfMessage)
            pieces.append(bytes(event.data))

    def _next_event(self) -> object:
        try:
            return self._http.next_event()
        except h11.RemoteProtocolError:  # its text may repeat what the provider sent
            if self._is_closed:
                raise self._lost() from None
            raise UpstreamProtocol("the provider's HTTP is malformed") from None

    def _lost(self) -> Exception:
        if self._is_used and self._is_silent and not self._has_waited:
            return StaleConnection()
        if self._has_head:
            return UpstreamTruncated("the provider's connection broke before the answer was complete")
        return UpstreamLost("the provider closed the connection before it answered")


def _secured(sock: socket.socket, host: str, context: ssl.SSLContext, watch: Watch) -> ssl.SSLSocket:
    try:
        sock.settimeout(watch.connecting())
        return context.wrap_socket(sock, server_hostname=host)
    except TimeoutError:
        sock.close()
        watch.left()
        raise UpstreamTimeout(f"no TLS with {host} in time") from None
    except (ssl.SSLError, ssl.CertificateError) as error:
        sock.close()
        raise UpstreamTls(f"no TLS with {host}: {getattr(error, 'verify_message', None) or error.reason}") from None
    except OSError as error:
        sock.close()
        raise UpstreamUnreachable(f"{host} broke off the handshake: {error.strerror}") from None
