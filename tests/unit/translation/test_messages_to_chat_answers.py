"""Answers of the Messages API as chat completions, whole and streamed."""

from typing import Any

import pytest
from tests.unit.translation.anthropic_wire import asked, block_events, completion, streamed, translated

from sluice.domain.errors import UpstreamProtocol, UpstreamTruncated
from sluice.translation.answers import messages_to_chat
from sluice.translation.structured import JSON_TOOL

Json = dict[str, Any]
INCLUDE_USAGE = {"stream_options": {"include_usage": True}}
SCHEMA = {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}}
WEB = {
    "type": "web_search_result_location",
    "url": "https://x",
    "title": "X",
    "cited_text": "a",
    "encrypted_index": "e",
}
ANNOTATION = {"url": "https://x", "title": "X", "start_index": 0, "end_index": 2}


def text_deltas(*parts: str) -> list[Json]:
    return [{"type": "text_delta", "text": part} for part in parts]


def text_block(index: int, *parts: str) -> list[Json]:
    return list(block_events(index, {"type": "text", "text": ""}, *text_deltas(*parts)))


def tool_block(index: int, call: str, *parts: str, name: str = "f", **fields: Any) -> list[Json]:
    start = {"type": "tool_use", "id": call, "name": name, "input": {}, **fields}
    return list(block_events(index, start, *({"type": "input_json_delta", "partial_json": part} for part in parts)))


def thinking_block(index: int, *parts: str, signature: str = "") -> list[Json]:
    deltas = [{"type": "thinking_delta", "thinking": part} for part in parts]
    signed = [{"type": "signature_delta", "signature": signature}] if signature else []
    return list(block_events(index, {"type": "thinking", "thinking": "", "signature": ""}, *deltas, *signed))


def chunks(events: list[Json], body: Json | None = None) -> list[Json]:
    return translated(messages_to_chat.Stream(asked(body)), events)


def deltas(events: list[Json], body: Json | None = None) -> list[Json]:
    """The deltas between the first chunk, which has the role, and the last, which has the finish reason."""
    return [chunk["choices"][0]["delta"] for chunk in chunks(events, body)[1:-1]]


def answer(*content: Json, stop_reason: str = "end_turn", **fields: Any) -> Json:
    return {"type": "message", "content": list(content), "stop_reason": stop_reason, **fields}


def test_a_streamed_text() -> None:
    found = chunks(streamed(text_block(0, "Hé", "", "llo")))

    head = {"id": "chatcmpl-call1", "object": "chat.completion.chunk", "created": 1700000000, "model": "asked-model"}
    told: list[tuple[Json, str | None]] = [
        ({"role": "assistant", "content": ""}, None),
        ({"content": "Hé"}, None),
        ({"content": "llo"}, None),
        ({}, "stop"),
    ]
    assert found == [
        {**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]}
        for delta, reason in told
    ]


def test_usage_comes_last_where_it_is_asked_for() -> None:
    used = {"output_tokens": 7, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 4}

    found = chunks(streamed(text_block(0, "a"), usage=used), INCLUDE_USAGE)

    assert [chunk["usage"] for chunk in found[:-1]] == [None] * 3
    assert found[-1]["choices"] == []
    assert found[-1]["usage"] == {
        "prompt_tokens": 17,
        "completion_tokens": 7,
        "total_tokens": 24,
        "prompt_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 4},
    }


