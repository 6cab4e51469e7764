from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import Response
from tests.unit.translation.response_streams import (
    COUNTED,
    USAGE,
    asked,
    call,
    events,
    finished,
    output,
    said,
    types,
)

from sluice.domain.errors import GatewayError, UpstreamProtocol, UpstreamTruncated
from sluice.translation.answers.chat_to_responses import Stream, whole
from sluice.translation.sealed_thinking import unsealed

SIGNED = {"type": "thinking", "thinking": "Let me see.", "signature": "c2lnbmVk"}
REDACTED = {"type": "redacted_thinking", "data": "aGlkZGVu"}


def test_a_text_is_told_in_openais_order() -> None:
    made = events([said(role="assistant", content=""), said(content="Hi"), said(content="!"), finished(), COUNTED])

    assert types(made) == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event["sequence_number"] for event in made] == list(range(10))


def test_every_event_of_an_item_names_it() -> None:
    made = events([said(content="Hi"), finished()])[2:-1]

    assert {event.get("item_id") or event["item"]["id"] for event in made} == {"msg_abc_0"}
    assert {event["output_index"] for event in made} == {0}


def test_the_items_of_a_turn_follow_each_other() -> None:
    made = events(
        [
            said(reasoning_content="Let me "),
            said(reasoning_content="see."),
            said(thinking_blocks=[{"index": 0, **SIGNED}]),
            said(content="Both:"),
            call(0, "", id="c1", name="weather"),
            call(0, '{"city":'),
            call(0, '"Rome"}'),
            call(1, "{}", id="c2", name="time"),
            finished("tool_calls"),
            COUNTED,
        ]
    )

    items = made[-1]["response"]["output"]
    assert [item["type"] for item in items] == ["reasoning", "message", "function_call", "function_call"]
    assert [event["item"] for event in made if event["type"] == "response.output_item.done"] == items
    assert [event["output_index"] for event in made if event["type"] == "response.output_item.added"] == [0, 1, 2, 3]
    assert [(one["call_id"], one["name"], one["arguments"]) for one in items[2:]] == [
        ("c1", "weather", '{"city":"Rome"}'),
        ("c2", "time", "{}"),
    ]


def test_thinking_is_a_summary_and_its_signature_is_carried() -> None:
    (item, _) = output(
        said(reasoning_content="Let me see."), said(thinking_blocks=[SIGNED]), said(content="Hi"), finished()
    )

    assert item["summary"] == [{"type": "summary_text", "text": "Let me see."}]
    assert unsealed(item["encrypted_content"]) == [SIGNED]


def test_a_redacted_block_is_an_item_without_a_summary() -> None:
    first, second = output(said(thinking_blocks=[REDACTED]), said(thinking_blocks=[REDACTED]), finished())

    assert first["summary"] == second["summary"] == []
    assert unsealed(first["encrypted_content"]) == unsealed(second["encrypted_content"]) == [REDACTED]


def test_thinking_without_a_signature_carries_nothing() -> None:
    (item,) = output(said(reasoning_content="Hm"), said(thinking_blocks=[{"type": "thinking"}]), finished())

    assert (item["summary"][0]["text"], item["encrypted_content"]) == ("Hm", None)


def test_a_blocks_text_is_told_where_no_piece_of_it_was() -> None:
    made = events([said(thinking_blocks=[SIGNED]), finished()])

    assert [event["delta"] for event in made if event["type"].endswith("summary_text.delta")] == ["Let me see."]


def test_a_citation_stands_in_its_part() -> None:
    cited = {"index": 0, "type": "url_citation", "url_citation": {"url": "https://example.com", "title": "Example"}}

    made = events([said(content="Rome."), said(annotations=[cited]), finished()])

    annotation: dict[str, Any] = {"type": "url_citation", "url": "https://example.com", "title": "Example"}
    annotation |= {"start_index": 5, "end_index": 5}
    (added,) = [event for event in made if event["type"] == "response.output_text.annotation.added"]
    assert (added["annotation"], added["annotation_index"]) == (annotation, 0)
    assert made[-1]["response"]["output"][0]["content"][0]["annotations"] == [annotation]


