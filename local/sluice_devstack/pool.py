"""The execution environments of one function: one call each, more of them as calls overlap, fewer when they die.

As on Lambda a call goes to an idle environment, or a new one is started for it. Beyond the cap calls wait their turn,
in order: a laptop is not a region; Lambda would answer 429 at its concurrency limit instead. The last used environment
is used first (Lambda's own choice is not documented). None is retired for being idle.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from sluice_devstack.environment import Environment, InitFailed, Keeper

# An environment that has answered asks for its next call within this time, so a caller who comes back at once gets it.
FINISHING_SECONDS = 0.25


class Pool:
    """`acquire` gives an environment that stands at /next; it comes back by itself when it asks again."""

    def __init__(self, make: Callable[[Keeper], Environment], cap: int) -> None:
        self._make = make
        self._cap = cap
        self._members: list[Environment] = []
        self._idle: list[Environment] = []
        self._callers: deque[asyncio.Future[Environment | None]] = deque()

    @property
    def environments(self) -> list[Environment]:
        return list(self._members)

    async def acquire(self) -> Environment:
        """Waits its turn; raises InitFailed if the environment that was started for this call could not start."""
        may_wait = True
        while True:
            if (ready := self._idle_one()) is not None:
                return ready
            has_room = len(self._members) < self._cap
            if has_room and not (may_wait and self._is_one_finishing()):
                return await self._start()
            ready = await self._turn(FINISHING_SECONDS if has_room else None)
            if ready is not None and ready.is_ready:
                return ready
            may_wait = False

    async def warm(self) -> None:
        """One environment, started and idle."""
        self._idle.append(await self.acquire())

    def is_idle(self, environment: Environment) -> None:
        while self._callers:
            caller = self._callers.popleft()
            if not caller.done():
                caller.set_result(environment)
                return
        self._idle.append(environment)

    def has_ended(self, environment: Environment) -> None:
        for group in (self._members, self._idle):
            if environment in group:
                group.remove(environment)
        self._wake_one()

    async def stop(self) -> None:
        await asyncio.gather(*(member.stop() for member in self.environments))

    def _idle_one(self) -> Environment | None:
        while self._idle:
            environment = self._idle.pop()
            if environment.is_ready:
                return environment
        return None

    def _is_one_finishing(self) -> bool:
        """An environment will be idle in a moment that no earlier caller waits for."""
        return sum(member.is_finishing for member in self._members) > len(self._callers)

    async def _start(self) -> Environment:
        environment = self._make(self)
        self._members.append(environment)
        try:
            await environment.start()
        except BaseException as error:
            await environment.stop()
            self.has_ended(environment)
            if isinstance(error, InitFailed):  # only now is its log complete
                raise InitFailed(error.error, environment.output) from error
            raise
        return environment

    async def _turn(self, seconds: float | None) -> Environment | None:
        """The environment that became idle for this caller; None if it is time to look again."""
        turn: asyncio.Future[Environment | None] = asyncio.get_running_loop().create_future()
        self._callers.append(turn)
        try:
            async with asyncio.timeout(seconds):
                return await turn
        except TimeoutError:
            return turn.result() if turn.done() and not turn.cancelled() else None
        finally:
            if turn in self._callers:
                self._callers.remove(turn)

    def _wake_one(self) -> None:
        """There is room: the first who waits may start an environment."""
        while self._callers:
            caller = self._callers.popleft()
            if not caller.done():
                caller.set_result(None)
                return
