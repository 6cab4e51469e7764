"""Chat completions as answers of the Messages API, whole and streamed."""

import json
from typing import Any

import pytest
from tests.recorded import REASON, load, names
from tests.unit.translation.anthropic_wire import (
    asked,
    calls,
    chat_chunks,
    chunk,
    completion,
    message,
    said,
    sdk_message,
    translated,
)

from sluice.domain.errors import UpstreamProtocol, UpstreamTruncated
from sluice.translation.answers import chat_to_messages, messages_to_chat
from sluice.translation.translation import Chain

Json = dict[str, Any]
INCLUDE_USAGE = {"stream_options": {"include_usage": True}}
recorded = pytest.mark.skipif(not names("oc_"), reason=REASON)
# a stream of /v1/completions, and one that ends in an error
OTHERS = ("oc_legacy_completions_usage", "oc_groq_error_mid_stream_after_text")
STREAMS = [name for name in names("oc_") if name not in OTHERS]


def events(*chunks: Json) -> list[Json]:
    return translated(chat_to_messages.Stream(asked()), chunks)


def tool(index: int, arguments: str, call: str | None = None, name: str | None = None) -> Json:
    named = {"id": call, "type": "function"} if call else {}
    return {"tool_calls": [{"index": index, **named, "function": {"arguments": arguments, "name": name}}]}


def first_choice(name: str) -> list[Json]:
    return [choice for each in chat_chunks(name) for choice in each["choices"] if choice["index"] == 0]


@recorded
@pytest.mark.parametrize("name", STREAMS)
def test_a_recorded_stream_keeps_its_text_its_calls_and_its_usage(name: str) -> None:
    recording = chat_chunks(name)

    found = message(translated(chat_to_messages.Stream(asked()), recording))

    deltas = [choice["delta"] for choice in first_choice(name)]
    assert said(found) == "".join(delta.get("content") or "" for delta in deltas)
    told = [call for delta in deltas for call in delta.get("tool_calls") or []]
    assert [call_id for call_id, _, _ in calls(found)] == [call["id"] for call in told if call.get("id")]
    for index, (_, _, given) in enumerate(calls(found)):
        parts = [call["function"].get("arguments") or "" for call in told if call["index"] == index]
        assert given == json.loads("".join(parts))
    used = next((each["usage"] for each in recording if each.get("usage")), None)
    if used is not None:
        cached = found["usage"]["cache_read_input_tokens"]
        assert found["usage"]["input_tokens"] + cached == used["prompt_tokens"]
        assert found["usage"]["output_tokens"] == used["completion_tokens"]


@recorded
@pytest.mark.parametrize("name", STREAMS)
def test_a_recorded_stream_survives_both_translations(name: str) -> None:
    """chat to Messages and back: what the OpenAI SDK makes of it is what it makes of the recording's first choice."""
    chain = Chain(chat_to_messages.Stream(asked()), messages_to_chat.Stream(asked(INCLUDE_USAGE)))

    found = completion(translated(chain, chat_chunks(name)))["choices"][0]

    deltas = [choice["delta"] for choice in first_choice(name)]
    assert found["message"].get("content") == "".join(delta.get("content") or "" for delta in deltas)
    told = [call for delta in deltas for call in delta.get("tool_calls") or []]
    assert [call["id"] for call in found["message"].get("tool_calls") or []] == [
        call["id"] for call in told if call.get("id")
    ]
    reasons = {"stop": "stop", "tool_calls": "tool_calls", "length": "length"}
    assert found["finish_reason"] == reasons[first_choice(name)[-1]["finish_reason"]]


@recorded
@pytest.mark.parametrize("name", STREAMS)
def test_the_anthropic_sdk_accepts_a_recorded_stream(name: str) -> None:
    told = translated(chat_to_messages.Stream(asked()), chat_chunks(name))

    found, own = sdk_message(told), message(told)

    assert (said(found), calls(found)) == (said(own), calls(own))
    assert found["stop_reason"] == own["stop_reason"]
    assert found["usage"]["output_tokens"] == own["usage"]["output_tokens"]
    assert found["usage"]["input_tokens"] == own["usage"]["input_tokens"]


@recorded
def test_a_stream_that_broke_off_is_truncated() -> None:
    with pytest.raises(UpstreamTruncated):
        translated(chat_to_messages.Stream(asked()), chat_chunks("oc_groq_error_mid_stream_after_text"))


