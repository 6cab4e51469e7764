"""Tools, the choice among them, and answers held to a JSON schema."""

import json
from typing import Any

import pytest

from sluice.domain.errors import InvalidRequest, UnsupportedParameter
from sluice.translation.requests.chat_to_converse import request
from sluice.translation.structured import JSON_TOOL
from sluice.translation.translation import Translated

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
CLAUDE_4 = "anthropic.claude-sonnet-4-20250514-v1:0"
SONNET_5 = "anthropic.claude-sonnet-5"
NOVA = "amazon.nova-lite-v1:0"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"
MISTRAL = "mistral.mistral-large-2407-v1:0"
QWEN = "qwen.qwen3-32b-v1:0"
OSS = "openai.gpt-oss-120b-1:0"
TITAN = "amazon.titan-text-express-v1"
TOOL = {"type": "function", "function": {"name": "f"}}
NAMED = {"type": "function", "function": {"name": "f"}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
FORMAT = {"type": "json_schema", "json_schema": {"name": "p", "description": "d", "schema": SCHEMA}}
PLAIN = {"type": "object", "properties": {}}


def made(model: str = CLAUDE, **body: Any) -> Translated:
    return request({"messages": [{"role": "user", "content": "q"}], **body}, model)


def function(**fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", **fields}}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"description": "", "parameters": None}, {"inputSchema": {"json": PLAIN}}),
        ({"parameters": {}}, {"inputSchema": {"json": PLAIN}}),
        ({"description": "d", "parameters": SCHEMA}, {"description": "d", "inputSchema": {"json": SCHEMA}}),
        ({"parameters": {"properties": {}}}, {"inputSchema": {"json": PLAIN}}),
        ({"parameters": SCHEMA, "strict": False}, {"inputSchema": {"json": SCHEMA}}),
    ],
)
def test_a_tool_is_told_as_far_as_the_caller_tells_it(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    assert made(tools=[function(**fields)]).body["toolConfig"]["tools"] == [{"toolSpec": {"name": "f", **expected}}]


def test_a_strict_tool_is_strict_where_the_family_can_be() -> None:
    strict, loose = (made(model, tools=[function(parameters=SCHEMA, strict=True)]) for model in (CLAUDE, NOVA))

    closed = {**SCHEMA, "additionalProperties": False}
    assert strict.body["toolConfig"]["tools"][0]["toolSpec"] == {
        "name": "f",
        "inputSchema": {"json": closed},
        "strict": True,
    }
    assert strict.warnings == ()
    assert loose.body["toolConfig"]["tools"][0]["toolSpec"] == {"name": "f", "inputSchema": {"json": SCHEMA}}
    assert loose.warnings == ("strict",)


@pytest.mark.parametrize(
    ("tools", "param"),
    [
        ("f", "tools"),
        ([5], "tools[0]"),
        ([{"type": "custom"}], "tools[0].type"),
        ([{"type": "function"}], "tools[0].function"),
        ([TOOL, function(name="with blank")], "tools[1].function.name"),
        ([function(name="x" * 65)], "tools[0].function.name"),
        ([function(name=JSON_TOOL)], "tools[0].function.name"),
        ([function(description=5)], "tools[0].function.description"),
        ([function(parameters="{}")], "tools[0].function.parameters"),
        ([function(strict="yes")], "tools[0].function.strict"),
    ],
)
def test_what_is_no_tool_is_refused_with_its_place(tools: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        made(tools=tools)

    assert refusal.value.param == param


def test_a_family_without_tools_refuses_them_unless_none_may_be_called() -> None:
    with pytest.raises(UnsupportedParameter) as refusal:
        made(TITAN, tools=[TOOL])

    assert refusal.value.param == "tools"
    assert "toolConfig" not in made(TITAN, tools=[TOOL], tool_choice="none").body


@pytest.mark.parametrize(
    ("model", "asked", "expected", "warnings"),
    [
        (CLAUDE, "auto", {"auto": {}}, ()),
        (CLAUDE, "required", {"any": {}}, ()),
        (CLAUDE, NAMED, {"tool": {"name": "f"}}, ()),
        (NOVA, NAMED, {"tool": {"name": "f"}}, ()),
        (MISTRAL, "required", {"any": {}}, ()),
        (MISTRAL, NAMED, {"any": {}}, ()),
        (LLAMA, "auto", {"auto": {}}, ()),
        (LLAMA, "required", {"auto": {}}, ("tool_choice",)),
        (QWEN, "auto", None, ()),
        (QWEN, "required", None, ("tool_choice",)),
        (CLAUDE, None, None, ()),
    ],
)
def test_a_choice_is_as_strong_as_the_family_allows(
    model: str, asked: Any, expected: dict[str, Any] | None, warnings: tuple[str, ...]
) -> None:
    translated = made(model, tools=[TOOL], tool_choice=asked)

    assert translated.body["toolConfig"].get("toolChoice") == expected
    assert translated.warnings == warnings


def test_a_named_tool_among_others_is_any_of_them_where_no_name_is_taken() -> None:
    translated = made(MISTRAL, tools=[TOOL, function(name="g")], tool_choice=NAMED)

    assert translated.body["toolConfig"]["toolChoice"] == {"any": {}}
    assert translated.warnings == ("tool_choice",)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": "maybe"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": 5}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "allowed_tools"}}, "tool_choice.type"),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}},
            "tool_choice.function.name",
        ),
    ],
)
def test_a_choice_that_cannot_be_is_refused(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        made(**body)

    assert refusal.value.param == param


@pytest.mark.parametrize(
    ("choice", "expected"),
    [("auto", {"disable_parallel_tool_use": True}), (None, {"type": "auto", "disable_parallel_tool_use": True})],
)
def test_claude_is_told_to_call_one_tool_at_a_time(choice: str | None, expected: dict[str, Any]) -> None:
    translated = made(tools=[TOOL], tool_choice=choice, parallel_tool_calls=False)

    assert translated.body["additionalModelRequestFields"] == {"tool_choice": expected}


def test_other_families_call_as_many_as_they_like() -> None:
    assert made(NOVA, tools=[TOOL], parallel_tool_calls=False).warnings == ("parallel_tool_calls",)
    assert made(NOVA, tools=[TOOL], parallel_tool_calls=True).warnings == ()
    assert made(NOVA, parallel_tool_calls=False).warnings == ()


@pytest.mark.parametrize("model", [CLAUDE, QWEN, "deepseek.v3-v1:0", "mistral.ministral-3-8b-instruct"])
def test_a_schema_is_native_where_the_family_has_it(model: str) -> None:
    translated = made(model, response_format=FORMAT)

    made_schema = translated.body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert json.loads(made_schema.pop("schema")) == {**SCHEMA, "additionalProperties": False}
    assert made_schema == {"name": "p", "description": "d"}
    assert translated.warnings == ()


def test_some_families_have_it_only_while_they_reason() -> None:
    plain, thinking = (
        made(SONNET_5, response_format=FORMAT),
        made(SONNET_5, response_format=FORMAT, reasoning_effort="low"),
    )

    assert "outputConfig" not in plain.body
    assert plain.body["toolConfig"]["toolChoice"] == {"tool": {"name": JSON_TOOL}}
    assert "outputConfig" in thinking.body
    assert "toolConfig" not in thinking.body


JSON_SPEC = {"toolSpec": {"name": JSON_TOOL, "description": "d", "inputSchema": {"json": SCHEMA}}}
F_SPEC = {"toolSpec": {"name": "f", "inputSchema": {"json": PLAIN}}}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"tools": [JSON_SPEC], "toolChoice": {"tool": {"name": JSON_TOOL}}}),
        ({"tools": [TOOL]}, {"tools": [F_SPEC, JSON_SPEC], "toolChoice": {"any": {}}}),
        ({"tools": [TOOL], "tool_choice": "auto"}, {"tools": [F_SPEC, JSON_SPEC], "toolChoice": {"any": {}}}),
        ({"tools": [TOOL], "tool_choice": "none"}, {"tools": [JSON_SPEC], "toolChoice": {"tool": {"name": JSON_TOOL}}}),
        ({"tools": [TOOL], "tool_choice": "required"}, {"tools": [F_SPEC], "toolChoice": {"any": {}}}),
    ],
)
def test_elsewhere_one_forced_tool_is_the_answer(body: dict[str, Any], expected: dict[str, Any]) -> None:
    translated = made(NOVA, response_format=FORMAT, **body)

    assert translated.body["toolConfig"] == expected
    assert translated.warnings == ()


