import json
from typing import Any

import pytest
from tests import recorded
from tests.unit.translation import converse_streams as streams
from tests.unit.translation.converse_streams import START, ending, fragment, stop_block, text, tool

from sluice.domain.errors import UpstreamProtocol, UpstreamReported, UpstreamTruncated
from sluice.translation.answers.converse_to_chat import Stream, whole
from sluice.translation.structured import JSON_TOOL

Json = dict[str, Any]

WEB = {"title": "Ruby", "location": {"web": {"url": "https://example.test/ruby", "domain": "example.test"}}}
DOCUMENT = {"title": "facts", "location": {"documentChar": {"documentIndex": 0, "start": 0, "end": 73}}}


def web_annotation(start: int, end: int) -> dict[str, Any]:
    page = {"url": "https://example.test/ruby", "title": "Ruby"}
    return {"type": "url_citation", "url_citation": {**page, "start_index": start, "end_index": end}}


SERVER_TOOL = [
    tool(0, "s", "nova_grounding", type="server_tool_use"),
    fragment(0, '{"query":"x"}'),
    stop_block(0),
    {"contentBlockStart": {"contentBlockIndex": 1, "start": {"toolResult": {"toolUseId": "s"}}}},
    streams.delta(1, "toolResult", [{"text": "found"}]),
    stop_block(1),
]


def sums(events: list[Json], body: Json | None = None) -> Json:
    return streams.added_up(streams.chunks([START, *events], body))


