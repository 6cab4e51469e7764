"""Server-sent events that carry JSON objects, as a framing of dialects."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sluice.codecs import sse
from sluice.codecs.dialect import Framing, Read

CONTENT_TYPE = "text/event-stream"
ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False)


def read(raw: bytes) -> Read:
    """What one event says."""
    event = sse.event(raw)
    return event, value(event)


def value(event: sse.Event) -> dict[str, Any] | None:
    """The object an event carries; None for a comment, `[DONE]`, or anything that is not a JSON object."""
    try:
        found = json.loads(event.data)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError too
        return None
    return found if isinstance(found, dict) else None


class Events:
    """Decoded events of a stream, for one that is translated."""

    __slots__ = ("_splitter",)

    def __init__(self) -> None:
        self._splitter = sse.Splitter()

    @property
    def has_tail(self) -> bool:
        return self._splitter.has_tail

    @property
    def damage(self) -> None:
        """None: text has no checksum."""

    def feed(self, data: bytes) -> Iterator[Read]:
        """Raises EventTooLarge."""
        return map(read, sse.raw_events(self._splitter.feed(data)))

    def close(self) -> Iterator[Read]:
        return map(read, sse.raw_events(self._splitter.close()))


def data(event: Mapping[str, Any]) -> bytes:
    """An event without a name."""
    return b"data: " + ENCODER.encode(event).encode("utf-8", "replace") + b"\n\n"


def typed(event: Mapping[str, Any]) -> bytes:
    """An event named by its type."""
    return f"event: {event['type']}\n".encode() + data(event)


SSE = Framing(CONTENT_TYPE, sse.Splitter, sse.raw_events, read, Events, heartbeat=sse.comment("keep-alive"))
