"""A provider on a raw socket: the test says byte for byte what it sends, and when."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Script = Callable[["Peer"], None]
SECONDS = 10.0


class Peer:
    """The provider's end of one connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sock.settimeout(SECONDS)
        self.received = b""

    def request(self) -> tuple[str, bytes]:
        """Reads one request: its head and its body."""
        while b"\r\n\r\n" not in self.received:
            self._more()
        head, _, rest = self.received.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        while len(rest) < length:
            self._more()
            rest = self.received.partition(b"\r\n\r\n")[2]
        self.received = rest[length:]
        return head.decode(), rest[:length]

    def _more(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise ConnectionError("the gateway closed the connection")
        self.received += data

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def head(self, status: int = 200, *headers: str) -> None:
        lines = [f"HTTP/1.1 {status} X", "content-type: text/event-stream", "transfer-encoding: chunked", *headers]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n")

    def chunk(self, data: bytes) -> None:
        self.send(b"%x\r\n%b\r\n" % (len(data), data))

    def end(self) -> None:
        self.send(b"0\r\n\r\n")

    def reset(self) -> None:
        """Closes with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class RawProvider:
    """Serves one script per connection, in order; the last one again and again."""

    def __init__(self, *scripts: Script) -> None:
        self._scripts = scripts
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.connections = 0
        self.errors: list[BaseException] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            script = self._scripts[min(self.connections, len(self._scripts) - 1)]
            self.connections += 1
            with sock:
                self._run(script, Peer(sock))

    def _run(self, script: Script, peer: Peer) -> None:
        try:
            script(peer)
        except OSError:
            pass  # the gateway hung up, which is its right
        except BaseException as error:
            self.errors.append(error)

    def stop(self) -> None:
        # close() alone leaves accept() waiting
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(SECONDS)


@contextmanager
def raw_provider(*scripts: Script) -> Iterator[RawProvider]:
    provider = RawProvider(*scripts)
    try:
        yield provider
    finally:
        provider.stop()
    assert not provider.errors, provider.errors
