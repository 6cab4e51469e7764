"""The Responses API through the whole stack, as the official SDK uses it: signed, at every base URL."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pydantic
import pytest
from tests.e2e.rig import Rig
from tests.e2e.sdk import CLIENTS, Sdk, sdk, simulated

MODEL = "gpt-4o-mini-instant"
REASONING = "o3-mini-instant"
ENCRYPTED: Any = ["reasoning.encrypted_content"]
WEATHER: Any = {
    "type": "function",
    "name": "get_current_weather",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string"}, "unit": {"type": "string", "enum": ["celsius"]}},
        "required": ["location", "unit"],
    },
}
ROME = "What is the weather in Rome?"


class Caller:
    """A client of the SDK and what it asks the Responses API."""

    def __init__(self, made: Sdk, site: Rig) -> None:
        self.sdk, self.site = made, site
        self.responses = made.client.responses

    def create(self, model: str = MODEL, **body: Any) -> Any:
        return self.sdk.done(self.responses.create(**{"model": self.sdk.model(model), "input": "Hello!", **body}))

    def events(self, model: str = MODEL, **body: Any) -> list[Any]:
        return self.sdk.listed(self.create(model, stream=True, **body))

    def raw(self, model: str = MODEL, **body: Any) -> tuple[Any, str]:
        """What `create` returns, and the request's id."""
        asked = {"model": self.sdk.model(model), "input": "Hello!", **body}
        raw = self.sdk.done(self.responses.with_raw_response.create(**asked))
        return raw.parse(), raw.headers["x-request-id"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with simulated(tmp_path_factory.mktemp("responses")) as running:
        yield running


@pytest.fixture(params=CLIENTS)
def caller(request: pytest.FixtureRequest, site: Rig) -> Iterator[Caller]:
    with sdk(request.param, site) as made:
        yield Caller(made, site)


def text(events: list[Any]) -> str:
    return "".join(event.delta for event in events if event.type == "response.output_text.delta")


def output(call: Any, result: str) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call.call_id, "output": result}


def test_text_streams_and_its_usage_is_on_the_ledger(caller: Caller) -> None:
    stream, request_id = caller.raw(stream=True)

    events = caller.sdk.listed(stream)

    last = events[-1]
    assert last.type == "response.completed"
    assert text(events) == last.response.output_text
    assert text(events).startswith("Hello! Lovely to hear from you.")
    assert [event.sequence_number for event in events] == list(range(len(events)))
    record = caller.site.record(request_id)
    assert (record["operation"], record["usage_source"], record["outcome"]) == ("chat", "provider", "complete")
    assert record["usage"]["input"] == last.response.usage.input_tokens
    assert record["usage"]["output"] == last.response.usage.output_tokens


def test_a_whole_response_is_priced_as_its_model_is(caller: Caller) -> None:
    response, request_id = caller.raw("gpt-4o-mini", input="say it", instructions="Be brief.")

    assert (response.status, response.instructions) == ("completed", "Be brief.")
    assert response.output_text.startswith("it\n")
    record = caller.site.record(request_id)
    assert (record["outcome"], record["stream"], record["path"]) == ("complete", False, f"{caller.sdk.base}/responses")
    assert record["usage"]["output"] == response.usage.output_tokens
    assert record["model_answered"] == response.model == "gpt-4o-mini-2024-07-18"
    cost = record["cost"]
    assert isinstance(cost, int)
    assert cost > 0


def test_the_stream_helper_gives_the_final_response(caller: Caller) -> None:
    manager = caller.responses.stream(model=caller.sdk.model(MODEL), input="count to 5")

    response = caller.sdk.final(manager, "get_final_response")

    assert response.output_text.startswith("1, 2, 3, 4, 5.")


class Recipe(pydantic.BaseModel):
    title: str = pydantic.Field(pattern=r"^[A-Z]")
    grams: list[int] = pydantic.Field(min_length=1)


