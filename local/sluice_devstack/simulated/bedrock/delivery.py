"""How Bedrock's answers leave: with its headers, and spoiled where a fault says so."""

from sluice_devstack.http1 import Exchange
from sluice_devstack.simulated.bedrock.faults import Fault
from sluice_devstack.simulated.bedrock.replay import Recorded
from sluice_devstack.simulated.bedrock.reply import BedrockReply, Document, Streamed, request_id
from sluice_devstack.simulated.connections import Connection
from sluice_devstack.simulated.delivery import Delivery
from sluice_devstack.simulated.reply import Event, Reply


class BedrockDelivery(Delivery):
    """Waits, sends and ends as the simulated OpenAI does."""

    async def answered(self, exchange: Exchange, reply: BedrockReply, pace: float | None) -> None:
        send = self.stream if isinstance(reply, Streamed) else self.whole
        await send(exchange, reply, pace)

    async def broken(self, connection: Connection, reply: BedrockReply, fault: Fault, pace: float | None) -> None:
        told = fault.spoiled(reply)
        exchange = connection.exchange
        exchange.start(200, [*self._headers(told), ("transfer-encoding", "chunked")])
        await exchange.flush()
        if await self._send(exchange, [Event(piece, 1.0) for piece in fault.sent(told)], self._speed(pace)):
            await self._end(connection, fault.ending)

    async def replayed(self, exchange: Exchange, recorded: Recorded) -> None:
        exchange.start(recorded.status, [*recorded.headers, ("transfer-encoding", "chunked")])
        if await self._send(exchange, [Event(piece) for piece in recorded.pieces()], None):
            await exchange.end()

    def _headers(self, reply: Reply) -> list[tuple[str, str]]:
        ours = reply.headers if isinstance(reply, Streamed | Document) else ()
        return [("content-type", reply.content_type), request_id(self._random), *ours]