def answer(content: list[Any], stop: str = "end_turn", **more: Any) -> Json:
    return {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": stop, **more}


def message(content: list[Any], body: Json | None = None) -> Json:
    told: Json = whole(answer(content), streams.asked(body))["choices"][0]["message"]
    return told


def tool_use(name: str, given: Any = None, **more: str) -> Json:
    return {"toolUse": {"toolUseId": "t", "name": name, "input": given, **more}}


# streams


def test_tools_that_the_provider_runs_are_hidden_and_have_no_index() -> None:
    told = sums([*SERVER_TOOL, tool(2, "t", "f", type="tool_use"), stop_block(2), *ending("tool_use")])

    assert told["tool_calls"] == [{"index": 0, "id": "t", "name": "f", "arguments": "{}"}]
    assert told["finish_reason"] == "tool_calls"


def test_a_turn_of_server_tools_alone_is_a_normal_end() -> None:
    sent = streams.deltas([START, *SERVER_TOOL, *ending("tool_use")])

    assert sent == [{"role": "assistant", "content": ""}, {}]


@pytest.mark.parametrize(("stop", "reason"), [("end_turn", "tool_calls"), ("max_tokens", "length")])
def test_a_called_tool_is_a_reason_to_stop_unless_the_answer_was_cut(stop: str, reason: str) -> None:
    assert sums([tool(0, "t", "f"), stop_block(0), *ending(stop)])["finish_reason"] == reason


def test_arguments_of_two_open_blocks_keep_apart() -> None:
    events = [tool(3, "a", "f"), tool(5, "b", "g"), fragment(5, '{"y":1}'), fragment(3, '{"x":1}')]

    told = sums([*events, *ending("tool_use")])

    assert [call["arguments"] for call in told["tool_calls"]] == ['{"x":1}', '{"y":1}']


def test_a_tool_whose_block_never_stops_still_has_arguments() -> None:
    told = sums([tool(0, "t", "f"), *ending("tool_use")])

    assert told["tool_calls"][0]["arguments"] == "{}"


def test_a_tool_call_that_cannot_be_answered_is_an_error() -> None:
    nameless = {"contentBlockStart": {"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "t"}}}}

    with pytest.raises(UpstreamProtocol):
        sums([nameless])


def test_a_signature_in_two_parts_does_not_repeat_the_thought() -> None:
    parts = [streams.delta(0, "reasoningContent", {key: value}) for key, value in THOUGHT]

    told = sums([*parts, *ending("end_turn")])["thinking_blocks"][0]

    assert [(part["thinking"], part["signature"]) for part in told] == [("hm, yes", "SI"), ("", "G")]


THOUGHT = [("text", "hm, "), ("text", "yes"), ("signature", "SI"), ("signature", "G")]


def test_web_citations_are_numbered_annotations_and_others_are_dropped() -> None:
    cited = [streams.delta(0, "citation", citation) for citation in (WEB, DOCUMENT, WEB)]

    sent = streams.deltas([START, text("Ruby"), *cited, *ending("end_turn")])

    assert [part for delta in sent for part in delta.get("annotations", ())] == [
        {"index": 0, **web_annotation(0, 4)},
        {"index": 1, **web_annotation(0, 4)},
    ]


def test_reasoning_tokens_and_the_service_tier_are_told_where_the_provider_does() -> None:
    fields = {"usage": {"output_tokens_details": {"thinking_tokens": 7}}}
    stop, metadata = ending("end_turn", additionalModelResponseFields=fields)
    metadata["metadata"]["serviceTier"] = {"type": "flex"}

    last = streams.chunks([START, stop, metadata], streams.WITH_USAGE)[-1]

    assert last["usage"]["completion_tokens_details"] == {"reasoning_tokens": 7}
    assert last["service_tier"] == "flex"


def test_usage_that_nobody_reports_is_not_made_up() -> None:
    sent = streams.chunks([START, *ending("end_turn")], streams.WITH_USAGE)
    silent = streams.chunks([START, {"messageStop": {"stopReason": "end_turn"}}], streams.WITH_USAGE)

    assert "completion_tokens_details" not in sent[-1]["usage"]
    assert "service_tier" not in sent[-1]
    assert all(chunk["usage"] is None for chunk in silent)


def test_an_answer_that_reasoned_has_no_count_of_it_where_none_is_told() -> None:
    thought = {"reasoningContent": {"reasoningText": {"text": "Hm."}}}
    usage = {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}

    told = whole(answer([thought, {"text": "Yes"}], usage=usage), streams.asked())

    assert told["choices"][0]["message"]["reasoning_content"] == "Hm."
    assert "completion_tokens_details" not in told["usage"]


@pytest.mark.parametrize("asked", [{}, {"stream_options": None}, {"stream_options": {"include_usage": 1}}])
def test_usage_is_sent_only_to_who_asks_for_it(asked: Json) -> None:
    sent = streams.chunks([START, text("a"), *ending("end_turn")], asked)

    assert not any("usage" in chunk or not chunk["choices"] for chunk in sent)


def test_a_stream_is_over_when_its_metadata_came_after_its_stop() -> None:
    stream = Stream(streams.asked())
    over = []
    for event in [START, text("a"), *ending("end_turn")]:
        list(stream.add(event))
        over.append(stream.is_over)

    assert over == [False, False, False, True]
    assert list(stream.end()) == []


def test_nothing_follows_the_finish_reason_but_usage() -> None:
    late = [text("late"), tool(0, "t", "f"), fragment(0, "{}"), stop_block(0), START, *ending("max_tokens")]

    sent = streams.chunks([START, *ending("end_turn"), *late], streams.WITH_USAGE)

    assert [len(chunk["choices"]) for chunk in sent] == [1, 1, 0]


def test_a_stream_without_a_stop_was_cut() -> None:
    stream = Stream(streams.asked())
    list(stream.add(START))

    with pytest.raises(UpstreamTruncated):
        list(stream.end())


@pytest.mark.parametrize("stop", ["malformed_model_output", "malformed_tool_use"])
def test_what_the_provider_could_not_parse_is_its_error(stop: str) -> None:
    with pytest.raises(UpstreamReported) as raised:
        sums(ending(stop))
    with pytest.raises(UpstreamReported):
        whole(answer([], stop), streams.asked())

    assert (raised.value.status, raised.value.type, raised.value.code) == (502, "server_error", stop)


# the JSON tool


def test_the_json_tools_input_is_streamed_as_content() -> None:
    events = [tool(0, "t", JSON_TOOL), fragment(0, '{"city":'), fragment(0, '"Paris"}'), stop_block(0)]

    sent = streams.deltas([START, *events, *ending("tool_use")], streams.SCHEMA)

    assert sent[1:] == [{"content": '{"city":'}, {"content": '"Paris"}'}, {}]
    assert sums([*events, *ending("tool_use")], streams.SCHEMA)["finish_reason"] == "stop"


def test_what_is_said_beside_the_json_is_reasoning() -> None:
    call = [tool(1, "t", JSON_TOOL), fragment(1, "{}"), stop_block(1)]

    told = sums([text("Let me "), text("see."), *call, text(" Done.", 2), *ending("tool_use")], streams.SCHEMA)

    assert (told["content"], told["reasoning_content"]) == ("{}", "Let me see. Done.")


def test_json_of_a_model_that_needs_no_tool_goes_on_at_once() -> None:
    sent = streams.deltas([START, text("\n"), text('{"a"'), text(":1}"), *ending("end_turn")], streams.SCHEMA)

    assert sent[1:] == [{"content": '\n{"a"'}, {"content": ":1}"}, {}]


def test_a_refusal_instead_of_json_is_content() -> None:
    told = sums([text("I "), text("won't."), *ending("end_turn")], streams.SCHEMA)

    assert (told["content"], told["reasoning_content"], told["finish_reason"]) == ("I won't.", "", "stop")


def test_an_empty_json_tool_call_is_an_empty_object() -> None:
    assert sums([tool(0, "t", JSON_TOOL), stop_block(0), *ending("tool_use")], streams.SCHEMA)["content"] == "{}"


def test_a_second_answer_of_the_json_tool_is_not_added_to_the_first() -> None:
    twice = [part for block in (0, 1) for part in (tool(block, "t", JSON_TOOL), fragment(block, '{"a":1}'))]

    assert sums([*twice, *ending("tool_use")], streams.SCHEMA)["content"] == '{"a":1}'
    assert (
        message([tool_use(JSON_TOOL, {"a": 1}), tool_use(JSON_TOOL, {"a": 2})], streams.SCHEMA)["content"] == '{"a":1}'
    )


OWN = {"type": "function", "function": {"name": JSON_TOOL}}


@pytest.mark.parametrize("body", [{}, {**streams.SCHEMA, "tools": [OWN]}], ids=["no schema", "the caller's own tool"])
def test_a_tool_of_that_name_may_be_the_callers(body: Json) -> None:
    told = sums([tool(0, "t", JSON_TOOL), stop_block(0), *ending("tool_use")], body)
    answered = whole(answer([tool_use(JSON_TOOL)], "tool_use"), streams.asked(body))

    assert told["tool_calls"][0]["name"] == JSON_TOOL
    assert answered["choices"][0]["finish_reason"] == "tool_calls"


def test_a_whole_answer_of_the_json_tool_is_content() -> None:
    content = [{"text": "Let me see."}, tool_use(JSON_TOOL, {"city": "Orléans"})]

    choice = whole(answer(content, "tool_use"), streams.asked(streams.SCHEMA))["choices"][0]

    assert choice["finish_reason"] == "stop"
    assert choice["message"]["content"] == '{"city":"Orléans"}'
    assert choice["message"]["reasoning_content"] == "Let me see."
    assert "tool_calls" not in choice["message"]


# whole answers


def test_text_that_is_only_in_citations_is_content() -> None:
    cited = {"content": [{"text": "Ruby was "}, {"text": "made"}], "citations": [DOCUMENT, WEB]}

    told = message([{"text": "Well: "}, {"citationsContent": cited}, {"text": "."}])

    assert told["content"] == "Well: Ruby was made."
    assert told["annotations"] == [web_annotation(6, 19)]


def test_reasoning_is_told_for_reading_and_for_sending_back() -> None:
    blocks = [
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "SIG"}}},
        {"reasoningContent": {"redactedContent": "cmVk"}},
        {"reasoningContent": {"reasoningText": {"text": "unsigned"}}},
    ]

    told = message([*blocks, {"text": "ok"}])

    assert told["reasoning_content"] == "hmunsigned"
    assert told["thinking_blocks"] == [
        {"type": "thinking", "thinking": "hm", "signature": "SIG"},
        {"type": "redacted_thinking", "data": "cmVk"},
    ]


