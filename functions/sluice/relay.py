"""The way of an answer from a provider to the caller: commit, then send every event as it comes.

The runtime sends each piece at once, then the end, and only then closes the body, which settles the call: the ledger
is never between a caller and the last byte. After an error in band the pieces raise, which the runtime turns into error
trailers.
"""

import json
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass

from sluice.codecs import chat, sse
from sluice.domain.errors import GatewayError, UpstreamProtocol
from sluice.passage import Passage, failure, reported
from sluice.providers.upstream import Upstream
from sluice.providers.watch import Watch
from sluice.settlement import Settlement

MAX_HELD_BYTES = 64 * 1024
MAX_JSON_BYTES = 24 * 1024 * 1024  # parsed it takes three times that, and memory is 256 MB
DRAIN_SECONDS = 5.0
HEARTBEAT = sse.comment("keep-alive")
EVENT_STREAM = "text/event-stream"


def commit(upstream: Upstream, passage: Passage, watch: Watch) -> bytes:
    """Waits for the first valid event; the bytes held until then. Raises GatewayError: nothing was sent yet."""
    if upstream.content_type != EVENT_STREAM:
        raise UpstreamProtocol(f"the provider's answer is not {EVENT_STREAM}")
    held = b""
    for piece in upstream.pieces:
        held += passage.feed(piece) if piece else b""
        if passage.reported and not passage.has_valid_event:
            raise failure(passage.reported)
        if passage.has_valid_event or len(held) > MAX_HELD_BYTES:
            watch.begin()
            return held
    return held + passage.close()


class Body:
    """What the caller gets. Iterate it once; `close()`, any number of times, settles the call, started or not."""

    def __init__(
        self, pieces: Generator[bytes, None, None], let_go: Callable[[], None], settlement: Settlement
    ) -> None:
        self._pieces = pieces
        self._let_go = let_go
        self._settlement = settlement

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        self._pieces.close()
        self._let_go()
        self._settlement.close()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a surface sends. The body settles the call when it is closed, which the runtime does after the last byte."""

    headers: Mapping[str, str]
    body: Body


class Relay:
    """Sends one committed stream."""

    def __init__(
        self,
        upstream: Upstream,
        passage: Passage,
        settlement: Settlement,
        heartbeat_seconds: float,
        monotonic: Callable[[], float],
        error_body: Callable[[GatewayError], dict[str, object]],
    ) -> None:
        self._upstream = upstream
        self._passage = passage
        self._settlement = settlement
        self._heartbeat_seconds = heartbeat_seconds or float("inf")
        self._monotonic = monotonic
        self._error_body = error_body

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
            self._settlement.fail_in_band(error)
            if not self._passage.reported:
                yield chat.error_event(self._error_body(error))
            raise
        except Exception:  # the boundary of a stream: it ends as honestly as any other failure, and shows nothing
            failed = GatewayError("an internal error")
            self._settlement.fail_in_band(failed)
            yield chat.error_event(self._error_body(failed))
            raise failed from None

    def _sent(self, held: bytes) -> Generator[bytes, None, None]:
        settlement, passage, monotonic = self._settlement, self._passage, self._monotonic
        settlement.bytes_out = len(held)
        yield held
        sent_at = monotonic()
        if not passage.is_over:
            for piece in self._upstream.pieces:
                block = passage.feed(piece) if piece else b""
                if block:
                    settlement.bytes_out += len(block)
                    yield block
                    sent_at = monotonic()
                elif monotonic() - sent_at >= self._heartbeat_seconds:
                    yield HEARTBEAT
                    sent_at = monotonic()
                if passage.is_over:
                    break
            else:
                yield self._last()
        if passage.reported:
            raise failure(passage.reported)
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


def whole(upstream: Upstream, watch: Watch, settlement: Settlement) -> Body:
    """An answer that does not stream, as a body of one piece. Raises UpstreamProtocol before it."""
    watch.begin()
    answer = upstream.read(MAX_JSON_BYTES)
    completion = _object(answer)
    if chat.tells_error(completion):
        raise reported(completion)
    settlement.meter.see_whole(completion)
    upstream.over()
    return Body(_one_piece(answer, settlement), upstream.close, settlement)


def _one_piece(answer: bytes, settlement: Settlement) -> Generator[bytes, None, None]:
    settlement.bytes_out = len(answer)
    settlement.is_complete = True
    yield answer


def _object(body: bytes) -> dict[str, object]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise UpstreamProtocol("the provider's answer is not a JSON object")
    return value
