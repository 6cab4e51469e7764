"""One invocation: what the runtime is handed, where its answer goes, and how it ended.

An invocation settles exactly once: complete, or with an error. The first of end of the response, error, deadline and
death of the environment wins; what comes after is late.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class FunctionError:
    """Why an invocation failed: an error type as Lambda names them (`Runtime.ExitError`) and a message."""

    error_type: str
    message: str

    def __str__(self) -> str:
        return f"{self.error_type}: {self.message}"


@dataclass(frozen=True, slots=True)
class ErrorTrailers:
    """The error that a runtime reported behind a response it had begun; Lambda counts such a response as sent."""

    error_type: str
    error_body: Any


class Answer(Protocol):
    """Where a response goes. Only `fail` may come at any time; the others in this order."""

    def begin(self, content_type: str, is_streaming: bool) -> None: ...

    async def write(self, parts: Sequence[bytes]) -> None:
        """Takes what one read brought; waits while the receiver is slow; PreludeError if it makes no sense."""

    async def finish(self, trailers: ErrorTrailers | None) -> None: ...

    async def fail(self, error: FunctionError) -> None: ...


@dataclass(frozen=True, slots=True)
class Ticket:
    """What the runtime is told in the headers of /next besides the event. `token` is Lambda-Runtime-Invocation-Id."""

    request_id: str
    token: str
    trace_id: str
    function_arn: str


class Invocation:
    """Event in, answer out."""

    def __init__(self, ticket: Ticket, event: bytes, answer: Answer) -> None:
        self.ticket = ticket
        self.event = event
        self.deadline_ms = 0
        self.environment_pid: int | None = None
        self.is_answering = False
        self._answer = answer
        self._settled = asyncio.Event()

    @property
    def is_settled(self) -> bool:
        return self._settled.is_set()

    async def wait(self) -> None:
        await self._settled.wait()

    def begin(self, content_type: str, is_streaming: bool) -> None:
        self.is_answering = True
        if not self.is_settled:
            self._answer.begin(content_type, is_streaming)

    async def write(self, parts: Sequence[bytes]) -> None:
        if not self.is_settled:
            await self._answer.write(parts)

    async def finish(self, trailers: ErrorTrailers | None) -> None:
        if not self.is_settled:
            self._settled.set()
            await self._answer.finish(trailers)

    async def fail(self, error: FunctionError) -> None:
        if not self.is_settled:
            self._settled.set()
            await self._answer.fail(error)