def test_a_citation_keeps_the_place_that_it_tells() -> None:
    web = {"url": "https://example.com", "title": "Example", "start_index": 1, "end_index": 3}

    (message,) = output(said(content="Rome."), said(annotations=[{"url_citation": web}]), finished())

    assert message["content"][0]["annotations"] == [{"type": "url_citation", **web}]


def test_an_annotation_of_another_kind_is_left_out() -> None:
    (message,) = output(said(content="Rome."), said(annotations=[{"type": "file_path"}, 7]), finished())

    assert message["content"][0]["annotations"] == []


def test_a_refusal_is_a_part_of_its_own() -> None:
    made = events([said(content="Well. "), said(refusal="I cannot "), said(refusal="help."), finished()])

    assert types(made)[6:-3] == [
        "response.content_part.done",
        "response.content_part.added",
        "response.refusal.delta",
        "response.refusal.delta",
        "response.refusal.done",
    ]
    assert [part["type"] for part in made[-1]["response"]["output"][0]["content"]] == ["output_text", "refusal"]
    assert made[-1]["response"]["output"][0]["content"][1]["refusal"] == "I cannot help."


def test_a_call_without_arguments_has_an_empty_object() -> None:
    made = events([call(0, "", id="c1", name="now"), finished("tool_calls")])

    assert [event["delta"] for event in made if event["type"].endswith("arguments.delta")] == ["{}"]
    assert made[-1]["response"]["output"][0]["arguments"] == "{}"


def test_a_call_without_an_id_gets_one() -> None:
    (made,) = output(said(tool_calls=[{"index": 0, "function": {"name": "now"}}]), finished("tool_calls"))

    assert made["call_id"] == "call_abc_0"


def test_a_call_that_was_left_cannot_be_gone_on_with() -> None:
    with pytest.raises(UpstreamProtocol):
        events([call(0, "", id="c1", name="now"), call(1, "", id="c2", name="now"), call(0, "{}")])


@pytest.mark.parametrize(
    ("reason", "told"), [("length", "max_output_tokens"), ("content_filter", "content_filter")], ids=str
)
def test_an_answer_that_is_cut_says_why(reason: str, told: str) -> None:
    made = events([said(content="Hi"), finished(reason), COUNTED])

    assert made[-1]["type"] == "response.incomplete"
    assert made[-1]["response"]["status"] == "incomplete"
    assert made[-1]["response"]["incomplete_details"] == {"reason": told}
    assert made[-1]["response"]["output"][0]["status"] == "incomplete"


def test_only_the_item_that_was_cut_is_incomplete() -> None:
    items = output(said(content="Hi"), call(0, '{"ci', id="c1", name="weather"), finished("length"))

    assert [item["status"] for item in items] == ["completed", "incomplete"]
    assert items[1]["arguments"] == '{"ci'


def test_a_call_that_was_cut_before_its_arguments_has_none() -> None:
    (made,) = output(call(0, "", id="c1", name="now"), finished("length"))

    assert (made["arguments"], made["status"]) == ("", "incomplete")


@pytest.mark.parametrize("reason", ["stop", "tool_calls", "something_new"])
def test_any_other_end_is_complete(reason: str) -> None:
    assert events([said(content="Hi"), finished(reason)])[-1]["type"] == "response.completed"


def test_the_usage_is_told_under_its_names_here() -> None:
    made = events([said(content="Hi"), finished(), COUNTED | {"service_tier": "flex"}])

    assert made[-1]["response"]["service_tier"] == "flex"
    assert made[-1]["response"]["usage"] == {
        "input_tokens": 12,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 17,
    }


