"""What a model cannot be told is refused or named; what it can be told arrives."""

from collections.abc import Callable
from typing import Any

import pytest
from openai.types.chat import ChatCompletionMessage
from tests.unit.translation.anthropic_wire import asked

from sluice.domain.errors import UnsupportedParameter, UpstreamProtocol
from sluice.providers.translations import spoken
from sluice.translation.answers import chat_to_messages, converse_to_chat, messages_to_chat
from sluice.translation.requests import chat_to_converse, responses_to_chat
from sluice.translation.requests import chat_to_messages as to_messages
from sluice.translation.requests import messages_to_chat as from_messages
from sluice.translation.translation import Translated

Json = dict[str, Any]

BEDROCK = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
DIRECT = "claude-sonnet-4-5-20250929"
WAYS = {
    "converse": lambda body: chat_to_converse.request(body, BEDROCK),
    "messages": lambda body: to_messages.request(body, DIRECT),
}
ways = pytest.mark.parametrize("way", WAYS)
TOOLS: list[Json] = [{"type": "function", "function": {"name": "f"}}]
USER: Json = {"role": "user", "content": "q"}
SIGNED: Json = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
PIXEL = "data:image/png;base64,iVBORw0KGgo="


def call(call_id: str, arguments: str = "{}") -> Json:
    return {"id": call_id, "type": "function", "function": {"name": "f", "arguments": arguments}}


def calling(*calls: Json, **more: Any) -> Json:
    return {"role": "assistant", "content": None, "tool_calls": list(calls), **more}


def result(call_id: str, content: str) -> Json:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def ask(way: str, *messages: Json, **fields: Any) -> Translated:
    return WAYS[way]({"messages": list(messages), **fields})


@ways
@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "Ann"), ("annotations", [{"type": "url_citation"}]), ("reasoning", "hm"), ("weight", 0)],
)
def test_a_field_of_a_message_that_is_not_read_is_named(way: str, field: str, value: Any) -> None:
    found = ask(way, USER, {"role": "assistant", "content": "a", field: value}, USER)

    assert found.warnings == (field,)


@ways
def test_a_message_of_the_sdk_with_all_its_fields_loses_nothing(way: str) -> None:
    message = ChatCompletionMessage(role="assistant", content="a", annotations=[]).model_dump()

    assert message.keys() >= {"annotations", "audio", "function_call", "refusal", "tool_calls"}
    assert ask(way, USER, message, USER).warnings == ()


@ways
def test_reasoning_that_has_no_signature_is_named(way: str) -> None:
    found = ask(way, USER, {"role": "assistant", "content": "a", "reasoning_content": "hm"}, USER)

    assert found.warnings == ("reasoning_content",)


@ways
def test_an_answer_in_sound_is_refused(way: str) -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        ask(way, USER, {"role": "assistant", "content": None, "audio": {"id": "audio_1"}})

    assert caught.value.param == "messages[1].audio"


@ways
def test_a_refusal_beside_text_is_told(way: str) -> None:
    found = ask(way, USER, {"role": "assistant", "content": "a", "refusal": "No."}, USER)

    assert [block["text"] for block in found.body["messages"][1]["content"]] == ["a", "No."]


@ways
def test_a_second_result_of_one_call_is_named(way: str) -> None:
    found = ask(way, USER, calling(call("a")), result("a", "1"), result("a", "2"), tools=TOOLS)

    assert len(found.body["messages"][2]["content"]) == 1
    assert found.warnings == ("messages",)


@ways
def test_tools_that_became_text_are_named(way: str) -> None:
    found = ask(way, USER, calling(call("a")), result("a", "1"))

    assert found.warnings == ("messages",)


def ids(body: Json) -> list[tuple[str, str]]:
    """The ids of calls and results, in order."""
    blocks = [block for message in body["messages"] for block in message["content"]]
    found = (ID_OF[kind](block) for block in blocks for kind in ID_OF if kind in (block.get("type"), *block))
    return list(found)


ID_OF: dict[str, Callable[[Json], tuple[str, str]]] = {
    "toolUse": lambda block: ("call", block["toolUse"]["toolUseId"]),
    "toolResult": lambda block: ("result", block["toolResult"]["toolUseId"]),
    "tool_use": lambda block: ("call", block["id"]),
    "tool_result": lambda block: ("result", block["tool_use_id"]),
}


