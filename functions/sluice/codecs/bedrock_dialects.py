"""The dialects of the Bedrock runtime: event streams of Converse, and of the model's own events.

A stream of Converse has ended where `messageStop` was seen, one of a model where that model says so, and both are over
when Bedrock closes them: `metadata` comes behind the stop, and its order is not promised.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

from sluice.codecs import converse, eventstream, sse, typed
from sluice.codecs.converse_tally import ConverseTally
from sluice.codecs.dialect import Chunk, Dialect
from sluice.codecs.invoke_tally import InvokeTally

ERROR_MARKS = (b":exception-type", b":error-code")


def is_marked(block: bytes, _drops_usage: bool) -> bool:
    """Whether a block may hold a failure; nothing else is judged before the end."""
    return any(mark in block for mark in ERROR_MARKS)


def is_error(event: sse.Event, _chunk: Chunk | None) -> bool:
    return event.name == b"exception"


def is_final(_event: sse.Event, _chunk: Chunk | None) -> bool:
    """Nothing follows an exception."""
    return True


def is_end(_event: sse.Event, _chunk: Chunk | None) -> bool:
    return False


def is_foreign(_event: sse.Event) -> bool:
    return False


def has_model_content(chunk: Chunk) -> bool:
    """Every event of a model is taken for content: each family has words of its own."""
    return bool(chunk)


def error_event(body: Mapping[str, Any], _last: bytes = b"", _replaces: bool = False) -> bytes:
    """Our own error as the stream's last frame."""
    return eventstream.exception(str(body["__type"]), str(body["message"]))


def encode(event: Mapping[str, Any]) -> bytes:
    """An event of Converse, whose one key is its name, as a frame."""
    return b"".join(eventstream.event(name, value) for name, value in event.items())


def encode_model(event: Mapping[str, Any]) -> bytes:
    """An event of a model's own, as InvokeModel packs it."""
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return eventstream.event("chunk", {"bytes": base64.b64encode(text).decode()})


CONVERSE = Dialect(
    tally=ConverseTally,
    is_marked=is_marked,
    is_error=is_error,
    is_final=is_final,
    is_end=is_end,
    is_extra=typed.is_extra,
    is_foreign=is_foreign,
    has_content=converse.has_content,
    end=b"",
    error_event=error_event,
    framing=eventstream.FRAMES,
    encode=encode,
    whole_has="output",
)
INVOKE = CONVERSE._replace(
    whole_has=None,
    tally=InvokeTally,
    has_content=has_model_content,
    framing=eventstream.MODEL_FRAMES,
    encode=encode_model,
    note_headers=InvokeTally.headers,
)
DIALECTS = {"converse": CONVERSE, "invoke": INVOKE}
