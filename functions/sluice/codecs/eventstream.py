"""Amazon's event streams (application/vnd.amazon.eventstream): where a frame ends, and what it says.

botocore's decoder does the work and checks both checksums of each frame; it slices its buffer anew at every frame, so
it is fed 16 KB at a time (facts/translation.md 8), and it would read headers that repeat to the byte at every frame,
which is half of its work, so those it has read are remembered. Here is what a gateway adds: the bytes of whole frames
as they came, a cap, and what stands before a damaged frame. The format:
https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html (the framing is the same everywhere).
"""

import base64
import binascii
import json
import struct
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from botocore.eventstream import EventStreamBuffer, EventStreamHeaderParser, ParserError

from sluice.codecs.dialect import Framing
from sluice.codecs.sse import Event, EventTooLarge

CONTENT_TYPE = "application/vnd.amazon.eventstream"
MAX_FRAME_BYTES = 16 * 1024 * 1024
FEED_BYTES = 16 * 1024
LEAST_BYTES = 16  # two lengths and two checksums
MOST_REMEMBERED, REMEMBERED_BYTES = 64, 512  # headers of events; those of an error hold its message
STRING = 7
EXCEPTION = "exception"
EVENT = "event"
NAMES = {"event": ":event-type", "exception": ":exception-type", "error": ":error-code"}


class Damaged(ValueError):
    """A frame whose checksums do not hold, or that is no frame."""


class Frame(NamedTuple):
    """One frame of so many bytes. `kind` is "event", "exception" or "error", `name` its type."""

    size: int
    kind: str
    name: str
    payload: bytes


class HeaderParser:
    """botocore's, for headers not read before. What it returns is shared: nobody may change it."""

    def parse(self, data: bytes) -> Mapping[str, Any]:
        return remembered(data) if len(data) <= REMEMBERED_BYTES else headers(data)


def headers(data: bytes) -> Mapping[str, Any]:
    found: Mapping[str, Any] = EventStreamHeaderParser().parse(data)
    return found


remembered = lru_cache(MOST_REMEMBERED)(headers)


class Buffer(EventStreamBuffer):
    """botocore's, with that parser of headers."""

    def __init__(self) -> None:
        super().__init__()
        self._header_parser = HeaderParser()


