"""The Messages API on models that Converse serves: two translations each way."""

from typing import Any

import pytest
from tests.recorded import REASON, names
from tests.unit.translation.anthropic_wire import asked, calls, message, said, sdk_message, translated
from tests.unit.translation.converse_streams import added_up, chunks, recorded_events

from sluice.translation.answers import chat_to_messages, converse_to_chat
from sluice.translation.requests import chat_to_converse, messages_to_chat
from sluice.translation.translation import Chain

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
INCLUDE_USAGE = {"stream_options": {"include_usage": True}}
STREAMS = names("cs_")
EPHEMERAL = {"type": "ephemeral"}
recorded = pytest.mark.skipif(not STREAMS, reason=REASON)


def events(name: str) -> list[dict[str, Any]]:
    chain = Chain(converse_to_chat.Stream(asked(INCLUDE_USAGE)), chat_to_messages.Stream(asked()))
    return translated(chain, recorded_events(name))


@recorded
@pytest.mark.parametrize("name", STREAMS)
def test_a_recorded_stream_keeps_all_that_the_chat_has(name: str) -> None:
    found = message(events(name))

    chat = added_up(chunks(recorded_events(name), INCLUDE_USAGE))
    assert said(found) == chat["content"]
    assert [(call_id, tool) for call_id, tool, _ in calls(found)] == [
        (call["id"], call["name"]) for call in chat["tool_calls"]
    ]
    thought = [block for block in found["content"] if block["type"] == "thinking"]
    assert "".join(block["thinking"] for block in thought) == chat["reasoning_content"]
    usage = found["usage"]
    cached = usage["cache_read_input_tokens"] + usage["cache_creation_input_tokens"]
    assert usage["input_tokens"] + cached == chat["usage"]["prompt_tokens"]
    assert usage["output_tokens"] == chat["usage"]["completion_tokens"]


@recorded
@pytest.mark.parametrize("name", STREAMS)
def test_the_anthropic_sdk_accepts_a_recorded_stream(name: str) -> None:
    found = sdk_message(events(name))

    own = message(events(name))
    assert (said(found), calls(found)) == (said(own), calls(own))
    assert found["stop_reason"] == own["stop_reason"]


@recorded
def test_signatures_and_redacted_thinking_come_through() -> None:
    signed = message(events("cs_claude_sonnet4_thinking_signature"))["content"]
    redacted = message(events("cs_claude37_redacted_thinking"))["content"]

    assert [block["type"] for block in signed] == ["thinking", "text"]
    assert signed[0]["signature"]
    assert [block["type"] for block in redacted] == ["redacted_thinking", "redacted_thinking", "text"]


def test_a_request_keeps_what_converse_understands() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "r"}, image]}
    thinking = {"type": "thinking", "thinking": "hm", "signature": "SIG"}
    body = {
        "max_tokens": 4000,
        "system": [{"type": "text", "text": "S", "cache_control": EPHEMERAL}],
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "tools": [{"name": "f", "input_schema": {"type": "object", "properties": {}}}],
        "messages": [
            {"role": "user", "content": "q"},
            {"role": "assistant", "content": [thinking, {"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
            {"role": "user", "content": [result, {"type": "text", "text": "and"}]},
        ],
    }

    chat = messages_to_chat.request(body, MODEL, extras=True)
    found = chat_to_converse.request(chat.body, MODEL)

    assert chat.warnings == found.warnings == ()
    assert found.body["system"] == [{"text": "S"}, {"cachePoint": {"type": "default"}}]
    assert found.body["additionalModelRequestFields"]["thinking"] == {"type": "enabled", "budget_tokens": 1024}
    assert [turn["content"] for turn in found.body["messages"]] == [
        [{"text": "q"}],
        [
            {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "SIG"}}},
            {"toolUse": {"toolUseId": "t", "name": "f", "input": {}}},
        ],
        [
            {
                "toolResult": {
                    "toolUseId": "t",
                    "content": [{"text": "r"}, {"image": {"format": "png", "source": {"bytes": "QUJD"}}}],
                }
            },
            {"text": "and"},
        ],
    ]
