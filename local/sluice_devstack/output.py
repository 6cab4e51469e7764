"""What an environment's process and its children write: standard output and error in one pipe, line by line.

The pipe is our own, not asyncio's: with that one, waiting for the process means waiting for the pipe's end as well, and
a child that it left behind would keep it open.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable

MAX_LINES = 10_000
MAX_LINE_BYTES = 256 * 1024
READ_BYTES = 64 * 1024


class Output:
    """Keeps the newest lines; longer ones than 256 KiB are cut into several."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._lines: deque[str] = deque(maxlen=MAX_LINES)
        self._reader = asyncio.StreamReader(limit=READ_BYTES)
        self._transport: asyncio.ReadTransport | None = None
        self._writing = -1

    @property
    def lines(self) -> list[str]:
        return list(self._lines)

    async def open(self) -> int:
        """The descriptor for the child; `hand_over` closes it here once the child has it."""
        reading, self._writing = os.pipe()
        protocol = asyncio.StreamReaderProtocol(self._reader)
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.connect_read_pipe(lambda: protocol, os.fdopen(reading, "rb", buffering=0))
        return self._writing

    def hand_over(self) -> None:
        os.close(self._writing)

    async def read(self) -> None:
        """Returns when nobody can write any more."""
        pending = b""
        while data := await self._reader.read(READ_BYTES):
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                self._take(line)
            if len(pending) > MAX_LINE_BYTES:
                self._take(pending)
                pending = b""
        if pending:
            self._take(pending)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _take(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").rstrip("\r")
        self._lines.append(text)
        self._on_line(text)
