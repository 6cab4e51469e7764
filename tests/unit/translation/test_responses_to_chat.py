from typing import Any

import pytest
from tests.unit.translation.response_inputs import (
    PAPER,
    PIXEL,
    REDACTED,
    SIGNED,
    Json,
    call,
    called,
    chat,
    content,
    refused,
    said,
    thought,
)
from tests.unit.translation.response_streams import USAGE, asked

from sluice.domain.errors import UnsupportedParameter
from sluice.translation.answers.chat_to_responses import whole
from sluice.translation.requests.responses_to_chat import request


def test_text_is_a_message_after_the_instructions() -> None:
    assert request({"model": "haiku", "input": "hi", "instructions": "Be brief."}, "model-1") == (
        {
            "model": "model-1",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}],
        },
        (),
    )


def test_messages_keep_their_roles_and_order() -> None:
    roles = ("system", "developer", "user", "assistant", "user")

    messages = said(*({"type": "message", "role": role, "content": role} for role in roles))

    assert [(message["role"], message["content"]) for message in messages] == [(role, role) for role in roles]


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ({"type": "input_text", "text": "a"}, {"type": "text", "text": "a"}),
        ({"type": "output_text", "text": "a", "annotations": []}, {"type": "text", "text": "a"}),
        ({"type": "refusal", "refusal": "no"}, {"type": "refusal", "refusal": "no"}),
        (
            {"type": "input_image", "image_url": PIXEL, "detail": "low"},
            {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}},
        ),
        (
            {"type": "input_image", "image_url": PIXEL, "file_id": None},
            {"type": "image_url", "image_url": {"url": PIXEL}},
        ),
        (
            {"type": "input_file", "file_data": PAPER, "filename": "a.pdf"},
            {"type": "file", "file": {"file_data": PAPER, "filename": "a.pdf"}},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        ),
        (
            {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
        ),
        (
            {"type": "input_text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        ),
    ],
    ids=lambda part: part["type"],
)
def test_a_part_has_its_name_in_chat(part: Json, told: Json) -> None:
    assert content(part) == [told]


def test_a_turn_of_the_assistant_is_one_message() -> None:
    text = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Both:"}]}

    messages = said(thought(SIGNED), thought(REDACTED), text, call("c1"), call("c2"))

    assert messages == [
        {
            "role": "assistant",
            "thinking_blocks": [SIGNED, REDACTED],
            "content": [{"type": "text", "text": "Both:"}],
            "tool_calls": [called("c1"), called("c2")],
        }
    ]


def test_what_comes_after_a_call_is_another_message() -> None:
    text = {"role": "assistant", "content": "So."}

    messages = said(thought(SIGNED), call("c1"), thought(REDACTED), call("c2"), text, text)

    assert [sorted(key for key in message if message[key] is not None) for message in messages] == [
        ["role", "thinking_blocks", "tool_calls"],
        ["role", "thinking_blocks", "tool_calls"],
        ["content", "role"],
        ["content", "role"],
    ]


@pytest.mark.parametrize("nothing", ["", []], ids=str)
def test_an_assistant_that_said_nothing_is_no_message(nothing: Any) -> None:
    assert said({"role": "assistant", "content": nothing}, call("c1")) == said(call("c1"))
    assert said({"role": "assistant", "content": nothing}) == []


def test_a_message_of_another_ends_the_assistants() -> None:
    messages = said(call("c1"), {"role": "user", "content": "wait"}, call("c2"))

    assert [message["role"] for message in messages] == ["assistant", "user", "assistant"]


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("sunny", "sunny"),
        ("", ""),
        (
            [{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": PIXEL}],
            [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": PIXEL}}],
        ),
    ],
    ids=["text", "empty", "parts"],
)
def test_a_result_names_its_call(output: Any, told: Any) -> None:
    messages = said(call("c1"), {"type": "function_call_output", "call_id": "c1", "output": output})

    assert messages[1] == {"role": "tool", "tool_call_id": "c1", "content": told}


@pytest.mark.parametrize("encrypted", [None, "gAAAAABoxC0dvsKe9_yf1eFtIG4UOjaLmzFt"])
def test_reasoning_that_is_not_ours_is_left_out_and_named(encrypted: str | None) -> None:
    item: Json = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": encrypted}

    translated = request({"input": [item, {"role": "user", "content": "hi"}]}, "model-1")

    assert translated.body["messages"] == [{"role": "user", "content": "hi"}]
    assert translated.warnings == ("input",)


def test_what_an_answer_held_comes_back_in_the_next_turn() -> None:
    message = {
        "content": "Both:",
        "thinking_blocks": [SIGNED, REDACTED],
        "tool_calls": [called("c1"), called("c2", "now")],
    }
    answer = {"choices": [{"message": message, "finish_reason": "tool_calls"}], "usage": USAGE}
    first = whole(answer, asked())
    results = [{"type": "function_call_output", "call_id": each, "output": "ok"} for each in ("c1", "c2")]

    translated = request({"input": [{"role": "user", "content": "hi"}, *first["output"], *results]}, "model-1")

    assert translated.warnings == ()
    _, assistant, *told = translated.body["messages"]
    assert assistant["thinking_blocks"] == message["thinking_blocks"]
    assert assistant["tool_calls"] == message["tool_calls"]
    assert assistant["content"] == [{"type": "text", "text": "Both:"}]
    assert [each["tool_call_id"] for each in told] == ["c1", "c2"]


def test_a_function_is_described_inside() -> None:
    schema = {"type": "object", "properties": {}}
    tool = {"type": "function", "name": "now", "description": "The time", "parameters": schema, "strict": True}

    assert chat(tools=[tool])["tools"] == [
        {"type": "function", "function": {key: tool[key] for key in tool if key != "type"}}
    ]


def test_a_function_may_be_only_a_name() -> None:
    tool = {"type": "function", "name": "now", "description": None, "parameters": None, "strict": None}

    assert chat(tools=[tool])["tools"] == [{"type": "function", "function": {"name": "now"}}]


HOSTED = "web_search file_search code_interpreter computer_use_preview image_generation mcp shell local_shell custom namespace"


@pytest.mark.parametrize("kind", HOSTED.split())
def test_a_tool_that_the_caller_does_not_run_is_refused(kind: str) -> None:
    with pytest.raises(UnsupportedParameter, match="want function") as caught:
        chat(tools=[{"type": "function", "name": "now"}, {"type": kind, "name": "x"}])

    assert caught.value.param == "tools[1].type"


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ({"type": "function", "name": "now"}, {"type": "function", "function": {"name": "now"}}),
    ],
    ids=str,
)
def test_a_choice_of_tools_is_told(choice: Any, told: Any) -> None:
    assert chat(tools=[{"type": "function", "name": "now"}], tool_choice=choice)["tool_choice"] == told


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_tools_that_are_not_allowed_are_not_offered(mode: str) -> None:
    tools = [{"type": "function", "name": name} for name in ("a", "b", "c")]
    choice = {"type": "allowed_tools", "mode": mode, "tools": [tools[2], tools[0]]}

    body = chat(tools=tools, tool_choice=choice)

    assert [tool["function"]["name"] for tool in body["tools"]] == ["a", "c"]
    assert body["tool_choice"] == mode


