"""Requests of the Messages API as those of a chat."""

from typing import Any

import pytest

from sluice.domain.errors import InvalidRequest, UnsupportedParameter
from sluice.translation.requests.messages_to_chat import request
from sluice.translation.translation import Translated

TOOL = {"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {}}}
EPHEMERAL = {"type": "ephemeral"}


def ask(**fields: Any) -> Translated:
    return request({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "q"}], **fields}, "gpt")


def ask_converse(**fields: Any) -> Translated:
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "q"}], **fields}
    return request(body, "claude", extras=True)


def said(*blocks: dict[str, Any], role: str = "user", extras: bool = False) -> list[dict[str, Any]]:
    """The chat's messages of one turn with these blocks."""
    body = {"max_tokens": 9, "messages": [{"role": role, "content": list(blocks)}]}
    found: list[dict[str, Any]] = request(body, "gpt", extras=extras).body["messages"]
    return found


def test_the_least_request() -> None:
    found = ask()

    assert found == Translated(
        {"model": "gpt", "messages": [{"role": "user", "content": "q"}], "max_completion_tokens": 9}
    )


def test_the_system_prompt_comes_first_as_string_or_blocks() -> None:
    blocks = [{"type": "text", "text": "a", "cache_control": EPHEMERAL}, {"type": "text", "text": "b"}]

    assert ask(system="s").body["messages"][0] == {"role": "system", "content": "s"}
    assert ask_converse(system=blocks).body["messages"][0] == {"role": "system", "content": blocks}
    without = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert ask(system=blocks).body["messages"][0] == {"role": "system", "content": without}
    assert ask(system=blocks).warnings == ("cache_control",)


def test_images_are_data_urls_or_urls_for_the_provider() -> None:
    encoded = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}}
    linked = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}

    assert said(encoded, linked)[0]["content"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ]


def test_documents_are_files_or_text() -> None:
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "QUJD"}
    text = {"type": "text", "media_type": "text/plain", "data": "body"}
    nested = {"type": "content", "content": [{"type": "text", "text": "inside"}]}

    found = said(
        {"type": "document", "source": pdf, "title": "a.pdf", "context": "about"},
        {"type": "document", "source": text, "title": "t"},
        {"type": "document", "source": nested},
        {"type": "search_result", "title": "s", "source": "https://x", "content": [{"type": "text", "text": "r"}]},
    )

    assert found[0]["content"] == [
        {"type": "text", "text": "about"},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,QUJD"}},
        {"type": "text", "text": "t"},
        {"type": "text", "text": "body"},
        {"type": "text", "text": "inside"},
        {"type": "text", "text": "s\nhttps://x"},
        {"type": "text", "text": "r"},
    ]


def test_tool_results_are_messages_before_what_the_user_says() -> None:
    found = said(
        {"type": "tool_result", "tool_use_id": "t1", "content": "r1"},
        {"type": "text", "text": "and?"},
        {"type": "tool_result", "tool_use_id": "t2", "content": [{"type": "text", "text": "r2"}], "is_error": True},
        {"type": "tool_result", "tool_use_id": "t3"},
    )

    assert found == [
        {"role": "tool", "tool_call_id": "t1", "content": "r1"},
        {"role": "tool", "tool_call_id": "t2", "content": "Error: r2"},
        {"role": "tool", "tool_call_id": "t3", "content": ""},
        {"role": "user", "content": "and?"},
    ]


def test_an_image_of_a_tool_goes_beside_its_message_where_openai_takes_none() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "see"}, image]}
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}

    assert said(result) == [
        {"role": "tool", "tool_call_id": "t", "content": "see"},
        {"role": "user", "content": [part]},
    ]
    assert said(result, extras=True) == [
        {"role": "tool", "tool_call_id": "t", "content": [{"type": "text", "text": "see"}, part]}
    ]


def test_an_assistants_turn_keeps_text_calls_and_signed_thinking() -> None:
    thinking = {"type": "thinking", "thinking": "hm", "signature": "SIG"}
    redacted = {"type": "redacted_thinking", "data": "QUJD"}
    turn: list[dict[str, Any]] = [
        thinking,
        redacted,
        {"type": "text", "text": "ok"},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"é": 1}},
    ]
    call = {"id": "t", "type": "function", "function": {"name": "f", "arguments": '{"é":1}'}}

    assert said(*turn, role="assistant", extras=True) == [
        {"role": "assistant", "content": "ok", "thinking_blocks": [thinking, redacted], "tool_calls": [call]}
    ]
    assert said(*turn, role="assistant") == [{"role": "assistant", "content": "ok", "tool_calls": [call]}]