def test_tools_are_counted_from_0_and_without_input_have_an_empty_object() -> None:
    found = deltas(
        streamed(text_block(0, "ok"), tool_block(1, "a", "", '{"x":', "1}"), tool_block(2, "b"), stop_reason="tool_use")
    )

    assert found == [
        {"content": "ok"},
        {"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"x":'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]},
        {"tool_calls": [{"index": 1, "id": "b", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
    ]


def test_input_that_the_start_has_already_is_told() -> None:
    assert deltas(streamed(tool_block(0, "a", input={"x": 1})))[-1] == {
        "tool_calls": [{"index": 0, "function": {"arguments": '{"x":1}'}}]
    }


def test_thinking_is_read_as_it_comes_and_sent_back_whole() -> None:
    redacted = block_events(1, {"type": "redacted_thinking", "data": "QUJD"})

    found = deltas(streamed(thinking_block(0, "h", "m", signature="SIG"), redacted, thinking_block(2, "x")))

    assert found == [
        {"reasoning_content": "h"},
        {"reasoning_content": "m"},
        {"thinking_blocks": [{"index": 0, "type": "thinking", "thinking": "hm", "signature": "SIG"}]},
        {"thinking_blocks": [{"index": 1, "type": "redacted_thinking", "data": "QUJD"}]},
        {"reasoning_content": "x"},
    ]


def test_tools_that_anthropic_ran_stay_hidden() -> None:
    ran = block_events(
        0,
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
        {"type": "input_json_delta", "partial_json": "{}"},
    )
    result = block_events(1, {"type": "web_search_tool_result", "content": []})

    found = deltas(streamed(ran, result, text_block(2, "a"), tool_block(3, "t", "{}")))

    assert found[0] == {"content": "a"}
    assert found[1]["tool_calls"][0]["index"] == 0
    assert chunks(streamed(ran, stop_reason="tool_use"))[-1]["choices"][0]["finish_reason"] == "stop"


def test_a_citation_of_the_web_is_an_annotation() -> None:
    page = {"type": "page_location", "document_index": 0}
    cited = [{"type": "citations_delta", "citation": each} for each in (WEB, page, WEB)]

    found = deltas(streamed(block_events(0, {"type": "text", "text": ""}, *text_deltas("ab"), *cited)))

    assert found[1:] == [
        {"annotations": [{"index": index, "type": "url_citation", "url_citation": ANNOTATION}]} for index in range(2)
    ]


@pytest.mark.parametrize(
    ("stop_reason", "finish_reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
        ("something_new", "stop"),
    ],
)
def test_stop_reasons(stop_reason: str, finish_reason: str) -> None:
    whole = messages_to_chat.whole(answer(stop_reason=stop_reason), asked())

    assert chunks(streamed(stop_reason=stop_reason))[-1]["choices"][0]["finish_reason"] == finish_reason
    assert whole["choices"][0]["finish_reason"] == finish_reason


def test_the_json_tools_input_is_the_content() -> None:
    events = streamed(text_block(0, "Sure"), tool_block(1, "t", '{"a"', ":1}", name=JSON_TOOL), stop_reason="tool_use")

    found = completion(chunks(events, SCHEMA))["choices"][0]

    assert found["message"]["content"] == '{"a":1}'
    assert found["message"].get("tool_calls") is None
    assert found["finish_reason"] == "stop"


def test_the_json_tools_input_is_the_content_of_a_whole_answer() -> None:
    tool = {"type": "tool_use", "id": "t", "name": JSON_TOOL, "input": {"a": 1}}

    found = messages_to_chat.whole(
        answer({"type": "text", "text": "Sure"}, tool, stop_reason="tool_use"), asked(SCHEMA)
    )

    choice = found["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ('{"a":1}', "stop")


def test_the_openai_sdk_accepts_everything_at_once() -> None:
    cited = [*text_deltas("ab"), {"type": "citations_delta", "citation": WEB}]
    events = streamed(
        thinking_block(0, "h", "m", signature="SIG"),
        thinking_block(1, "n", signature="SIG2"),
        block_events(2, {"type": "text", "text": ""}, *cited),
        tool_block(3, "a", '{"x":1}'),
        tool_block(4, "b"),
        stop_reason="tool_use",
    )

    found = completion(chunks(events, INCLUDE_USAGE))

    message = found["choices"][0]["message"]
    assert message["content"] == "ab"
    assert message["reasoning_content"] == "hmn"
    assert [block["signature"] for block in message["thinking_blocks"]] == ["SIG", "SIG2"]
    assert [call["function"]["arguments"] for call in message["tool_calls"]] == ['{"x":1}', "{}"]
    assert message["annotations"][0]["url_citation"] == ANNOTATION
    assert found["choices"][0]["finish_reason"] == "tool_calls"
    assert found["usage"]["total_tokens"] == 10


def test_a_whole_answer() -> None:
    found = messages_to_chat.whole(
        answer(
            {"type": "thinking", "thinking": "hm", "signature": "SIG"},
            {"type": "redacted_thinking", "data": "QUJD"},
            {"type": "text", "text": "a"},
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
            {"type": "text", "text": "b", "citations": [{**WEB}]},
            {"type": "tool_use", "id": "t", "name": "f", "input": {"x": "é"}},
            stop_reason="tool_use",
            usage={
                "input_tokens": 1,
                "output_tokens": 2,
                "cache_read_input_tokens": 3,
                "output_tokens_details": {"thinking_tokens": 1},
                "service_tier": "standard",
            },
        ),
        asked(),
    )

    function = {"name": "f", "arguments": '{"x":"é"}'}
    annotation = {**ANNOTATION, "start_index": 1}
    assert found == {
        "id": "chatcmpl-call1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "asked-model",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "ab",
                    "refusal": None,
                    "reasoning_content": "hm",
                    "thinking_blocks": [
                        {"type": "thinking", "thinking": "hm", "signature": "SIG"},
                        {"type": "redacted_thinking", "data": "QUJD"},
                    ],
                    "annotations": [{"type": "url_citation", "url_citation": annotation}],
                    "tool_calls": [{"id": "t", "type": "function", "function": function}],
                },
                "logprobs": None,
                "finish_reason": "tool_calls",
            }
        ],
        "usage": {
            "prompt_tokens": 4,
            "completion_tokens": 2,
            "total_tokens": 6,
            "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 1},
        },
        "service_tier": "default",
    }


def test_content_is_null_beside_nothing_but_calls() -> None:
    found = messages_to_chat.whole(answer({"type": "tool_use", "id": "t", "name": "f", "input": {}}), asked())

    assert found["choices"][0]["message"]["content"] is None
    assert messages_to_chat.whole(answer(), asked())["choices"][0]["message"]["content"] == ""


@pytest.mark.parametrize("given", [{}, {"content": None}, {"error": {}}, {"content": [{"type": "tool_use"}]}])
def test_a_200_that_is_no_answer(given: Json) -> None:
    with pytest.raises(UpstreamProtocol):
        messages_to_chat.whole(given, asked())


def test_every_stream_that_is_cut_before_message_stop_is_truncated() -> None:
    events = streamed(text_block(0, "a"), tool_block(1, "t", "{}"))

    for length in range(len(events)):
        with pytest.raises(UpstreamTruncated):
            chunks(events[:length])


def test_nothing_follows_message_stop() -> None:
    stream = messages_to_chat.Stream(asked())
    for event in streamed(text_block(0, "a")):
        list(stream.add(event))

    assert stream.is_over
    assert [list(stream.add(event)) for event in text_block(1, "b")] == [[], [], []]
