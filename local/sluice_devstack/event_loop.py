"""An asyncio event loop in a thread of its own, for a stack that is used from ordinary code."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, TypeVar

Result = TypeVar("Result")


class EventLoopThread:
    """A context manager. Defects, also those of tasks that nobody awaits, go to `on_defect`."""

    def __init__(self, on_defect: Callable[[BaseException], None]) -> None:
        self._on_defect = on_defect
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sluice-devstack", daemon=True)
        self._end: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __enter__(self) -> "EventLoopThread":
        self._thread.start()
        self._is_up.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        loop, end = self._running()
        loop.call_soon_threadsafe(end.set)
        self._thread.join()

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Runs it in the loop and waits for its result; not to be called from the loop itself."""
        return self.submit(coroutine).result()

    def submit(self, coroutine: Coroutine[Any, Any, Result]) -> "concurrent.futures.Future[Result]":
        """Starts it in the loop; the future's result has to be asked for, or it has to be cancelled."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._running()[0])

    def later(self, seconds: float, function: Callable[[], None]) -> None:
        """Has it called in the loop after that time; only from the loop itself."""
        self._running()[0].call_later(seconds, function)

    def _running(self) -> tuple[asyncio.AbstractEventLoop, asyncio.Event]:
        if self._loop is None or self._end is None:
            raise RuntimeError("the event loop is not running")
        return self._loop, self._end

    def _run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(self._report)
        self._is_up.set()
        await self._end.wait()

    def _report(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._on_defect(context.get("exception") or RuntimeError(context.get("message", "defect in the event loop")))
