"""One function of the template on this machine: its environments, and the ways to invoke it."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sluice_devstack.answer import ResultAnswer
from sluice_devstack.environment import Environment, EnvironmentSettings, Guard, InitFailed, Keeper
from sluice_devstack.invocation import Invocation, Ticket
from sluice_devstack.pool import Pool


@dataclass(frozen=True, slots=True)
class Watchers:
    """Who is told what happens: every log line, environments that cannot start, defects of the emulator itself."""

    on_line: Callable[[str], None]
    on_init_failure: Callable[[InitFailed], None]
    on_defect: Callable[[BaseException], None]


def new_ticket(function_arn: str) -> Ticket:
    root = f"1-{uuid.uuid4().hex[:8]}-{uuid.uuid4().hex[:24]}"
    return Ticket(str(uuid.uuid4()), str(uuid.uuid4()), f"Root={root};Sampled=0", function_arn)


def event_bytes(event: object) -> bytes:
    return json.dumps(event, separators=(",", ":")).encode()


class LocalFunction:
    """`stop` ends every environment; none is started before `warm` or the first invocation."""

    def __init__(
        self, arn: str, settings: EnvironmentSettings, environments: int, guard: Guard, watchers: Watchers
    ) -> None:
        self.arn = arn
        self._watchers = watchers

        def make(keeper: Keeper) -> Environment:
            return Environment(settings, keeper, guard, watchers.on_line, watchers.on_defect)

        self._pool = Pool(make, environments)

    @property
    def environments(self) -> list[Environment]:
        return self._pool.environments

    async def warm(self) -> None:
        await self._pool.warm()

    async def stop(self) -> None:
        await self._pool.stop()

    async def serve(self, invocation: Invocation) -> None:
        """One invocation from beginning to end; returns when it is settled."""
        try:
            environment = await self._pool.acquire()
        except InitFailed as failed:
            self._watchers.on_init_failure(failed)
            await invocation.fail(failed.error)
        else:
            await environment.run(invocation)

    async def invoke(self, event: object) -> Any:
        """Invokes for the JSON result; InvocationFailed if the function fails."""
        answer = ResultAnswer()
        await self.serve(Invocation(new_ticket(self.arn), event_bytes(event), answer))
        return await answer.result()