def test_structured_output_is_parsed_whole_and_streamed(caller: Caller) -> None:
    model = caller.sdk.model(MODEL)

    whole = caller.sdk.done(caller.responses.parse(model=model, input="A recipe", text_format=Recipe))
    manager = caller.responses.stream(model=model, input="A recipe", text_format=Recipe)
    streamed = caller.sdk.final(manager, "get_final_response")

    assert isinstance(whole.output_parsed, Recipe)
    assert streamed.output_parsed == whole.output_parsed


def test_parallel_tools_stream_and_come_whole(caller: Caller) -> None:
    asked: Any = {"input": "What's the weather like in San Francisco and Boston?", "tools": [WEATHER]}

    events, whole = caller.events(**asked), caller.create(**asked)

    arguments: dict[str, str] = {}
    for event in (event for event in events if event.type == "response.function_call_arguments.delta"):
        arguments[event.item_id] = arguments.get(event.item_id, "") + event.delta
    places = ["San Francisco", "Boston"]
    assert [json.loads(one)["location"] for one in arguments.values()] == places
    assert [json.loads(call.arguments)["location"] for call in whole.output] == places
    assert [call.arguments for call in events[-1].response.output] == list(arguments.values())


@pytest.mark.parametrize("stream", [False, True])
def test_a_conversation_goes_on_from_the_previous_response(caller: Caller, stream: bool) -> None:
    first = last_of(caller, stream, input=ROME, tools=[WEATHER])
    call = first.output[0]

    second = last_of(caller, stream, input=[output(call, "21 degrees")], previous_response_id=first.id, tools=[WEATHER])
    third = last_of(caller, stream, input="And the capital of Peru?", previous_response_id=second.id, tools=[WEATHER])

    assert "- 21 degrees" in second.output_text
    assert third.output_text.startswith("The capital of Peru is Lima.")
    assert third.usage.input_tokens > second.usage.input_tokens > first.usage.input_tokens


def last_of(caller: Caller, stream: bool, **body: Any) -> Any:
    return caller.events(**body)[-1].response if stream else caller.create(**body)


def test_an_item_is_referred_to_instead_of_repeated(caller: Caller) -> None:
    first = caller.create(input=ROME, tools=[WEATHER])
    call = first.output[0]

    second = caller.create(
        input=[{"role": "user", "content": ROME}, {"type": "item_reference", "id": call.id}, output(call, "sunny")],
        tools=[WEATHER],
    )

    assert "- sunny" in second.output_text


def test_a_conversation_is_replayed_without_anything_being_kept(caller: Caller) -> None:
    stateless: Any = {"model": REASONING, "tools": [WEATHER], "store": False, "include": ENCRYPTED}
    said: Any = [{"role": "user", "content": ROME}]
    first = caller.create(input=said, **stateless)
    assert [item.type for item in first.output] == ["reasoning", "function_call"]
    said += [item.model_dump(exclude_none=True) for item in first.output]

    second = caller.create(input=[*said, output(first.output[1], "windy")], **stateless)

    assert "- windy" in second.output_text


def test_a_conversation_is_replayed_with_reasoning_that_is_kept(caller: Caller) -> None:
    """The SDK's usual way: everything that came out goes in again, reasoning by its id only."""
    said: Any = [{"role": "user", "content": ROME}]
    first = caller.create(REASONING, input=said, tools=[WEATHER])
    said += [*first.output, output(first.output[1], "foggy")]

    second = caller.create(REASONING, input=said, tools=[WEATHER])

    assert "- foggy" in second.output_text


def test_reasoning_streams_its_summary_and_is_told_apart_in_the_usage(caller: Caller) -> None:
    reasoning: Any = {"effort": "low", "summary": "detailed"}
    stream, request_id = caller.raw(REASONING, reasoning=reasoning, include=ENCRYPTED, stream=True)

    events = caller.sdk.listed(stream)

    summary = "".join(event.delta for event in events if event.type == "response.reasoning_summary_text.delta")
    item = events[-1].response.output[0]
    assert summary == "".join(part.text for part in item.summary)
    assert item.encrypted_content.startswith("gAAAAA")
    assert events[-1].response.usage.output_tokens_details.reasoning_tokens == 64
    assert caller.site.record(request_id)["usage"]["reasoning"] == 64


