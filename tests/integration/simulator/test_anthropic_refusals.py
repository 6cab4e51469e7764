"""What the simulated Anthropic refuses, and how it says so."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.integration.simulator.anthropic_rig import HELLO, KEY, THINKING, WEATHER, Rig

from sluice_devstack.event_loop import EventLoopThread


@pytest.fixture(scope="module")
def anthropic_rig(loop: EventLoopThread) -> Iterator[Rig]:
    rig = Rig(loop)
    yield rig
    rig.close()


CALL = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "rain"}


def turn(*content: Any, role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": list(content)}


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"max_tokens": None}, "max_tokens: Field required"),
    ({"max_tokens": 0}, "max_tokens: Input should be greater than or equal to 1"),
    ({"max_tokens": "5"}, "max_tokens: Input should be a valid integer"),
    ({"max_tokens": True}, "max_tokens: Input should be a valid integer"),
    ({"n": 2}, "n: Extra inputs are not permitted"),
    ({"messages": []}, "messages: at least one message is required"),
    ({"messages": ["hi"]}, "messages.0: Input should be a valid dictionary"),
    ({"messages": [turn("x", role="system")]}, "messages.0.role: Input should be 'user' or 'assistant'"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content: Input should be a valid list"),
    ({"messages": [{"role": "user", "content": ""}]}, "messages.0: all messages must have non-empty content"),
    ({"messages": [turn({"type": "text", "text": ""})]}, "messages: text content blocks must be non-empty"),
    (
        {"messages": [turn({"type": "text", "text": 5})]},
        "messages.0.content.0.text.text: Input should be a valid string",
    ),
    ({"messages": [turn({"type": "text"})]}, "messages.0.content.0.text.text: Field required"),
    ({"messages": [turn({"type": "input_text"})]}, "messages.0.content.0: Input tag 'input_text' found"),
    ({"messages": [turn({"type": ["text"]})]}, "messages.0.content.0: Input tag"),
    ({"messages": [turn("x")]}, "messages.0.content.0: Input tag"),
    (
        {
            "messages": [
                turn({"type": "image", "source": {"type": "base64", "media_type": "image/bmp", "data": "AA=="}})
            ]
        },
        "messages.0.content.0.image.source.base64.media_type: Input should be 'image/jpeg'",
    ),
    (
        {"messages": [turn({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "?"}})]},
        "messages.0.content.0.image.source.base64: invalid base64 data",
    ),
    (
        {"messages": [turn({"type": "image", "source": {"type": "url", "url": "http://example.com/a.png"}})]},
        "messages.0.content.0.image.source.url.url: Only HTTPS",
    ),
    ({"messages": [turn({"type": "image", "source": 5})]}, "messages.0.content.0.image.source: Input tag"),
    ({"messages": [*HELLO, turn(CALL, role="assistant"), *HELLO]}, "messages.1: `tool_use` ids were found without"),
    ({"messages": [turn(RESULT)]}, "messages.0.content.0: unexpected `tool_use_id` found"),
    (
        {"messages": [*HELLO, turn(CALL, CALL, role="assistant"), turn(RESULT)]},
        "messages.1: `tool_use` ids must be unique",
    ),
    (
        {"messages": [*HELLO, turn({**CALL, "input": "{}"}, role="assistant")]},
        "messages.1.content.0.tool_use.input: Input should be a valid dictionary",
    ),
    (
        {"messages": [*HELLO, {"role": "assistant", "content": "The answer is "}]},
        "messages: final assistant content cannot end with trailing whitespace",
    ),
    ({"temperature": 1.5}, "temperature: range: 0..1"),
    ({"stop_sequences": [" "]}, "stop_sequences: each stop sequence must contain non-whitespace"),
    ({"tools": ["x"]}, "tools.0: Input should be a valid dictionary"),
    ({"tools": [{**WEATHER, "name": "a b"}]}, "tools.0.custom.name: String should match pattern"),
    ({"tools": [{"name": "a"}]}, "tools.0.custom.input_schema: Field required"),
    ({"tools": [{"name": "a", "input_schema": {}}]}, "tools.0.custom.input_schema.type: Input should be 'object'"),
    ({"tools": [WEATHER, WEATHER]}, "tools: Tool names must be unique."),
    ({"tool_choice": {"type": "any"}}, "tool_choice: tool_choice may only be specified while providing tools."),
    ({"tools": [WEATHER], "tool_choice": {"type": "required"}}, "tool_choice: Input tag 'required'"),
    ({"tools": [WEATHER], "tool_choice": {"type": "tool", "name": "x"}}, "Tool 'x' not found in provided tools"),
    ({"thinking": {"type": "on"}}, "thinking: Input tag 'on'"),
    ({"thinking": {"type": "enabled"}}, "thinking.enabled.budget_tokens: Field required"),
    ({"thinking": {**THINKING, "budget_tokens": 100}}, "thinking.enabled.budget_tokens: Input should be greater"),
    ({"thinking": THINKING, "max_tokens": 1024}, "`max_tokens` must be greater than `thinking.budget_tokens`."),
    ({"thinking": THINKING, "temperature": 0}, "`temperature` may only be set to 1 when thinking is enabled."),
    (
        {"thinking": THINKING, "tools": [WEATHER], "tool_choice": {"type": "any"}},
        "Thinking may not be enabled when tool_choice forces tool use.",
    ),
    ({"cache_control": True}, "cache_control: Input should be of type 'ephemeral'"),
    (
        {"system": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}] * 5},
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    ({"output_config": {"format": {"type": "text"}}}, "output_config.format: Input tag 'text'"),
    (
        {"output_config": {"format": {"type": "json_schema", "schema": 5}}},
        "output_config.format.schema: Input should be",
    ),
    (
        {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object", "properties": 5}}}},
        "output_config.format.schema or tools: the schema cannot be followed",
    ),
]


@pytest.mark.parametrize(("changes", "message"), WRONG)
def test_what_is_wrong_is_told(anthropic_rig: Rig, changes: dict[str, Any], message: str) -> None:
    refused = anthropic_rig.post(**changes)

    assert refused.status_code == 400
    assert refused.json()["type"] == "error"
    assert refused.json()["error"]["type"] == "invalid_request_error"
    assert refused.json()["error"]["message"].startswith(message)


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(anthropic_rig: Rig, payload: bytes) -> None:
    refused = anthropic_rig.http.post(f"{anthropic_rig.url}/messages", content=payload)

    assert (refused.status_code, refused.json()["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({"anthropic-version": "2023-06-01"}, 401, "x-api-key header is required"),
        ({"x-api-key": "sk-ant-fake-other", "anthropic-version": "2023-06-01"}, 401, "invalid x-api-key"),
        ({"x-api-key": KEY}, 400, "anthropic-version: header is required"),
    ],
)
def test_headers_are_checked(anthropic_rig: Rig, headers: dict[str, str], status: int, message: str) -> None:
    refused = httpx.get(f"{anthropic_rig.url}/models", headers=headers)

    assert (refused.status_code, refused.json()["error"]["message"]) == (status, message)


def test_a_key_is_taken_as_a_bearers_too(anthropic_rig: Rig) -> None:
    headers = {"authorization": f"Bearer {KEY}", "anthropic-version": "2023-06-01"}

    assert httpx.get(f"{anthropic_rig.url}/models", headers=headers).status_code == 200


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/messages", 405), ("POST", "/complete", 404)])
def test_other_paths_and_methods_are_refused(anthropic_rig: Rig, method: str, path: str, status: int) -> None:
    refused = anthropic_rig.http.request(method, f"{anthropic_rig.url}{path}")

    assert (refused.status_code, refused.json()["type"]) == (status, "error")


def test_requests_are_kept(anthropic_rig: Rig) -> None:
    anthropic_rig.post(metadata={"user_id": "kept"})

    received = anthropic_rig.simulator.requests[-1]
    assert (received.method, received.path) == ("POST", "/v1/messages")
    assert json.loads(received.body)["metadata"] == {"user_id": "kept"}
