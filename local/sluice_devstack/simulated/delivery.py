"""How an answer leaves: one send per event, at the model's pace, and the ways it can end badly."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Iterable
from random import Random

from sluice_devstack.http1 import Exchange
from sluice_devstack.simulated.connections import Connection
from sluice_devstack.simulated.endpoint import Shape
from sluice_devstack.simulated.faults import Ending, Fault
from sluice_devstack.simulated.reply import Event, Reply, headers

HUMAN_TOKENS_PER_SECOND = 32.0
FIRST_TOKEN_SECONDS = 0.3
WHOLE_ANSWER_SECONDS = 1.5  # nobody watches an answer that does not stream


class Delivery:
    """Sends replies. `tokens_per_second` None: as fast as it goes; a pace of None as well."""

    def __init__(self, random: Random, tokens_per_second: float | None, stall_seconds: float) -> None:
        self._random = random
        self._tokens_per_second = tokens_per_second
        self._stall_seconds = stall_seconds

    async def stream(self, exchange: Exchange, reply: Reply, pace: float | None) -> None:
        speed = await self._first_token(pace)
        exchange.start(200, [*self._headers(reply), ("transfer-encoding", "chunked")])
        if await self._send(exchange, reply.events(), speed):
            await exchange.end()

    async def whole(self, exchange: Exchange, reply: Reply, pace: float | None) -> None:
        speed = await self._first_token(pace)
        if speed is not None:
            await asyncio.sleep(min(WHOLE_ANSWER_SECONDS, reply.output_tokens / speed))
        await exchange.respond(200, self._headers(reply), _joined(reply))

    async def spoiled(
        self, connection: Connection, reply: Reply, fault: Fault, key: str, pace: float | None, shape: Shape | None
    ) -> None:
        """The reply, spoiled as the fault says; `shape` None where it does not stream."""
        exchange = connection.exchange
        pieces = _pieces(reply, fault, shape)
        echoed = [(name, value.format(key=key)) for name, value in fault.headers.items()]
        head = [*self._headers(reply), *echoed]
        if fault.is_gzip:
            body = gzip.compress(b"".join(pieces))
            return await exchange.respond(200, [*head, ("content-encoding", "gzip")], body)
        exchange.start(200, [*head, ("transfer-encoding", "chunked")])
        await exchange.flush()
        if await self._send(exchange, [Event(piece, 1.0) for piece in pieces], self._speed(pace)):
            await self._end(connection, fault.ending)
        return None

    async def fall_silent(self, connection: Connection) -> None:
        await asyncio.sleep(self._stall_seconds)
        connection.exchange.cut()

    async def _send(self, exchange: Exchange, events: Iterable[Event], speed: float | None) -> bool:
        """One send per event; False when the caller left, which ends the connection."""
        for event in events:
            if event.tokens and speed is not None:
                await asyncio.sleep(event.tokens / speed)
            if exchange.is_gone or exchange.peer_has_hung_up:
                exchange.cut()
                return False
            exchange.write(event.data)
            await exchange.flush()
        return True

    async def _end(self, connection: Connection, ending: Ending) -> None:
        endings: dict[Ending, Callable[[Connection], Awaitable[None]]] = {
            Ending.PROPER: lambda connection: connection.exchange.end(),
            Ending.RESET: lambda connection: connection.reset(),
            Ending.CUT_CHUNK: lambda connection: connection.cut_inside_a_chunk(),
            Ending.SILENCE: self.fall_silent,
        }
        await endings[ending](connection)

    async def _first_token(self, pace: float | None) -> float | None:
        """Waits until a model of that pace begins; its speed."""
        speed = self._speed(pace)
        if speed is not None:
            await asyncio.sleep(FIRST_TOKEN_SECONDS * HUMAN_TOKENS_PER_SECOND / speed)
        return speed

    def _speed(self, pace: float | None) -> float | None:
        return None if pace is None or self._tokens_per_second is None else self._tokens_per_second * pace

    def _headers(self, reply: Reply) -> list[tuple[str, str]]:
        named = headers(self._random, reply.input_tokens, self._random.randint(150, 600))
        return [("content-type", reply.content_type), *named]


def _pieces(reply: Reply, fault: Fault, shape: Shape | None) -> list[bytes]:
    if shape is None:
        return fault.document(_joined(reply))
    return fault.stream([event.data for event in reply.events()], shape)


def _joined(reply: Reply) -> bytes:
    return b"".join(event.data for event in reply.events())
