"""The official OpenAI SDK's Responses on models of Bedrock, which have none of their own: they are translated."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel
from tests.e2e.bedrock_sdk import CLAUDE, simulated_bedrock
from tests.e2e.matrix_openai import client
from tests.e2e.rig import Rig

GREETING = "Hello! Lovely to hear from you."
ON_CLAUDE = f"bedrock/{CLAUDE}"
ON_NOVA = "bedrock/amazon.nova-2-lite-v1:0-instant"
FAMILIES = (ON_CLAUDE, ON_NOVA)
PROMPT = "What is the weather in Paris and Rome?"
WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "strict": False,
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
NOT_CARRIED: dict[str, dict[str, Any]] = {
    "previous_response_id": {"previous_response_id": "resp_1"},
    "background": {"background": True},
    "tools[0].type": {"tools": [{"type": "web_search"}]},
}


class Place(BaseModel):
    """What `.parse` is asked to fill in."""

    city: str
    country: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with simulated_bedrock(tmp_path_factory.mktemp("responses-on-bedrock")) as running:
        yield running


@pytest.fixture
def sdk(site: Rig) -> Iterator[openai.OpenAI]:
    with client(site) as made:
        yield made


def calls(response: Any) -> list[Any]:
    return [item for item in response.output if item.type == "function_call"]


@pytest.mark.parametrize("model", FAMILIES)
def test_a_response_is_whole_and_in_the_books(model: str, sdk: openai.OpenAI, site: Rig) -> None:
    raw = sdk.responses.with_raw_response.create(model=model, input="Hello!", instructions="Be kind.")

    response, record = raw.parse(), site.record(raw.headers["x-request-id"])
    assert response.output_text.startswith(GREETING)
    assert (response.status, response.object) == ("completed", "response")
    assert response.usage
    assert record["usage"]["input"] == response.usage.input_tokens
    assert record["usage"]["output"] == response.usage.output_tokens


@pytest.mark.parametrize("model", FAMILIES)
def test_the_sdks_stream_has_the_whole_sequence_of_events(model: str, sdk: openai.OpenAI) -> None:
    with sdk.responses.stream(model=model, input="Hello!") as stream:
        kinds = [event.type for event in stream]
        response = stream.get_final_response()

    assert list(dict.fromkeys(kinds)) == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert response.output_text.startswith(GREETING)


@pytest.mark.parametrize("model", FAMILIES)
def test_a_schema_is_parsed(model: str, sdk: openai.OpenAI) -> None:
    parsed = sdk.responses.parse(model=model, input="Where is Lisbon?", text_format=Place)
    with sdk.responses.stream(model=model, input="Where is Lisbon?", text_format=Place) as stream:
        list(stream)
        streamed = stream.get_final_response()

    assert isinstance(parsed.output_parsed, Place)
    assert streamed.output_parsed == parsed.output_parsed


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("model", FAMILIES)
def test_a_conversation_goes_on_after_thoughts_and_tools(
    model: str, is_stream: bool, sdk: openai.OpenAI, site: Rig
) -> None:
    """Its items go back as they came, ids and all."""
    asked: Any = {"model": model, "tools": [WEATHER], "reasoning": {"effort": "low"}}
    said: list[Any] = [{"role": "user", "content": PROMPT}]

    first = respond(sdk, is_stream, **asked, input=said)
    said += [item.model_dump(exclude_none=True) for item in first.output]
    said += [{"type": "function_call_output", "call_id": call.call_id, "output": "17 degrees"} for call in calls(first)]
    second = respond(sdk, is_stream, **asked, input=said)
    said += [*(item.model_dump(exclude_none=True) for item in second.output), {"role": "user", "content": "Hello!"}]
    third = respond(sdk, is_stream, **asked, input=said)

    assert first.output[0].type == "reasoning"
    assert first.output[0].summary[0].text
    assert [json.loads(call.arguments) for call in calls(first)] == [{"city": "Paris"}, {"city": "Rome"}]
    assert "17 degrees" in second.output_text
    assert third.output_text.startswith(GREETING)
    sent = site.stack.simulated["bedrock"].requests[-1].body
    assert (b"signature" in sent) is (model == ON_CLAUDE)


def respond(sdk: openai.OpenAI, is_stream: bool, **asked: Any) -> Any:
    if not is_stream:
        return sdk.responses.create(**asked)
    with sdk.responses.stream(**asked) as stream:
        return stream.get_final_response()


@pytest.mark.parametrize("param", NOT_CARRIED)
def test_what_cannot_be_carried_is_refused(param: str, sdk: openai.OpenAI) -> None:
    asked: Any = {"model": ON_CLAUDE, "input": "Hello!", **NOT_CARRIED[param]}

    with pytest.raises(openai.BadRequestError) as raised:
        sdk.responses.create(**asked)

    assert raised.value.param == param


def test_a_throttled_model_is_the_sdks_own_exception(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.RateLimitError):
        sdk.responses.create(model="bedrock/anthropic.claude-haiku-4-5-f-throttled", input="Hello!")


def test_a_stream_that_fails_ends_with_an_event_that_says_so(sdk: openai.OpenAI) -> None:
    stream = sdk.responses.create(
        model="bedrock/anthropic.claude-haiku-4-5-f-midthrottled", input="Hello!", stream=True
    )
    events: list[Any] = []

    with pytest.raises(openai.APIError):
        events.extend(stream)

    assert any(event.type == "response.output_text.delta" for event in events)
    assert not any(event.type == "response.completed" for event in events)