def test_a_usage_beside_the_reason_to_end_is_not_the_last_word() -> None:
    made = events([said(content="Hi"), finished() | {"usage": {**USAGE, "total_tokens": 1}}, COUNTED])

    assert made[-1]["response"]["usage"]["total_tokens"] == 17


@pytest.mark.parametrize(("tier", "begun"), [(None, "auto"), ("flex", "flex")])
def test_a_tier_that_no_provider_told_is_the_default(tier: str | None, begun: str) -> None:
    made = events([said(content="Hi"), finished(), COUNTED], service_tier=tier)

    assert [made[place]["response"]["service_tier"] for place in (0, -1)] == [begun, "default"]


def test_the_last_event_waits_for_the_usage() -> None:
    stream = Stream(asked())

    before = [*stream.add(said(content="Hi")), *stream.add(finished())]
    was_over = stream.is_over
    after = list(stream.add(COUNTED))

    assert before[-1]["type"] == "response.output_item.done"
    assert types(after) == ["response.completed"]
    assert (was_over, stream.is_over, list(stream.end()), list(stream.add(said(content="more")))) == (
        False,
        True,
        [],
        [],
    )


def test_without_a_usage_the_end_is_the_last_event() -> None:
    stream = Stream(asked())
    before = [*stream.add(said(content="Hi")), *stream.add(finished())]

    after = list(stream.end())

    assert types(after) == ["response.completed"]
    assert after[0]["sequence_number"] == len(before)
    assert after[0]["response"]["usage"] is None
    assert stream.is_over


@pytest.mark.parametrize("chunks", [[], [said(content="Hi")], [said(content="Hi"), COUNTED]], ids=len)
def test_an_answer_that_does_not_end_is_truncated(chunks: list[Any]) -> None:
    with pytest.raises(UpstreamTruncated):
        events(chunks)


def test_nothing_is_said_after_the_end() -> None:
    made = events([said(content="Hi"), finished(), said(content=" more"), finished("length"), COUNTED])

    assert made[-1]["type"] == "response.completed"
    assert made[-1]["response"]["output"][0]["content"][0]["text"] == "Hi"


ASKED: dict[str, Any] = {
    "instructions": "Be brief.",
    "max_output_tokens": 100,
    "metadata": {"team": "a"},
    "parallel_tool_calls": False,
    "temperature": 0.5,
    "top_p": 0.9,
    "tool_choice": {"type": "function", "name": "now"},
    "text": {"format": {"type": "json_schema", "name": "answer", "schema": {"type": "object"}}},
    "user": "someone",
}


def test_the_response_repeats_what_was_asked() -> None:
    tool = {"type": "function", "name": "now", "parameters": {"type": "object"}}

    made = events([said(content="Hi"), finished()], **ASKED, tools=[tool], reasoning={"effort": "low"})

    for event in (made[0], made[1], made[-1]):
        response = event["response"]
        assert {name: response[name] for name in ASKED} == ASKED
        assert response["reasoning"] == {"effort": "low", "summary": None}
        assert response["tools"] == [{**tool, "description": None, "strict": False}]
        assert (response["id"], response["model"], response["created_at"]) == ("resp_abc", "haiku", 1_700_000_000)


def test_what_was_not_asked_has_openais_default_or_none() -> None:
    response = events([said(content="Hi"), finished()])[0]["response"]

    assert (response["tool_choice"], response["tools"], response["parallel_tool_calls"]) == ("auto", [], True)
    assert (response["temperature"], response["instructions"], response["usage"]) == (None, None, None)
    assert response["text"] == {"format": {"type": "text"}}
    assert (response["store"], response["status"], response["output"]) == (False, "in_progress", [])


MESSAGE: dict[str, Any] = {
    "role": "assistant",
    "content": "Both:",
    "reasoning_content": "Let me see.",
    "thinking_blocks": [REDACTED, SIGNED],
    "annotations": [{"type": "url_citation", "url_citation": {"url": "https://example.com", "title": "Example"}}],
    "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Rome"}'}},
        {"id": "c2", "type": "function", "function": {"name": "now", "arguments": "{}"}},
    ],
}