@ways
def test_calls_that_are_counted_anew_in_every_answer_keep_their_results(way: str) -> None:
    first = (calling(call("call_0")), result("call_0", "1"))
    second = (calling(call("call_0"), call("call_1")), result("call_0", "2"), result("call_1", "3"))

    found = ask(way, USER, *first, *second, tools=TOOLS)

    assert ids(found.body) == [
        ("call", "call_0"),
        ("result", "call_0"),
        ("call", "call_0_2"),
        ("call", "call_1"),
        ("result", "call_0_2"),
        ("result", "call_1"),
    ]
    assert found.warnings == ()


@ways
def test_two_calls_of_one_id_have_a_result_each(way: str) -> None:
    found = ask(way, USER, calling(call("a"), call("a")), result("a", "1"), result("a", "2"), tools=TOOLS)

    assert ids(found.body) == [("call", "a"), ("call", "a_2"), ("result", "a"), ("result", "a_2")]


@ways
def test_messages_in_a_row_keep_thinking_before_its_call_and_calls_last(way: str) -> None:
    again = {**SIGNED, "thinking": "again"}
    messages = (
        calling(call("a"), thinking_blocks=[SIGNED]),
        {"role": "assistant", "content": "said"},
        calling(call("b"), thinking_blocks=[again]),
    )

    found = ask(way, USER, *messages, result("a", "1"), result("b", "2"), tools=TOOLS)

    kinds = [block.get("type") or next(iter(block)) for block in found.body["messages"][1]["content"]]
    names = {"reasoningContent": "thinking", "toolUse": "tool_use"}
    assert [names.get(kind, kind) for kind in kinds] == ["thinking", "text", "tool_use", "thinking", "tool_use"]


@ways
def test_a_closer_look_at_an_image_is_named(way: str) -> None:
    part = {"type": "image_url", "image_url": {"url": PIXEL, "detail": "high"}}

    assert ask(way, {"role": "user", "content": [part]}).warnings == ("detail",)


@ways
def test_places_that_are_not_ours_move_nothing_out_of_the_answer(way: str) -> None:
    strange: list[Any] = [{"content": 99, "tool_calls": 99}, {"content": -1}, "x", {"tool_calls": 1.5}, {"content": 1}]
    blocks = [{**SIGNED, "thinking": str(index), "after": after} for index, after in enumerate(strange)]

    found = ask(way, USER, calling(call("a"), content="said", thinking_blocks=blocks), result("a", "1"), tools=TOOLS)

    content = found.body["messages"][1]["content"]
    assert (
        "".join(block["text"] for block in content if block.keys() == {"text"} or block.get("type") == "text") == "said"
    )
    assert len([block for block in content if "reasoningContent" in block or block.get("type") == "thinking"]) == 5


def test_sound_in_a_result_is_refused() -> None:
    sound = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    messages = [USER, calling(call("a")), {**result("a", ""), "content": [sound]}]

    with pytest.raises(UnsupportedParameter) as caught:
        chat_to_converse.request({"messages": messages, "tools": TOOLS}, "amazon.nova-2-omni-v1:0")

    assert caught.value.param == "messages[2].content[0].type"


def test_a_message_may_mark_the_end_of_a_cached_prefix() -> None:
    cached = {"cache_control": {"type": "ephemeral"}}

    found = ask("messages", {"role": "system", "content": "s", **cached}, {**USER, **cached})

    assert found.body["system"] == [{"type": "text", "text": "s", **cached}]
    assert found.body["messages"][0]["content"] == [{"type": "text", "text": "q", **cached}]


@ways
def test_an_answer_to_go_on_with_that_is_cut_is_named(way: str) -> None:
    cut = ask(way, USER, {"role": "assistant", "content": "It is "})
    whole = ask(way, USER, {"role": "assistant", "content": "It is"})

    assert cut.body == whole.body
    assert (cut.warnings, whole.warnings) == (("messages",), ())


@pytest.mark.parametrize("place", ["tool", "function"])
def test_a_tool_may_be_marked_where_it_is_described(place: str) -> None:
    cached = {"cache_control": {"type": "ephemeral"}}
    tool = {**TOOLS[0], **cached} if place == "tool" else {"type": "function", "function": {"name": "f", **cached}}

    assert ask("messages", USER, tools=[tool]).body["tools"][0]["cache_control"] == cached["cache_control"]


