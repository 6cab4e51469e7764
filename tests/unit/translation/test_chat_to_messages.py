"""Requests of a chat as those of the Messages API."""

import re
from typing import Any

import pytest

from sluice.translation.requests import messages_to_chat
from sluice.translation.requests.chat_to_messages import request
from sluice.translation.structured import JSON_TOOL
from sluice.translation.translation import Translated

SONNET_4_5 = "claude-sonnet-4-5"
OPUS_4_1 = "claude-opus-4-1-20250805"
OPUS_4_6 = "claude-opus-4-6"
SONNET_5 = "claude-sonnet-5"
TOOL = {"type": "function", "function": {"name": "f"}}
CALL = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
SIGNED = {"type": "thinking", "thinking": "hm", "signature": "SIG"}
USER = {"role": "user", "content": "q"}


def ask(*messages: dict[str, Any], model: str = SONNET_4_5, **fields: Any) -> Translated:
    return request({"model": "route", "messages": list(messages or (USER,)), **fields}, model)


def text(written: str) -> dict[str, Any]:
    return {"type": "text", "text": written}


def schema(**fields: Any) -> dict[str, Any]:
    wanted = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}, **fields}
    return {"type": "json_schema", "json_schema": {"name": "p", "schema": wanted}}


def test_the_least_request_gets_the_models_own_limit() -> None:
    found = ask()

    assert found == Translated(
        {"model": SONNET_4_5, "max_tokens": 64000, "messages": [{"role": "user", "content": [text("q")]}]}
    )


@pytest.mark.parametrize(
    ("model", "limit"),
    [
        ("claude-3-haiku-20240307", 4096),
        ("claude-3-5-sonnet-20241022", 8192),
        ("claude-3-7-sonnet-20250219", 64000),
        ("claude-opus-4-20250514", 32000),
        (OPUS_4_1, 32000),
        (OPUS_4_6, 128000),
        ("somebody-elses", 4096),
    ],
)
def test_the_limit_without_max_tokens(model: str, limit: int) -> None:
    assert ask(model=model).body["max_tokens"] == limit


def test_the_newer_name_of_max_tokens_wins() -> None:
    assert ask(max_tokens=5, max_completion_tokens=7).body["max_tokens"] == 7
    assert ask(max_tokens=5).body["max_tokens"] == 5


def test_instructions_are_hoisted_and_keep_their_cache_control() -> None:
    part = {**text("B"), "cache_control": {"type": "ephemeral"}}

    found = ask({"role": "system", "content": "A"}, USER, {"role": "developer", "content": [part, text(" ")]})

    assert found.body["system"] == [text("A"), part]
    assert len(found.body["messages"]) == 1


def test_messages_of_one_role_are_one_turn() -> None:
    roles = ["user", "user", "assistant", "assistant", "user"]

    found = ask(*({"role": role, "content": str(index)} for index, role in enumerate(roles)))

    assert [(turn["role"], [block["text"] for block in turn["content"]]) for turn in found.body["messages"]] == [
        ("user", ["0", "1"]),
        ("assistant", ["2", "3"]),
        ("user", ["4"]),
    ]


def test_results_of_tools_are_one_turn_of_the_user_without_doubles() -> None:
    second = {**CALL, "id": "call:2", "function": {"name": "g", "arguments": " "}}

    found = ask(
        USER,
        {"role": "assistant", "content": None, "tool_calls": [CALL, second]},
        {"role": "tool", "tool_call_id": "t1", "content": "r1"},
        {"role": "tool", "tool_call_id": "call:2", "content": [text("r2")]},
        {"role": "tool", "tool_call_id": "t1", "content": "again"},
        {"role": "user", "content": "and?"},
        tools=[TOOL],
    )

    assistant, results = found.body["messages"][1:]
    fit = assistant["content"][1]["id"]
    assert re.fullmatch(r"call_2_[0-9a-f]{8}", fit)
    assert assistant["content"] == [
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"x": 1}},
        {"type": "tool_use", "id": fit, "name": "g", "input": {}},
    ]
    assert results["content"] == [
        {"type": "tool_result", "tool_use_id": "t1", "content": [text("r1")]},
        {"type": "tool_result", "tool_use_id": fit, "content": [text("r2")]},
        text("and?"),
    ]


def test_results_come_first_and_calls_last_in_their_turn() -> None:
    found = ask(
        USER,
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "assistant", "content": "calling"},
        {"role": "user", "content": "wait"},
        {"role": "tool", "tool_call_id": "t1", "content": "r"},
        tools=[TOOL],
    )

    assert [[block["type"] for block in turn["content"]] for turn in found.body["messages"]] == [
        ["text"],
        ["text", "tool_use"],
        ["tool_result", "text"],
    ]


def test_a_history_of_tools_without_tools_is_told_as_text() -> None:
    found = ask(
        USER,
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "t1", "content": "r"},
    )

    assert [turn["content"] for turn in found.body["messages"][1:]] == [
        [text('[tool call t1: f({"x":1})]')],
        [text("[tool result t1:]"), text("r")],
    ]


