"""The official Anthropic SDK on the whole stack, signed: synchronous and asynchronous, on Claude on Bedrock and at Anthropic
and, translated, on a model of OpenAI."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import httpx2
import pytest
from tests.e2e.bedrock_sdk import CLAUDE, simulated_bedrock
from tests.e2e.rig import Rig

TIMEOUT_SECONDS = 60
GREETING = "Hello! Lovely to hear from you."
ON_BEDROCK = f"bedrock/{CLAUDE}"
AT_ANTHROPIC = "anthropic/claude-haiku-4-5-20251001-instant"
CLAUDES = (ON_BEDROCK, AT_ANTHROPIC)
MODELS = (*CLAUDES, "openai/gpt-4o-mini-instant")
HELLO: Any = [{"role": "user", "content": "Hello!"}]
TWO_CITIES: Any = [{"role": "user", "content": "What is the weather in Paris and Rome?"}]
WEATHER: Any = {
    "name": "get_weather",
    "description": "The weather in a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
CITIES = [{"city": "Paris"}, {"city": "Rome"}]
CLIENTS: dict[str, Callable[[str, Any], Any]] = {
    "synchronous": lambda url, auth: anthropic.Anthropic(
        base_url=url,
        api_key="unused",
        max_retries=0,
        http_client=httpx2.Client(auth=auth, timeout=TIMEOUT_SECONDS),
    ),
    "asynchronous": lambda url, auth: anthropic.AsyncAnthropic(
        base_url=url,
        api_key="unused",
        max_retries=0,
        http_client=httpx2.AsyncClient(auth=auth, timeout=TIMEOUT_SECONDS),
    ),
}


class Sdk:
    """One of the SDK's clients; what is asynchronous is run to its end."""

    def __init__(self, name: str, site: Rig) -> None:
        self._runner = asyncio.Runner()
        self.client = CLIENTS[name](site.stack.url, site.auth())

    def close(self) -> None:
        self.done(self.client.close())
        self._runner.close()

    def done(self, result: Any) -> Any:
        return self._runner.run(awaited(result)) if hasattr(result, "__await__") else result

    def create(self, model: str, **body: Any) -> Any:
        asked = {"model": model, "max_tokens": 1000, "messages": HELLO, **body}
        return self.done(self.client.messages.create(**asked))

    def events(self, model: str, **body: Any) -> list[Any]:
        """The stream's own events, as they came."""
        stream = self.create(model, stream=True, **body)
        return self._runner.run(collected(stream)) if hasattr(stream, "__aiter__") else list(stream)

    def final(self, model: str, **body: Any) -> Any:
        """The message that the SDK's own helper puts together from the stream."""
        manager = self.client.messages.stream(**{"model": model, "max_tokens": 1000, "messages": HELLO, **body})
        if hasattr(manager, "__aenter__"):
            return self._runner.run(final(manager))
        with manager as stream:
            return stream.get_final_message()


async def awaited(result: Any) -> Any:
    return await result


async def collected(items: Any) -> list[Any]:
    return [item async for item in items]


async def final(manager: Any) -> Any:
    async with manager as stream:
        return await stream.get_final_message()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    others = {name: {"kind": name, "secret": f"sluice/{name}"} for name in ("openai", "anthropic")}
    with simulated_bedrock(tmp_path_factory.mktemp("anthropic"), **others) as running:
        yield running


@pytest.fixture(params=CLIENTS)
def sdk(request: pytest.FixtureRequest, site: Rig) -> Iterator[Sdk]:
    made = Sdk(request.param, site)
    yield made
    made.close()


def inputs(message: Any) -> list[Any]:
    return [block.input for block in message.content if block.type == "tool_use"]


@pytest.mark.parametrize("model", MODELS)
def test_a_message_is_whole(model: str, sdk: Sdk) -> None:
    message = sdk.create(model)

    assert message._request_id  # what support asks for
    assert (message.type, message.role, message.stop_reason) == ("message", "assistant", "end_turn")
    assert message.content[0].text.startswith(GREETING)
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 0


@pytest.mark.parametrize("model", MODELS)
def test_a_stream_has_anthropics_events_in_their_order(model: str, sdk: Sdk) -> None:
    kinds = [event.type for event in sdk.events(model) if event.type != "ping"]

    assert kinds[:2] == ["message_start", "content_block_start"]
    assert set(kinds[2:-3]) == {"content_block_delta"}
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]