class Decoder:
    """Frames out of bytes. What follows a damaged frame is never read; `damage` says so once the good ones are out."""

    __slots__ = ("_buffer", "_waiting", "damage")

    def __init__(self) -> None:
        self._buffer = Buffer()
        self._waiting = 0
        self.damage: Damaged | None = None

    @property
    def has_tail(self) -> bool:
        """Whether a frame has begun and not ended."""
        return self._waiting > 0

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that have ended. Raises EventTooLarge."""
        frames: list[Frame] = []
        for start in range(0, len(data), FEED_BYTES):
            if self.damage is None:
                self._feed(data[start : start + FEED_BYTES], frames)
        return frames

    def _feed(self, data: bytes, frames: list[Frame]) -> None:
        self._buffer.add_data(data)
        self._waiting += len(data)
        try:
            for message in self._buffer:
                frame = _frame(message)
                self._waiting -= frame.size
                frames.append(frame)
        except (ParserError, UnicodeDecodeError, struct.error, KeyError, Damaged) as error:
            self.damage = Damaged(f"a frame is damaged ({type(error).__name__})")
        if self._waiting > MAX_FRAME_BYTES:
            raise EventTooLarge(f"an event is larger than {MAX_FRAME_BYTES} bytes")


def _frame(message: Any) -> Frame:
    size, headers, payload = message.prelude.total_length, message.headers, message.payload
    if size < LEAST_BYTES:
        raise Damaged("shorter than a frame can be")
    kind = str(headers.get(":message-type", "event"))
    if kind == "error":  # it has no payload
        payload = json.dumps({"message": str(headers.get(":error-message", ""))}).encode()
    return Frame(size, kind, str(headers.get(NAMES.get(kind, ""), "")), payload)


class Splitter:
    """Cuts a byte stream behind its last whole frame, as `sse.Splitter` does behind its last whole event."""

    __slots__ = ("_decoder", "_tail")

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._tail = b""

    @property
    def has_tail(self) -> bool:
        return bool(self._tail)

    @property
    def tail(self) -> bytes:
        return self._tail

    @property
    def damage(self) -> Damaged | None:
        return self._decoder.damage

    def feed(self, data: bytes) -> bytes:
        """All whole frames so far, unaltered. Raises EventTooLarge."""
        size = sum(frame.size for frame in self._decoder.feed(data))
        held = self._tail + data if self._tail else data
        self._tail = held[size:]
        return held[:size]

    def close(self) -> bytes:
        """Nothing: a frame says where it ends."""
        return b""


def raw_frames(block: bytes) -> Iterator[bytes]:
    """The bytes of each frame of a block of whole ones."""
    start = 0
    while start < len(block):
        size = int.from_bytes(block[start : start + 4], "big")
        yield block[start : start + size]
        start += size


def read(raw: bytes) -> tuple[Event, dict[str, Any] | None]:
    """What one whole frame says."""
    return said(Decoder().feed(raw)[0])


def said(frame: Frame) -> tuple[Event, dict[str, Any] | None]:
    """A frame as an event named by its kind, and its payload under its type; a failure has `exception`, `message`."""
    value = _object(frame.payload)
    if frame.kind != "event":
        message = value.get("message", value.get("Message", "")) if value else ""
        return Event(EXCEPTION.encode(), frame.payload), {EXCEPTION: frame.name, "message": str(message)}
    return Event(frame.name.encode(), frame.payload), None if value is None else {frame.name: value}


def read_model(raw: bytes) -> tuple[Event, dict[str, Any] | None]:
    """What one whole frame of InvokeModel says."""
    return said_by_model(Decoder().feed(raw)[0])


def said_by_model(frame: Frame) -> tuple[Event, dict[str, Any] | None]:
    """As `said`, with the model's own JSON out of `chunk.bytes`."""
    event, value = said(frame)
    wrapped = (value or {}).get("chunk")
    if not isinstance(wrapped, dict):
        return event, value
    try:
        content = base64.b64decode(wrapped.get("bytes", ""))
    except (ValueError, TypeError):
        return event, None
    return Event(event.name, content), _object(content)


def exception(name: str, message: str) -> bytes:
    """An exception frame, as Bedrock ends a stream that fails."""
    return _written(":exception-type", name, EXCEPTION, {"message": message})


def event(name: str, value: Mapping[str, Any]) -> bytes:
    """An event frame, as Bedrock sends one."""
    return _written(":event-type", name, EVENT, value)


def _written(type_header: str, name: str, kind: str, value: Mapping[str, Any]) -> bytes:
    said = ((type_header, name), (":content-type", "application/json"), (":message-type", kind))
    headers = b"".join(_header(*one) for one in said)
    payload = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    prelude = struct.pack(">II", LEAST_BYTES + len(headers) + len(payload), len(headers))
    checked = prelude + struct.pack(">I", binascii.crc32(prelude)) + headers + payload
    return checked + struct.pack(">I", binascii.crc32(checked))


def _header(name: str, value: str) -> bytes:
    encoded, text = name.encode(), value.encode()
    return struct.pack(">B", len(encoded)) + encoded + struct.pack(">BH", STRING, len(text)) + text


def _object(payload: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


class Events:
    """Decoded events of a stream, for one that is translated: each frame is decoded once."""

    __slots__ = ("_decoder", "_said")

    def __init__(self, said: Any = said) -> None:
        self._decoder = Decoder()
        self._said = said

    @property
    def has_tail(self) -> bool:
        return self._decoder.has_tail

    @property
    def damage(self) -> Damaged | None:
        return self._decoder.damage

    def feed(self, data: bytes) -> Iterator[tuple[Event, dict[str, Any] | None]]:
        return map(self._said, self._decoder.feed(data))

    def close(self) -> Iterator[tuple[Event, dict[str, Any] | None]]:
        return iter(())


FRAMES = Framing(CONTENT_TYPE, Splitter, raw_frames, read, Events, heartbeat=b"")
MODEL_FRAMES = Framing(CONTENT_TYPE, Splitter, raw_frames, read_model, lambda: Events(said_by_model), heartbeat=b"")
