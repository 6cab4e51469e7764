"""FP: an HTTP proxy on loopback that stands before DynamoDB or Secrets Manager and breaks what it is told to.

A rule names a fault, the operations it meets (all, where it names none), how probable it is and how often it may
happen. The first rule that fires decides. Answers are AWS's own shapes. Connections are kept open, one thread each, and
every request is remembered in `seen` with what became of it.
"""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from http.client import HTTPException, HTTPResponse
from random import Random
from types import TracebackType
from urllib.parse import urlsplit

RECEIVE_BYTES = 64 * 1024
UPSTREAM_SECONDS = 30.0
HEAD_END = b"\r\n\r\n"


class Fault(StrEnum):
    DROP_BEFORE = "drop before"  # reset without forwarding
    DROP_AFTER = "drop after commit"  # forwarded, then reset: nobody learns that it took effect
    THROTTLE = "throttle"
    ERROR = "internal error"
    CONFLICT = "conflict"
    DENIED = "denied"
    DELAY = "delay"  # forwarded after `seconds`
    CUT = "cut answer"  # forwarded; the answer ends before its announced length


@dataclass(frozen=True, slots=True)
class Rule:
    fault: Fault
    operations: frozenset[str] = frozenset()
    probability: float = 1.0
    times: int | None = None
    seconds: float = 0.0

    def meets(self, operation: str) -> bool:
        return not self.operations or operation in self.operations


@dataclass(frozen=True, slots=True)
class Seen:
    """One request: `status` is the engine's answer, None where it was not asked."""

    operation: str
    fault: Fault | None
    status: int | None


def on(*operations: str) -> frozenset[str]:
    return frozenset(operations)


