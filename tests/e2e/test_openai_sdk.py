"""The official OpenAI SDK against the whole stack, signed: on httpx2 and on httpx, synchronous and asynchronous."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import httpx2
import openai
import pydantic
import pytest
from tests.e2e.rig import MESSAGES, Rig, rig

TIMEOUT_SECONDS = 30
MODEL = "openai/gpt-4o-mini-instant"
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_current_weather",
        "parameters": {
            "type": "object",
            "properties": {"location": {"type": "string"}, "unit": {"type": "string", "enum": ["celsius"]}},
            "required": ["location", "unit"],
        },
    },
}
TWO_PLACES: Any = [{"role": "user", "content": "What's the weather like in San Francisco and Boston?"}]
TWO_CALLS = [{"location": "San Francisco", "unit": "celsius"}, {"location": "Boston", "unit": "celsius"}]

Make = Callable[[Any], Any]
CLIENTS: dict[str, tuple[type[Any], Make]] = {
    "httpx2": (openai.OpenAI, lambda auth: httpx2.Client(auth=auth, timeout=TIMEOUT_SECONDS)),
    "httpx": (openai.OpenAI, lambda auth: httpx.Client(auth=auth, timeout=TIMEOUT_SECONDS)),
    "async httpx2": (openai.AsyncOpenAI, lambda auth: httpx2.AsyncClient(auth=auth, timeout=TIMEOUT_SECONDS)),
    "async httpx": (openai.AsyncOpenAI, lambda auth: httpx.AsyncClient(auth=auth, timeout=TIMEOUT_SECONDS)),
}


class Sdk:
    """One of the SDK's clients; what is asynchronous is run to its end."""

    def __init__(self, name: str, url: str, auth: Any) -> None:
        kind, http_client = CLIENTS[name]
        self._runner = asyncio.Runner()
        self.client = kind(base_url=f"{url}/v1", api_key="unused", max_retries=0, http_client=http_client(auth))

    def close(self) -> None:
        self.done(self.client.close())
        self._runner.close()

    def done(self, result: Any) -> Any:
        return self._runner.run(awaited(result)) if hasattr(result, "__await__") else result

    def listed(self, items: Any) -> list[Any]:
        return self._runner.run(collected(items)) if hasattr(items, "__aiter__") else list(items)

    def create(self, **body: Any) -> Any:
        return self.done(self.client.chat.completions.create(**{"model": MODEL, "messages": MESSAGES, **body}))

    def chunks(self, **body: Any) -> list[Any]:
        return self.listed(self.create(stream=True, **body))


async def awaited(result: Any) -> Any:
    return await result


async def collected(items: Any) -> list[Any]:
    return [item async for item in items]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("sdk"), {"openai": {"kind": "openai", "secret": "sluice/openai"}}) as running:
        yield running


@pytest.fixture(params=CLIENTS)
def sdk(request: pytest.FixtureRequest, site: Rig) -> Iterator[Sdk]:
    sdk = Sdk(request.param, site.stack.url, site.auth())
    yield sdk
    sdk.close()