def test_thinking_that_openai_cannot_take_is_named() -> None:
    turn = {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": "SIG"}]}

    assert ask(messages=[{"role": "user", "content": "q"}, turn]).warnings == ("messages.thinking",)


def test_tools_are_functions() -> None:
    cached = {**TOOL, "type": "custom", "strict": True, "cache_control": EPHEMERAL}
    function = {"name": "f", "description": "d", "parameters": TOOL["input_schema"], "strict": True}

    assert ask_converse(tools=[cached]).body["tools"] == [
        {"type": "function", "function": function, "cache_control": EPHEMERAL}
    ]
    assert ask(tools=[cached]).body["tools"] == [{"type": "function", "function": function}]
    assert ask(tools=[cached]).warnings == ("cache_control",)
    assert ask(tools=[{**TOOL, "defer_loading": True}]).warnings == ("tools",)


@pytest.mark.parametrize(
    "kind", ["web_search_20250305", "code_execution_20250825", "bash_20250124", "text_editor_20250728", "computer_1"]
)
def test_tools_of_anthropics_own_are_refused(kind: str) -> None:
    with pytest.raises(UnsupportedParameter) as refused:
        ask(tools=[TOOL, {"type": kind, "name": "x"}])

    assert refused.value.param == "tools[1].type"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"type": "auto"}, {"tool_choice": "auto"}),
        ({"type": "any"}, {"tool_choice": "required"}),
        ({"type": "none"}, {"tool_choice": "none"}),
        ({"type": "tool", "name": "f"}, {"tool_choice": {"type": "function", "function": {"name": "f"}}}),
        (
            {"type": "auto", "disable_parallel_tool_use": True},
            {"tool_choice": "auto", "parallel_tool_calls": False},
        ),
    ],
)
def test_tool_choice(given: dict[str, Any], expected: dict[str, Any]) -> None:
    found = ask(tools=[TOOL], tool_choice=given).body

    assert {name: found[name] for name in ("tool_choice", "parallel_tool_calls") if name in found} == expected


@pytest.mark.parametrize(
    ("fields", "effort"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "low"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, "medium"),
        ({"thinking": {"type": "enabled", "budget_tokens": 31999}}, "high"),
        ({"thinking": {"type": "adaptive"}}, "high"),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, "max"),
        ({"output_config": {"effort": "low"}}, "low"),
        ({"thinking": {"type": "disabled"}}, None),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}, None),
        ({}, None),
    ],
)
def test_thinking_becomes_an_effort(fields: dict[str, Any], effort: str | None) -> None:
    assert ask(**fields).body.get("reasoning_effort") == effort


def test_a_schema_is_strict_only_where_openai_can_enforce_it() -> None:
    closed = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    optional = {**closed, "required": []}

    newer = ask(output_config={"format": {"type": "json_schema", "schema": closed}})
    assert newer.body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "output", "schema": closed, "strict": True},
    }
    older = ask(output_format={"type": "json_schema", "schema": optional})
    assert older.body["response_format"]["json_schema"]["strict"] is False
    assert older.warnings == ()


def test_limits_sampling_identity_and_streaming() -> None:
    found = ask(
        stop_sequences=["a"],
        temperature=0.5,
        top_p=0.9,
        top_k=5,
        metadata={"user_id": "u"},
        service_tier="standard_only",
        stream=True,
        inference_profile="x",
    )

    assert (
        found.body.items()
        >= {
            "stop": ["a"],
            "temperature": 0.5,
            "top_p": 0.9,
            "user": "u",
            "service_tier": "default",
            "stream": True,
            "stream_options": {"include_usage": True},
        }.items()
    )
    assert "top_k" not in found.body
    assert found.warnings == ("inference_profile", "top_k")
    assert ask_converse(top_k=5).body["top_k"] == 5


def test_a_long_user_id_stays_one_id() -> None:
    found = [ask(metadata={"user_id": name * 65}).body["user"] for name in "aab"]

    assert found[0] == found[1] != found[2]
    assert [len(user) for user in found] == [64, 64, 64]


@pytest.mark.parametrize("name", ["container", "mcp_servers", "context_management", "inference_geo"])
def test_what_anthropic_alone_can_do_is_refused(name: str) -> None:
    with pytest.raises(UnsupportedParameter) as refused:
        ask(**{name: ["x"]})

    assert refused.value.param == name
    assert ask(**{name: None}).warnings == ()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"type": "server_tool_use"}]}]}, "messages[0].content[0].type"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "file"}}]}]},
            "messages[0].content[0].source.type",
        ),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": ""}]}]},
            "messages[0].content[0].name",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}, "messages[0].content[0].tool_use_id"),
        ({"tools": [{"name": "f"}]}, "tools[0].input_schema"),
        ({"tool_choice": {"type": "all"}}, "tool_choice.type"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"thinking": {"type": []}}, "thinking.type"),
        ({"output_config": {"effort": "some"}}, "output_config.effort"),
        ({"stop_sequences": "x"}, "stop_sequences"),
        ({"temperature": "hot"}, "temperature"),
    ],
)
def test_a_mistake_is_named_by_its_place(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        ask(**fields)

    assert refused.value.param == param


@pytest.mark.parametrize("content", ["", []])
def test_turns_that_say_nothing_are_refused_where_they_stand(content: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"messages\[0\].content is empty") as refused:
        ask(messages=[{"role": "user", "content": content}])

    assert refused.value.param == "messages[0].content"
    with pytest.raises(InvalidRequest, match="at least one message"):
        ask(messages=[])
