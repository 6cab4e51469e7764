"""Environments of the gateway, and what kills them: each a fork of one process that has the gateway loaded and warm.

An environment makes its calls one after the other, as Lambda lets it. It says through a pipe when a call begins and
what came of it, so whoever kills it knows that it was at work.
"""

import contextlib
import json
import os
import select
import signal
import socket
import statistics
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any

from tests.chaos.plan import Context, Plan, Script

from sluice.domain.errors import GatewayError

CALLS_OF_ONE = 12  # calls that an environment lives for, if nobody kills it
LONGEST_SECONDS = 60.0  # of a call: longer is a hang
FIRST_SECONDS = 0.05  # of a call, before any has been seen
REMEMBERED = 64
DONE = b"[DONE]"
Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


@dataclass(slots=True)
class Told:
    """What a worker has seen. `ends` counts what came of the calls whose process lived, `repeats` those come again."""

    kills: int = 0
    environments: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    complete: list[str] = field(default_factory=list)  # names of calls whose callers were told of a whole answer

    def __add__(self, other: "Told") -> "Told":
        return Told(
            self.kills + other.kills,
            self.environments + other.environments,
            self.ends + other.ends,
            self.complete + other.complete,
        )


class Environment:
    """The child's side."""

    def __init__(self, gateway: "Gateway", pipe: int) -> None:
        self._gateway = gateway
        self._pipe = pipe

    def live(self, calls: list[Plan]) -> None:
        for call in calls:
            self._say("b", call.name)
            self._say("e", call.name, *self._gateway.made(call))

    def _say(self, *words: str) -> None:
        os.write(self._pipe, f"{' '.join(words)}\n".encode())


@dataclass(frozen=True, slots=True)
class Gateway:
    """The handler as it is deployed, and the virtual key that some callers show."""

    handler: Handler
    key: str = field(repr=False)

    def made(self, call: Plan) -> tuple[str, str]:
        """One call, as the runtime layer makes it: its status, and what its caller saw of the answer."""
        answer = self.handler(call.event(self.key), Context(call))
        status, body = str(answer["statusCode"]), answer["body"]
        if isinstance(body, str):
            return status, "whole" if status == "200" else code(body)
        return status, read(body, call)


def read(body: Any, call: Plan) -> str:
    last = b""
    try:
        with contextlib.closing(body):
            for piece in body:
                last = (last + piece)[-64:]
                if call.is_left:
                    return "left"
    except GatewayError:
        return "cut"  # as the runtime tells the caller
    return "whole" if DONE in last or call.script is Script.ANSWER else "cut"


def code(body: str) -> str:
    """The error's code, in one word."""
    return str(json.loads(body)["error"]["code"]).replace(" ", "_")


class Worker:
    """The parent's side: forks one environment after the other and kills those whose call is to die."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._seconds: deque[float] = deque([FIRST_SECONDS], REMEMBERED)
        self.told = Told()

    def work(self, calls: list[Plan]) -> Told:
        waiting = deque(calls)
        while waiting:
            born = [waiting.popleft() for _ in range(min(CALLS_OF_ONE, len(waiting)))]
            waiting.extendleft(reversed(self._left_by(born)))
        return self.told

    def _left_by(self, born: list[Plan]) -> list[Plan]:
        """Lets an environment make these calls; those that it did not come to, and the one it died in if repeated."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            lived(Environment(self._gateway, writing), born)
        os.close(writing)
        self.told.environments += 1
        life = Life(child, {call.name: call for call in born}, self._seconds, self.told)
        with os.fdopen(reading, "rb", buffering=0) as pipe:
            life.watch(Lines(pipe.fileno()))
        _, status = os.waitpid(child, 0)
        if status and not life.is_killed:
            raise ChildProcessError(f"an environment ended with status {status}; its log says why")
        return [*([again(life.now)] if life.now and life.now.is_repeated else []), *born[life.begun :]]


@dataclass(slots=True)
class Life:
    """One environment, as its parent sees it. `now` is the call it is in; `begun` counts those it has begun."""

    child: int
    calls: dict[str, Plan]
    seconds: deque[float]
    told: Told
    now: Plan | None = None
    begun: int = 0
    is_killed: bool = False
    since: float = 0.0

    def watch(self, lines: "Lines") -> None:
        """Follows it to its end, which may be ours to bring about."""
        while (line := lines.next(self._patience())) != []:
            if line is None:
                self._kill()
            elif line[0] == "b":
                self.now, self.since = self.calls[line[1]], time.monotonic()
                self.begun += 1
            else:
                self._end(line[1], *line[2:])
        self.told.kills += self.now is not None

    def _patience(self) -> float:
        if self.now is None or self.now.kill_after is None or self.is_killed:
            return LONGEST_SECONDS
        return max(0.0, self.since + self.now.kill_after * statistics.median(self.seconds) - time.monotonic())

    def _kill(self) -> None:
        if self.now is None or self.now.kill_after is None or self.is_killed:
            os.kill(self.child, signal.SIGKILL)
            raise TimeoutError(f"{self.now.name if self.now else 'an environment'} hung for {LONGEST_SECONDS:g} s")
        self.is_killed = True
        os.kill(self.child, signal.SIGKILL)

    def _end(self, name: str, status: str, end: str) -> None:
        self.seconds.append(time.monotonic() - self.since)
        self.told.ends[f"{status} {end}"] += 1
        if end == "whole":
            self.told.complete.append(name)
        self.now = None


class Lines:
    """Words of a pipe's lines."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._poll = select.poll()
        self._poll.register(pipe, select.POLLIN)
        self._rest = b""

    def next(self, seconds: float) -> list[str] | None:
        """The next line's words, none at the end, None where nothing comes in time."""
        while b"\n" not in self._rest:
            if not self._poll.poll(seconds * 1000):
                return None
            piece = os.read(self._pipe, 65536)
            if not piece:
                return []
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode().split()


def lived(environment: Environment, calls: list[Plan]) -> None:
    """The whole life of the child: it does not come back, whatever happens in it."""
    with contextlib.ExitStack() as stack:
        stack.push(ended)
        environment.live(calls)


def ended(_kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None) -> None:
    if error:
        traceback.print_exception(error)
    os._exit(1 if error else 0)


def again(call: Plan) -> Plan:
    """The same event, delivered a second time, to an environment that lives."""
    return replace(call, kill_after=None, is_repeated=False)


def without_connections() -> None:
    """What is open to an engine or a provider is ended, so that no two forks speak on one connection.

    Each finds it dead, as an environment does that was frozen for long, and opens its own.
    """
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(descriptor))) as one:
            if one.family == socket.AF_INET:
                one.shutdown(socket.SHUT_RDWR)
