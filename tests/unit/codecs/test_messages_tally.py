from typing import Any

import pytest

from sluice.codecs.messages_tally import MessagesTally
from sluice.domain.usage import Usage

USED = {"input_tokens": 10, "output_tokens": 5}
START: dict[str, Any] = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "type": "message",
        "model": "claude-x",
        "content": [],
        "stop_reason": None,
        "usage": {
            "input_tokens": 10,
            "cache_read_input_tokens": 4,
            "cache_creation_input_tokens": 6,
            "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 5},
            "output_tokens": 1,
            "service_tier": "priority",
        },
    },
}
TEXT = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "héllo"}}
DELTA: dict[str, Any] = {
    "type": "message_delta",
    "delta": {"stop_reason": "end_turn", "stop_sequence": None},
    "usage": {"output_tokens": 20, "output_tokens_details": {"thinking_tokens": 9}},
}
STOP = {"type": "message_stop"}
STREAM = [START, {"type": "ping"}, TEXT, DELTA, STOP]
TOTAL = Usage(10, 4, 1, 5, 20, 9)


def tally(*chunks: dict[str, Any]) -> MessagesTally:
    made = MessagesTally(1)
    for chunk in chunks:
        made.add(chunk)
    return made


def whole(**usage: Any) -> MessagesTally:
    return tally({"type": "message", "content": [], "stop_reason": "end_turn", "usage": {**USED, **usage}})


def test_a_stream_adds_up() -> None:
    found = tally(*STREAM)

    assert found.usage == TOTAL
    assert (found.model, found.service_tier, found.finish_reason) == ("claude-x", "priority", "end_turn")
    assert found.is_known
    assert found.is_finished
    assert found.said_bytes == len("héllo".encode())
    assert found.stored == ()


def test_reading_from_the_end_finds_the_same() -> None:
    tail = MessagesTally(1)
    for chunk in reversed(STREAM):
        assert not tail.is_known
        tail.add_earlier(chunk)
    found = MessagesTally(1)
    found.adopt(tail)

    assert found.usage == TOTAL
    assert (found.model, found.service_tier, found.finish_reason) == ("claude-x", "priority", "end_turn")


def test_what_the_stream_began_with_and_its_tail_make_the_whole() -> None:
    begun, tail = tally(START, TEXT), tally(DELTA, STOP)

    begun.adopt(tail)

    assert begun.usage == TOTAL
    assert begun.said_bytes == len("héllo".encode())


@pytest.mark.parametrize("chunks", [[START], [START, TEXT], [DELTA, STOP], [TEXT], []])
def test_half_a_stream_has_no_usage(chunks: list[dict[str, Any]]) -> None:
    assert tally(*chunks).usage is None


def test_what_changed_since_the_start_wins() -> None:
    usage = {"input_tokens": 12, "cache_read_input_tokens": 8, "cache_creation_input_tokens": None, "output_tokens": 7}

    assert tally(START, {**DELTA, "usage": usage}).usage == Usage(12, 8, 1, 5, 7)


def test_a_pause_is_no_end_without_its_reason() -> None:
    assert not tally(START, TEXT).is_finished
    assert tally(START, TEXT, {**DELTA, "delta": {"stop_reason": "pause_turn"}}).finish_reason == "pause_turn"


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({}, Usage(input=10, output=5)),
        ({"cache_creation_input_tokens": 6}, Usage(input=10, cache_write_5m=6, output=5)),
        ({"cache_creation": {"ephemeral_1h_input_tokens": 6}}, Usage(input=10, cache_write_1h=6, output=5)),
        (
            {"cache_creation_input_tokens": 4, "cache_creation": {"ephemeral_1h_input_tokens": 6}},
            Usage(input=10, cache_write_1h=4, output=5),
        ),
        ({"cache_creation": None, "cache_read_input_tokens": None}, Usage(input=10, output=5)),
        ({"output_tokens_details": {"thinking_tokens": 99}}, Usage(input=10, output=5, reasoning=5)),
        ({"server_tool_use": {"web_search_requests": 0}}, Usage(input=10, output=5)),
        ({"speed": "standard", "inference_geo": "global"}, Usage(input=10, output=5)),
        ({"iterations": [{"type": "message"}]}, Usage(input=10, output=5)),
    ],
)
def test_a_whole_message_adds_up(usage: dict[str, Any], expected: Usage) -> None:
    assert whole(**usage).usage == expected


@pytest.mark.parametrize(
    "usage",
    [
        {"server_tool_use": {"web_search_requests": 1}},
        {"server_tool_use": {"code_execution_requests": 2}},
        {"speed": "fast"},
        {"inference_geo": "us"},
        {"iterations": [{"type": "compaction"}, {"type": "message"}]},
    ],
)
def test_what_tokens_do_not_tell_makes_the_cost_unknown(usage: dict[str, Any]) -> None:
    assert whole(**usage).usage == Usage(input=10, output=5, is_priced=False)


@pytest.mark.parametrize(
    "name",
    ["input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"],
)
@pytest.mark.parametrize("value", [-1, 2**53, "5", 1.5, True, [], {}])
def test_a_count_that_is_none_makes_the_usage_unknown(name: str, value: object) -> None:
    assert whole(**{name: value}).usage is None


@pytest.mark.parametrize(
    "chunk",
    [
        {"type": "message_start"},
        {"type": "message_start", "message": []},
        {"type": "message_start", "message": {"usage": 5}},
        {"type": "message_delta", "delta": None, "usage": None},
        {"type": "content_block_delta", "delta": "x"},
        {"type": "content_block_start", "content_block": None},
        {"type": "message", "content": "text", "usage": []},
        {},
    ],
)
def test_anything_else_adds_nothing(chunk: dict[str, Any]) -> None:
    found = tally(chunk)

    assert found.usage is None
    assert found.finish_reason is None
    assert found.said_bytes == 0


def test_a_whole_message_is_counted_block_by_block() -> None:
    content = [
        {"type": "thinking", "thinking": "so", "signature": "abc"},
        {"type": "text", "text": "hello"},
        {"type": "tool_use", "id": "t", "name": "weather", "input": {"a": 1}},
        None,
    ]

    found = tally({"type": "message", "content": content, "usage": USED})

    assert found.said_bytes == len("so" + "hello" + "weather" + '{"a": 1}')