ANSWERS = {
    Fault.THROTTLE: (400, {"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}),
    Fault.ERROR: (500, {"__type": "com.amazonaws.dynamodb.v20120810#InternalServerError"}),
    Fault.DENIED: (400, {"__type": "com.amazon.coral.service#AccessDeniedException"}),
    Fault.CONFLICT: (400, {"__type": "com.amazonaws.dynamodb.v20120810#TransactionConflictException"}),
}
SECRETS_ANSWERS = {
    Fault.THROTTLE: (400, {"__type": "ThrottlingException"}),
    Fault.ERROR: (500, {"__type": "InternalServiceError"}),
    Fault.DENIED: (400, {"__type": "AccessDeniedException"}),
    Fault.CONFLICT: (400, {"__type": "DecryptionFailure"}),  # what it cannot decrypt, its nearest to a conflict
}
CANCELLED = {
    "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
    "CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "None"}],
}


class FaultProxy:
    """A context manager. `rules` may be replaced at any time; the seed makes a single client's faults repeatable."""

    def __init__(self, upstream_url: str, rules: Iterable[Rule] = (), seed: int = 0) -> None:
        target = urlsplit(upstream_url)
        self._upstream = (target.hostname or "127.0.0.1", target.port or 80)
        self._random = Random(seed)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._fired: dict[Rule, int] = {}
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = None
        self.rules = tuple(rules)
        self.seen: list[Seen] = []
        self.url = ""

    def __enter__(self) -> "FaultProxy":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._run(self._accept, self._listener)

    def stop(self) -> None:
        """Closes every connection and waits for the threads."""
        self._stopping.set()
        with self._lock:
            for one in self._open:
                shut(one)
        for thread in self._threads:
            thread.join(UPSTREAM_SECONDS)
        if self._listener:
            self._listener.close()

    def statuses(self, operation: str) -> list[int]:
        """The engine's answers to one operation, whether or not the client got them."""
        return [one.status for one in self.seen if one.operation == operation and one.status is not None]

    def use(self, *rules: Rule) -> None:
        """From the next request on, these rules, each counting from nothing."""
        with self._lock:
            self.rules = rules
            self._fired = {}

    def _accept(self, listener: socket.socket) -> None:
        while not self._stopping.is_set():
            try:
                client, _ = listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._run(self._serve, client)

    def _run(self, work: Callable[[socket.socket], None], one: socket.socket) -> None:
        with self._lock:
            if self._stopping.is_set():
                one.close()
                return
            self._open.add(one)
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            thread = threading.Thread(target=work, args=(one,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        upstream = Upstream(self._upstream)
        try:
            while request := read_request(client):
                if not self._answer(client, upstream, request):
                    break
        except (OSError, HTTPException):
            reset(client)  # the engine failed us, or the client went away: either way nobody learns more
        finally:
            with self._lock:
                self._open.discard(client)
            client.close()
            upstream.close()

    def _answer(self, client: socket.socket, upstream: "Upstream", request: bytes) -> bool:
        """Whether the connection goes on."""
        operation = operation_of(request)
        rule = self._decide(operation)
        fault = rule.fault if rule else None
        if fault in ANSWERS or fault is Fault.DROP_BEFORE:
            self.seen.append(Seen(operation, fault, None))
            return refuse(client, fault, operation)
        if rule and fault is Fault.DELAY:
            self._stopping.wait(rule.seconds)
        status, answer = upstream.exchange(request)
        self.seen.append(Seen(operation, fault, status))
        if fault is Fault.DROP_AFTER:
            reset(client)
            return False
        client.sendall(answer[:-1] if fault is Fault.CUT else answer)
        return fault is not Fault.CUT

    def _decide(self, operation: str) -> Rule | None:
        with self._lock:
            for rule in self.rules:
                if rule.meets(operation) and self._fires(rule):
                    self._fired[rule] = self._fired.get(rule, 0) + 1
                    return rule
        return None

    def _fires(self, rule: Rule) -> bool:
        is_due = rule.times is None or self._fired.get(rule, 0) < rule.times
        return is_due and (rule.probability >= 1 or self._random.random() < rule.probability)


class Upstream:
    """One connection to the engine, opened when needed."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._socket: socket.socket | None = None

    def exchange(self, request: bytes) -> tuple[int, bytes]:
        """The status, and the answer with its length announced."""
        if self._socket is None:
            self._socket = socket.create_connection(self._address, UPSTREAM_SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(request)
        answer = HTTPResponse(self._socket)
        answer.begin()
        body = answer.read()
        if answer.will_close:
            self.close()
        return answer.status, encoded(answer.status, body, answer.getheader("x-amzn-requestid", ""))

    def close(self) -> None:
        if self._socket:
            self._socket.close()
            self._socket = None


def read_request(client: socket.socket) -> bytes:
    """One whole request; empty where the client has gone."""
    received = b""
    while HEAD_END not in received:
        piece = client.recv(RECEIVE_BYTES)
        if not piece:
            return b""
        received += piece
    total = received.index(HEAD_END) + len(HEAD_END) + int(header(received, b"content-length") or 0)
    while len(received) < total:
        piece = client.recv(RECEIVE_BYTES)
        if not piece:
            return b""
        received += piece
    return received


def header(request: bytes, name: bytes) -> bytes:
    head, _, _ = request.partition(HEAD_END)
    pairs = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return next((value.strip() for key, _, value in pairs if key.strip().lower() == name), b"")


def operation_of(request: bytes) -> str:
    """`PutItem` of `X-Amz-Target: DynamoDB_20120810.PutItem`."""
    return header(request, b"x-amz-target").decode("ascii", "replace").rpartition(".")[2]


def refuse(client: socket.socket, fault: Fault, operation: str) -> bool:
    """Answers without asking the engine; whether the connection goes on."""
    if fault is Fault.DROP_BEFORE:
        reset(client)
        return False
    status, answer = (SECRETS_ANSWERS if operation == "GetSecretValue" else ANSWERS)[fault]
    is_cancelled = fault is Fault.CONFLICT and operation == "TransactWriteItems"
    client.sendall(encoded(status, json.dumps(CANCELLED if is_cancelled else answer).encode()))
    return True


def encoded(status: int, body: bytes, request_id: str = "") -> bytes:
    head = (
        f"HTTP/1.1 {status} {'OK' if status < 400 else 'Error'}",
        "content-type: application/x-amz-json-1.0",
        f"content-length: {len(body)}",
        f"x-amzn-requestid: {request_id}",
    )
    return "\r\n".join(head).encode() + HEAD_END + body


def reset(client: socket.socket) -> None:
    """Closes with RST instead of FIN."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def shut(one: socket.socket) -> None:
    """Wakes whoever waits on it."""
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