@recorded
def test_a_recorded_answer_that_does_not_stream() -> None:
    answer = json.loads(load("oj_gpt_parallel_tools").body)

    found = chat_to_messages.whole(answer, asked())

    told = answer["choices"][0]["message"]["tool_calls"]
    assert calls(found) == [
        (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"])) for call in told
    ]
    assert found["stop_reason"] == "tool_use"


def test_the_events_of_a_text() -> None:
    used = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}

    found = events(
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "a"}),
        chunk({"content": "b"}),
        chunk({}, "stop"),
        {"choices": [], "usage": used},
    )

    start: Json = {
        "id": "msg_call1",
        "type": "message",
        "role": "assistant",
        "model": "asked-model",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 0, "output_tokens": 0},
    }
    usage = {
        "input_tokens": 5,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 4,
        "output_tokens": 2,
    }
    assert found == [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "b"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
    ]


def test_every_piece_goes_on_at_once() -> None:
    stream = chat_to_messages.Stream(asked())
    list(stream.add(chunk(tool(0, "", "t1", "f"))))

    found = [[event["type"] for event in stream.add(chunk(tool(0, part)))] for part in ('{"a"', ":1}")]

    assert found == [["content_block_delta"], ["content_block_delta"]]


def test_thinking_is_told_before_its_signature() -> None:
    signed = {"index": 0, "type": "thinking", "thinking": "hm", "signature": "SIG"}
    redacted = {"index": 1, "type": "redacted_thinking", "data": "QUJD"}

    found = message(
        events(
            chunk({"reasoning_content": "h"}),
            chunk({"reasoning_content": "m"}),
            chunk({"thinking_blocks": [signed]}),
            chunk({"thinking_blocks": [redacted]}),
            chunk({"reasoning_content": "n"}),
            chunk({"content": "a"}),
            chunk({}, "stop"),
        )
    )

    assert found["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "SIG"},
        {"type": "redacted_thinking", "data": "QUJD"},
        {"type": "thinking", "thinking": "n", "signature": ""},
        {"type": "text", "text": "a"},
    ]


def test_signed_thinking_without_its_text_before_is_a_block() -> None:
    signed = {"type": "thinking", "thinking": "hm", "signature": "SIG"}

    found = message(events(chunk({"thinking_blocks": [signed, {**signed, "thinking": ""}]}), chunk({}, "stop")))

    assert found["content"] == [signed, {**signed, "thinking": ""}]


def test_reasoning_under_both_names_is_told_once() -> None:
    found = message(events(chunk({"reasoning": "h", "reasoning_content": "h"}), chunk({"reasoning": "m"}, "stop")))

    assert found["content"] == [{"type": "thinking", "thinking": "hm", "signature": ""}]


def test_interleaved_calls_are_told_one_after_the_other() -> None:
    found = message(
        events(
            chunk(tool(0, '{"a":', "t1", "f")),
            chunk(tool(1, '{"b":', "t2", "g")),
            chunk({"content": "said"}),
            chunk(tool(0, "1}")),
            chunk(tool(1, "2}")),
            chunk({}, "tool_calls"),
        )
    )

    assert calls(found) == [("t1", "f", {"a": 1}), ("t2", "g", {"b": 2})]
    assert said(found) == "said"


def test_a_call_waits_only_as_long_as_the_one_before_it_may_grow() -> None:
    stream = chat_to_messages.Stream(asked())
    list(stream.add(chunk(tool(0, '{"a":1}', "t1", "f"))))

    found = [event["type"] for event in stream.add(chunk(tool(1, '{"b"', "t2", "g")))]

    assert found == ["content_block_stop", "content_block_start", "content_block_delta"]


def test_calls_without_arguments_ids_or_indices() -> None:
    found = message(
        events(
            chunk({"tool_calls": [{"function": {"name": "f"}}]}),
            chunk({"tool_calls": [{"function": {"arguments": '{"a":1}'}}]}),
            chunk({"tool_calls": [{"id": "t2", "function": {"name": "g", "arguments": ""}}]}),
            chunk({}, "stop"),
        )
    )

    assert calls(found) == [("toolu_call1_0", "f", {"a": 1}), ("t2", "g", {})]
    assert found["stop_reason"] == "tool_use"


