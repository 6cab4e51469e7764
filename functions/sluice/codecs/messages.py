"""The events of Anthropic's Messages stream, and what each one means to a gateway.

Each event's name is the `type` of the object it carries. `message_start` opens, `message_stop` ends, `ping` says
nothing, and an `error` event is the last one. There is no [DONE], though some providers send it.
https://platform.claude.com/docs/en/build-with-claude/streaming
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sluice.codecs import chat, sse
from sluice.codecs.dialect import Chunk, text
from sluice.codecs.token_count import table

STOP = "message_stop"
ERROR = "error"
MARKS = (b'"message_stop"', b'"error"', b"event: error", b"event:error", chat.DONE)
DELTAS = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}


def is_marked(block: bytes, _drops_usage: bool) -> bool:
    """Whether a block may hold an end or an error; inside generated text the quotes would be escaped."""
    return any(mark in block for mark in MARKS)


def is_error(event: sse.Event, chunk: Chunk | None) -> bool:
    """An error event, or an error in the shape of other endpoints."""
    is_named = event.name == b"error"
    if chunk is None:
        return is_named
    return is_named or chunk.get("type") == ERROR or ("type" not in chunk and chat.tells_error(chunk))


def is_final(_event: sse.Event, _chunk: Chunk | None) -> bool:
    """Nothing follows an error."""
    return True


def is_end(_event: sse.Event, chunk: Chunk | None) -> bool:
    return chunk is not None and chunk.get("type") == STOP


def has_content(chunk: Chunk) -> bool:
    """Text, thinking, or a piece of a tool's input."""
    delta = table(chunk, "delta")
    return bool(text(delta, DELTAS.get(str(delta.get("type")), "")))


def said(chunk: Chunk) -> Iterator[str]:
    """Every piece of generated text in one event or one whole message, names and inputs of tools included."""
    blocks = chunk.get("content")
    found = (table(chunk, "content_block"), table(chunk, "delta"), *(blocks if isinstance(blocks, list) else ()))
    for block in map(table, found):
        texts = (text(block, name) for name in ("text", "thinking", "partial_json", "name"))
        yield from (one for one in texts if one)
        if block.get("input"):
            yield json.dumps(block["input"], ensure_ascii=False)


def error_event(body: Mapping[str, Any], _last: bytes = b"", _replaces: bool = False) -> bytes:
    """Our own error, already as Anthropic writes it, as the stream's last event."""
    return b"event: error\n" + sse.data_event(json.dumps(body, separators=(",", ":"), ensure_ascii=True).encode())
