"""The official OpenAI SDK on Anthropic's own API, signed, through the whole stack: all of it is translated."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel
from tests.e2e.matrix_openai import client
from tests.e2e.rig import Rig, rig

GREETING = "Hello! Lovely to hear from you."
MODEL = "anthropic/claude-haiku-4-5-instant"
HELLO: Any = [{"role": "user", "content": "Hello!"}]
TWO_CITIES: Any = [{"role": "user", "content": "What is the weather in Paris and Rome?"}]
CITIES = [{"city": "Paris"}, {"city": "Rome"}]
PARAMETERS: Any = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: Any = {"type": "function", "function": {"name": "get_weather", "parameters": PARAMETERS}}
REFUSED: dict[str, tuple[type[openai.APIStatusError], int]] = {
    "f-429": (openai.RateLimitError, 429),
    "f-529": (openai.InternalServerError, 529),
    "f-503": (openai.InternalServerError, 503),
    "f-401": (openai.InternalServerError, 502),
    "no-model": (openai.NotFoundError, 404),
}


class Place(BaseModel):
    """What `.parse` is asked to fill in."""

    city: str
    country: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    providers = {"anthropic": {"kind": "anthropic", "secret": "sluice/anthropic"}}
    with rig(tmp_path_factory.mktemp("openai-on-anthropic"), providers) as running:
        yield running


@pytest.fixture
def sdk(site: Rig) -> Iterator[openai.OpenAI]:
    with client(site) as made:
        yield made


def test_a_completion_is_whole_and_in_the_books(sdk: openai.OpenAI, site: Rig) -> None:
    raw = sdk.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO, seed=7)

    completion, record = raw.parse(), site.record(raw.headers["x-request-id"])
    assert (completion.choices[0].message.content or "").startswith(GREETING)
    assert raw.headers["x-sluice-warnings"] == "seed"
    assert completion.usage
    assert record["usage"]["input"] == completion.usage.prompt_tokens
    assert record["usage"]["output"] == completion.usage.completion_tokens


def test_tools_stream_and_their_results_are_answered(sdk: openai.OpenAI) -> None:
    with sdk.chat.completions.stream(
        model=MODEL, messages=TWO_CITIES, tools=[WEATHER], reasoning_effort="low"
    ) as stream:
        list(stream)
        first: Any = stream.get_final_completion().choices[0]
    results: list[Any] = [
        {"role": "tool", "tool_call_id": call.id, "content": "17 degrees"} for call in first.message.tool_calls
    ]
    turn: Any = first.message.model_dump(exclude_none=True, exclude={"parsed"})
    second = sdk.chat.completions.create(
        model=MODEL, messages=[*TWO_CITIES, turn, *results], tools=[WEATHER], reasoning_effort="low"
    )

    assert first.finish_reason == "tool_calls"
    assert [json.loads(call.function.arguments) for call in first.message.tool_calls] == CITIES
    assert first.message.reasoning_content
    assert "17 degrees" in (second.choices[0].message.content or "")


def test_a_schema_is_parsed(sdk: openai.OpenAI) -> None:
    whole = sdk.chat.completions.parse(model=MODEL, messages=HELLO, response_format=Place)
    with sdk.chat.completions.stream(model=MODEL, messages=HELLO, response_format=Place) as stream:
        list(stream)
        streamed = stream.get_final_completion()

    assert isinstance(whole.choices[0].message.parsed, Place)
    assert streamed.choices[0].message.parsed == whole.choices[0].message.parsed


def test_responses_go_on_after_thoughts_and_tools(sdk: openai.OpenAI) -> None:
    tool: Any = {"type": "function", "name": "get_weather", "strict": False, "parameters": PARAMETERS}
    asked: Any = {"model": MODEL, "tools": [tool], "reasoning": {"effort": "low"}}
    said: list[Any] = list(TWO_CITIES)

    first: Any = sdk.responses.create(**asked, input=said)
    calls = [item for item in first.output if item.type == "function_call"]
    said += [item.model_dump(exclude_none=True) for item in first.output]
    said += [{"type": "function_call_output", "call_id": call.call_id, "output": "17 degrees"} for call in calls]
    with sdk.responses.stream(**asked, input=said) as stream:
        second = stream.get_final_response()

    assert first.output[0].type == "reasoning"
    assert [json.loads(call.arguments) for call in calls] == CITIES
    assert "17 degrees" in second.output_text


def test_a_response_is_parsed(sdk: openai.OpenAI) -> None:
    response = sdk.responses.parse(model=MODEL, input="Where is Lisbon?", text_format=Place)

    assert isinstance(response.output_parsed, Place)


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("model", REFUSED)
def test_a_refusal_has_its_class_and_status(model: str, is_stream: bool, sdk: openai.OpenAI) -> None:
    kind, status = REFUSED[model]

    with pytest.raises(kind) as raised:
        sdk.chat.completions.create(model=f"anthropic/{model}", messages=HELLO, stream=is_stream)

    assert raised.value.status_code == status


@pytest.mark.parametrize("model", ["f-errevent", "f-trunc", "f-rst"])
def test_a_stream_that_fails_says_so_after_what_it_had_said(model: str, sdk: openai.OpenAI) -> None:
    chunks: list[Any] = []

    with pytest.raises(openai.APIError):
        chunks.extend(sdk.chat.completions.create(model=f"anthropic/{model}", messages=HELLO, stream=True))

    assert any(chunk.choices[0].delta.content for chunk in chunks)


def test_embeddings_are_none_of_anthropics(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="does not serve embeddings"):
        sdk.embeddings.create(model=MODEL, input="Hello")
