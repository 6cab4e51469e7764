"""Same dialect on both sides: whole events go through unaltered, and some go no further.

What a stream lets through, without I/O: feed it what was read, send what it returns. A read without a mark that
matters leaves as it came. Nothing follows the stream's own end or an error; the one chunk that carries the usage is
taken out where the caller did not ask for it. The meter is shown what the provider said, taken out or not. At the end
`close` says whether the stream ended honestly.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sluice.codecs import chat, sse
from sluice.codecs.dialect import Dialect
from sluice.codecs.dialects import CHAT
from sluice.codecs.sse_events import SSE
from sluice.domain.errors import UpstreamError, UpstreamProtocol, UpstreamReported, UpstreamTruncated
from sluice.metering import Meter

BLANK_LINE = b"\n\n"
WITHHELD = "the provider reported an error; its text is withheld"
REPEATS_KEY = {  # in every dialect at once: each reads its own
    "type": "error",
    "error": {"message": WITHHELD, "type": "server_error", "param": None, "code": "upstream_reported"},
    "message": WITHHELD,
    "__type": "internalServerException",
}


class Passage:
    """One stream of a dialect on its way through.

    `drops_usage`: we asked for usage, the caller did not. `key` is the provider key in use: an error event that
    repeats it is replaced.
    """

    __slots__ = (
        "_dialect",
        "_drops_usage",
        "_failed",
        "_failure",
        "_key",
        "_meter",
        "_splitter",
        "_strict_done",
        "has_valid_event",
        "is_over",
        "reported",
    )

    def __init__(
        self,
        meter: Meter,
        dialect: Dialect = CHAT,
        *,
        drops_usage: bool = False,
        strict_done: bool = False,
        key: str = "",
        failure: Callable[[Mapping[str, Any]], UpstreamError] | None = None,
    ) -> None:
        self._splitter = dialect.framing.splitter()
        self._failure = failure or reported
        self._failed: Mapping[str, Any] = {}
        self._meter = meter
        self._dialect = dialect
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

    @property
    def broken(self) -> UpstreamError | None:
        """Why nothing more can be read, once what came before it has been sent."""
        return damaged(self._splitter.damage)

    @property
    def failure(self) -> UpstreamError:
        """What the provider reported in its stream, as ours."""
        error = self._failure(self._failed)
        if self._has_key(error.message.encode("utf-8", "replace")):
            error.message = WITHHELD
        return error

    def close(self) -> bytes:
        """The provider closed its stream: the last bytes to send. Raises UpstreamTruncated unless it ended honestly.

        A stream that said how it ended is complete without its terminal, which is then added (`strict_done` insists
        on it); so is one whose last event lacks nothing but the blank line.
        """
        last = self._splitter.close()
        last = self._let_through(last) if last else b""
        if self.is_over or self.reported:
            return last
        if self.broken:
            raise self.broken
        if self._is_all_but_its_end():
            return last + self._let_through(whole_lines(self._splitter.tail).rstrip(b"\r\n") + BLANK_LINE)
        if self._splitter.has_tail or self._strict_done or not self._meter.is_finished:
            raise UpstreamTruncated("upstream stream ended before completion")
        self.is_over = True
        return last + self._dialect.end

    def _is_all_but_its_end(self) -> bool:
        """Whether the last event lacks nothing but the blank line."""
        if self._dialect.framing is not SSE:
            return False
        return self._dialect.is_end(*self._dialect.framing.read(whole_lines(self._splitter.tail)))

    def _let_through(self, block: bytes) -> bytes:
        if self.is_over or not block:
            return b""
        if self.has_valid_event and not self.reported and not self._dialect.is_marked(block, self._drops_usage):
            self._meter.see(block)
            return block
        return b"".join(self._sift(block))

    def _sift(self, block: bytes) -> list[bytes]:
        """Reads event by event; behind the first valid one the rest of the block is looked at as any block is."""
        kept, place, had_valid = [], 0, self.has_valid_event
        framing = self._dialect.framing
        for raw in framing.raw_events(block):
            place += len(raw)
            event, carried = framing.read(raw)
            had_failed = self.reported is not None
            chunk = self._judged(event, carried) if event.data or event.name else None
            self._meter.see_event(raw, chunk)
            if self._goes_on(raw, event, chunk, had_failed):
                kept.append(self._without_key(raw))
            if self.is_over:
                break
            if self.has_valid_event and not had_valid:
                kept.append(self._let_through(block[place:]))
                break
        return kept

    def _goes_on(self, raw: bytes, event: sse.Event, chunk: Mapping[str, Any] | None, had_failed: bool) -> bool:
        """Behind an error only what belongs to it goes on; the usage that only we asked for never does."""
        if had_failed:
            return self.is_over and not self._has_key(raw)
        is_extra = self._drops_usage and chunk is not None and self._dialect.is_extra(chunk)
        return not (is_extra or self._dialect.is_foreign(event))

    def _judged(self, event: sse.Event, chunk: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """The chunk an event carries, unless it is an error; notes what the event means for the stream."""
        if self._dialect.is_error(event, chunk):
            self._failed = self._failed or chunk or {}
            self.reported = self.reported or event
            self.is_over = self._dialect.is_final(event, chunk)
            return None
        self.is_over = self.reported is None and self._dialect.is_end(event, chunk)
        self.has_valid_event = self.has_valid_event or self.is_over or chunk is not None
        return chunk

    def _without_key(self, raw: bytes) -> bytes:
        if self.reported and self._has_key(raw):
            return self._dialect.error_event(REPEATS_KEY, raw, True)
        return raw

    def _has_key(self, raw: bytes) -> bool:
        return bool(self._key) and self._key in raw


def whole_lines(tail: bytes) -> bytes:
    """An event that was cut off, without a last line that may have been cut; data shows itself whether it was."""
    kept, end, last = tail.rpartition(b"\n")
    return kept + end if end and not last.startswith(b"data:") else tail


def damaged(damage: Exception | None) -> UpstreamProtocol | None:
    """Bytes that are not what was sent, as ours."""
    return UpstreamProtocol(f"the provider's stream is damaged: {damage}") if damage else None


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