@pytest.mark.parametrize("model", MODELS)
def test_the_sdk_puts_a_stream_together(model: str, sdk: Sdk) -> None:
    message = sdk.final(model)

    assert message.content[0].text.startswith(GREETING)
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens > 1


@pytest.mark.parametrize("model", MODELS)
def test_tools_are_called_in_parallel_and_their_results_answered(model: str, sdk: Sdk) -> None:
    first = sdk.create(model, messages=TWO_CITIES, tools=[WEATHER])
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": "17 degrees and rain"}
        for block in first.content
        if block.type == "tool_use"
    ]
    turns = [*TWO_CITIES, {"role": "assistant", "content": first.content}, {"role": "user", "content": results}]

    second = sdk.create(model, messages=turns, tools=[WEATHER])

    assert (first.stop_reason, inputs(first)) == ("tool_use", CITIES)
    assert "17 degrees and rain" in second.content[0].text


@pytest.mark.parametrize("model", MODELS)
def test_tools_are_called_in_a_stream(model: str, sdk: Sdk) -> None:
    message = sdk.final(model, messages=TWO_CITIES, tools=[WEATHER])

    assert (message.stop_reason, inputs(message)) == ("tool_use", CITIES)


@pytest.mark.parametrize("model", CLAUDES)
def test_claude_thinks_and_signs_its_thoughts(model: str, sdk: Sdk) -> None:
    message = sdk.final(model, max_tokens=4000, thinking={"type": "enabled", "budget_tokens": 1024})

    thought = message.content[0]
    assert thought.type == "thinking"
    assert thought.thinking
    assert thought.signature
    assert message.content[-1].text.startswith(GREETING)


@pytest.mark.parametrize("model", CLAUDES)
def test_tokens_are_counted(model: str, sdk: Sdk) -> None:
    count = sdk.client.messages.count_tokens

    short = sdk.done(count(model=model, messages=HELLO))
    long = sdk.done(count(model=model, messages=[{"role": "user", "content": "word " * 200}]))

    assert 0 < short.input_tokens < long.input_tokens


@pytest.mark.parametrize("model", CLAUDES)
def test_a_call_with_a_beta_of_the_sdk_is_answered(model: str, sdk: Sdk) -> None:
    message = sdk.done(
        sdk.client.beta.messages.create(
            model=model, max_tokens=500, messages=HELLO, betas=["fine-grained-tool-streaming-2025-05-14"]
        )
    )

    assert message.content[0].text.startswith(GREETING)


@pytest.mark.parametrize("model", MODELS)
def test_the_call_is_in_the_books(model: str, sdk: Sdk, site: Rig) -> None:
    asked = {"model": model, "max_tokens": 1000, "messages": HELLO}
    raw = sdk.done(sdk.client.messages.with_raw_response.create(**asked))

    record = site.record(raw.headers["x-request-id"])

    message = sdk.done(raw.parse())
    assert (record["surface"], record["path"]) == ("anthropic", "/v1/messages")
    assert f"{record['provider']}/{record['model']}" == model
    assert record["usage"]["input"] == message.usage.input_tokens
    assert record["usage"]["output"] == message.usage.output_tokens


ERRORS: dict[str, tuple[dict[str, Any], type[anthropic.APIStatusError], str]] = {
    "a provider that is not there": ({"model": "nowhere/claude"}, anthropic.NotFoundError, "not_found_error"),
    "no messages": ({"messages": []}, anthropic.BadRequestError, "invalid_request_error"),
    "too many tokens": ({"max_tokens": 0}, anthropic.BadRequestError, "invalid_request_error"),
    "a model that Bedrock does not know": (
        {"model": "bedrock/no-such-model"},
        anthropic.NotFoundError,
        "not_found_error",
    ),
    "a tool of no kind": (
        {"tool_choice": {"type": "tool"}, "tools": [WEATHER]},
        anthropic.BadRequestError,
        "invalid_request_error",
    ),
}


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", ERRORS)
def test_an_error_has_its_class_and_anthropics_shape(name: str, is_stream: bool, sdk: Sdk) -> None:
    changes, kind, error_type = ERRORS[name]
    body = {"model": ON_BEDROCK, **changes, "stream": is_stream}

    with pytest.raises(kind) as raised:
        sdk.create(**body)

    shown: Any = raised.value.body
    assert (shown["type"], shown["error"]["type"]) == ("error", error_type)
    assert shown["error"]["message"]
    assert raised.value.request_id
