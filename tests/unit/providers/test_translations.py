"""Which files translate a call: every way there is, its warnings and its errors in the caller's words."""

import json
from typing import Any

import pytest

from sluice.domain.errors import InvalidRequest
from sluice.providers.translations import spoken
from sluice.translation.translation import Asked

NOVA = "amazon.nova-lite-v1:0"
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
RESPONSE: dict[str, Any] = {"model": "m", "input": "hi"}
MESSAGES: dict[str, Any] = {"model": "m", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}
CONVERSED = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Hello"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3},
}
MESSAGE = {
    "type": "message",
    "role": "assistant",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 2},
}
COMPLETION = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
}
WAYS = [
    ("chat", "converse", CHAT, CONVERSED, "chat.completion"),
    ("responses", "converse", RESPONSE, CONVERSED, "response"),
    ("messages", "converse", MESSAGES, CONVERSED, "message"),
    ("chat", "messages", CHAT, MESSAGE, "chat.completion"),
    ("responses", "messages", RESPONSE, MESSAGE, "response"),
    ("messages", "chat", MESSAGES, COMPLETION, "message"),
    ("responses", "chat", RESPONSE, COMPLETION, "response"),
]


@pytest.mark.parametrize(("caller", "provider", "body", "answer", "kind"), WAYS)
def test_every_way_there_leads_back(caller: str, provider: str, body: Any, answer: Any, kind: str) -> None:
    before = json.dumps(body)

    found = spoken(caller, provider, body, NOVA)
    made = found.translation.whole(answer, Asked("m", "id1", 1, body))

    assert json.dumps(body) == before
    assert "hi" in json.dumps(found.body)
    assert made.get("object", made.get("type")) == kind
    assert "Hello" in json.dumps(made)
    assert made["model"] == "m"


def test_what_two_steps_drop_is_named_once_in_the_callers_words() -> None:
    found = spoken(
        "responses", "converse", RESPONSE | {"max_output_tokens": 5, "service_tier": "flex", "user": "u"}, NOVA
    )

    assert len(set(found.warnings)) == len(found.warnings)
    assert set(found.warnings) <= {"max_output_tokens", "service_tier", "user"}


@pytest.mark.parametrize(
    ("caller", "body", "param"),
    [
        ("responses", RESPONSE | {"max_output_tokens": 5, "tools": [{"type": "function"}]}, "tools"),
        (
            "responses",
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "ftp://x"}]}]},
            "input",
        ),
        ("messages", MESSAGES | {"messages": [{"role": "user", "content": 5}]}, "messages"),
        ("chat", CHAT | {"messages": [{"role": "user", "content": 5}]}, "messages"),
    ],
)
def test_what_is_wrong_is_named_as_the_caller_named_it(caller: str, body: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        spoken(caller, "converse", body, NOVA)

    assert str(raised.value.param).startswith(param)


def image(**source: Any) -> dict[str, Any]:
    return {"type": "image", "source": source}


BY_URL = image(type="url", url="https://example.test/a.png")
BITMAP = image(type="base64", media_type="image/bmp", data="QUJD")
SAID = {"type": "text", "text": "What is this?"}
USE = {"type": "tool_use", "id": "t1", "name": "look", "input": {}}
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "s"}
SEEN = {"type": "tool_result", "tool_use_id": "t1", "content": "seen"}
PAPER = {
    "type": "document",
    "title": "a.odt",
    "context": "c",
    "source": {"type": "base64", "media_type": "a/b", "data": "QUJD"},
}
NESTED = {"type": "document", "source": {"type": "content", "content": [SAID, BY_URL]}}
TOOL = {"name": "look", "input_schema": {"type": "object"}}


def turn(*blocks: Any, role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": list(blocks)}


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"messages": [turn(BY_URL)]}, "messages[0].content[0].source"),
        ({"messages": [turn(SAID, BITMAP)], "system": "Be brief"}, "messages[0].content[1].source"),
        ({"messages": [turn(SAID), turn(SAID, role="assistant"), turn(BITMAP)]}, "messages[2].content[0].source"),
        (
            {"messages": [turn(SAID), turn(THOUGHT, SAID, USE, THOUGHT, role="assistant"), turn(SEEN, BY_URL)]},
            "messages[2].content",
        ),
        ({"messages": [turn(PAPER, SAID)]}, "messages[0].content[0].source.data"),
        ({"messages": [turn(SAID, NESTED)]}, "messages[0].content[1]"),
        ({"messages": [turn(SAID), turn(THOUGHT, BY_URL, role="assistant")]}, "messages[1].content[1]"),
        ({"tools": [TOOL, TOOL | {"name": "a b"}]}, "tools[1].name"),
        ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "hear"}}, "tool_choice.name"),
    ],
)
def test_a_place_behind_two_steps_is_the_one_in_messages(asked: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        spoken("messages", "converse", MESSAGES | asked, NOVA)

    assert raised.value.param == param
    assert param in raised.value.message
    assert not any(word in raised.value.message for word in ("image_url", "file", "function"))


def test_an_image_by_url_is_refused_in_words_that_fit_every_surface() -> None:
    part = {"type": "input_image", "image_url": "https://example.test/a.png"}
    with pytest.raises(InvalidRequest) as raised:
        spoken("responses", "converse", {"input": [{"role": "user", "content": [part]}]}, NOVA)

    assert raised.value.message == "input: images by URL are not fetched; send the image itself, base64"


FUNCTION = {"type": "function", "name": "a b", "parameters": {}}
ALLOWED = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "a b"}]}


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"tools": [FUNCTION]}, "tools[0].name"),
        ({"tools": [FUNCTION | {"name": "a"}, FUNCTION], "tool_choice": ALLOWED}, "tools"),
    ],
)
def test_a_place_behind_two_steps_is_the_one_in_responses(asked: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        spoken("responses", "converse", RESPONSE | asked, NOVA)

    assert raised.value.param == param
    assert raised.value.message.startswith(f"{param} is wrong")


@pytest.mark.parametrize(
    ("model", "warnings"),
    [
        ("gpt-4o-mini", ("thinking", "output_config")),
        ("gpt-4.1", ("thinking", "output_config")),
        ("ft:gpt-3.5-turbo-0125:org::id", ("thinking", "output_config")),
        ("chatgpt-4o-latest", ("thinking", "output_config")),
        ("gpt-5", ()),
        ("o3", ()),
        ("ft:o4-mini", ()),
    ],
)
def test_models_that_do_not_reason_are_not_asked_to(model: str, warnings: tuple[str, ...]) -> None:
    thinking = {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}

    found = spoken("messages", "chat", MESSAGES | thinking, model)

    assert ("reasoning_effort" in found.body, found.warnings) == (not warnings, warnings)
