"""A provider on loopback for the whole stack: the model's name picks the script that answers, up to a plus.

What is behind the plus makes a target of its own out of a call, whose breaker has counted nothing yet.

Every connection has a thread of its own and is kept until a script closes it, so several environments may call at once.
A script that goes wrong fails the test when the provider stops.
"""

import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.raw_provider import Peer

MAX_CONNECTIONS = 256
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came; header names in lower case."""

    line: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def model(self) -> str:
        return str(self.body.get("model")).partition("+")[0]


Script = Callable[[Peer, Asked], None]


@dataclass(slots=True)
class Provider:
    """Plays `scripts` by model name; `asked` are all requests, in the order they came."""

    scripts: dict[str, Script] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    _listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0), backlog=128))
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(MAX_CONNECTIONS))
    _open: set[socket.socket] = field(default_factory=set)
    _served: "list[Future[None]]" = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"

    def start(self) -> None:
        self._served.append(self._threads.submit(self._accept))

    def stop(self) -> None:
        """Ends every connection, and raises what a script has raised."""
        for sock in (self._listener, *self._open):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._threads.shutdown()
        self._listener.close()
        for served in self._served:
            served.result()

    def play(self, model: str, script: Script) -> str:
        """From now on calls of `model` get `script`; the model's name, for the call."""
        self.scripts[model] = script
        return model

    def asked_for(self, model: str) -> list[Asked]:
        return [one for one in list(self.asked) if one.model == model]

    def _accept(self) -> None:
        with suppress(OSError):  # stopped
            while True:
                sock, _ = self._listener.accept()
                self._served.append(self._threads.submit(self._serve, sock))

    def _serve(self, sock: socket.socket) -> None:
        """Answers request after request; the gateway may hang up at any moment."""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = Peer(sock)
        sock.settimeout(PATIENCE_SECONDS)
        self.connections += 1
        self._open.add(sock)
        with sock, suppress(OSError):
            while True:
                asked = parsed(*peer.request())
                self.asked.append(asked)
                self.scripts[asked.model](peer, asked)
        self._open.discard(sock)


def parsed(head: str, body: bytes) -> Asked:
    line, *fields = head.split("\r\n")
    pairs = (one.partition(":") for one in fields)
    return Asked(line, {name.lower(): value.strip() for name, _, value in pairs}, json.loads(body))


@contextmanager
def provider() -> Iterator[Provider]:
    running = Provider()
    running.start()
    try:
        yield running
    finally:
        running.stop()


def stream(*events: bytes) -> Script:
    """A stream of these events, each in a chunk of its own, properly ended."""

    def script(peer: Peer, _asked: Asked) -> None:
        peer.head()
        for event in events:
            peer.chunk(event)
        peer.end()

    return script


def raw(answer: bytes) -> Script:
    """Exactly these bytes, and the connection is kept."""
    return lambda peer, _asked: peer.send(answer)


def document(body: bytes, status: int = 200, headers: Sequence[str] = ("content-type: application/json",)) -> Script:
    """An answer that does not stream."""
    head = "\r\n".join((f"HTTP/1.1 {status} X", f"content-length: {len(body)}", *headers))
    return raw(head.encode() + b"\r\n\r\n" + body)


class Gate:
    """Lets a script go on step by step."""

    def __init__(self) -> None:
        self._steps = threading.Semaphore(0)

    def open(self) -> None:
        self._steps.release()

    def wait(self) -> None:
        assert self._steps.acquire(timeout=PATIENCE_SECONDS), "nobody opened the gate"
