"""Same dialect on both sides: whole events go through unaltered, and some go no further.

What an OpenAI chat stream lets through, without I/O: feed it what was read, send what it returns. A read without a
mark that matters leaves as it came. Nothing follows the first `[DONE]` or an error event; the one chunk that carries
the usage is taken out where the caller did not ask for it. The meter is shown what the provider said, taken out or
not. At the end `close` says whether the stream ended honestly.
"""

from collections.abc import Mapping
from typing import Any

from sluice.codecs import chat, sse
from sluice.domain.errors import UpstreamProtocol, UpstreamReported, UpstreamTruncated
from sluice.metering import Meter

REPEATS_KEY = {
    "message": "the provider reported an error; its text is withheld",
    "type": "upstream_error",
    "param": None,
    "code": "upstream_reported",
}


class Passage:
    """One stream on its way through.

    `drops_usage`: we asked for usage, the caller did not. `key` is the provider key in use: an error event that
    repeats it is replaced.
    """

    __slots__ = (
        "_drops_usage",
        "_key",
        "_meter",
        "_splitter",
        "_strict_done",
        "has_valid_event",
        "is_over",
        "reported",
    )

    def __init__(self, meter: Meter, *, drops_usage: bool = False, strict_done: bool = False, key: str = "") -> None:
        self._splitter = sse.Splitter()
        self._meter = meter
        self._drops_usage = drops_usage
        self._strict_done = strict_done
        self._key = key.encode()
        self.has_valid_event = False
        self.is_over = False
        self.reported: sse.Event | None = None

    def feed(self, data: bytes) -> bytes:
        """The whole events to send now. Raises UpstreamProtocol when an event outgrows the cap."""
        try:
            block = self._splitter.feed(data)
        except sse.EventTooLarge as error:
            raise UpstreamProtocol(f"the provider's {error}") from None
        return self._let_through(block) if block else b""

    def close(self) -> bytes:
        """The provider closed its stream: the last bytes to send. Raises UpstreamTruncated unless it ended honestly.

        A stream whose choices all said how they ended is complete without `[DONE]`, which is then added
        (`strict_done` insists on it).
        """
        last = self._splitter.close()
        last = self._let_through(last) if last else b""
        if self.is_over:
            return last
        if chat.is_done(sse.event(self._splitter.tail)):  # all of it but the blank line
            self.is_over = True
            return last + chat.DONE_EVENT
        if self._splitter.has_tail or self._strict_done or not self._meter.is_finished:
            raise UpstreamTruncated("the provider's stream ended before the answer did")
        self.is_over = True
        return last + chat.DONE_EVENT

    def _let_through(self, block: bytes) -> bytes:
        if self.is_over:
            return b""
        if self.has_valid_event and not self._is_marked(block):
            self._meter.see(block)
            return block
        return b"".join(self._sift(block))

    def _is_marked(self, block: bytes) -> bool:
        return (
            b"[DONE]" in block
            or b'"error"' in block
            or b"event:" in block
            or (self._drops_usage and chat.USAGE_OBJECT.search(block) is not None)
        )

    def _sift(self, block: bytes) -> list[bytes]:
        kept = []
        for raw in sse.raw_events(block):
            event = sse.event(raw)
            chunk = self._judged(event) if event.data or event.name else None
            self._meter.see_event(raw, chunk)
            if not (self._drops_usage and chunk and chat.is_usage_alone(chunk)):
                kept.append(self._without_key(raw))
            if self.is_over:
                break
        return kept

    def _judged(self, event: sse.Event) -> dict[str, Any] | None:
        """The chunk an event carries; notes what the event means for the stream."""
        chunk = chat.chunk(event)
        if chat.is_error(event) or (chunk and chat.tells_error(chunk)):
            self.reported = event
            self.is_over = True
            return None
        self.is_over = chat.is_done(event)
        self.has_valid_event = self.has_valid_event or self.is_over or chunk is not None
        return chunk

    def _without_key(self, raw: bytes) -> bytes:
        if self.reported and self._key and self._key in raw:
            return chat.error_event({"error": REPEATS_KEY})
        return raw


def failure(event: sse.Event) -> UpstreamReported:
    """The error a provider reported inside its stream, as ours."""
    return reported(chat.chunk(event) or {})


def reported(answer: Mapping[str, Any]) -> UpstreamReported:
    """The error in an answer with status 200, as ours."""
    body = answer.get("error")
    table = body if isinstance(body, dict) else answer
    error = UpstreamReported("the provider reported an error under status 200")
    status = table.get("status_code", table.get("code"))
    error.status = status if isinstance(status, int) and 400 <= status <= 599 else 502
    return error
