"""The fault provider: OpenAI's chat completions and Bedrock's ConverseStream on loopback, with a fault in each answer.

The model's name picks it. Every connection has a thread of its own and is kept until a script closes it. Beside it
listens the leak port, where a redirect points and nobody may come.
"""

import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from urllib.parse import unquote

from sluice_prove.chat_faults import JSON, document, failure, stream
from sluice_prove.peer import Asked, Peer
from sluice_prove.scene import Scene, Script

LOOPBACK = "127.0.0.1"
CHAT, CONVERSE = "/chat/completions", "/converse-stream"
PATIENCE_SECONDS = 60.0
MAX_CONNECTIONS = 64
NOT_FOUND = failure("no such fault", "invalid_request_error", "model_not_found")

Serve = Callable[[socket.socket], None]


def fault_of(asked: Asked) -> str:
    """The model's name, without what a gateway may have left in front of it; of Bedrock's, what stands in the path."""
    path = asked.path.partition("?")[0]
    if path.endswith(CONVERSE):
        return unquote(path.removesuffix(CONVERSE).rpartition("/")[2]).rpartition("/")[2]
    return str(asked.body.get("model")).rpartition("/")[2] if path.endswith(CHAT) else ""


@dataclass(slots=True)
class Listener:
    """A port of this machine, each of whose connections `serve` gets in a thread; all are closed at the end."""

    serve: Serve
    port: int = 0
    connections: int = 0
    _socket: socket.socket = field(init=False)
    _open: set[socket.socket] = field(default_factory=set)
    _threads: list[threading.Thread] = field(default_factory=list)
    _places: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(MAX_CONNECTIONS))

    def start(self) -> None:
        """Raises OSError where the port is taken."""
        self._socket = socket.create_server((LOOPBACK, self.port), backlog=MAX_CONNECTIONS)
        self.port = self._socket.getsockname()[1]
        self._begin(self._accept)

    def stop(self) -> None:
        for sock in (self._socket, *tuple(self._open)):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in tuple(self._threads):
            thread.join()
        self._socket.close()

    def _begin(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):  # stopped
            while True:
                sock, _ = self._socket.accept()
                self._places.acquire()
                self.connections += 1
                self._open.add(sock)
                self._begin(lambda sock=sock: self._served(sock))  # type: ignore[misc]

    def _served(self, sock: socket.socket) -> None:
        with sock, suppress(OSError):  # whoever called may hang up
            sock.settimeout(PATIENCE_SECONDS)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.serve(sock)
        self._open.discard(sock)
        self._places.release()


class FaultProvider:
    """A context manager. `asked` holds what came for each fault; `canary` is a secret that is never to leave."""

    def __init__(self, scripts: Mapping[str, Script], stall_seconds: float, canary: str, port: int = 0) -> None:
        self.canary = canary
        self.asked: dict[str, list[Asked]] = {}
        self._scripts = scripts
        self._stall_seconds = stall_seconds
        self.stopped = threading.Event()
        self._listener = Listener(self._serve, port)
        self._leak = Listener(self._leaked)

    @property
    def port(self) -> int:
        return self._listener.port

    @property
    def address(self) -> str:
        """Where Bedrock's paths begin."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def url(self) -> str:
        """What an OpenAI client calls its base URL."""
        return f"{self.address}/v1"

    @property
    def leak_place(self) -> str:
        return f"{LOOPBACK}:{self._leak.port}"

    @property
    def leaks(self) -> int:
        """How often anybody came to where only a redirect points."""
        return self._leak.connections

    def asked_for(self, fault: str) -> list[Asked]:
        return list(self.asked.get(fault, ()))

    def __enter__(self) -> "FaultProvider":
        self._listener.start()
        self._leak.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopped.set()
        self._listener.stop()
        self._leak.stop()

    def _serve(self, sock: socket.socket) -> None:
        peer = Peer(sock, self.stopped)
        while True:
            asked = peer.request()
            fault = fault_of(asked)
            script = self._scripts.get(fault)
            if script is None:
                document(peer, 404, NOT_FOUND, JSON)
                continue
            came = self.asked.setdefault(fault, [])
            came.append(asked)
            script(peer, self._scene(asked, len(came)))

    def _scene(self, asked: Asked, number: int) -> Scene:
        return Scene(asked, number, self._stall_seconds, self.canary, f"http://{self.leak_place}/v1{CHAT}")

    def _leaked(self, sock: socket.socket) -> None:
        """Answers, so that whoever followed the redirect shows what he makes of it."""
        peer = Peer(sock, self.stopped)
        asked = peer.request()
        stream()(peer, self._scene(asked, 1))
