"""The same event through the dev stack's own environment: the bytes that its Runtime API got."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from sluice_devstack.environment import EnvironmentSettings
from sluice_devstack.event_loop import EventLoopThread
from sluice_devstack.function import LocalFunction, Watchers, event_bytes, new_ticket
from sluice_devstack.guardian import Guardian
from sluice_devstack.invocation import ErrorTrailers, FunctionError, Invocation

ARN = "arn:aws:lambda:us-east-1:123456789012:function:Reference:live"
TIMEOUT_SECONDS = 60.0


class Collected:
    """An answer whose bytes are kept as they come."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.error: FunctionError | None = None
        self.ended = asyncio.Event()

    def begin(self, content_type: str, is_streaming: bool) -> None:
        """The bytes say it too."""

    async def write(self, parts: Sequence[bytes]) -> None:
        self.data += b"".join(parts)

    async def finish(self, trailers: ErrorTrailers | None) -> None:
        self.ended.set()

    async def fail(self, error: FunctionError) -> None:
        self.error = error
        self.ended.set()


class Reference:
    """A context manager: one function of build/host in the dev stack's environment."""

    def __init__(self, command: Sequence[str], directory: Path, variables: Mapping[str, str]) -> None:
        self._settings = EnvironmentSettings(command, directory, variables, TIMEOUT_SECONDS)
        self._exits = ExitStack()
        self._defects: list[BaseException] = []

    def __enter__(self) -> "Reference":
        guardian = Guardian()
        self._exits.callback(guardian.stop)
        self._loop = self._exits.enter_context(EventLoopThread(self._defects.append))
        watchers = Watchers(lambda _: None, self._defects.append, self._defects.append)
        self._function = LocalFunction(ARN, self._settings, 1, guardian, watchers)
        self._exits.callback(lambda: self._loop.run(self._function.stop()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exits.close()
        if self._defects and error is None:
            raise BaseExceptionGroup("defects of the dev stack", self._defects)

    def invoke(self, event: Any) -> tuple[bytes, str]:
        """The bytes and the id of the invocation. AssertionError where the function failed."""
        return self._loop.run(self._invoked(event))

    async def _invoked(self, event: Any) -> tuple[bytes, str]:
        ticket, answer = new_ticket(ARN), Collected()
        await self._function.serve(Invocation(ticket, event_bytes(event), answer))
        await answer.ended.wait()
        assert answer.error is None, str(answer.error)
        return bytes(answer.data), ticket.request_id
