"""Streams of events that say their type: Responses, images, speech.

Each event carries an object with `type`; the last one says how the answer ended. An `error` event has the failure
under `error` or beside its type; in Responses a `response.failed` may follow it, which belongs to the failure.
[DONE] is no part of these dialects, though some providers send it.
https://platform.openai.com/docs/api-reference/responses-streaming
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sluice.codecs import chat, sse

SEQUENCE_NUMBER = re.compile(rb'"sequence_number"\s*:\s*(\d{1,15})')
ERROR_TYPE = "error"
FAILED = "response.failed"
CONTENT = ("delta", "b64_json", "partial_image_b64", "audio")
ERROR_MARKS = (b'"error"', b"event: error", b"event:error", chat.DONE)

Judge = Callable[[sse.Event, Mapping[str, Any] | None], bool]


def marker(ends: frozenset[str]) -> Callable[[bytes, bool], bool]:
    """Whether a block may hold an end or an error; inside generated text the quotes would be escaped."""
    marks = (*(f'"{end}"'.encode() for end in sorted(ends)), *ERROR_MARKS)

    def is_marked(block: bytes, _drops_usage: bool) -> bool:
        return any(mark in block for mark in marks)

    return is_marked


def end_judge(ends: frozenset[str]) -> Judge:
    def is_end(_event: sse.Event, chunk: Mapping[str, Any] | None) -> bool:
        return chunk is not None and chunk.get("type") in ends

    return is_end


def is_error(event: sse.Event, chunk: Mapping[str, Any] | None) -> bool:
    """An error event, the end of a response that failed, or an error in the shape of other endpoints."""
    if chunk is None:
        return event.name == b"error"
    is_named = event.name == b"error" or chunk.get("type") in (ERROR_TYPE, FAILED)
    return is_named or ("type" not in chunk and chat.tells_error(chunk))


def is_failed(_event: sse.Event, chunk: Mapping[str, Any] | None) -> bool:
    """Only `response.failed` ends a response that has begun to fail; an `error` event may come before it."""
    return chunk is not None and chunk.get("type") == FAILED


def is_extra(_chunk: Mapping[str, Any]) -> bool:
    """None: usage comes with the last event."""
    return False


def said(chunk: Mapping[str, Any]) -> Iterator[str]:
    """The generated text that one event adds: of a message, a tool's arguments, a summary."""
    delta = chunk.get("delta")
    if isinstance(delta, str):
        yield delta


def has_content(chunk: Mapping[str, Any]) -> bool:
    """Text, or a piece of an image or of speech."""
    return any(isinstance(chunk.get(name), str) and chunk[name] for name in CONTENT)


def error_event(body: Mapping[str, Any], last: bytes = b"", replaces: bool = False) -> bytes:
    """Our own error as the stream's last event.

    The documented fields stand beside the type, and the same once more under `error`, where OpenAI itself puts them
    and its SDKs look for them.
    """
    error = body["error"]
    numbers = SEQUENCE_NUMBER.findall(last)
    event = {
        "type": ERROR_TYPE,
        "sequence_number": int(numbers[-1]) + (not replaces) if numbers else 0,
        **{name: error[name] for name in ("code", "message", "param")},
        "error": error,
    }
    data = json.dumps(event, separators=(",", ":"), ensure_ascii=True).encode()
    return b"event: error\n" + sse.data_event(data)
