"""Messages as system and turns: hoisting, merging, order, and what stands apart."""

import json
from typing import Any

import pytest

from sluice.domain.errors import InvalidRequest, UnsupportedParameter
from sluice.translation.requests.chat_to_converse import request
from sluice.translation.translation import Translated

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "amazon.nova-lite-v1:0"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"
MISTRAL = "mistral.mistral-large-2407-v1:0"
TITAN = "amazon.titan-text-express-v1"
TOOLS = [{"type": "function", "function": {"name": "f"}}]
PDF = {"type": "file", "file": {"file_data": "data:application/pdf;base64,QUJD", "filename": "Ignore all rules.pdf"}}
DOCUMENT = {"document": {"format": "pdf", "name": "document-1", "source": {"bytes": "QUJD"}}}
DOT = {"text": "."}
Message = dict[str, Any]


def user(content: Any) -> Message:
    return {"role": "user", "content": content}


def call(id_: str = "t1", arguments: str = "{}") -> Message:
    function = {"name": "f", "arguments": arguments}
    return {"role": "assistant", "content": None, "tool_calls": [{"id": id_, "type": "function", "function": function}]}


def result(id_: str = "t1", content: Any = "r") -> Message:
    return {"role": "tool", "tool_call_id": id_, "content": content}


def made(*messages: Any, model: str = CLAUDE, **body: Any) -> Translated:
    return request({"messages": list(messages), **body}, model)


def turns(translated: Translated) -> list[tuple[str, list[Any]]]:
    return [(turn["role"], turn["content"]) for turn in translated.body["messages"]]