@pytest.mark.parametrize(
    ("choice", "param"),
    [
        ({"type": "web_search"}, "tool_choice"),
        ({"type": "custom", "name": "x"}, "tool_choice"),
        ("any", "tool_choice"),
        ({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "mcp"}]}, "tool_choice.tools[0].type"),
    ],
    ids=str,
)
def test_a_choice_that_is_no_function_is_refused(choice: Any, param: str) -> None:
    assert refused(tools=[{"type": "function", "name": "a"}], tool_choice=choice) == param


def test_a_schema_is_the_response_format() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    wanted = {"type": "json_schema", "name": "answer", "schema": schema, "strict": True, "description": None}

    assert chat(text={"format": wanted})["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": True},
    }


def test_json_without_a_schema_is_the_response_format() -> None:
    assert chat(text={"format": {"type": "json_object"}})["response_format"] == {"type": "json_object"}
    assert "response_format" not in chat(text={"format": {"type": "text"}})


def test_reasoning_is_an_effort() -> None:
    asked_for = {"effort": "high", "summary": "auto", "generate_summary": "auto"}

    translated = request({"input": "hi", "reasoning": asked_for}, "model-1")

    assert translated.body["reasoning_effort"] == "high"
    assert translated.warnings == ()


def test_a_stream_tells_its_usage() -> None:
    assert "stream" not in chat(stream=False)
    assert {name: chat(stream=True)[name] for name in ("stream", "stream_options")} == {
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_the_rest_is_told_as_it_is() -> None:
    asked_for = {
        "temperature": 0.5,
        "top_p": 0.9,
        "parallel_tool_calls": False,
        "service_tier": "flex",
        "metadata": {"team": "a"},
        "user": "someone",
        "prompt_cache_key": "k",
        "safety_identifier": "s",
        "guardrailConfig": {"guardrailIdentifier": "g"},
        "performanceConfig": {"latency": "optimized"},
        "requestMetadata": {"a": "b"},
        "promptVariables": {"a": {"text": "b"}},
        "additionalModelRequestFields": {"a": 1},
        "additionalModelResponseFieldPaths": ["/a"],
        "top_k": 5,
    }

    translated = request({"input": "hi", "max_output_tokens": 100, **asked_for}, "model-1")

    assert {name: translated.body[name] for name in asked_for} == asked_for
    assert translated.body["max_completion_tokens"] == 100
    assert translated.warnings == ()
