"""Answers that are not streams of events: one JSON object, or bytes (sound).

JSON is held until it is whole, so that a failure can still be an answer with its own status. What is too long for that
(images, many embeddings), and what is not JSON, is sent as it comes: it cannot carry an error in band. One that breaks
off ends in error trailers; JSON lacks its end then, and sound says nothing, so its record has to.
"""

import json
from collections.abc import Callable, Generator, Iterator, Mapping
from itertools import chain
from typing import Any

from sluice.answer import Body
from sluice.codecs import chat
from sluice.domain.errors import GatewayError, UpstreamProtocol
from sluice.domain.operation import SPEECH
from sluice.passage import reported
from sluice.providers.upstream import Answered
from sluice.providers.watch import Watch
from sluice.settlement import Settlement

MAX_TRANSLATED_BYTES = 16 * 1024 * 1024  # there is no other way to translate it
MAX_WHOLE_BYTES = 1024 * 1024  # held and parsed it takes four times that, and memory may be 128 MB
JSON = "application/json"
SOUND = ("audio/", "application/octet-stream")
DRAIN_SECONDS = 5.0


def translated(
    upstream: Answered,
    watch: Watch,
    settlement: Settlement,
    translate: Callable[[Mapping[str, Any]], Mapping[str, Any]],
) -> Body:
    """The answer in the caller's dialect, held until it is whole. Raises GatewayError: nothing was sent."""
    watch.begin()
    held, is_all = _held((piece for piece in upstream.pieces if piece), MAX_TRANSLATED_BYTES)
    if not is_all:
        raise UpstreamProtocol(f"the provider's answer is larger than {MAX_TRANSLATED_BYTES} bytes")
    value = _parsed(held)
    settlement.meter.see_whole(value)
    made = json.dumps(translate(value), separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
    upstream.over()
    return Body(_one_piece(made, settlement, None), upstream.close, settlement)


def body(
    upstream: Answered,
    watch: Watch,
    settlement: Settlement,
    monotonic: Callable[[], float],
    key: str = "",
    has: str | None = None,
) -> Body:
    """The answer as it came, an object only with what it `has` to have.

    Raises GatewayError while nothing was sent, also for an error that repeats the `key`.
    """
    is_sound = upstream.content_type.startswith(SOUND) and settlement.call.request.operation is SPEECH
    pieces = (piece for piece in upstream.pieces if piece)
    watch.begin()
    held, is_all = _first(pieces) if is_sound else _held(pieces)
    if not is_all and not is_sound and upstream.content_type != JSON:
        raise UpstreamProtocol("the provider's answer is not a JSON object")
    if is_all:
        sent = _object(held, upstream, settlement, key.encode(), has)
    else:
        sent = _as_it_comes(chain((held,), pieces), upstream, settlement, monotonic)
    return Body(sent, upstream.close, settlement)


def _first(pieces: Iterator[bytes]) -> tuple[bytes, bool]:
    first = next(pieces, None)
    if first is None:
        raise UpstreamProtocol("the provider's answer is empty")
    return first, False


def _held(pieces: Iterator[bytes], most: int = MAX_WHOLE_BYTES) -> tuple[bytes, bool]:
    """What came, up to the cap, and whether that is all."""
    held, size = [], 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size > most:
            return b"".join(held), False
    return b"".join(held), True


def _object(
    answer: bytes, upstream: Answered, settlement: Settlement, key: bytes, has: str | None
) -> Generator[bytes, None, None]:
    value = _parsed(answer)
    if has and has not in value:
        raise UpstreamProtocol(f"the provider answered 200 without {has}")
    error = reported(value) if chat.tells_error(value) else None
    is_shown = value.get("object") == "response" and not (key and key in answer)  # it says itself that it failed
    if error and not is_shown:
        raise error
    settlement.meter.see_whole(value)
    upstream.over()
    return _one_piece(answer, settlement, error)


def _one_piece(answer: bytes, settlement: Settlement, error: GatewayError | None) -> Generator[bytes, None, None]:
    settlement.bytes_out = len(answer)
    settlement.is_complete = error is None
    if error:
        settlement.fail_in_band(error)
    yield answer


def _parsed(body: bytes) -> dict[str, object]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise UpstreamProtocol("the provider's answer is not a JSON object")
    return value


def _as_it_comes(
    pieces: Iterator[bytes], upstream: Answered, settlement: Settlement, monotonic: Callable[[], float]
) -> Generator[bytes, None, None]:
    try:
        for piece in pieces:
            settlement.meter.see_piece(piece)
            settlement.bytes_out += len(piece)
            yield piece
        upstream.over()
        settlement.is_complete = True
    except GeneratorExit:
        _drain(pieces, settlement, monotonic)
        raise
    except GatewayError as error:
        settlement.fail_in_band(error)
        raise
    except Exception:  # the boundary of an answer: it ends as honestly as any other failure, and shows nothing
        failed = GatewayError("an internal error")
        settlement.fail_in_band(failed)
        raise failed from None


def _drain(pieces: Iterator[bytes], settlement: Settlement, monotonic: Callable[[], float]) -> None:
    """Nobody reads any more: read on for the usage (L01)."""
    until = monotonic() + DRAIN_SECONDS
    try:
        for piece in pieces:
            settlement.meter.see_piece(piece)
            if monotonic() > until:
                return
    except GatewayError as error:
        settlement.fail_in_band(error)