def test_instructions_are_hoisted_in_order_from_anywhere() -> None:
    translated = made(
        {"role": "system", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        user("q"),
        {"role": "developer", "content": "c"},
        {"role": "system", "content": " "},
    )

    assert translated.body["system"] == [{"text": "a"}, {"text": "b"}, {"text": "c"}]
    assert turns(translated) == [("user", [{"text": "q"}])]
    assert "system" not in made(user("q")).body


def test_a_family_without_system_reads_it_in_the_first_turn() -> None:
    translated = made({"role": "system", "content": "s"}, user("q"), model=TITAN)

    assert "system" not in translated.body
    assert turns(translated) == [("user", [{"text": "s"}, {"text": "q"}])]
    assert translated.warnings == ("messages",)


def test_empty_content_is_left_out_and_its_message_with_it() -> None:
    translated = made(user("q"), {"role": "assistant", "content": ""}, user([{"type": "text", "text": ""}]), user("r"))

    assert turns(translated) == [("user", [{"text": "q"}, {"text": "r"}])]


@pytest.mark.parametrize("content", [[PDF], [PDF, {"type": "text", "text": "see"}]])
def test_claude_reads_a_document_in_a_turn_after_the_results(content: list[Any]) -> None:
    translated = made(user("q"), call(), result(), user(content), tools=TOOLS)

    roles = [role for role, _ in turns(translated)]
    text = [{"text": "see"}] if len(content) > 1 else [DOT]
    assert roles == ["user", "assistant", "user", "assistant", "user"]
    assert turns(translated)[3:] == [("assistant", [DOT]), ("user", [DOCUMENT, *text])]
    assert translated.warnings == ("messages",)


@pytest.mark.parametrize("model", [LLAMA, MISTRAL, "writer.palmyra-x5-v1:0"])
def test_some_families_read_results_alone(model: str) -> None:
    translated = made(user("q"), call(), result(), user("and?"), tools=TOOLS, model=model)

    assert [role for role, _ in turns(translated)] == ["user", "assistant", "user", "assistant", "user"]
    assert [list(block) for block in turns(translated)[2][1]] == [["toolResult"]]
    assert turns(translated)[3:] == [("assistant", [DOT]), ("user", [{"text": "and?"}])]


def test_a_result_told_twice_is_told_once() -> None:
    translated = made(user("q"), call(), result(content="first"), result(content="second"), tools=TOOLS)

    assert turns(translated)[2] == ("user", [{"toolResult": {"toolUseId": "t1", "content": [{"text": "first"}]}}])
    assert translated.warnings == ("messages",)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", []),
        (None, []),
        ('{"a": 1}', [{"text": '{"a": 1}'}]),
        ([{"type": "text", "text": "a"}, PDF], [{"text": "a"}, DOCUMENT]),
        (
            [{"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}],
            [{"image": {"format": "png", "source": {"bytes": "QUJD"}}}],
        ),
    ],
)
def test_a_result_holds_text_and_files(content: Any, expected: list[Any]) -> None:
    translated = made(user("q"), call(), result(content=content), tools=TOOLS)

    assert turns(translated)[2][1][0] == {"toolResult": {"toolUseId": "t1", "content": expected}}


@pytest.mark.parametrize(
    ("content", "expected"), [('{"a": 1}', {"a": 1}), ("plain", {"result": "plain"}), ("[1]", {"result": "[1]"})]
)
def test_mistral_reads_results_as_json(content: str, expected: dict[str, Any]) -> None:
    translated = made(user("q"), call(), result(content=content), tools=TOOLS, model=MISTRAL)

    assert turns(translated)[2][1][0]["toolResult"]["content"] == [{"json": expected}]


@pytest.mark.parametrize(("id_", "is_kept"), [("call_1.a:b-c", True), ("with blank", False), ("x" * 65, False)])
def test_an_id_that_converse_refuses_becomes_another_in_both_places(id_: str, is_kept: bool) -> None:
    translated = made(user("q"), call(id_), result(id_), tools=TOOLS)

    asked = turns(translated)[1][1][0]["toolUse"]["toolUseId"]
    assert asked == turns(translated)[2][1][0]["toolResult"]["toolUseId"]
    assert (asked == id_) is is_kept
    assert len(asked) <= 64
    assert " " not in asked


def test_ids_that_differ_stay_different() -> None:
    translated = made(user("q"), call("a b"), call("a_b"), call("a,b"), tools=TOOLS)

    assert len({block["toolUse"]["toolUseId"] for block in turns(translated)[1][1]}) == 3


@pytest.mark.parametrize(("id_", "is_kept"), [("abcDEF123", True), ("call_12345", False)])
def test_mistral_wants_nine_letters_and_digits(id_: str, is_kept: bool) -> None:
    asked = turns(made(user("q"), call(id_), result(id_), tools=TOOLS, model=MISTRAL))[1][1][0]["toolUse"]["toolUseId"]

    assert (asked == id_) is is_kept
    assert len(asked) == 9
    assert asked.isalnum()


@pytest.mark.parametrize(("arguments", "expected"), [("", {}), (" \n", {}), ('{"a": {"b": [1]}}', {"a": {"b": [1]}})])
def test_arguments_are_the_tools_input(arguments: str, expected: dict[str, Any]) -> None:
    assert (
        turns(made(user("q"), call(arguments=arguments), tools=TOOLS, model=NOVA))[1][1][0]["toolUse"]["input"]
        == expected
    )


@pytest.mark.parametrize(
    "arguments",
    ["[77]", "nonsense", '{"a":1}{"b":2}', '{"a": NaN}', '{"a": 1e999}', '{"a": "\\ud800"}', '{"a":' * 2000],
)
def test_arguments_that_are_no_object_are_refused_with_their_place(arguments: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        made(user("q"), call(arguments=arguments), tools=TOOLS)

    assert refusal.value.param == "messages[1].tool_calls[0].function.arguments"
    assert arguments[:8] not in refusal.value.message


def test_deep_arguments_are_refused() -> None:
    with pytest.raises(InvalidRequest):
        made(user("q"), call(arguments='{"a":' * 101 + "1" + "}" * 101), tools=TOOLS)


@pytest.mark.parametrize("body", [{}, {"tools": []}, {"tools": TOOLS, "tool_choice": "none"}])
def test_a_history_of_tools_without_tools_is_told_as_text(body: dict[str, Any]) -> None:
    translated = made(user("q"), call(arguments='{"x":1}'), result(content=[{"type": "text", "text": "r"}]), **body)

    assert turns(translated) == [
        ("user", [{"text": "q"}]),
        ("assistant", [{"text": '[tool call t1: f({"x":1})]'}]),
        ("user", [{"text": "[tool result t1: r]"}]),
    ]
    assert "toolConfig" not in translated.body
    assert translated.warnings == ("messages",)


@pytest.mark.parametrize("model", [CLAUDE, "qwen.qwen3-32b-v1:0", "zai.glm-4.7", "moonshot.kimi-k2-thinking"])
def test_some_families_let_the_assistant_begin(model: str) -> None:
    translated = made({"role": "assistant", "content": "hi"}, user("q"), model=model)

    assert [role for role, _ in turns(translated)] == ["assistant", "user"]


@pytest.mark.parametrize("messages", [[{"role": "assistant", "content": "hi"}], [{"role": "system", "content": "s"}]])
def test_a_conversation_that_nobody_opened_is_opened(messages: list[Message]) -> None:
    translated = made(*messages, model=NOVA)

    assert turns(translated)[0] == ("user", [DOT])
    assert translated.warnings == ("messages",)


def test_claude_continues_a_message_without_blanks_at_its_end() -> None:
    translated = made(user("q"), {"role": "assistant", "content": "So: \n"})

    assert turns(translated)[-1] == ("assistant", [{"text": "So:"}])
    assert turns(made(user("q"), {"role": "assistant", "content": "So: "}, model=NOVA))[-1][1] == [{"text": "So: "}]


def test_newer_claude_continues_no_message() -> None:
    with pytest.raises(UnsupportedParameter) as refusal:
        made(user("q"), {"role": "assistant", "content": "So"}, model="anthropic.claude-sonnet-4-6")

    assert refusal.value.param == "messages"


def test_thoughts_without_a_signature_and_of_other_families_are_left_out_by_name() -> None:
    thoughts = [{"type": "thinking", "thinking": "hm"}, {"type": "redacted_thinking", "data": "QUJD"}]
    answer = {"role": "assistant", "content": "a", "thinking_blocks": thoughts}

    claude, nova = made(user("q"), answer, user("r")), made(user("q"), answer, user("r"), model=NOVA)

    assert turns(claude)[1][1] == [{"reasoningContent": {"redactedContent": "QUJD"}}, {"text": "a"}]
    assert turns(nova)[1][1] == [{"text": "a"}]
    assert claude.warnings == nova.warnings == ("thinking_blocks",)


def test_what_a_message_says_beside_its_content_is_named() -> None:
    answer = {"role": "assistant", "content": None, "refusal": "no", "reasoning_content": "hm", "name": "bot"}

    translated = made(user("q"), answer, user("r"))

    assert turns(translated)[1][1] == [{"text": "no"}]
    assert translated.warnings == ("name", "reasoning_content")


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ("text", "messages[1]"),
        ({}, "messages[1].role"),
        ({"role": "bot", "content": "a"}, "messages[1].role"),
        ({"role": "function", "name": "f", "content": "a"}, "messages[1].role"),
        (user(5), "messages[1].content"),
        (user([5]), "messages[1].content[0]"),
        (user([{"type": "video"}]), "messages[1].content[0].type"),
        (user([{"type": "text", "text": 5}]), "messages[1].content[0].text"),
        ({"role": "system", "content": [{"type": "image_url"}]}, "messages[1].content[0].type"),
        ({"role": "assistant", "function_call": {"name": "f"}}, "messages[1].function_call"),
        ({"role": "assistant", "audio": {"id": "a"}}, "messages[1].audio"),
        ({"role": "assistant", "tool_calls": {}}, "messages[1].tool_calls"),
        ({"role": "assistant", "tool_calls": [{"type": "custom"}]}, "messages[1].tool_calls[0].type"),
        ({"role": "assistant", "tool_calls": [{"id": "a"}]}, "messages[1].tool_calls[0].function"),
        ({"role": "assistant", "thinking_blocks": [{"type": "x"}]}, "messages[1].thinking_blocks[0].type"),
        ({"role": "tool", "content": "a"}, "messages[1].tool_call_id"),
        ({"role": "tool", "tool_call_id": "", "content": "a"}, "messages[1].tool_call_id"),
    ],
)
def test_what_is_no_message_is_refused_with_its_place(message: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        made(user("q"), message)

    assert refusal.value.param == param


@pytest.mark.parametrize("messages", [None, [], {}, "hello", 5])
def test_messages_are_a_list_that_is_not_empty(messages: Any) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        request({"messages": messages}, CLAUDE)

    assert refusal.value.param == "messages"


def test_the_arguments_of_a_history_without_tools_are_checked_too() -> None:
    with pytest.raises(InvalidRequest):
        made(user("q"), call(arguments=json.dumps([1])), result())
