"""One connection to the Runtime API, for one streamed response: the protocol wants it closed after each.

A plain socket, and an answer of which only the status line matters: http.client would add 11 ms of CPU to every cold
start (it brings email and ssl) and cannot send trailers.
"""

import socket
import struct
from collections.abc import Iterable

MAX_ANSWER_BYTES = 4096
SEND_BUFFER_BYTES = 256 * 1024  # what a handler may be ahead of a Runtime API that does not read; the kernel doubles it


class Connection:
    """Not connected until `open`."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)

    def open(self, address: str, timeout_seconds: float) -> None:
        """Connects to host:port. From then on a send that makes no progress for the timeout fails (BlockingIOError)."""
        host, _, port = address.rpartition(":")
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        # The kernel's own timeout, for connecting too: Python's costs system calls here and a poll before every send.
        timeval = struct.pack("ll", *divmod(int(timeout_seconds * 1_000_000), 1_000_000))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)
        self.socket.connect((host, int(port)))

    def send(self, head: bytes, frames: Iterable[bytes]) -> None:
        """One send per frame, the head with the first. If the connection breaks, an early answer says why."""
        try:
            for frame in frames:
                self.socket.sendall(head + frame)
                head = b""
        except OSError as error:
            raise ConnectionError(f"{error!r}; answered so far: {self.early_answer()!r}") from error

    def answer(self, timeout_seconds: float) -> bytes:
        """The answer from its status code on; OSError if there is none in time, or none in HTTP."""
        self.socket.settimeout(timeout_seconds)
        received = b""
        while b"\r\n" not in received and len(received) < MAX_ANSWER_BYTES:
            data = self.socket.recv(MAX_ANSWER_BYTES)
            if not data:
                raise ConnectionError("closed without an answer")
            received += data
        version, _, answer = received.partition(b" ")
        if not version.startswith(b"HTTP/1."):
            raise ConnectionError(f"not an HTTP answer: {received[:80]!r}")
        return answer

    def early_answer(self) -> bytes:
        try:
            return self.answer(timeout_seconds=0).partition(b"\r\n")[0]
        except OSError:
            return b""

    def close(self) -> None:
        self.socket.close()
