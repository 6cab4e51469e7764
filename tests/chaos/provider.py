"""The provider of a run: it writes down each call that it sees before it answers, and answers as the call's plan says."""

import json
import os
import socket
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.chaos.plan import Plan, Script, number, plan
from tests.fakes.raw_provider import Peer

PATIENCE_SECONDS = 60.0
WORD_SECONDS = 0.002  # between two words, so that a kill may come between
WORDS = 4
DONE = b"data: [DONE]\n\n"
BUSY = b'{"error":{"message":"not now","type":"server_error","param":null,"code":"busy"}}'
REFUSED = b'{"error":{"message":"no","type":"invalid_request_error","param":null,"code":"refused"}}'


@dataclass(slots=True)
class Provider:
    """`seen` is a file to which the name of every call goes, a line each, as it comes."""

    seed: int
    seen: int
    times: Counter[str] = field(default_factory=Counter)
    pause: threading.Event = field(default_factory=threading.Event)

    def accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # the run is over
            while True:
                client, _ = listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """Call after call of one connection; whoever calls may die at any moment."""
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = Peer(client)
        client.settimeout(PATIENCE_SECONDS)
        with client, suppress(OSError):
            while True:
                _, body = peer.request()
                name = str(json.loads(body)["user"])
                os.write(self.seen, f"{name}\n".encode())
                self.times[name] += 1
                self._answer(peer, plan(self.seed, number(name)), self.times[name])

    def _answer(self, peer: Peer, call: Plan, time: int) -> None:
        if call.script is Script.REFUSED:
            document(peer, 400, REFUSED)
        elif call.script is Script.BUSY and time == 1:
            document(peer, 503, BUSY)
        elif call.script is Script.ANSWER:
            self.pause.wait(WORD_SECONDS * WORDS)
            document(peer, 200, json.dumps(answer(call)).encode())
        else:
            self._stream(peer, call)

    def _stream(self, peer: Peer, call: Plan) -> None:
        peer.head()
        for _ in range(WORDS):
            peer.chunk(event({"choices": [{"index": 0, "delta": {"content": "word "}}]}))
            self.pause.wait(WORD_SECONDS)
        if call.script is Script.CUT:
            peer.reset()
            return
        stop = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        peer.chunk(event(stop) + event({"choices": [], "usage": usage(call)}) + DONE)
        peer.end()


def event(content: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(content).encode() + b"\n\n"


def usage(call: Plan) -> dict[str, int]:
    return {
        "prompt_tokens": call.input_tokens,
        "completion_tokens": call.output_tokens,
        "total_tokens": call.input_tokens + call.output_tokens,
    }


def answer(call: Plan) -> dict[str, Any]:
    message = {"role": "assistant", "content": "word " * WORDS}
    return {
        "id": call.name,
        "object": "chat.completion",
        "model": "any",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": usage(call),
    }


def document(peer: Peer, status: int, body: bytes) -> None:
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    peer.send(head.encode() + body)


def serve(seed: int, seen: Path, connection: Connection) -> int:
    """How many calls it saw, each as often as it came."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    provider = Provider(seed, os.open(seen, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    threading.Thread(target=provider.accept, args=(listener,), daemon=True).start()
    connection.send(f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
    connection.recv()
    return provider.times.total()