def test_a_tool_call_alone_has_null_content_and_an_empty_answer_an_empty_one() -> None:
    assert message([tool_use("f")])["content"] is None
    assert message([tool_use("f")])["tool_calls"][0]["function"] == {"name": "f", "arguments": "{}"}
    assert message([]) == {"role": "assistant", "content": "", "refusal": None}


def test_server_tools_are_not_in_a_whole_answer() -> None:
    hidden = [tool_use("nova_grounding", {"q": 1}, type="server_tool_use"), {"toolResult": {"toolUseId": "t"}}]

    choice = whole(answer([*hidden, {"text": "ok"}], "tool_use"), streams.asked())["choices"][0]

    assert choice["message"] == {"role": "assistant", "content": "ok", "refusal": None}
    assert choice["finish_reason"] == "stop"


@pytest.mark.parametrize(
    "wrong", [{}, {"output": None}, {"output": {"message": {}}}, {"output": {"message": {"content": "text"}}}]
)
def test_an_answer_without_a_message_is_none(wrong: Json) -> None:
    with pytest.raises(UpstreamProtocol):
        whole(wrong, streams.asked())


def test_a_whole_answer_has_the_head_the_usage_and_the_tier() -> None:
    told = whole(answer([], usage=streams.USAGE, serviceTier={"type": "priority"}), streams.asked())

    assert (told["id"], told["object"], told["model"]) == ("chatcmpl-1f2e", "chat.completion", "haiku")
    assert told["usage"]["total_tokens"] == 5
    assert told["service_tier"] == "priority"


@pytest.mark.skipif(not recorded.names("cj_"), reason=recorded.REASON)
@pytest.mark.parametrize("name", recorded.names("cj_"))
def test_a_recorded_answer_keeps_its_text_its_calls_and_its_tokens(name: str) -> None:
    body = json.loads(recorded.load(name).body)
    content = body["output"]["message"]["content"]

    told = whole(body, streams.asked())

    calls = told["choices"][0]["message"].get("tool_calls", [])
    assert told["choices"][0]["message"]["content"] == "".join(block.get("text", "") for block in content)
    assert [json.loads(call["function"]["arguments"]) for call in calls] == [
        block["toolUse"]["input"] for block in content if "toolUse" in block
    ]
    assert told["usage"]["total_tokens"] == body["usage"]["totalTokens"]
