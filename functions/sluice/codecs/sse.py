"""Server-sent events: where one ends, and what it says.

Obeys https://html.spec.whatwg.org/multipage/server-sent-events.html: lines end in LF, CR or CRLF, a blank line ends
an event, one space after the colon is dropped, a leading BOM is dropped once, an event that the end of the stream
cuts off is discarded. One thing differs because this codec forwards: `Splitter` hands out the bytes of whole events
as they came, so a CR that ends a read after a CRLF waits for the LF that belongs to it.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

BOM = b"\xef\xbb\xbf"
MAX_EVENT_BYTES = 16 * 1024 * 1024
BLANK_LINE = re.compile(rb"(?>\r\n|\r|\n){2}")
HALF_BLANK_LINES = frozenset({b"\r\n\r", b"\n\r"})
LINE_END = re.compile(rb"\r\n|\r|\n")


class Event(NamedTuple):
    """One event: its name ("" if it has none) and its data, lines joined by LF."""

    name: bytes
    data: bytes


class EventTooLarge(ValueError):
    """An event grew past the cap without ending."""


class Splitter:
    """Cuts a byte stream behind its last whole event. Feed it what was read; it keeps the incomplete tail."""

    __slots__ = ("_max_bytes", "_size", "_tail")

    def __init__(self, max_bytes: int = MAX_EVENT_BYTES) -> None:
        self._tail: list[bytes] = []
        self._size = 0
        self._max_bytes = max_bytes

    @property
    def has_tail(self) -> bool:
        return self._size > 0

    @property
    def tail(self) -> bytes:
        """The bytes of the event that has not ended."""
        return b"".join(self._tail)

    @property
    def damage(self) -> None:
        """None: text has no checksum."""

    def feed(self, data: bytes) -> bytes:
        """All whole events so far, unaltered; b"" if none ended. Raises EventTooLarge."""
        if not self._size and data.endswith(b"\n\n"):
            return data
        end = self._end(data)
        if not end:
            return self._keep(data)
        whole = b"".join((*self._tail, data[:end])) if self._size else data[:end]
        self._tail.clear()
        self._size = 0
        if end < len(data):
            self._keep(data[end:])
        return whole

    def close(self) -> bytes:
        """At the end of the stream: the tail if it is whole after all, else b"" and `has_tail` says what was lost."""
        tail = b"".join(self._tail)
        if not self._size or tail.endswith(tuple(HALF_BLANK_LINES)) or not tail.strip(b"\r\n"):
            self._tail.clear()
            self._size = 0
            return tail
        return b""

    def _end(self, data: bytes) -> int:
        """How much of `data` belongs to whole events; looks three bytes back for a blank line cut in two."""
        back = self._last_bytes()
        window = back + data
        if b"\r" not in window:
            found = window.rfind(b"\n\n")
            return max(found + 2 - len(back), 0) if found >= 0 else 0
        ends = [match.end() for match in BLANK_LINE.finditer(window) if not self._is_half(match, window)]
        return max(ends[-1] - len(back), 0) if ends else 0

    @staticmethod
    def _is_half(match: re.Match[bytes], window: bytes) -> bool:
        return match.end() == len(window) and match.group() in HALF_BLANK_LINES

    def _last_bytes(self) -> bytes:
        joined = b""
        for piece in reversed(self._tail):
            joined = piece[-3:] + joined
            if len(joined) >= 3:
                break
        return joined[-3:]

    def _keep(self, data: bytes) -> bytes:
        if data:
            self._tail.append(data)
            self._size += len(data)
        if self._size > self._max_bytes:
            raise EventTooLarge(f"an event is larger than {self._max_bytes} bytes")
        return b""


def raw_events(block: bytes) -> Iterator[bytes]:
    """The bytes of each event of a block of whole events, blank line included, none lost."""
    start = 0
    for match in BLANK_LINE.finditer(block):
        yield block[start : match.end()]
        start = match.end()
    if start < len(block):
        yield block[start:]


def event(raw: bytes) -> Event:
    """What one event says. Comments and fields that carry nothing for us (id, retry, unknown) are passed over."""
    name, data = b"", []
    for line in LINE_END.split(raw.removeprefix(BOM)):
        if line.startswith(b"data: "):  # nearly every line, and in one copy: it may be most of what memory there is
            data.append(line[6:])
            continue
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    return Event(name, b"\n".join(data))


def comment(text: str) -> bytes:
    """A comment event: what a silent stream is kept alive with."""
    return f": {text}\n\n".encode()


def data_event(data: bytes) -> bytes:
    """An event that carries one line of data."""
    return b"data: " + data + b"\n\n"
