"""The cases of kind "responses", and every recorded ConverseStream, through both translations."""

import json
from typing import Any

import pytest
from tests import recorded
from tests.unit.translation import converse_streams as streams
from tests.unit.translation.response_streams import EVENT, asked, types

from sluice.translation.answers import chat_to_responses, converse_to_chat
from sluice.translation.requests import chat_to_converse
from sluice.translation.requests.responses_to_chat import request
from sluice.translation.translation import Chain

Json = dict[str, Any]

NAMES = recorded.names("cs_")
pytestmark = pytest.mark.skipif(not NAMES, reason=recorded.REASON)
LAST = {"length": "response.incomplete", "content_filter": "response.incomplete"}


def cases() -> list[Json]:
    if not NAMES:
        return []
    found = json.loads((recorded.FOLDER / "cases.json").read_text())["cases"]
    return [case for case in found if case["kind"] == "responses"]


def through(events: list[Json]) -> list[Json]:
    """What a Responses caller gets of a Converse stream, each event one that the SDK's types accept."""
    call = asked(stream=True)
    chat = request(call.body, "model-1").body
    chain = Chain(converse_to_chat.Stream(call.of(chat)), chat_to_responses.Stream(call))
    made = [one for event in events for one in chain.add(event)]
    made += chain.end()
    assert chain.is_over
    for one in made:
        EVENT.validate_python(one)
    return made


@pytest.mark.parametrize("case", cases(), ids=lambda case: str(case["id"]))
def test_a_case_is_as_it_says(case: Json) -> None:
    made = through(case["input"]["events"])

    assert types(made) == case["expected"]["types"]
    assert [event["sequence_number"] for event in made] == list(range(len(made)))


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_stream_adds_up_to_what_it_held(name: str) -> None:
    told = json.loads((recorded.FOLDER / "EXPECTED.json").read_text())[name]

    last = through(streams.recorded_events(name))[-1]

    output, usage = last["response"]["output"], last["response"]["usage"]
    parts = [part["text"] for item in output if item["type"] == "message" for part in item["content"]]
    thoughts = [part["text"] for item in output if item["type"] == "reasoning" for part in item["summary"]]
    calls = [item for item in output if item["type"] == "function_call"]
    signed = [item for item in output if item.get("encrypted_content")]
    assert last["type"] == LAST.get(told["finish_reason"], "response.completed")
    assert "".join(parts) == (told["content"] or "")
    assert "".join(thoughts) == told["reasoning_content"]
    assert [(call["call_id"], call["name"], call["arguments"]) for call in calls] == [
        (call["id"], call["name"], call["arguments"]) for call in told["tool_calls"]
    ]
    assert len(signed) == told["signed_blocks"] + told["redacted_blocks"]
    assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == tuple(
        told["usage"][name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")
    )
    assert usage["input_tokens_details"] == {
        name: told["usage"][name] for name in ("cached_tokens", "cache_write_tokens")
    }


@pytest.mark.parametrize(
    "name", ["cs_claude_sonnet4_thinking_signature", "cs_claude37_redacted_thinking", "cs_claude3_tool_split_args"]
)
def test_what_a_model_thought_and_called_is_sent_back_to_it(name: str) -> None:
    model = "anthropic.claude-sonnet-4-20250514-v1:0"
    told = json.loads((recorded.FOLDER / "EXPECTED.json").read_text())[name]
    output = through(streams.recorded_events(name))[-1]["response"]["output"]
    results = [
        {"type": "function_call_output", "call_id": item["call_id"], "output": "ok"}
        for item in output
        if item["type"] == "function_call"
    ]
    tools = [{"type": "function", "name": call["name"]} for call in told["tool_calls"]]

    chat = request({"input": [{"role": "user", "content": "hi"}, *output, *results], "tools": tools}, model)
    turn = chat_to_converse.request(chat.body, model).body["messages"][1]["content"]

    thoughts = [block["reasoningContent"] for block in turn if "reasoningContent" in block]
    assert chat.warnings == ()
    assert sum("redactedContent" in thought for thought in thoughts) == told["redacted_blocks"]
    assert [thought["reasoningText"]["text"] for thought in thoughts if "reasoningText" in thought] == (
        [told["reasoning_content"]] if told["signed_blocks"] else []
    )
    assert [block["toolUse"]["input"] for block in turn if "toolUse" in block] == [
        json.loads(call["arguments"]) for call in told["tool_calls"]
    ]