def test_an_effort_beside_anthropics_own_thinking_is_named() -> None:
    thinking = {"type": "enabled", "budget_tokens": 2000}

    found = ask("messages", USER, thinking=thinking, reasoning_effort="high", max_tokens=9000)

    assert found.body["thinking"] == thinking
    assert found.warnings == ("reasoning_effort",)


def test_a_tool_that_an_old_model_is_not_held_to_is_named() -> None:
    tool = {"type": "function", "function": {"name": "f", "strict": True}}

    assert to_messages.request({"messages": [USER], "tools": [tool]}, "claude-3-haiku-20240307").warnings == ("strict",)
    assert ask("messages", USER, tools=[tool]).warnings == ()


@pytest.mark.parametrize("name", ["a\r\nx-evil: 1", "é", "a" * 65, "a,b", ""])
@pytest.mark.parametrize(
    ("caller", "provider"), [("messages", "chat"), ("chat", "messages"), ("responses", "messages")]
)
def test_a_strange_name_does_not_reach_a_header(caller: str, provider: str, name: str) -> None:
    body = {"max_tokens": 9, "messages": [USER], "input": "q", name: 1}

    warnings = spoken(caller, provider, body, DIRECT).warnings

    assert name not in warnings
    assert "body" in warnings


def test_warnings_are_bounded() -> None:
    body = {"messages": [USER], **{f"field_{index}": 1 for index in range(500)}}

    warnings = spoken("chat", "messages", body, DIRECT).warnings

    assert len(warnings) == 32
    assert warnings[-1] == "body"


def test_a_caller_of_messages_is_told_in_his_words() -> None:
    body = {
        "max_tokens": 9,
        "messages": [{"role": "assistant", "content": "a"}, USER],
        "metadata": {"user_id": "u"},
        "stop_sequences": ["."],
    }

    warnings = spoken("messages", "converse", body, "meta.llama3-1-70b-instruct-v1:0").warnings

    assert set(warnings) == {"messages", "metadata", "stop_sequences"}


@pytest.mark.parametrize(
    "block",
    [
        {"type": "text", "text": "a", "citations": [{"type": "char_location", "cited_text": "a"}]},
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "a"},
            "citations": {"enabled": True},
        },
    ],
)
def test_citations_that_a_chat_cannot_tell_are_named(block: Json) -> None:
    body = {"max_tokens": 9, "messages": [{"role": "user", "content": [block]}]}

    assert from_messages.request(body, "gpt-5").warnings == ("citations",)


@pytest.mark.parametrize("citations", [None, [], {"enabled": False}])
def test_no_citations_are_no_loss(citations: Any) -> None:
    block = {"type": "text", "text": "a", "citations": citations}
    body = {"max_tokens": 9, "messages": [{"role": "user", "content": [block]}]}

    assert from_messages.request(body, "gpt-5").warnings == ()


def test_sources_that_are_sent_back_with_a_response_are_named() -> None:
    part = {"type": "output_text", "text": "a", "annotations": [{"type": "url_citation", "url": "https://example.com"}]}
    items = [{"type": "message", "role": "assistant", "content": [part]}, {"role": "user", "content": "q"}]

    found = responses_to_chat.request({"input": items}, "m")

    assert found.warnings == ("input",)
    assert found.body["messages"][0]["content"] == [{"type": "text", "text": "a"}]


def message_of(**message: Any) -> list[Json]:
    answer = {"choices": [{"message": {"role": "assistant", **message}, "finish_reason": "stop"}]}
    content: list[Json] = chat_to_messages.whole(answer, asked())["content"]
    return content


def test_what_was_said_before_the_json_is_thinking_beside_the_signed() -> None:
    found = message_of(content="{}", reasoning_content="hmLet me see.", thinking_blocks=[SIGNED])

    assert [block["thinking"] for block in found if block["type"] == "thinking"] == ["Let me see.", "hm"]


def test_text_and_refusal_are_both_told() -> None:
    assert [block["text"] for block in message_of(content="a", refusal="No.")] == ["a", "No."]


def test_a_number_that_json_cannot_write_is_no_answer() -> None:
    tool_use = {"toolUseId": "a", "name": "f", "input": {"x": float("inf")}}
    block = {"type": "tool_use", "id": "a", "name": "f", "input": {"x": float("inf")}}

    with pytest.raises(UpstreamProtocol, match="number"):
        converse_to_chat.whole({"output": {"message": {"content": [{"toolUse": tool_use}]}}}, asked())
    with pytest.raises(UpstreamProtocol, match="number"):
        messages_to_chat.whole({"content": [block]}, asked())
