"""One streaming call after the other on one connection, as a client that only reads.

The shared bench's load client asks OpenAI's paths and counts lines; an event stream has neither.
"""

import json
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

END = b"\r\n0\r\n\r\n"
READ_BYTES = 1 << 18
TIMEOUT_SECONDS = 60
STAMP = b" t00000"  # the mock provider writes one into the text of every event


class StreamBroken(Exception):
    """An answer that is no whole stream; the message shows how it begins."""


class Asked(NamedTuple):
    """What the mock provider is to send: so many events a second (0: at once), the first after some milliseconds."""

    events: int
    rate: int = 0
    first_byte_ms: int = 0

    @property
    def prompt(self) -> str:
        return f"bench:n={self.events},rate={self.rate},ttft={self.first_byte_ms},burst=1, hello"


class Path(NamedTuple):
    """Where a call goes and what its body is for a prompt."""

    path: str
    body: Callable[[str], Mapping[str, Any]]

    def request(self, asked: Asked) -> bytes:
        body = json.dumps(self.body(asked.prompt)).encode()
        head = f"POST {self.path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        return head.encode() + b"\r\n\r\n" + body


def connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def first_byte_ms(connection: socket.socket, path: Path, asked: Asked) -> float:
    """Reads a whole stream; the time until the first event with text. Raises StreamBroken."""
    began, first = time.perf_counter(), 0.0
    connection.sendall(path.request(asked))
    pieces, last = [], b""
    while not last.endswith(END):
        piece = connection.recv(READ_BYTES)
        if not piece:
            break
        pieces.append(piece)
        last = (last + piece)[-len(END) - len(piece) :]
        first = first or (STAMP in last and time.perf_counter()) or 0.0
    _check(b"".join(pieces), asked)
    return (first - began) * 1000


def _check(answer: bytes, asked: Asked) -> None:
    head, _, chunked = answer.partition(b"\r\n\r\n")
    events = joined(chunked).count(STAMP)
    if not head.startswith(b"HTTP/1.1 200") or events < asked.events or not answer.endswith(END):
        raise StreamBroken(f"{events} of {asked.events} events: {answer[:400]!r}")


def joined(chunked: bytes) -> bytes:
    """The body without the chunks' sizes: they may stand anywhere, within an event too."""
    pieces, place = [], 0
    while (end := chunked.find(b"\r\n", place)) > place:
        size = int(chunked[place:end], 16)
        pieces.append(chunked[end + 2 : end + 2 + size])
        place = end + 2 + size + 2
    return b"".join(pieces)