def test_annotations_are_citations() -> None:
    place = {"url": "https://x", "title": "X", "start_index": 0, "end_index": 1}
    annotations = [{"type": "url_citation", "url_citation": place}]
    citation = {
        "type": "web_search_result_location",
        "url": "https://x",
        "title": "X",
        "cited_text": "",
        "encrypted_index": "",
    }

    streamed = message(events(chunk({"content": "ab"}), chunk({"annotations": annotations}), chunk({}, "stop")))
    answer = {"choices": [{"message": {"content": "ab", "annotations": annotations}, "finish_reason": "stop"}]}

    assert streamed["content"] == [{"type": "text", "text": "ab", "citations": [citation]}]
    whole = chat_to_messages.whole(answer, asked())["content"]
    assert whole == [{"type": "text", "text": "ab", "citations": [{**citation, "cited_text": "a"}]}]


@pytest.mark.parametrize(
    ("finish_reason", "stop_reason"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("tool_calls", "tool_use"),
        ("content_filter", "refusal"),
        ("something_new", "end_turn"),
    ],
)
def test_finish_reasons(finish_reason: str, stop_reason: str) -> None:
    whole = chat_to_messages.whole({"choices": [{"message": {}, "finish_reason": finish_reason}]}, asked())

    assert message(events(chunk({}, finish_reason)))["stop_reason"] == stop_reason
    assert whole["stop_reason"] == stop_reason


def test_a_refusal_is_text_and_says_so() -> None:
    found = message(events(chunk({"refusal": "I can"}), chunk({"refusal": "not"}), chunk({}, "stop")))
    whole = chat_to_messages.whole({"choices": [{"message": {"content": None, "refusal": "No"}}]}, asked())

    assert (said(found), found["stop_reason"]) == ("I cannot", "refusal")
    assert (said(whole), whole["stop_reason"]) == ("No", "refusal")


def test_a_whole_answer() -> None:
    function = {"name": "f", "arguments": '{"x":1}'}
    answer = {
        "choices": [
            {
                "message": {
                    "content": "a",
                    "reasoning_content": "hm",
                    "thinking_blocks": [{"type": "redacted_thinking", "data": "QUJD"}],
                    "tool_calls": [
                        {"id": "t1", "type": "function", "function": function},
                        {"id": "t2", "type": "function", "function": {"name": "g", "arguments": ""}},
                        {"id": "t3", "type": "function", "function": {"name": "h", "arguments": '{"cut'}},
                    ],
                },
                "finish_reason": "tool_calls",
            }
        ],
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 2},
            "completion_tokens_details": {"reasoning_tokens": 4},
        },
        "service_tier": "priority",
    }

    assert chat_to_messages.whole(answer, asked()) == {
        "id": "msg_call1",
        "type": "message",
        "role": "assistant",
        "model": "asked-model",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": ""},
            {"type": "redacted_thinking", "data": "QUJD"},
            {"type": "text", "text": "a"},
            {"type": "tool_use", "id": "t1", "name": "f", "input": {"x": 1}},
            {"type": "tool_use", "id": "t2", "name": "g", "input": {}},
            {"type": "tool_use", "id": "t3", "name": "h", "input": {"INVALID_JSON": '{"cut'}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 5,
            "cache_creation_input_tokens": 2,
            "cache_read_input_tokens": 3,
            "output_tokens": 5,
            "output_tokens_details": {"thinking_tokens": 4},
            "service_tier": "priority",
        },
    }


@pytest.mark.parametrize("given", [{}, {"choices": []}, {"choices": [{"delta": {}}]}, {"error": {"message": "x"}}])
def test_a_200_that_is_no_answer(given: Json) -> None:
    with pytest.raises(UpstreamProtocol):
        chat_to_messages.whole(given, asked())


@pytest.mark.parametrize("chunks", [[], [chunk({"content": "a"})], [{"choices": [], "usage": {}}]])
def test_a_stream_without_a_finish_reason_is_truncated(chunks: list[Json]) -> None:
    with pytest.raises(UpstreamTruncated):
        events(*chunks)


def test_the_end_is_told_once() -> None:
    stream = chat_to_messages.Stream(asked())
    list(stream.add(chunk({}, "stop")))

    assert [event["type"] for event in stream.end()] == ["message_delta", "message_stop"]
    assert stream.is_over
    assert list(stream.end()) == []
