"""The fault provider's end of one connection: every byte that it sends is a script's own."""

import fcntl
import json
import socket
import struct
import termios
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import h11

MAX_REQUEST_BYTES = 16 * 1024 * 1024
READ_BYTES = 65_536
DELIVERY_SECONDS = 1.0
HEAD_END = b"\r\n\r\n"
NOW_WITH_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, for no time


class HungUp(OSError):
    """The gateway has closed the connection, which is its right."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came; header names in lower case."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def key(self) -> str:
        """The provider's key that the gateway sent; empty where it sent none."""
        kind, _, value = self.headers.get("authorization", "").partition(" ")
        return value.strip() if kind.lower() == "bearer" else self.headers.get("api-key", "")


@dataclass(slots=True)
class Peer:
    """`stopped` ends all waiting."""

    sock: socket.socket
    stopped: threading.Event
    _received: bytes = field(default=b"")

    def request(self) -> Asked:
        """The next request; raises HungUp where none comes."""
        parser = h11.Connection(h11.SERVER)
        if self._received:  # to h11 nothing is an end
            parser.receive_data(self._received)
        try:
            head, body = self._parsed(parser)
        except h11.RemoteProtocolError as error:
            raise HungUp from error
        self._received = parser.trailing_data[0]
        headers = {name.decode(): value.decode("latin-1") for name, value in head.headers}
        return Asked(head.target.decode("latin-1"), headers, _object(body))

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def head(self, status: int, *headers: str) -> None:
        self.send("\r\n".join((f"HTTP/1.1 {status} X", *headers)).encode() + HEAD_END)

    def chunk(self, data: bytes) -> None:
        self.send(b"%x\r\n%b\r\n" % (len(data), data))

    def end(self) -> None:
        self.send(b"0\r\n\r\n")

    def wait(self, seconds: float) -> None:
        """Says nothing for so long; raises HungUp when the prover is done before."""
        if self.stopped.wait(seconds):
            raise HungUp

    def close(self) -> None:
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def reset(self) -> None:
        """Closes with RST, once the gateway's machine has all that was sent: a reset may overtake it."""
        until = time.monotonic() + DELIVERY_SECONDS
        while _undelivered(self.sock) and time.monotonic() < until:
            self.stopped.wait(0.001)
        self.stopped.wait(0.05)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NOW_WITH_RESET)
        self.sock.close()

    def _parsed(self, parser: h11.Connection) -> tuple[h11.Request, bytes]:
        head, body = None, b""
        while not isinstance(event := parser.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA and len(body) < MAX_REQUEST_BYTES:
                parser.receive_data(self._read())
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            else:
                raise HungUp
        if head is None:
            raise HungUp
        return head, body

    def _read(self) -> bytes:
        data = self.sock.recv(READ_BYTES)
        if not data:
            raise HungUp
        return data


def _undelivered(sock: socket.socket) -> int:
    """Bytes that the other machine has not acknowledged."""
    return int(struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0\0\0\0"))[0])


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {}