def completion(message: Any = MESSAGE, reason: Any = "tool_calls", **told: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": message, "finish_reason": reason}], "usage": USAGE, **told}


def test_a_whole_answer_is_what_its_stream_ends_with() -> None:
    pieces = [
        said(thinking_blocks=[{"index": 0, **REDACTED}]),
        said(reasoning_content="Let me "),
        said(reasoning_content="see."),
        said(thinking_blocks=[{"index": 1, **SIGNED}]),
        said(content="Bo"),
        said(content="th:"),
        said(annotations=[{"index": 0, **MESSAGE["annotations"][0]}]),
        call(0, "", id="c1", name="weather"),
        call(0, '{"city":"Rome"}'),
        call(1, "{}", id="c2", name="now"),
    ]

    told = whole(completion(), asked())

    Response.model_validate(told)
    assert told == events([*pieces, finished("tool_calls"), COUNTED])[-1]["response"]


def test_thoughts_beside_the_signed_ones_are_kept() -> None:
    told = whole(completion(MESSAGE | {"reasoning_content": "Let me see. And so."}), asked())

    summaries = [item["summary"] for item in told["output"] if item["type"] == "reasoning"]
    assert [part["text"] for summary in summaries for part in summary] == ["Let me see.", " And so."]


def test_a_whole_answer_without_a_reason_to_end_is_complete() -> None:
    assert whole(completion(reason=None), asked())["status"] == "completed"
    assert whole(completion(reason="length"), asked())["status"] == "incomplete"


@pytest.mark.parametrize("answer", [{}, {"choices": []}, {"choices": [7]}, completion(None), {"choices": "x"}], ids=str)
def test_what_is_no_answer_is_no_response(answer: dict[str, Any]) -> None:
    with pytest.raises(UpstreamProtocol):
        whole(answer, asked())


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
FUNCTION = st.fixed_dictionaries({}, optional=dict.fromkeys(("name", "arguments"), ANY))
CALL = st.fixed_dictionaries({}, optional={"index": ANY, "id": ANY, "function": FUNCTION | ANY})
BLOCK = st.fixed_dictionaries({}, optional={"type": ANY | st.just("thinking"), "thinking": ANY, "signature": ANY})
DELTA = st.fixed_dictionaries(
    {},
    optional={
        "content": ANY,
        "refusal": ANY,
        "reasoning_content": ANY,
        "annotations": ANY | st.lists(st.fixed_dictionaries({"url_citation": ANY}), max_size=2),
        "thinking_blocks": ANY | st.lists(BLOCK, max_size=2),
        "tool_calls": ANY | st.lists(CALL, max_size=2),
    },
)
CHOICE = st.fixed_dictionaries({}, optional={"delta": DELTA | ANY, "message": DELTA | ANY, "finish_reason": ANY})
CHUNK = st.fixed_dictionaries(
    {}, optional={"choices": st.lists(CHOICE | ANY, max_size=2) | ANY, "usage": ANY, "service_tier": ANY}
)
BODY = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("tools", "text", "reasoning", "metadata", "tool_choice", "temperature"), ANY)
)


@settings(max_examples=300, deadline=None)
@given(chunks=st.lists(CHUNK, max_size=4), body=BODY)
def test_whatever_a_provider_says_is_an_answer_or_an_error_of_ours(chunks: list[Any], body: dict[str, Any]) -> None:
    stream = Stream(asked(**body))
    made: list[Any] = []
    try:
        for chunk in chunks:
            made += stream.add(chunk)
        made += stream.end()
        made.append(whole(chunks[0] if chunks else {}, asked(**body)))
    except GatewayError:
        pass

    numbers = [event["sequence_number"] for event in made if "sequence_number" in event]
    assert numbers == list(range(len(numbers)))
