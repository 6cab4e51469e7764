"""Server-sent events as they arrive: bytes in, whole events out, no I/O.

Strategy: lines end in CR, LF or CRLF and in nothing else (str.splitlines also splits on U+2028), so they are cut as
bytes; a CR ends its line at once, and an LF that comes with the next read belongs to it. Comments are heartbeats.
https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

LINE_END = re.compile(rb"\r\n|\r|\n")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MAX_HELD_BYTES = 16 * 1024 * 1024


class EventTooLarge(Exception):
    """A line or an event exceeds what anybody would send: this is no event stream."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `name` is "message" where the stream gives none."""

    name: str
    data: str


class EventReader:
    """Feed it what was read. An event that has no blank line behind it has not arrived."""

    def __init__(self) -> None:
        self._held = b""
        self._is_after_cr = False
        self._is_first_line = True
        self._name = ""
        self._data: list[bytes] = []
        self._data_bytes = 0

    def feed(self, data: bytes) -> list[Event]:
        if self._is_after_cr and data:
            data, self._is_after_cr = data.removeprefix(b"\n"), False
        self._is_after_cr = self._is_after_cr or data.endswith(b"\r")
        *lines, self._held = LINE_END.split(self._held + data)
        events = [event for line in lines for event in self._line(line)]
        if len(self._held) + self._data_bytes > MAX_HELD_BYTES:
            raise EventTooLarge(f"an event of more than {MAX_HELD_BYTES // 2**20} MB")
        return events

    def _line(self, line: bytes) -> Iterator[Event]:
        if self._is_first_line:
            line, self._is_first_line = line.removeprefix(BYTE_ORDER_MARK), False
        if not line:
            yield from self._event()
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._data_bytes += len(value)
        elif name == b"event":
            self._name = value.decode("utf-8", "replace")

    def _event(self) -> Iterator[Event]:
        name, data = self._name, self._data
        self._name, self._data, self._data_bytes = "", [], 0
        if data:
            yield Event(name or "message", b"\n".join(data).decode("utf-8", "replace"))
