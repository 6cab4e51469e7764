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
