import json

import pytest
from tests.recorded import REASON, load, names
from tests.unit.translation.anthropic_wire import (
    asked,
    calls,
    completion,
    invoke_events,
    message,
    said,
    sdk_message,
    translated,
)

from sluice.domain.errors import UpstreamProtocol, UpstreamTruncated
from sluice.translation.answers import invoke_to_messages, messages_to_chat
from sluice.translation.translation import Chain

INCLUDE_USAGE = {"stream_options": {"include_usage": True}}
SAID = {
    "is_claude3_messages": "Why did the distributed tracing span cross the road? To get to the other service!",
    "is_claude35_parallel_tools": (
        "Certainly! I'll use the get_current_weather function to check the weather for both Seattle and San Francisco."
        " I'll make two separate tool calls within the same function calls block."
    ),
}
recorded = pytest.mark.skipif(not names("is_"), reason=REASON)


@recorded
@pytest.mark.parametrize("name", SAID)
def test_a_recorded_stream_is_a_message(name: str) -> None:
    found = message(translated(invoke_to_messages.Stream(asked()), invoke_events(name)))

    assert said(found) == SAID[name]


@recorded
@pytest.mark.parametrize("name", SAID)
def test_the_anthropic_sdk_accepts_a_recorded_stream(name: str) -> None:
    told = translated(invoke_to_messages.Stream(asked()), invoke_events(name))

    found, own = sdk_message(told), message(told)

    assert (said(found), calls(found)) == (SAID[name], calls(own))
    assert found["usage"]["output_tokens"] == own["usage"]["output_tokens"]


@recorded
def test_parallel_tools_stay_apart() -> None:
    found = message(translated(invoke_to_messages.Stream(asked()), invoke_events("is_claude35_parallel_tools")))

    assert [(name, given) for _, name, given in calls(found)] == [
        ("get_current_weather", {"location": "Seattle"}),
        ("get_current_weather", {"location": "San Francisco"}),
    ]
    assert found["stop_reason"] == "tool_use"


@recorded
@pytest.mark.parametrize("name", SAID)
def test_the_openai_sdk_accepts_a_recorded_stream_behind_two_translations(name: str) -> None:
    between = asked({"max_tokens": 5, "messages": []})
    chain = Chain(invoke_to_messages.Stream(between), messages_to_chat.Stream(asked(INCLUDE_USAGE)))
    recording = invoke_events(name)

    found = completion(translated(chain, recording))

    told = message(translated(invoke_to_messages.Stream(asked()), recording))
    answer = found["choices"][0]["message"]
    assert answer["content"] == SAID[name]
    called = [(call["id"], call["function"]["name"]) for call in answer.get("tool_calls") or []]
    assert called == [(call_id, name) for call_id, name, _ in calls(told)]
    assert found["usage"]["completion_tokens"] == told["usage"]["output_tokens"]
    assert found["usage"]["prompt_tokens"] == told["usage"]["input_tokens"]
    assert chain.is_over


@recorded
def test_an_answer_that_does_not_stream_is_the_message_as_it_is() -> None:
    answer = json.loads(load("ij_claude3_messages").body)

    assert invoke_to_messages.whole({**answer, "amazon-bedrock-trace": {}}, asked()) == answer


def test_a_200_without_content_is_no_answer() -> None:
    with pytest.raises(UpstreamProtocol):
        invoke_to_messages.whole({"Output": {}}, asked())


def test_what_bedrock_adds_is_taken_away_and_the_rest_stays() -> None:
    event = {"type": "message_stop", "new": 1, "amazon-bedrock-invocationMetrics": {}}
    traced = {"amazon-bedrock-trace": {}, "amazon-bedrock-guardrailAction": "NONE"}

    found = list(invoke_to_messages.Stream(asked()).add(event | traced))

    assert found == [{"type": "message_stop", "new": 1}]


def test_a_chunk_without_a_type_is_no_event() -> None:
    assert list(invoke_to_messages.Stream(asked()).add({"amazon-bedrock-trace": {}})) == []


def test_a_stream_without_message_stop_is_truncated() -> None:
    stream = invoke_to_messages.Stream(asked())
    list(stream.add({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}))

    with pytest.raises(UpstreamTruncated):
        stream.end()


def test_nothing_follows_message_stop() -> None:
    stream = invoke_to_messages.Stream(asked())
    list(stream.add({"type": "message_stop"}))

    assert stream.is_over
    assert list(stream.add({"type": "content_block_start", "index": 0})) == []
    assert list(stream.end()) == []
