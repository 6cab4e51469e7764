"""AWS's own client against the simulated Bedrock: Converse, its stream, tools, thoughts, citations, cache, counting."""

import base64
import json
from typing import Any

import pytest
from tests.integration.simulator.bedrock_rig import CLAUDE, NOVA, BedrockRig, text_of, tool, user

WEATHER = {"tools": [tool("get_weather", city={"type": "string"}), tool("get_time")]}
THINKING = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
GEOGRAPHY = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0"
OPAQUE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3"


def starts(events: list[dict[str, Any]]) -> list[tuple[int, str]]:
    found = [event["contentBlockStart"] for event in events if "contentBlockStart" in event]
    return [(start["contentBlockIndex"], start["start"]["toolUse"]["name"]) for start in found]


def arguments(events: list[dict[str, Any]], index: int) -> str:
    deltas = [event["contentBlockDelta"] for event in events if "contentBlockDelta" in event]
    return "".join(one["delta"]["toolUse"]["input"] for one in deltas if one["contentBlockIndex"] == index)


def metadata(events: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = events[-1]["metadata"]
    return found


@pytest.mark.parametrize("model", [CLAUDE, NOVA, GEOGRAPHY, OPAQUE, "meta.llama3-8b-instruct-v1:0"])
def test_a_stream_says_what_a_whole_answer_says(bedrock: BedrockRig, model: str) -> None:
    events = bedrock.stream(model, "Say: hi there")
    whole = bedrock.client.converse(modelId=model, messages=[user("Say: hi there")])

    assert [next(iter(event)) for event in events[:2]] == ["messageStart", "contentBlockDelta"]
    assert text_of(events) == whole["output"]["message"]["content"][0]["text"]
    assert text_of(events).startswith("hi there")
    assert [next(iter(event)) for event in events[-3:]] == ["contentBlockStop", "messageStop", "metadata"]
    assert metadata(events)["usage"] == whole["usage"]
    assert whole["usage"]["totalTokens"] == whole["usage"]["inputTokens"] + whole["usage"]["outputTokens"]


def test_tools_are_called_in_parallel_and_one_has_no_input(bedrock: BedrockRig) -> None:
    events = bedrock.stream(CLAUDE, "What is the weather in Paris and Rome, and the time?", toolConfig=WEATHER)

    assert text_of(events) == "I will look that up for you."
    assert starts(events) == [(1, "get_weather"), (2, "get_weather"), (3, "get_time")]
    assert [json.loads(arguments(events, number)) for number in (1, 2)] == [{"city": "Paris"}, {"city": "Rome"}]
    assert arguments(events, 3) == ""
    assert events[-2]["messageStop"]["stopReason"] == "tool_use"


def test_nova_begins_with_the_call_and_tells_that_it_has_no_input(bedrock: BedrockRig) -> None:
    events = bedrock.stream(NOVA, "What time is it?", toolConfig={"tools": [tool("get_time")]})

    assert starts(events) == [(0, "get_time")]
    assert arguments(events, 0) == "{}"


def test_a_result_is_read(bedrock: BedrockRig) -> None:
    question = user("What is the weather in Paris?")
    first = bedrock.client.converse(modelId=CLAUDE, messages=[question], toolConfig=WEATHER)
    turn = first["output"]["message"]
    uses = [block["toolUse"] for block in turn["content"] if "toolUse" in block]
    results = [{"toolResult": {"toolUseId": use["toolUseId"], "content": [{"text": "21 degrees"}]}} for use in uses]

    second = bedrock.client.converse(
        modelId=CLAUDE, messages=[question, turn, {"role": "user", "content": results}], toolConfig=WEATHER
    )

    assert [use["input"] for use in uses] == [{"city": "Paris"}]
    assert "21 degrees" in second["output"]["message"]["content"][0]["text"]
    assert second["stopReason"] == "end_turn"


def test_thoughts_come_first_and_claude_signs_them(bedrock: BedrockRig) -> None:
    options = {"additionalModelRequestFields": THINKING, "inferenceConfig": {"maxTokens": 4000}}
    events = bedrock.stream(CLAUDE, "Say: hi", **options)
    whole = bedrock.client.converse(modelId=CLAUDE, messages=[user("Say: hi")], **options)

    deltas = [event["contentBlockDelta"] for event in events if "contentBlockDelta" in event]
    thoughts = [one["delta"]["reasoningContent"] for one in deltas if one["contentBlockIndex"] == 0]
    told = whole["output"]["message"]["content"][0]["reasoningContent"]["reasoningText"]
    assert "".join(one.get("text", "") for one in thoughts) == told["text"]
    assert thoughts[-1]["signature"]
    assert told["signature"]
    assert text_of(events).startswith("hi")


def test_gpt_oss_thinks_without_a_signature(bedrock: BedrockRig) -> None:
    answer = bedrock.client.converse(modelId="openai.gpt-oss-120b-1:0", messages=[user("Say: hi")])

    assert set(answer["output"]["message"]["content"][0]["reasoningContent"]["reasoningText"]) == {"text"}


def test_a_document_is_cited(bedrock: BedrockRig) -> None:
    source = {
        "format": "txt",
        "name": "facts",
        "source": {"bytes": b"Ruby is from 1993."},
        "citations": {"enabled": True},
    }
    messages = [{"role": "user", "content": [{"text": "Who made Ruby?"}, {"document": source}]}]

    whole = bedrock.client.converse(modelId=CLAUDE, messages=messages)
    events = list(bedrock.client.converse_stream(modelId=CLAUDE, messages=messages)["stream"])

    cited = whole["output"]["message"]["content"][0]["citationsContent"]
    place = {"documentChar": {"documentIndex": 0, "start": 0, "end": 18}}
    assert cited["citations"] == [
        {"title": "facts", "sourceContent": [{"text": "Ruby is from 1993."}], "location": place}
    ]
    assert events[1]["contentBlockDelta"]["delta"]["citation"]["location"] == place
    assert text_of(events) == cited["content"][0]["text"]


def test_what_was_written_to_the_cache_is_read_from_it(bedrock: BedrockRig) -> None:
    system = [{"text": "Be precise. " * 50}, {"cachePoint": {"type": "default"}}]

    first, second = (metadata(bedrock.stream(CLAUDE, "Say: hi", system=system))["usage"] for _ in range(2))

    assert first["cacheWriteInputTokens"] == second["cacheReadInputTokens"] > 50
    assert (first["cacheReadInputTokens"], second["cacheWriteInputTokens"]) == (0, 0)
    assert first["cacheDetails"] == [{"ttl": "5m", "inputTokens": first["cacheWriteInputTokens"]}]
    assert first["totalTokens"] == second["totalTokens"]
    assert second["totalTokens"] == second["inputTokens"] + second["cacheReadInputTokens"] + second["outputTokens"]


def test_an_image_costs_tokens(bedrock: BedrockRig) -> None:
    image = {"image": {"format": "png", "source": {"bytes": PNG}}}
    plain = bedrock.client.converse(modelId=NOVA, messages=[user("What is it?")])
    seen = bedrock.client.converse(
        modelId=NOVA, messages=[{"role": "user", "content": [{"text": "What is it?"}, image]}]
    )

    assert seen["usage"]["inputTokens"] >= plain["usage"]["inputTokens"] + 85


@pytest.mark.parametrize("is_forced", [False, True])
def test_json_fits_its_schema(bedrock: BedrockRig, is_forced: bool) -> None:
    spec = {"toolSpec": {"name": "json_tool_call", "inputSchema": {"json": PERSON}}}
    forced = {"toolConfig": {"tools": [spec], "toolChoice": {"tool": {"name": "json_tool_call"}}}}
    definition = {"jsonSchema": {"schema": json.dumps(PERSON), "name": "person"}}
    native = {"outputConfig": {"textFormat": {"type": "json_schema", "structure": definition}}}

    events = bedrock.stream(CLAUDE, "Make up a person", **(forced if is_forced else native))

    person = json.loads(arguments(events, 0) if is_forced else text_of(events))
    assert {name: type(value) for name, value in person.items()} == {"name": str, "age": int}
    assert events[-2]["messageStop"]["stopReason"] == ("tool_use" if is_forced else "end_turn")


@pytest.mark.parametrize(
    ("inference", "reason"),
    [({"maxTokens": 3}, "max_tokens"), ({"stopSequences": ["5"]}, "stop_sequence"), ({}, "end_turn")],
)
def test_why_it_stopped(bedrock: BedrockRig, inference: dict[str, Any], reason: str) -> None:
    events = bedrock.stream(NOVA, "Count to 9", inferenceConfig=inference)

    assert events[-2]["messageStop"]["stopReason"] == reason
    assert metadata(events)["usage"]["outputTokens"] == sum("contentBlockDelta" in event for event in events)


def test_a_guardrail_intervenes(bedrock: BedrockRig) -> None:
    config = {"guardrailIdentifier": "g1", "guardrailVersion": "DRAFT", "trace": "enabled"}

    blocked = bedrock.stream(NOVA, "Talk about the guardrail", guardrailConfig=config)
    passed = bedrock.stream(NOVA, "Talk about the weather", guardrailConfig=config)

    assert blocked[-2]["messageStop"]["stopReason"] == "guardrail_intervened"
    assert metadata(blocked)["trace"]["guardrail"]["inputAssessment"]["g1"]["topicPolicy"]["topics"][0]["detected"]
    assert passed[-2]["messageStop"]["stopReason"] == "end_turn"


def test_tokens_are_counted_as_they_are_billed(bedrock: BedrockRig) -> None:
    conversation = {"messages": [user("How many tokens?")], "system": [{"text": "Be brief."}]}
    messages = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9}
    body = json.dumps(
        {**messages, "system": "Be brief.", "messages": [{"role": "user", "content": "How many tokens?"}]}
    )

    billed = bedrock.client.converse(modelId=CLAUDE, **conversation)["usage"]["inputTokens"]
    counted = [
        bedrock.client.count_tokens(modelId=CLAUDE, input=given)["inputTokens"]
        for given in ({"converse": conversation}, {"invokeModel": {"body": body}})
    ]

    assert counted == [billed, billed]


def test_a_model_that_cannot_count_says_so(bedrock: BedrockRig) -> None:
    with pytest.raises(bedrock.client.exceptions.ValidationException, match="doesn't support counting tokens"):
        bedrock.client.count_tokens(modelId=NOVA, input={"converse": {"messages": [user("hi")]}})


def test_requests_are_kept_as_they_came(bedrock: BedrockRig) -> None:
    bedrock.stream(GEOGRAPHY, "Say: hi")

    kept = bedrock.simulator.requests[-1]
    assert kept.path == f"/model/{GEOGRAPHY.replace(':', '%3A').replace('/', '%2F')}/converse-stream"
    assert json.loads(kept.body) == {"messages": [user("Say: hi")]}
    assert kept.headers["authorization"].startswith("AWS4-HMAC-SHA256 ")