def text(chunks: list[Any]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_text_streams_and_ends_with_the_usage_that_was_asked_for(sdk: Sdk) -> None:
    chunks = sdk.chunks(stream_options={"include_usage": True})

    assert text(chunks).startswith("Hello! Lovely to hear from you.")
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == sum(bool(text([chunk])) for chunk in chunks)
    assert chunks[0].model == "gpt-4o-mini-2024-07-18"


def test_usage_that_nobody_asked_for_is_metered_and_not_shown(sdk: Sdk, site: Rig) -> None:
    raw = sdk.done(sdk.client.chat.completions.with_raw_response.create(model=MODEL, messages=MESSAGES, stream=True))

    chunks = sdk.listed(raw.parse())

    assert all(chunk.choices for chunk in chunks)
    record = site.record(raw.headers["x-request-id"])
    assert (record["usage_source"], record["finish_reason"], record["outcome"]) == ("provider", "stop", "complete")
    assert record["usage"]["output"] == sum(bool(text([chunk])) for chunk in chunks)


def test_parallel_tool_calls_stream(sdk: Sdk) -> None:
    chunks = sdk.chunks(messages=TWO_PLACES, tools=[WEATHER])

    arguments: dict[int, str] = {}
    for call in (call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []):
        arguments[call.index] = arguments.get(call.index, "") + (call.function.arguments or "")
    assert [json.loads(one) for one in arguments.values()] == TWO_CALLS
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_a_whole_answer_comes_with_its_headers(sdk: Sdk) -> None:
    raw = sdk.done(sdk.client.chat.completions.with_raw_response.create(model=MODEL, messages=MESSAGES))

    completion = raw.parse()

    assert completion.choices[0].message.content.startswith("Hello! Lovely to hear from you.")
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens
    assert raw.headers["x-sluice-provider"] == "openai"
    assert int(raw.headers["x-ratelimit-remaining-requests"]) > 0


def test_parallel_tool_calls_come_whole(sdk: Sdk) -> None:
    choice = sdk.create(messages=TWO_PLACES, tools=[WEATHER]).choices[0]

    assert choice.finish_reason == "tool_calls"
    assert [json.loads(call.function.arguments) for call in choice.message.tool_calls] == TWO_CALLS


class Recipe(pydantic.BaseModel):
    title: str = pydantic.Field(pattern=r"^[A-Z]")
    grams: list[int] = pydantic.Field(min_length=1)


def test_what_a_json_schema_asked_for_is_parsed(sdk: Sdk) -> None:
    completion = sdk.done(sdk.client.chat.completions.parse(model=MODEL, messages=MESSAGES, response_format=Recipe))

    assert isinstance(completion.choices[0].message.parsed, Recipe)


def test_two_choices_stream_side_by_side(sdk: Sdk) -> None:
    chunks = sdk.chunks(n=2)

    ends = {choice.index: choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason}
    assert ends == {0: "stop", 1: "stop"}


def test_models_are_listed_and_one_can_be_asked_for_by_a_name_with_a_slash(sdk: Sdk) -> None:
    names = [model.id for model in sdk.listed(sdk.client.models.list())]

    assert "openai/gpt-5-mini" in names
    assert sdk.done(sdk.client.models.retrieve("openai/gpt-5-mini")).id == "openai/gpt-5-mini"
    with pytest.raises(openai.NotFoundError):
        sdk.done(sdk.client.models.retrieve("nowhere/gpt-5-mini"))


@pytest.mark.parametrize(
    ("body", "kind", "code", "param"),
    [
        ({"model": "nowhere/gpt-5-mini"}, openai.NotFoundError, "model_not_found", "model"),
        ({"model": "openai/gtp"}, openai.NotFoundError, "model_not_found", None),
        ({"messages": []}, openai.BadRequestError, "invalid_request", "messages"),
        ({"n": 0}, openai.BadRequestError, "invalid_request", "n"),
        ({"model": "openai/f-429"}, openai.RateLimitError, "rate_limit_exceeded", None),
        ({"model": "openai/f-503"}, openai.InternalServerError, None, None),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_an_error_is_the_sdks_own_exception(
    sdk: Sdk, stream: bool, body: dict[str, Any], kind: type[openai.APIStatusError], code: str | None, param: str | None
) -> None:
    own = (
        {"model": f"{body['model']}-{uuid4().hex[:8]}"} if "f-" in body.get("model", "") else {}
    )  # a breaker of its own

    with pytest.raises(kind) as raised:
        sdk.create(stream=stream, **body | own)

    assert (raised.value.code, raised.value.param) == (code, param)
    assert raised.value.request_id


@pytest.mark.parametrize("model", ["f-trunc", "f-rst", "f-chunkcut", "f-errevent"])
def test_a_stream_that_goes_wrong_raises_where_it_does(sdk: Sdk, model: str) -> None:
    chunks: list[Any] = []

    with pytest.raises(openai.APIError) as raised:
        sdk.done(gathered(sdk, chunks, model))

    assert not isinstance(raised.value, openai.APIStatusError)
    assert raised.value.code == ("server_error" if model == "f-errevent" else "upstream_stream_truncated")
    assert text(chunks) == "héllo wörld 日本語"
    assert not any(choice.finish_reason for chunk in chunks for choice in chunk.choices)


def gathered(sdk: Sdk, chunks: list[Any], model: str) -> Any:
    """Puts every chunk into `chunks`, until there are no more or the stream raises."""
    stream = sdk.create(model=f"openai/{model}", stream=True)

    async def gather(take: Callable[[Any], None]) -> None:
        async for chunk in stream:
            take(chunk)

    return gather(chunks.append) if hasattr(stream, "__aiter__") else chunks.extend(stream)


@pytest.mark.parametrize("name", CLIENTS)
def test_an_unsigned_call_is_refused_before_the_function(name: str, site: Rig) -> None:
    calls = len(site.stack.calls)
    sdk = Sdk(name, site.stack.url, None)

    with pytest.raises(openai.PermissionDeniedError) as raised:
        sdk.create()
    sdk.close()

    assert raised.value.response.headers["x-amzn-errortype"] == "AccessDeniedException"
    assert len(site.stack.calls) == calls
