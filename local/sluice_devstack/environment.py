"""An execution environment: one process of the runtime layer, started as Lambda starts it, and its Runtime API.

Differences from Lambda: memory is not limited, the file system is the machine's own and may be written to, init may
take longer than 10 s, and there is no freeze between invocations.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sluice_devstack.invocation import FunctionError, Invocation
from sluice_devstack.output import Output
from sluice_devstack.runtime_api import RuntimeApi

INIT_SECONDS = 30.0
DRAIN_SECONDS = 1.0
DEATH_SECONDS = 0.25


class InitFailed(Exception):
    """The environment ended, or said it cannot work, before it asked for its first invocation. `output` is its log."""

    def __init__(self, error: FunctionError, output: Sequence[str] = ()) -> None:
        super().__init__("\n".join([str(error), *output]))
        self.error = error
        self.output = output


@dataclass(frozen=True, slots=True)
class EnvironmentSettings:
    """What every environment of one function has in common."""

    command: Sequence[str]
    directory: Path
    variables: Mapping[str, str]
    timeout_seconds: float


class Keeper(Protocol):
    """Who an environment reports to: see Pool."""

    def is_idle(self, environment: "Environment") -> None: ...

    def has_ended(self, environment: "Environment") -> None: ...


class Guard(Protocol):
    """Who ends the process if the stack cannot any more: see Guardian."""

    def adopt(self, group: int) -> None: ...

    def release(self, group: int) -> None: ...


class Environment:
    """Serves one invocation at a time from `start` until `stop`, its death, or a deadline that it misses."""

    def __init__(
        self,
        settings: EnvironmentSettings,
        keeper: Keeper,
        guard: Guard,
        on_line: Callable[[str], None],
        on_defect: Callable[[BaseException], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._keeper = keeper
        self._guard = guard
        self._api = RuntimeApi(self._asked_for_next, self._failed_init, self._broke_off, on_defect)
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._first_next: asyncio.Future[None] | None = None
        self._current: Invocation | None = None
        self._overtime: asyncio.TimerHandle | None = None
        self._is_dying = False
        self._exited = asyncio.Event()
        self._output = Output(on_line)

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    @property
    def output(self) -> list[str]:
        """The newest log lines: standard output and error, interleaved as they came."""
        return self._output.lines

    @property
    def is_ready(self) -> bool:
        return self._api.is_waiting and not self._is_dying

    @property
    def is_finishing(self) -> bool:
        """It has answered, and has not asked for the next invocation yet."""
        return self._current is not None and self._current.is_settled and not self._is_dying

    def kill(self) -> None:
        """SIGKILL to the process and its children. May be called from any thread."""
        self._is_dying = True
        if self._process is not None and self._process.returncode is None:
            _kill_group(self._process.pid)

    async def start(self) -> None:
        """Returns when the runtime stands at its first /next; otherwise InitFailed."""
        self._first_next = asyncio.get_running_loop().create_future()
        process = self._process = await self._spawn(await self._api.start())
        self._guard.adopt(process.pid)
        self._watch = asyncio.create_task(self._attend(process))
        try:
            async with asyncio.timeout(INIT_SECONDS):
                await self._first_next
        except TimeoutError:
            raise InitFailed(FunctionError("Sandbox.Timeout", f"no /next within {INIT_SECONDS:.0f} s")) from None
        except InitFailed:
            await self._has_exited(DRAIN_SECONDS)  # it ends by itself, with its last words
            raise

    async def _spawn(self, runtime_api: str) -> asyncio.subprocess.Process:
        writing = await self._output.open()
        try:
            return await asyncio.create_subprocess_exec(
                *self._settings.command,
                cwd=self._settings.directory,
                env={**self._settings.variables, "AWS_LAMBDA_RUNTIME_API": runtime_api},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                start_new_session=True,
            )
        except OSError as error:
            raise InitFailed(FunctionError("Runtime.InvalidEntrypoint", str(error))) from error
        finally:
            self._output.hand_over()

    async def run(self, invocation: Invocation) -> None:
        """Hands the invocation over and returns when it is settled: answered, failed, timed out or dead. The deadline
        holds on until the runtime asks for the next one."""
        timeout = self._settings.timeout_seconds
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        self._current = invocation
        invocation.environment_pid = self.pid
        invocation.deadline_ms = int((self._clock() + timeout) * 1000)
        self._api.hand(invocation)
        try:
            async with asyncio.timeout_at(deadline):
                await invocation.wait()
            if self._current is invocation:
                self._overtime = loop.call_at(deadline, self.kill)
        except TimeoutError:
            self.kill()
            await invocation.fail(FunctionError("Sandbox.Timeout", f"Task timed out after {timeout:.2f} seconds"))

    async def stop(self) -> None:
        """Kills, reaps, and closes the Runtime API."""
        self.kill()
        if self._watch is not None:
            await self._watch
        else:
            await self._close()

    async def _close(self) -> None:
        self._output.close()
        await self._api.stop()

    def _asked_for_next(self) -> None:
        if self._first_next is not None and not self._first_next.done():
            self._first_next.set_result(None)
            return
        self._current = None
        self._end_overtime()
        self._keeper.is_idle(self)

    def _end_overtime(self) -> None:
        if self._overtime is not None:
            self._overtime.cancel()

    def _failed_init(self, error: FunctionError) -> None:
        if self._first_next is not None and not self._first_next.done():
            self._first_next.set_exception(InitFailed(error))

    async def _attend(self, process: asyncio.subprocess.Process) -> None:
        """Collects the log until the process has ended, and draws the conclusions."""
        reading = asyncio.create_task(self._output.read())
        code = await process.wait()
        self._is_dying = True
        self._end_overtime()
        _kill_group(process.pid)  # what it had started goes with it
        self._exited.set()
        self._guard.release(process.pid)
        await asyncio.wait([reading], timeout=DRAIN_SECONDS)
        reading.cancel()
        error = FunctionError("Runtime.ExitError", f"Runtime exited with error: {_exit_reason(code)}")
        self._failed_init(error)
        if self._current is not None:
            with contextlib.suppress(TimeoutError):  # what it had sent before it died still goes to the caller
                async with asyncio.timeout(DRAIN_SECONDS):
                    await self._api.no_response()
            await self._current.fail(error)
        await self._close()
        self._keeper.has_ended(self)

    async def _broke_off(self, invocation: Invocation, reason: str) -> None:
        """A response without its end. A dying process leaves one too, and then its death is what is told."""
        if not await self._has_exited(DEATH_SECONDS):
            await invocation.fail(FunctionError("Runtime.TruncatedResponse", f"the response broke off: {reason}"))

    async def _has_exited(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._exited.wait()
        return self._exited.is_set()


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _exit_reason(code: int) -> str:
    if code < 0:
        return f"signal: {signal.Signals(-code).name}"
    return f"exit status {code}" if code else "it ended by itself"
