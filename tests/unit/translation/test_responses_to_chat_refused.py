from typing import Any

import pytest
from tests.unit.translation.response_inputs import SIGNED, Json, call, chat, refused, thought, wrong

from sluice.domain.errors import UnsupportedParameter
from sluice.translation.requests.responses_to_chat import callers_name, request


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("previous_response_id", "resp_1"),
        ("conversation", "conv_1"),
        ("conversation", {"id": "conv_1"}),
        ("background", True),
        ("prompt", {"id": "pmpt_1"}),
        ("top_logprobs", 3),
    ],
)
def test_what_the_model_cannot_have_is_refused_with_what_would_be_right(name: str, value: Any) -> None:
    with pytest.raises(UnsupportedParameter, match="; (send|use|leave)") as caught:
        chat(**{name: value})

    assert caught.value.param == name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("store", True),
        ("truncation", "auto"),
        ("include", ["reasoning.encrypted_content", "message.output_text.logprobs"]),
        ("max_tool_calls", 3),
        ("text", {"verbosity": "low"}),
        ("reasoning", {"effort": "low", "mode": "pro"}),
        ("prompt_cache_retention", "24h"),
        ("prompt_cache_options", {"mode": "explicit"}),
        ("stream_options", {"include_obfuscation": True}),
        ("context_management", [{"type": "compaction"}]),
        ("something_new", 1),
    ],
)
def test_what_is_dropped_is_named(name: str, value: Any) -> None:
    translated = request({"input": "hi", name: value}, "model-1")

    assert translated.warnings == (name,)
    assert name not in translated.body


def test_a_lifetime_of_a_cached_prefix_is_dropped_and_named() -> None:
    part = {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}

    assert request({"input": [{"role": "user", "content": [part]}]}, "model-1").warnings == ("input",)


def test_only_parts_that_are_read_are_looked_into() -> None:
    item = thought(SIGNED) | {"content": ["not read"]}

    assert request({"input": [item]}, "model-1").warnings == ()


def test_what_asks_for_nothing_is_not_named() -> None:
    harmless = {
        "store": False,
        "truncation": "disabled",
        "include": ["reasoning.encrypted_content"],
        "background": False,
        "top_logprobs": 0,
        "previous_response_id": None,
        "stream": False,
        "stream_options": {"include_obfuscation": False},
        "max_tool_calls": None,
        "text": {"verbosity": None},
    }

    assert request({"model": "haiku", "input": "hi", **harmless}, "model-1").warnings == ()


@pytest.mark.parametrize(
    ("name", "callers"),
    [
        ("messages[2].content[0].image_url.url", "input"),
        ("messages", "input"),
        ("max_completion_tokens", "max_output_tokens"),
        ("response_format.json_schema.schema", "text"),
        ("reasoning_effort", "reasoning"),
        ("tools[0].function.name", "tools[0].function.name"),
        ("temperature", "temperature"),
    ],
)
def test_what_a_later_translation_blames_has_the_callers_name(name: str, callers: str) -> None:
    assert callers_name(name) == callers


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"type": "item_reference", "id": "msg_1"}, "input[0].type"),
        ({"id": "msg_1"}, "input[0].type"),
        ({"type": "web_search_call", "id": "ws_1"}, "input[0].type"),
        ({"type": "custom_tool_call", "call_id": "c1"}, "input[0].type"),
        (
            {"role": "user", "content": [{"type": "input_image", "file_id": "file-1"}]},
            "input[0].content[0].file_id",
        ),
        ({"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}, "input[0].content[0].file_id"),
        (
            {"role": "user", "content": [{"type": "input_file", "file_url": "https://example.com/a.pdf"}]},
            "input[0].content[0].file_url",
        ),
        ({"role": "user", "content": [{"type": "input_video"}]}, "input[0].content[0].type"),
    ],
    ids=str,
)
def test_an_item_that_the_model_cannot_have_is_refused(item: Json, param: str) -> None:
    assert refused(input=[item]) == param


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": None}, "input"),
        ({"input": 7}, "input"),
        ({"input": ["hi"]}, "input[0]"),
        ({"input": [{"type": 7}]}, "input[0].type"),
        ({"input": [{"role": "tool", "content": "a"}]}, "input[0].role"),
        ({"input": [{"content": "a"}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": ["a"]}]}, "input[0].content[0]"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0].image_url"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0].file_data"),
        ({"input": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "input[0].content[0].input_audio"),
        ({"input": [{**call("c1"), "arguments": {}}]}, "input[0].arguments"),
        ({"input": [{**call("c1"), "call_id": None}]}, "input[0].call_id"),
        ({"input": [{**call("c1"), "name": 1}]}, "input[0].name"),
        ({"input": [{"type": "function_call_output", "output": "a"}]}, "input[0].call_id"),
        ({"input": [{"type": "function_call_output", "call_id": "c1"}]}, "input[0].output"),
        ({"instructions": 7}, "instructions"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"max_output_tokens": True}, "max_output_tokens"),
        ({"tools": {}}, "tools"),
        ({"tools": [7]}, "tools[0]"),
        ({"tools": [{"type": "function", "function": {"name": "a"}}]}, "tools[0].name"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.name"),
        ({"tool_choice": 7}, "tool_choice"),
        ({"tool_choice": {"type": "allowed_tools", "mode": "none", "tools": []}}, "tool_choice.mode"),
        ({"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": []}}, "tool_choice.tools"),
        (
            {"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "a"}]}},
            "tool_choice.tools",
        ),
        ({"text": "json"}, "text"),
        ({"text": {"format": "json"}}, "text.format"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"text": {"format": {"type": "json_schema", "name": "a"}}}, "text.format.schema"),
        ({"text": {"format": {"type": "json_schema", "schema": {}}}}, "text.format.name"),
        ({"reasoning": "high"}, "reasoning"),
        ({"reasoning": {"effort": 3}}, "reasoning.effort"),
    ],
    ids=str,
)
def test_a_value_that_is_wrong_is_named(body: Json, param: str) -> None:
    assert wrong(**body) == param
