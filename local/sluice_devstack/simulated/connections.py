"""Connections that may end badly: what http1's Listener does, with a hand on the socket under it."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable

from sluice_devstack.http1 import BUFFER_BYTES, BrokenRequest, Channel, Exchange

MAX_HEAD_BYTES = 64 * 1024
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close() sends RST


class Connection:
    """One exchange and the ways out of it that HTTP does not know."""

    def __init__(self, exchange: Exchange, writer: asyncio.StreamWriter) -> None:
        self.exchange = exchange
        self._writer = writer

    async def reset(self) -> None:
        """TCP RST."""
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self._writer.transport.abort()

    async def cut_inside_a_chunk(self) -> None:
        """Announces a chunk of 255 bytes, sends 9 of them and closes."""
        self._writer.write(b'ff\r\ndata: {"i')
        with contextlib.suppress(OSError):
            await self._writer.drain()
        self._writer.close()


class Connections:
    """Listens on loopback, hands each request to `handle`; `stop` ends them all, whatever they wait for."""

    def __init__(self, handle: Callable[[Connection], Awaitable[None]]) -> None:
        self._handle = handle
        self._tasks: set[asyncio.Task[None]] = set()
        self._handling = 0
        self._is_idle = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> int:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port, limit=BUFFER_BYTES, backlog=256)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def idle(self) -> None:
        """Returns when no request is being answered."""
        while self._handling:
            self._is_idle.clear()
            await self._is_idle.wait()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(Channel(reader, writer, MAX_HEAD_BYTES), writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, channel: Channel, writer: asyncio.StreamWriter) -> None:
        try:
            while not channel.is_closing and (exchange := await channel.next_exchange()) is not None:
                await self._answer(Connection(exchange, writer))
                await channel.discard_body()
        except BrokenRequest as error:
            await channel.refuse(str(error))
        finally:
            channel.close()

    async def _answer(self, connection: Connection) -> None:
        self._handling += 1
        try:
            await self._handle(connection)
        finally:
            self._handling -= 1
            self._is_idle.set()
