import json
from typing import Any

import pytest
from tests import recorded

from sluice.codecs import eventstream, messages, sse, sse_events
from sluice.codecs.dialects import dialect

needs_recordings = pytest.mark.skipif(not recorded.FOLDER.is_dir(), reason=recorded.REASON)
MESSAGES = dialect("messages")
ERROR = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}, "request_id": "req_1"}


def event(value: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (value["type"].encode(), json.dumps(value).encode())


def delta(**said: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": said}


def judged(judge: Any, raw: bytes) -> bool:
    return bool(judge(*sse_events.read(raw)))


def test_a_message_ends_with_its_last_event() -> None:
    raw = event({"type": "message_stop"})

    assert judged(MESSAGES.is_end, raw)
    assert not judged(MESSAGES.is_error, raw)
    assert MESSAGES.is_marked(raw, False)


@pytest.mark.parametrize(
    "raw",
    [
        event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}),
        event({"type": "ping"}),
        event(delta(type="text_delta", text='"message_stop" [DONE] event: error {"error":{}}')),
        b"data: [DONE]\n\n",
        b": comment\n\n",
        b"data: not JSON\n\n",
        b'data: ["message_stop"]\n\n',
    ],
)
def test_nothing_else_ends_one(raw: bytes) -> None:
    assert not judged(MESSAGES.is_end, raw)
    assert not judged(MESSAGES.is_error, raw)


@pytest.mark.parametrize(
    "raw",
    [
        event(ERROR),
        b"data: " + json.dumps(ERROR).encode() + b"\n\n",
        b'event: error\ndata: {"message":"no type"}\n\n',
        b"event:error\ndata: not JSON\n\n",
        b'data: {"error":{"message":"as others have it"}}\n\n',
    ],
)
def test_an_error_is_known_in_every_shape(raw: bytes) -> None:
    assert judged(MESSAGES.is_error, raw)
    assert judged(MESSAGES.is_final, raw)
    assert MESSAGES.is_marked(raw, False)


def test_the_end_of_another_dialect_is_foreign() -> None:
    assert MESSAGES.is_foreign(sse.event(b"data: [DONE]\n\n"))
    assert MESSAGES.is_marked(b"data: [DONE]\n\n", False)
    assert not MESSAGES.is_foreign(sse.event(event({"type": "message_stop"})))


def test_plain_text_is_not_even_looked_at() -> None:
    assert not MESSAGES.is_marked(event(delta(type="text_delta", text="word")), False)
    assert not MESSAGES.is_marked(event(delta(type="text_delta", text='"error" "message_stop"')), False)


@pytest.mark.parametrize(
    ("chunk", "is_content"),
    [
        (delta(type="text_delta", text="a"), True),
        (delta(type="thinking_delta", thinking="a"), True),
        (delta(type="input_json_delta", partial_json="{"), True),
        (delta(type="text_delta", text=""), False),
        (delta(type="signature_delta", signature="abc"), False),
        ({"type": "content_block_start", "content_block": {"type": "text", "text": ""}}, False),
        ({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, False),
        ({"type": "content_block_delta", "delta": {"type": 5}}, False),
        ({"type": "content_block_delta", "delta": None}, False),
        ({"type": "ping"}, False),
        ({}, False),
    ],
)
def test_text_thinking_and_input_are_content(chunk: dict[str, Any], is_content: bool) -> None:
    assert messages.has_content(chunk) is is_content


def test_our_error_is_anthropics_own_event() -> None:
    raw = MESSAGES.error_event({**ERROR, "request_id": "r\n\ndata: [DONE]\u2028"}, b"", False)

    assert raw.startswith(b'event: error\ndata: {"type":"error"')
    assert raw.endswith(b"}\n\n")
    assert raw.count(b"\n\n") == 1
    assert judged(MESSAGES.is_error, raw)


@needs_recordings
@pytest.mark.parametrize(
    "name", ["is_claude2_messages_max_tokens", "is_claude35_parallel_tools", "is_claude3_messages"]
)
def test_a_recorded_message_ends_once(name: str) -> None:
    frames = eventstream.raw_frames(recorded.load(name).body)
    raws = [event(value) for _, value in map(eventstream.read_model, frames) if value is not None]

    assert [judged(MESSAGES.is_end, raw) for raw in raws] == [False] * (len(raws) - 1) + [True]
    assert not any(judged(MESSAGES.is_error, raw) for raw in raws)
    assert any(messages.has_content(sse_events.read(raw)[1] or {}) for raw in raws)
