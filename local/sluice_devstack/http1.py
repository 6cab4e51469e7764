"""A small HTTP/1.1 server: what the function URL and the Runtime API emulators stand on.

Strategy: h11 (sans-I/O) over asyncio streams. A request's body is read as it arrives, chunk by chunk, and its trailers
are kept; an answer is queued and sent once per flush, so that what one read brought leaves in one send. Buffers are
bounded both ways and writes wait, so a slow reader slows the writer.
Framing: https://www.rfc-editor.org/rfc/rfc9112. Stricter than h11: a request with both Content-Length and
Transfer-Encoding is refused (section 6.1 allows it; request smuggling is why).
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus

import h11

READ_BYTES = 64 * 1024
BUFFER_BYTES = 64 * 1024
MAX_DISCARDED_BYTES = 64 * 1024 * 1024
DISCARD_SECONDS = 2.0
BODYLESS_STATUSES = (204, 304)

REASONS = {status.value: status.phrase for status in HTTPStatus}

Headers = Iterable[tuple[str, str]]


class BrokenRequest(Exception):
    """The peer sent something that is not HTTP, or went away in the middle of a request."""


class BodyTooLarge(Exception):
    """The request's body is over the limit that the reader of it named."""


class Exchange:
    """One request and the answer to it. Header names are lower case; values are Latin-1 text."""

    def __init__(self, channel: "Channel", request: h11.Request) -> None:
        self._channel = channel
        self.method = request.method.decode("ascii")
        self.target = request.target.decode("latin-1")
        self.headers = [(name.decode("ascii"), value.decode("latin-1")) for name, value in request.headers]
        self.trailers: dict[str, str] = {}
        self.is_started = False
        self._has_body = True
        self._is_complete = False

    @property
    def peer(self) -> str:
        return self._channel.peer

    @property
    def is_gone(self) -> bool:
        """Nothing that is written reaches the peer any more."""
        return self._channel.is_closing

    @property
    def peer_has_hung_up(self) -> bool:
        return self._channel.is_closing or self._channel.is_at_end

    def header(self, name: str, default: str = "") -> str:
        """The value of a header, repeated ones joined by commas."""
        values = [value for key, value in self.headers if key == name]
        return ",".join(values) if values else default

    async def read(self) -> list[bytes] | None:
        """What the next read of the socket brings of the body, one item per chunk or piece of one; None at its end."""
        while not self._is_complete:
            parts = self._parts()
            if parts:
                return parts
            if not self._is_complete:
                await self._channel.receive()
        return None

    def _parts(self) -> list[bytes]:
        parts: list[bytes] = []
        while True:
            event = self._channel.next_event()
            if isinstance(event, h11.Data):
                parts.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                self.trailers = {name.decode("ascii"): value.decode("latin-1") for name, value in event.headers}
                self._is_complete = True
                return parts
            else:
                return parts

    async def body(self, max_bytes: int) -> bytes:
        """The whole body; BodyTooLarge as soon as it is known to be over `max_bytes`."""
        if int(self.header("content-length", "0")) > max_bytes:
            raise BodyTooLarge
        whole = bytearray()
        while (parts := await self.read()) is not None:
            for part in parts:
                whole += part
            if len(whole) > max_bytes:
                raise BodyTooLarge
        return bytes(whole)

    def start(self, status: int, headers: Headers) -> None:
        """Queues the head. A status or a header that HTTP does not allow is a ValueError, and nothing is queued."""
        wire = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        try:
            head = h11.Response(status_code=status, headers=wire, reason=REASONS.get(status, ""))
        except h11.LocalProtocolError as error:
            raise ValueError(str(error)) from error
        self._channel.queue(head)
        self.is_started = True
        self._has_body = self.method != "HEAD" and status not in BODYLESS_STATUSES

    def write(self, data: bytes) -> None:
        """Queues a piece of the body as one chunk; an empty piece, or one of an answer without a body, is dropped."""
        if data and self._has_body:
            self._channel.queue(h11.Data(data=data))

    async def flush(self) -> None:
        """Sends what is queued, in one send, and waits while the peer is slow. Never raises: `is_gone` tells."""
        await self._channel.flush()

    async def end(self) -> None:
        self._channel.queue(h11.EndOfMessage())
        await self.flush()

    async def respond(self, status: int, headers: Headers, body: bytes = b"") -> None:
        """A whole answer with its length."""
        self.start(status, [*headers, ("Content-Length", str(len(body)))])
        self.write(body)
        await self.end()

    async def respond_json(self, status: int, document: object, headers: Headers = ()) -> None:
        body = json.dumps(document, separators=(",", ":")).encode()
        await self.respond(status, [("Content-Type", "application/json"), *headers], body)

    def cut(self) -> None:
        """Closes the connection without a proper end of the answer; what was flushed before still goes out."""
        self._channel.close()


