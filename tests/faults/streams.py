"""Streams fed byte by byte to the gateway's own parts, without sockets: unaltered in one dialect, translated to another."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sluice.codecs.dialects import dialect
from sluice.domain.errors import GatewayError
from sluice.domain.usage import Usage
from sluice.metering import Meter
from sluice.passage import Passage
from sluice.providers.anthropic import failure
from sluice.translated import Translated
from sluice.translation.answers.messages_to_chat import Stream
from sluice.translation.translation import Asked

DONE = b"data: [DONE]\n\n"
ASKED = Asked("m", "id", 1, {"stream": True, "stream_options": {"include_usage": True}})


@dataclass(frozen=True, slots=True)
class Passed:
    """What came out, and what was metered of it."""

    body: bytes
    usage: Usage
    is_over: bool


def passed(pieces: Iterable[bytes]) -> Passed:
    """OpenAI's dialect on both sides."""
    meter = Meter(lambda: 0, lambda: 0.0, 1)
    way = Passage(meter)
    body = b"".join([way.feed(piece) for piece in pieces])
    body += b"" if way.is_over else way.close()
    meter.end()
    return Passed(body, meter.usage, way.is_over)


def translated(pieces: Iterable[bytes]) -> bytes:
    """Anthropic's dialect as OpenAI's, of a stream that is sound."""
    body, broken = translated_to_the_end(pieces)
    assert broken is None
    return body


def translated_to_the_end(pieces: Iterable[bytes]) -> tuple[bytes, GatewayError | None]:
    """The same of any stream, as the relay goes through it: until it is over or broken."""
    messages, chat = dialect("messages"), dialect("chat")
    way = Translated(Meter(lambda: 0, lambda: 0.0, 1, messages), messages, chat, Stream(ASKED), failure)
    body = b""
    for piece in pieces:
        body += way.feed(piece)
        if way.is_over or way.broken:
            return body, way.broken
    body += way.close()
    return body, way.broken


def text(body: bytes) -> str:
    """All that the chunks of a chat completion say, together."""
    return "".join(
        choice["delta"].get("content") or "" for chunk in chunks(body) for choice in chunk.get("choices", ())
    )


def chunks(body: bytes) -> Iterator[dict[str, Any]]:
    for line in body.split(b"\n"):
        if line.startswith(b"data: {"):
            yield json.loads(line[6:])


def every_two_cuts(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """All n(n-1)/2 ways to cut in three, the empty ones left out."""
    for first in range(1, len(data)):
        for second in range(first + 1, len(data)):
            yield data[:first], data[first:second], data[second:]


def single_bytes(data: bytes) -> Iterator[bytes]:
    return (data[place : place + 1] for place in range(len(data)))


def chat_event(content: str) -> bytes:
    """A delta as a provider writes it that escapes nothing it need not escape."""
    chunk = {"choices": [{"index": 0, "delta": {"content": content}}]}
    return b"data: " + json.dumps(chunk, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USED = b'data: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":5}}\n\n'
END = STOP + USED + DONE


def message_events(*contents: bytes) -> bytes:
    """A stream of Messages whose deltas have these bytes for their JSON strings."""
    begun = {"id": "msg_1", "role": "assistant", "model": "m", "usage": {"input_tokens": 11, "output_tokens": 1}}
    head = [
        event("message_start", json.dumps({"message": begun}).encode()),
        event("content_block_start", b'{"index":0,"content_block":{"type":"text","text":""}}'),
    ]
    deltas = [
        event("content_block_delta", b'{"index":0,"delta":{"type":"text_delta","text":%b}}' % one) for one in contents
    ]
    end = [
        event("content_block_stop", b'{"index":0}'),
        event("message_delta", b'{"delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5}}'),
        event("message_stop", b"{}"),
    ]
    return b"".join((*head, *deltas, *end))


def event(name: str, fields: bytes) -> bytes:
    """An event of Anthropic's API; its type is the first of its fields."""
    rest = b"," + fields[1:] if fields != b"{}" else b"}"
    return b'event: %b\ndata: {"type":"%b"%b\n\n' % (name.encode(), name.encode(), rest)
