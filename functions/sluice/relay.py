"""The way of an answer from a provider to the caller: commit, then send every event as it comes.

The runtime sends each piece at once, then the end, and only then closes the body, which settles the call: the ledger
is never between a caller and the last byte. After an error in band the pieces raise, which the runtime turns into error
trailers.
"""

from collections.abc import Callable, Generator
from typing import Protocol

from sluice.answer import Body
from sluice.codecs.dialect import Dialect
from sluice.domain.errors import GatewayError, UpstreamProtocol
from sluice.providers.upstream import Answered
from sluice.providers.watch import Watch
from sluice.settlement import Settlement

MAX_HELD_BYTES = 64 * 1024
DRAIN_SECONDS = 5.0
COMMENT = b":"


class Way(Protocol):
    """What a stream goes through: `Passage` unaltered, `Translated` in other words.

    `reported` is the provider's own error, which has been sent or is `failure` before anything was; `broken` one that
    nobody was told of yet.
    """

    has_valid_event: bool
    is_over: bool

    @property
    def reported(self) -> object: ...
    @property
    def broken(self) -> GatewayError | None: ...
    @property
    def failure(self) -> GatewayError: ...
    def feed(self, data: bytes) -> bytes: ...
    def close(self) -> bytes: ...


def commit(
    upstream: Answered,
    passage: Way,
    watch: Watch,
    content_type: str,
    has_content: Callable[[], bool] | None = None,
) -> bytes:
    """Waits for the first valid event, or for the first with content where another target could still be asked.

    Returns the bytes held until then. Raises GatewayError: nothing was sent yet.
    """
    if upstream.content_type != content_type:
        raise UpstreamProtocol(f"the provider's answer is not {content_type}")
    held = b""
    for piece in upstream.pieces:
        held += passage.feed(piece) if piece else b""
        is_there = _is_there(passage, has_content)
        _check(passage, is_there)
        if is_there or len(held) > MAX_HELD_BYTES:
            watch.begin()
            return held
    held += passage.close()
    _check(passage, _is_there(passage, has_content))
    return held


def _is_there(passage: Way, has_content: Callable[[], bool] | None) -> bool:
    """Whether what the commit waits for has come; an answer may also end properly with nothing in it."""
    if has_content is None:
        return passage.has_valid_event
    return has_content() or (passage.is_over and not passage.reported)


def _check(passage: Way, is_there: bool) -> None:
    """Raises what went wrong before that."""
    if not is_there:
        if passage.reported:
            raise passage.failure
        if passage.broken:
            raise passage.broken


class Relay:
    """Sends one committed stream of a dialect."""

    def __init__(
        self,
        upstream: Answered,
        passage: Way,
        dialect: Dialect,
        settlement: Settlement,
        heartbeat_seconds: float,
        monotonic: Callable[[], float],
        error_body: Callable[[GatewayError], dict[str, object]],
    ) -> None:
        self._upstream = upstream
        self._passage = passage
        self._settlement = settlement
        self._heartbeat_seconds = heartbeat_seconds if heartbeat_seconds and dialect.framing.heartbeat else float("inf")
        self._monotonic = monotonic
        self._error_body = error_body
        self._dialect = dialect
        self._last_block = b""

    def body(self, held: bytes) -> Body:
        """Everything the caller gets, what was held until the commit first."""
        return Body(self._pieces(held), self._upstream.close, self._settlement)

    def _pieces(self, held: bytes) -> Generator[bytes, None, None]:
        try:
            yield from self._sent(held)
            self._settlement.is_complete = True
        except GeneratorExit:
            self._drain()
            raise
        except GatewayError as error:
            failed = self._passage.failure if self._passage.reported else error
            yield from self._failed(failed)
            raise failed from None
        except Exception:  # the boundary of a stream: it ends as honestly as any other failure, and shows nothing
            failed = GatewayError("an internal error")
            yield from self._failed(failed)
            raise failed from None

    def _failed(self, error: GatewayError) -> Generator[bytes, None, None]:
        """The one error event, unless the provider has sent its own."""
        self._settlement.fail_in_band(error)
        if not self._passage.reported:
            yield self._dialect.error_event(self._error_body(error), self._last_block, False)

    def _sent(self, held: bytes) -> Generator[bytes, None, None]:
        settlement, passage, monotonic = self._settlement, self._passage, self._monotonic
        heartbeat = self._dialect.framing.heartbeat
        settlement.bytes_out = len(held)
        self._last_block = held
        yield held
        sent_at = monotonic()
        if not (passage.is_over or passage.broken):
            for piece in self._upstream.pieces:
                block = passage.feed(piece) if piece else b""
                if block:
                    settlement.bytes_out += len(block)
                    if block[:1] != COMMENT:
                        self._last_block = block
                    yield block
                    sent_at = monotonic()
                elif monotonic() - sent_at >= self._heartbeat_seconds:
                    yield heartbeat
                    sent_at = monotonic()
                if passage.is_over or passage.broken:
                    break
            else:
                yield self._last()
        if passage.reported:
            raise passage.failure
        if passage.broken:
            raise passage.broken
        self._upstream.over()

    def _last(self) -> bytes:
        last = self._passage.close()
        self._settlement.bytes_out += len(last)
        return last

    def _drain(self) -> None:
        """Nobody reads any more: read on for the usage, so that what was generated is booked as it was (L01)."""
        until = self._monotonic() + DRAIN_SECONDS
        try:
            for piece in self._upstream.pieces:
                if piece:
                    self._passage.feed(piece)
                if self._passage.is_over or self._monotonic() > until:
                    return
        except GatewayError as error:
            self._settlement.fail_in_band(error)