class Channel:
    """One connection: bytes on one side, h11 events on the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, max_head_bytes: int) -> None:
        self._reader, self._writer = reader, writer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=max_head_bytes)
        self._outgoing: list[bytes] = []
        self.peer = str((writer.get_extra_info("peername") or ("",))[0])
        writer.transport.set_write_buffer_limits(high=BUFFER_BYTES)

    @property
    def is_closing(self) -> bool:
        return self._writer.is_closing()

    @property
    def is_at_end(self) -> bool:
        return self._reader.at_eof()

    async def next_exchange(self) -> Exchange | None:
        """The next request of a kept-alive connection; None when there is none and the connection should close."""
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        if self._http.our_state is not h11.IDLE:
            return None
        while (event := self.next_event()) is h11.NEED_DATA:
            await self.receive()
        if not isinstance(event, h11.Request):
            return None
        names = {name for name, _ in event.headers}
        if {b"content-length", b"transfer-encoding"} <= names:
            raise BrokenRequest("both Content-Length and Transfer-Encoding")
        return Exchange(self, event)

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        if self._http.they_are_waiting_for_100_continue and self._http.their_state is h11.SEND_BODY:
            self.queue(h11.InformationalResponse(status_code=100, headers=[]))
        try:
            return self._http.next_event()
        except h11.RemoteProtocolError as error:
            raise BrokenRequest(str(error)) from error

    async def receive(self) -> None:
        await self.flush()
        try:
            data = await self._reader.read(READ_BYTES)
        except OSError as error:
            raise BrokenRequest(str(error)) from error
        self._http.receive_data(data)

    def queue(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data:
            self._outgoing.append(data)

    async def flush(self) -> None:
        data, self._outgoing = b"".join(self._outgoing), []
        if not data or self.is_closing:
            return
        self._writer.write(data)
        with contextlib.suppress(OSError):
            await self._writer.drain()

    async def refuse(self, message: str) -> None:
        """400 for what was not HTTP, where an answer is still possible."""
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            headers = [("Connection", "close"), ("Content-Length", str(len(message)))]
            self.queue(h11.Response(status_code=400, headers=headers, reason=REASONS[400]))
            self.queue(h11.Data(data=message.encode()))
            self.queue(h11.EndOfMessage())
            await self.flush()
            await self._linger()

    async def _linger(self) -> None:
        """Says that nothing more comes, and reads on until the peer closes too; see discard_body."""
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(DISCARD_SECONDS):
                self._writer.write_eof()
                while await self._reader.read(READ_BYTES):
                    pass

    async def discard_body(self) -> None:
        """Reads on past an answer that came before the end of the request: closing on unread data would reset the
        connection, and a reset can destroy the answer before the peer has read it."""
        if self._http.their_state is not h11.SEND_BODY or self._http.they_are_waiting_for_100_continue:
            return
        left = MAX_DISCARDED_BYTES
        with contextlib.suppress(TimeoutError, BrokenRequest):
            async with asyncio.timeout(DISCARD_SECONDS):
                while left > 0 and self._http.their_state is h11.SEND_BODY:
                    event = self.next_event()
                    left -= len(event.data) if isinstance(event, h11.Data) else 0
                    if event is h11.NEED_DATA:
                        await self.receive()

    def close(self) -> None:
        self._writer.close()

    async def closed(self) -> None:
        """Returns when what was flushed has gone out, or cannot any more."""
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    def abort(self) -> None:
        self._writer.transport.abort()


Handler = Callable[[Exchange], Awaitable[None]]


class Listener:
    """Accepts connections on loopback and hands one request after the other to `handle`; `stop` ends all of them."""

    def __init__(self, handle: Handler, max_head_bytes: int, on_defect: Callable[[BaseException], None]) -> None:
        self._handle = handle
        self._max_head_bytes = max_head_bytes
        self._on_defect = on_defect
        self._connections: dict[asyncio.Task[None], Channel] = {}
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> int:
        """Listens on 127.0.0.1 and returns the port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port, limit=BUFFER_BYTES, backlog=256)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        tasks = list(self._connections)
        for task in tasks:
            self._connections[task].abort()
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        channel = Channel(reader, writer, self._max_head_bytes)
        task = asyncio.get_running_loop().create_task(self._serve(channel))
        self._connections[task] = channel
        task.add_done_callback(self._connections.pop)

    async def _serve(self, channel: Channel) -> None:
        try:
            while (exchange := await channel.next_exchange()) is not None:
                await self._handle(exchange)
                await channel.discard_body()
        except BrokenRequest as error:
            await channel.refuse(str(error))
        except Exception as error:  # a defect of the emulator: reported, and this connection ends
            self._on_defect(error)
        finally:
            channel.close()
            await channel.closed()
