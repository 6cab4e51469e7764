"""A Runtime API to break the runtime against; a process of its own, because awslambdaric holds the GIL while it posts.

Reads one invocation per line of stdin (JSON: request_id, event, headers, status, then), tells on stdout what happens,
one JSON object per line; bytes travel as ISO-8859-1. `then` says what meets the response to that invocation:
{"after": n, "do": "answer" | "refuse" | "close" | "reset"}, after n chunks (the prelude is one) or, without, at its
end. An API that answers waits for the runtime to close; one that refuses answers and closes.
Wire contract: facts/platform.md, section 2.
"""

import json
import queue
import socket
import struct
import sys
import threading
from typing import Any

TCP_INFO_DATA_SEGMENTS_IN = 152  # offset of tcpi_data_segs_in in struct tcp_info (linux/tcp.h)

invocations: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
behaviours: dict[str, dict[str, Any]] = {}
speaking = threading.Lock()


def tell(kind: str, **fields: object) -> None:
    with speaking:
        print(json.dumps({"kind": kind, **fields}), flush=True)


class Gone(Exception):
    """The runtime closed its connection."""


class Wire:
    """One connection of the runtime's; remembers each read as it came."""

    def __init__(self, connection: socket.socket, number: int) -> None:
        self.connection = connection
        self.number = number
        self.buffer = b""
        self.pieces: list[str] = []

    def more(self) -> None:
        piece = self.connection.recv(1 << 20)
        if not piece:
            raise Gone
        self.pieces.append(piece.decode("latin-1"))
        self.buffer += piece

    def take(self, length: int) -> bytes:
        while len(self.buffer) < length:
            self.more()
        taken, self.buffer = self.buffer[:length], self.buffer[length:]
        return taken

    def line(self) -> str:
        while b"\r\n" not in self.buffer:
            self.more()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line.decode("latin-1")

    def fields(self) -> dict[str, str]:
        """Header or trailer lines up to the empty one."""
        found = {}
        while line := self.line():
            name, _, value = line.partition(":")
            found[name.lower()] = value.strip()
        return found

    def segments(self) -> int:
        info = self.connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        return int(struct.unpack_from("I", info, TCP_INFO_DATA_SEGMENTS_IN)[0])

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 {status} Answer\r\nContent-Length: {len(body)}\r\n{lines}\r\n"
        self.connection.sendall(head.encode() + body)


def serve(wire: Wire) -> None:
    try:
        while True:
            request(wire)
    except (Gone, OSError):
        wire.connection.close()
        tell("disconnected", connection=wire.number)


def request(wire: Wire) -> None:
    method, path, _ = wire.line().split(" ")
    headers = wire.fields()
    if path.endswith("/invocation/next"):
        hand_out(wire)
    elif headers.get("transfer-encoding") == "chunked":
        stream(wire, path, headers)
    else:
        body = wire.take(int(headers.get("content-length", "0")))
        tell("whole", connection=wire.number, method=method, path=path, headers=headers, body=body.decode("latin-1"))
        wire.answer(behaviour(path).get("status", 200 if method == "GET" else 202), b'{"status":"OK"}', {})
    wire.pieces.clear()


def hand_out(wire: Wire) -> None:
    tell("next")
    invocation = invocations.get()
    headers = {"Lambda-Runtime-Aws-Request-Id": invocation["request_id"], "Content-Type": "application/json"}
    wire.answer(200, json.dumps(invocation["event"]).encode(), headers | invocation["headers"])


def behaviour(path: str) -> dict[str, Any]:
    return behaviours.get(path.split("/")[-2], {})


def stream(wire: Wire, path: str, headers: dict[str, str]) -> None:
    """Takes a chunked request until its end or until the script says otherwise."""
    script = behaviour(path)
    then = {"after": None, "do": "answer", **script.get("then", {})}
    tell("head", connection=wire.number, path=path, headers=headers)
    count = 0
    while count != then["after"] and (length := int(wire.line(), 16)):
        data = wire.take(length)
        wire.take(2)
        tell("chunk", connection=wire.number, path=path, data=data.decode("latin-1"))
        count += 1
    if count != then["after"]:
        whole = {"trailers": wire.fields(), "pieces": wire.pieces, "segments": wire.segments()}
        tell("end", connection=wire.number, path=path, **whole)
    react(wire, then["do"], script.get("status", 202))


def react(wire: Wire, what: str, status: int) -> None:
    if what == "reset":
        wire.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if what in ("answer", "refuse"):
        wire.answer(status, b'{"errorType":"Scripted","errorMessage":"as the test wants it"}', {})
    while what == "answer":
        wire.more()
    raise Gone


def listen(listener: socket.socket) -> None:
    for number in range(1_000_000):
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(Wire(connection, number),), daemon=True).start()


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=listen, args=(listener,), daemon=True).start()
    tell("listening", port=listener.getsockname()[1])
    for text in sys.stdin:
        invocation = json.loads(text)
        behaviours[invocation["request_id"]] = invocation
        invocations.put(invocation)
