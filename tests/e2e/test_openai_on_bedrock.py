"""The official OpenAI SDK on models of Bedrock, signed, through the whole stack: chat completions and embeddings."""

import base64
import json
import struct
from collections.abc import Iterator
from typing import Any, Literal

import openai
import pytest
from pydantic import BaseModel
from tests.e2e.bedrock_sdk import CLAUDE, NOVA, simulated_bedrock
from tests.e2e.matrix_openai import client
from tests.e2e.rig import Rig

GREETING = "Hello! Lovely to hear from you."
LLAMA = "us.meta.llama3-3-70b-instruct-v1:0-instant"
FAMILIES = [f"bedrock/{model}" for model in (CLAUDE, NOVA, LLAMA)]
ON_CLAUDE, ON_NOVA, ON_LLAMA = FAMILIES
HELLO: Any = [{"role": "user", "content": "Hello!"}]
TWO_CITIES: Any = [{"role": "user", "content": "What is the weather in Paris and Rome?"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CITIES = [{"city": "Paris"}, {"city": "Rome"}]
EMBEDDERS = {"amazon.titan-embed-text-v2:0": 1024, "cohere.embed-english-v3": 1024}


class Place(BaseModel):
    """What `.parse` is asked to fill in."""

    city: str
    country: str
    size: Literal["small", "large"]
    sights: list[str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with simulated_bedrock(tmp_path_factory.mktemp("openai-on-bedrock")) as running:
        yield running


@pytest.fixture
def sdk(site: Rig) -> Iterator[openai.OpenAI]:
    with client(site) as made:
        yield made


def arguments(message: Any) -> list[Any]:
    return [json.loads(call.function.arguments) for call in message.tool_calls]


@pytest.mark.parametrize("model", FAMILIES)
def test_a_completion_is_whole_and_in_the_books(model: str, sdk: openai.OpenAI, site: Rig) -> None:
    raw = sdk.chat.completions.with_raw_response.create(model=model, messages=HELLO)

    completion, record = raw.parse(), site.record(raw.headers["x-request-id"])
    assert (completion.choices[0].message.content or "").startswith(GREETING)
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage
    assert (record["surface"], f"{record['provider']}/{record['model']}") == ("openai", model)
    assert record["usage"]["input"] == completion.usage.prompt_tokens
    assert record["usage"]["output"] == completion.usage.completion_tokens


@pytest.mark.parametrize("model", FAMILIES)
def test_a_stream_has_usage_where_it_was_asked_for(model: str, sdk: openai.OpenAI) -> None:
    asked: Any = {"model": model, "messages": HELLO, "stream": True}

    plain = list(sdk.chat.completions.create(**asked))
    counted = list(sdk.chat.completions.create(**asked, stream_options={"include_usage": True}))

    assert "".join(chunk.choices[0].delta.content or "" for chunk in plain).startswith(GREETING)
    assert all(chunk.choices and chunk.usage is None for chunk in plain)
    assert counted[-1].choices == []
    assert counted[-1].usage.completion_tokens > 10


@pytest.mark.parametrize("model", FAMILIES)
def test_tools_are_called_and_their_results_answered(model: str, sdk: openai.OpenAI) -> None:
    asked: Any = {"model": model, "tools": [WEATHER]}

    first = sdk.chat.completions.create(**asked, messages=TWO_CITIES).choices[0]
    results: list[Any] = [
        {"role": "tool", "tool_call_id": call.id, "content": "17 degrees"} for call in first.message.tool_calls or []
    ]
    second = sdk.chat.completions.create(**asked, messages=[*TWO_CITIES, first.message, *results])

    assert (first.finish_reason, arguments(first.message)) == ("tool_calls", CITIES)
    assert "17 degrees" in (second.choices[0].message.content or "")


@pytest.mark.parametrize("model", FAMILIES)
def test_the_sdks_accumulator_puts_a_stream_of_tool_calls_together(model: str, sdk: openai.OpenAI) -> None:
    with sdk.chat.completions.stream(model=model, messages=TWO_CITIES, tools=[WEATHER]) as stream:
        kinds = {event.type for event in stream}
        completion = stream.get_final_completion()

    assert {"chunk", "tool_calls.function.arguments.delta", "tool_calls.function.arguments.done"} <= kinds
    assert completion.choices[0].finish_reason == "tool_calls"
    assert arguments(completion.choices[0].message) == CITIES


@pytest.mark.parametrize("model", [ON_CLAUDE, ON_NOVA])
def test_a_schema_is_parsed_whether_it_is_native_or_a_tool(model: str, sdk: openai.OpenAI) -> None:
    completion = sdk.chat.completions.parse(model=model, messages=HELLO, response_format=Place)

    choice = completion.choices[0]
    assert isinstance(choice.message.parsed, Place)
    assert choice.message.parsed.size == "small"
    assert (choice.finish_reason, choice.message.tool_calls) == ("stop", None)


@pytest.mark.parametrize("model", [ON_CLAUDE, ON_NOVA])
def test_a_schema_is_parsed_as_it_streams(model: str, sdk: openai.OpenAI) -> None:
    with sdk.chat.completions.stream(model=model, messages=HELLO, response_format=Place) as stream:
        deltas = [event.delta for event in stream if event.type == "content.delta"]
        completion = stream.get_final_completion()

    assert isinstance(completion.choices[0].message.parsed, Place)
    assert "".join(deltas) == completion.choices[0].message.content


def test_a_schema_that_cannot_be_forced_is_named(sdk: openai.OpenAI, site: Rig) -> None:
    schema: Any = {"type": "json_schema", "json_schema": {"name": "place", "schema": Place.model_json_schema()}}

    raw = sdk.chat.completions.with_raw_response.create(model=ON_LLAMA, messages=HELLO, response_format=schema)

    assert raw.headers["x-sluice-warnings"] == "response_format"
    assert "json_tool_call" in site.stack.simulated["bedrock"].requests[-1].body.decode()


def test_thoughts_come_with_their_signature_and_go_back(sdk: openai.OpenAI, site: Rig) -> None:
    asked: Any = {"model": ON_CLAUDE, "tools": [WEATHER], "reasoning_effort": "low"}

    with sdk.chat.completions.stream(**asked, messages=TWO_CITIES) as stream:
        list(stream)
        first: Any = stream.get_final_completion().choices[0].message
    results: list[Any] = [
        {"role": "tool", "tool_call_id": call.id, "content": "17 degrees"} for call in first.tool_calls
    ]
    turn = first.model_dump(exclude_none=True, exclude={"parsed"})
    raw = sdk.chat.completions.with_raw_response.create(**asked, messages=[*TWO_CITIES, turn, *results])

    assert first.reasoning_content
    signature = first.thinking_blocks[0]["signature"]
    assert signature in site.stack.simulated["bedrock"].requests[-1].body.decode()
    assert "x-sluice-warnings" not in raw.headers
    assert "17 degrees" in (raw.parse().choices[0].message.content or "")


def test_what_a_model_does_not_take_is_named(sdk: openai.OpenAI) -> None:
    raw = sdk.chat.completions.with_raw_response.create(
        model=ON_CLAUDE, messages=HELLO, seed=7, logit_bias={"50256": -100}
    )

    assert set(raw.headers["x-sluice-warnings"].split(",")) == {"seed", "logit_bias"}
    assert raw.parse().choices[0].message.content


@pytest.mark.parametrize(("model", "size"), EMBEDDERS.items())
def test_embeddings_are_floats_or_base64(model: str, size: int, sdk: openai.OpenAI, site: Rig) -> None:
    asked: Any = {"model": f"bedrock/{model}", "input": ["The sluice", "is open"]}

    raw = sdk.embeddings.with_raw_response.create(**asked, encoding_format="float")
    encoded = sdk.embeddings.create(**asked, encoding_format="base64")
    unsaid = sdk.embeddings.create(**asked)

    floats = raw.parse()
    assert [len(one.embedding) for one in floats.data] == [size, size]
    assert [one.index for one in floats.data] == [0, 1]
    assert [unpacked(one.embedding, size) for one in encoded.data] == [one.embedding for one in unsaid.data]
    assert unsaid.data[1].embedding == pytest.approx(floats.data[1].embedding, abs=1e-6)
    assert site.record(raw.headers["x-request-id"])["usage"]["input"] == floats.usage.prompt_tokens > 0


def test_an_embedding_has_the_dimensions_that_were_asked_for(sdk: openai.OpenAI) -> None:
    answer = sdk.embeddings.create(model="bedrock/amazon.titan-embed-text-v2:0", input="Hello", dimensions=256)

    assert len(answer.data[0].embedding) == 256


def unpacked(embedding: Any, size: int) -> list[float]:
    return list(struct.unpack(f"<{size}f", base64.b64decode(embedding)))