@pytest.mark.parametrize("stream", [False, True])
def test_a_budget_that_is_used_up_leaves_the_response_incomplete(caller: Caller, stream: bool) -> None:
    made, request_id = caller.raw(input="Tell me all", max_output_tokens=20, stream=stream)

    response = caller.sdk.listed(made)[-1].response if stream else made

    assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    record = caller.site.record(request_id)
    assert record["usage"]["output"] == response.usage.output_tokens == 20
    assert record["outcome"] == "complete"


@pytest.mark.parametrize(
    ("model", "code"),
    [
        ("f-errevent", "server_error"),
        ("f-trunc", "upstream_stream_truncated"),
        ("f-rst", "upstream_stream_truncated"),
        ("f-chunkcut", "upstream_stream_truncated"),
        ("f-nodone", "upstream_stream_truncated"),
    ],
)
def test_a_stream_that_goes_wrong_raises_where_it_does(caller: Caller, model: str, code: str) -> None:
    events: list[Any] = []
    stream, request_id = caller.raw(model, stream=True)

    with pytest.raises(openai.APIError) as raised:
        caller.sdk.gathered(stream, events)

    assert not isinstance(raised.value, openai.APIStatusError)
    assert raised.value.code == code
    assert text(events).startswith("héllo wörld 日本語")
    assert not any(event.type == "response.completed" for event in events)
    assert caller.site.record(request_id)["outcome"] == "incomplete"


@pytest.mark.parametrize(("model", "end"), [("f-errflat", "error"), ("f-failed", "response.failed")])
def test_a_failure_that_the_sdk_hands_on_is_the_last_event(caller: Caller, model: str, end: str) -> None:
    stream, request_id = caller.raw(model, stream=True)

    events = caller.sdk.listed(stream)

    assert events[-1].type == end
    record = caller.site.record(request_id)
    assert (record["outcome"], record["error_code"]) == ("incomplete", "upstream_reported")


@pytest.mark.parametrize(
    ("model", "body", "kind", "code", "param"),
    [
        (MODEL, {"background": True}, openai.BadRequestError, "invalid_request", "background"),
        (MODEL, {"previous_response_id": "resp_nobodys"}, openai.BadRequestError, "previous_response_not_found", None),
        (MODEL, {"conversation": "conv_nobodys"}, openai.BadRequestError, "conversation_not_found", None),
        (MODEL, {"input": [{"type": "item_reference", "id": "msg_x"}]}, openai.BadRequestError, "item_not_found", None),
        (MODEL, {"input": 5}, openai.BadRequestError, "invalid_request", "input"),
        (MODEL, {"max_output_tokens": 5}, openai.BadRequestError, "integer_below_min_value", "max_output_tokens"),
        (MODEL, {"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]}, openai.BadRequestError, None, None),
        ("gpt-unheard-of!", {}, openai.NotFoundError, "model_not_found", None),
        ("f-429", {}, openai.RateLimitError, "rate_limit_exceeded", None),
        ("f-503", {}, openai.InternalServerError, None, None),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_is_the_sdks_own_exception(
    caller: Caller, stream: bool, model: str, body: Any, kind: type[openai.APIStatusError], code: str | None, param: Any
) -> None:
    with pytest.raises(kind) as raised:
        caller.create(model, stream=stream, **body)

    assert code is None or raised.value.code == code
    assert param is None or raised.value.param == param
    assert raised.value.request_id


def test_an_odd_stream_still_carries_the_whole_text(caller: Caller) -> None:
    for model in ("ok", "f-bytes", "f-crlf", "f-ping", "f-multiline"):
        events = caller.events(model)

        assert text(events) == "héllo wörld 日本語 😀 end.", model
        assert events[-1].type == "response.completed"