@pytest.mark.parametrize(
    ("model", "more", "choice"),
    [
        (LLAMA, {}, {"auto": {}}),
        (OSS, {}, None),
        (CLAUDE_4, {"reasoning_effort": "low"}, {"auto": {}}),
        ("anthropic.claude-opus-5-5", {}, {"auto": {}}),
    ],
)
def test_a_tool_that_cannot_be_forced_is_offered_and_told(
    model: str, more: dict[str, Any], choice: dict[str, Any] | None
) -> None:
    translated = made(model, response_format=FORMAT, **more)

    assert translated.body["toolConfig"].get("toolChoice") == choice
    assert translated.body["toolConfig"]["tools"] == [JSON_SPEC]
    assert translated.warnings == ("response_format",)


def test_where_any_is_taken_and_no_name_the_only_tool_is_forced() -> None:
    translated = made(MISTRAL, response_format=FORMAT)

    assert translated.body["toolConfig"]["toolChoice"] == {"any": {}}
    assert translated.warnings == ()


def test_a_family_that_cannot_be_held_to_a_schema_refuses_one() -> None:
    with pytest.raises(UnsupportedParameter) as refusal:
        made(TITAN, response_format=FORMAT)

    assert refusal.value.param == "response_format"


def test_json_without_a_schema_is_not_asked_for() -> None:
    translated = made(response_format={"type": "json_object"})

    assert set(translated.body) == {"messages"}
    assert translated.warnings == ("response_format",)
    assert made(response_format={"type": "text"}).warnings == ()


@pytest.mark.parametrize(
    ("wanted", "param"),
    [
        ("json", "response_format"),
        ({}, "response_format.type"),
        ({"type": "xml"}, "response_format.type"),
        ({"type": "json_schema"}, "response_format.json_schema"),
        ({"type": "json_schema", "json_schema": {"name": "p"}}, "response_format.json_schema.schema"),
        ({"type": "json_schema", "json_schema": {"name": 5, "schema": SCHEMA}}, "response_format.json_schema.name"),
    ],
)
def test_a_format_of_no_form_is_refused_with_its_place(wanted: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        made(response_format=wanted)

    assert refusal.value.param == param


def test_the_input_of_a_tool_is_an_object() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        made(NOVA, response_format={"type": "json_schema", "json_schema": {"name": "p", "schema": {"type": "array"}}})

    assert refusal.value.param == "response_format.json_schema.schema"