def test_the_last_turn_of_the_assistant_does_not_end_in_whitespace() -> None:
    assert ask(USER, {"role": "assistant", "content": "so: \n"}).body["messages"][-1]["content"] == [text("so:")]


def test_images_files_and_cache_control() -> None:
    url = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    data = {"type": "image_url", "image_url": "data:image/jpg;base64,QUJD", "cache_control": {"type": "ephemeral"}}
    pdf = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,QUJD"}}
    plain = {"type": "file", "file": {"file_data": "data:text/plain;base64,w6k="}}

    assert ask({"role": "user", "content": [url, data, pdf, plain]}).body["messages"][0]["content"] == [
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/jpeg", "data": "QUJD"},
            "cache_control": {"type": "ephemeral"},
        },
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "QUJD"},
            "title": "a.pdf",
        },
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "é"}},
    ]


def test_tools_and_choices() -> None:
    strict = {"type": "function", "function": {"name": "g", "strict": True, "parameters": {"properties": {}}}}

    found = ask(tools=[TOOL, strict], tool_choice="required", parallel_tool_calls=False).body

    assert found["tools"] == [
        {"name": "f", "input_schema": {"type": "object", "properties": {}}},
        {"name": "g", "input_schema": {"type": "object", "properties": {}}, "strict": True},
    ]
    assert found["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    named = {"type": "function", "function": {"name": "f"}}
    assert ask(tools=[TOOL], tool_choice=named).body["tool_choice"] == {"type": "tool", "name": "f"}
    assert ask(tools=[TOOL], tool_choice="none", parallel_tool_calls=False).body["tool_choice"] == {"type": "none"}
    assert ask(tools=[TOOL], parallel_tool_calls=False).body["tool_choice"] == {
        "type": "auto",
        "disable_parallel_tool_use": True,
    }
    assert "tool_choice" not in ask(tools=[TOOL]).body


@pytest.mark.parametrize(
    ("model", "effort", "limit", "expected"),
    [
        (SONNET_4_5, "low", 8000, {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        (SONNET_4_5, "xhigh", 8000, {"thinking": {"type": "enabled", "budget_tokens": 7999}}),
        (OPUS_4_1, "medium", 8000, {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
        (
            OPUS_4_6,
            "xhigh",
            8000,
            {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "high"}},
        ),
        (
            SONNET_5,
            "minimal",
            8000,
            {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "low"}},
        ),
        (SONNET_4_5, "none", 8000, {}),
    ],
)
def test_an_effort_by_generation(model: str, effort: str, limit: int, expected: dict[str, Any]) -> None:
    found = ask(model=model, reasoning_effort=effort, max_tokens=limit)

    assert {name: found.body[name] for name in ("thinking", "output_config") if name in found.body} == expected
    is_another = expected.get("output_config", {"effort": effort})["effort"] != effort
    assert found.warnings == (("reasoning_effort",) if is_another else ())


@pytest.mark.parametrize(("model", "limit"), [("claude-3-haiku-20240307", 4000), (SONNET_4_5, 1024)])
def test_thinking_that_has_no_room_is_named(model: str, limit: int) -> None:
    found = ask(model=model, reasoning_effort="high", max_tokens=limit)

    assert "thinking" not in found.body
    assert found.warnings == ("reasoning_effort",)


def test_thinking_takes_neither_sampling_nor_a_forced_choice() -> None:
    found = ask(reasoning_effort="low", temperature=0.2, top_k=3, tools=[TOOL], tool_choice="required")

    assert found.body["tool_choice"] == {"type": "auto"}
    assert not found.body.keys() & {"temperature", "top_k"}
    assert set(found.warnings) == {"temperature", "top_k", "tool_choice"}


def test_thinking_sent_back_comes_first() -> None:
    redacted = {"type": "redacted_thinking", "data": "QUJD"}
    indexed = [{"index": 0, **SIGNED}, {"index": 1, **redacted}]

    found = ask(
        USER,
        {"role": "assistant", "content": "text", "thinking_blocks": indexed, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "t1", "content": "r"},
        tools=[TOOL],
        reasoning_effort="low",
    )

    assert [block["type"] for block in found.body["messages"][1]["content"]] == [
        "thinking",
        "redacted_thinking",
        "text",
        "tool_use",
    ]
    assert found.body["messages"][1]["content"][:2] == [SIGNED, redacted]
    assert "thinking" in found.body


def test_thinking_by_budget_does_not_begin_between_a_call_and_its_result() -> None:
    history = (
        USER,
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "t1", "content": "r"},
    )

    found = ask(*history, tools=[TOOL], reasoning_effort="low")

    assert "thinking" not in found.body
    assert found.warnings == ("reasoning_effort",)
    assert "thinking" in ask(*history, tools=[TOOL], reasoning_effort="low", model=OPUS_4_6).body


def test_unsigned_thinking_is_left_out_and_named() -> None:
    unsigned = {"type": "thinking", "thinking": "hm"}

    found = ask(USER, {"role": "assistant", "content": "a", "thinking_blocks": [unsigned]}, USER)

    assert found.body["messages"][1]["content"] == [text("a")]
    assert found.warnings == ("messages.thinking_blocks",)


def test_anthropics_own_thinking_goes_on_as_it_is() -> None:
    own = {"type": "enabled", "budget_tokens": 2000}

    assert ask(thinking=own, reasoning_effort="high").body["thinking"] == own


@pytest.mark.parametrize("model", [SONNET_4_5, OPUS_4_6, SONNET_5])
def test_a_schema_is_native_since_4_5(model: str) -> None:
    found = ask(model=model, response_format=schema())

    wanted = {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": False}
    assert found.body["output_config"] == {"format": {"type": "json_schema", "schema": wanted}}
    assert found.warnings == ("response_format",)
    assert "tools" not in found.body


def test_a_schema_before_4_5_is_the_input_of_a_forced_tool() -> None:
    alone = ask(model=OPUS_4_1, response_format=schema()).body
    beside = ask(model=OPUS_4_1, response_format=schema(), tools=[TOOL], parallel_tool_calls=False).body

    assert alone["tool_choice"] == {"type": "tool", "name": JSON_TOOL}
    assert alone["tools"][0]["input_schema"]["properties"] == {"a": {"type": "integer", "minimum": 1}}
    assert [tool["name"] for tool in beside["tools"]] == ["f", JSON_TOOL]
    assert beside["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}


def test_effort_and_schema_share_their_field() -> None:
    found = ask(model=OPUS_4_6, reasoning_effort="high", response_format=schema()).body

    assert found["output_config"].keys() == {"effort", "format"}


def test_json_without_a_schema_is_named() -> None:
    assert ask(response_format={"type": "json_object"}).warnings == ("response_format",)
    assert ask(response_format={"type": "text"}).warnings == ()


def test_sampling_is_clamped_or_dropped_by_generation() -> None:
    warm = ask(temperature=1.6, model="claude-3-5-sonnet-20241022", top_p=0.5, top_k=3)

    assert (warm.body["temperature"], warm.body["top_p"], warm.body["top_k"]) == (1, 0.5, 3)
    assert warm.warnings == ("temperature",)
    assert ask(temperature=0.5, top_p=0.5).warnings == ("top_p",)
    assert ask(top_p=0.5).body["top_p"] == 0.5
    assert ask(model=SONNET_5, temperature=0.5).warnings == ("temperature",)


def test_stops_tiers_users_and_streams() -> None:
    found = ask(stop=["", "x"], service_tier="default", user="u-1", stream=True, stream_options={})

    assert found.body.items() >= {"stop_sequences": ["x"], "service_tier": "standard_only", "stream": True}.items()
    assert found.body["metadata"] == {"user_id": "u-1"}
    assert found.warnings == ()
    assert ask(stop="END").body["stop_sequences"] == ["END"]
    assert "stop_sequences" not in ask(stop="").body
    assert ask(stop=[" "]).warnings == ("stop",)
    assert ask(service_tier="flex").warnings == ("service_tier",)


@pytest.mark.parametrize("user", ["a@example.com", "+1 555 0100", "5550100", "x" * 300])
def test_a_user_that_looks_like_a_person_is_hashed(user: str) -> None:
    found = ask(user=user).body["metadata"]["user_id"]

    assert re.fullmatch(r"[0-9a-f]{64}", found)


def test_what_changes_no_answer_is_dropped_and_named() -> None:
    found = ask(seed=1, frequency_penalty=0.1, store=True, metadata={"a": "b"}, verbosity=None, n=1)

    assert found.warnings == ("seed", "frequency_penalty", "store", "metadata")


def test_a_conversation_survives_both_translations() -> None:
    """chat to Messages and back: calls, ids and signatures stay as they were."""
    conversation: list[dict[str, Any]] = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "a", "thinking_blocks": [SIGNED], "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "t1", "content": "r"},
        {"role": "user", "content": "and?"},
    ]
    there = ask(*conversation, tools=[TOOL], tool_choice="required", stop=["x"], temperature=0.5).body

    back = messages_to_chat.request(there, "gpt", extras=True)

    assert back.warnings == ()
    assert back.body["messages"] == conversation
    assert back.body["tool_choice"] == "required"
    assert (back.body["stop"], back.body["temperature"]) == (["x"], 0.5)


def test_the_callers_body_stays_as_it_is() -> None:
    body = {"messages": [USER, USER, {"role": "assistant", "content": "x "}], "response_format": schema()}
    copy = {**body, "messages": [dict(message) for message in (USER, USER, {"role": "assistant", "content": "x "})]}

    request(body, SONNET_4_5)

    assert body == copy
