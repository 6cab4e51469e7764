"""The events of an OpenAI chat stream, and what each one means to a gateway.

Shapes: https://platform.openai.com/docs/api-reference/chat-streaming. A stream is `chat.completion.chunk` objects and
ends in `[DONE]`; with `include_usage` one chunk before that has no choices and the usage. A failure inside a stream is
an object whose first key is `error`, or an event named `error` (Groq); both are known by their opening bytes.
Legacy completions stream the same way with `text` where chat has `delta`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sluice.codecs import sse, sse_events

DONE = b"[DONE]"
DONE_EVENT = sse.data_event(DONE)
ERROR_OPENING = re.compile(rb'\s*\{\s*"error"\s*:(?!\s*null)')
USAGE_OBJECT = re.compile(rb'"usage"\s*:\s*\{')
chunk = sse_events.value
SAID = ("content", "reasoning_content", "reasoning", "refusal")


def is_marked(block: bytes, drops_usage: bool) -> bool:
    return (
        DONE in block
        or b'"error"' in block
        or b"event:" in block
        or (drops_usage and USAGE_OBJECT.search(block) is not None)
    )


def is_done(event: sse.Event, _chunk: Mapping[str, Any] | None = None) -> bool:
    return event.data.strip() == DONE


def is_error(event: sse.Event, chunk: Mapping[str, Any] | None) -> bool:
    """Whether an event is an error by its opening bytes, or after all by what it carries."""
    is_opening = event.name == b"error" or ERROR_OPENING.match(event.data) is not None
    return is_opening or (chunk is not None and tells_error(chunk))


def is_final(_event: sse.Event, _chunk: Mapping[str, Any] | None) -> bool:
    """Nothing follows any error."""
    return True


def tells_error(value: Mapping[str, Any]) -> bool:
    """Whether a chunk, or a whole answer, is an error after all: OpenRouter's has choices, older vLLM's no `error`."""
    return bool(value.get("error")) or value.get("object") == "error"


def choices(chunk: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    found = chunk.get("choices")
    return (choice for choice in found if isinstance(choice, dict)) if isinstance(found, list) else iter(())


def is_foreign(_event: sse.Event) -> bool:
    """None: [DONE] is the dialect's own end."""
    return False


def is_usage_alone(chunk: Mapping[str, Any]) -> bool:
    """The one chunk that `include_usage` adds: no choices, and the usage."""
    return chunk.get("choices") == [] and isinstance(chunk.get("usage"), dict)


def has_content(chunk: Mapping[str, Any]) -> bool:
    return any(text for choice in choices(chunk) for text in said(choice))


def said(choice: Mapping[str, Any]) -> Iterator[str]:
    """Every piece of generated text in one choice, streamed or whole, tool names and arguments included."""
    delta = choice.get("delta") or choice.get("message")
    if isinstance(delta, dict):
        yield from (delta[name] for name in SAID if isinstance(delta.get(name), str))
        yield from _called(delta)
    if isinstance(choice.get("text"), str):
        yield choice["text"]


def _called(delta: Mapping[str, Any]) -> Iterator[str]:
    calls = delta.get("tool_calls")
    functions = [call.get("function") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    functions.append(delta.get("function_call"))
    for function in functions:
        if isinstance(function, dict):
            yield from (value for value in (function.get("name"), function.get("arguments")) if isinstance(value, str))


def error_event(body: Mapping[str, Any], _last: bytes = b"", _replaces: bool = False) -> bytes:
    """Our own error as the stream's last event; no `[DONE]` follows it."""
    return sse.data_event(json.dumps(body, separators=(",", ":"), ensure_ascii=True).encode())
