"""The simulated Anthropic as its SDK sees it."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import pytest
from tests.integration.simulator.anthropic_rig import HELLO, MODEL, THINKING, WEATHER, Rig

from sluice_devstack.event_loop import EventLoopThread
from sluice_devstack.simulated.anthropic.failures import FAULTS

OK_TEXT = "héllo wörld 日本語 😀 end."


@pytest.fixture(scope="module")
def anthropic_rig(loop: EventLoopThread) -> Iterator[Rig]:
    rig = Rig(loop)
    yield rig
    rig.close()


def streamed(rig: Rig, messages: list[Any] | None = None, **options: Any) -> tuple[list[Any], Any]:
    request = {"model": MODEL, "max_tokens": 2000, "messages": messages or HELLO, **options}
    with rig.sdk.messages.stream(**request) as stream:
        return list(stream), stream.get_final_message()


def asked(rig: Rig, messages: list[Any] | None = None, **options: Any) -> Any:
    return rig.sdk.messages.create(**{"model": MODEL, "max_tokens": 2000, "messages": messages or HELLO, **options})


def test_the_sdk_streams_text_and_gets_usage_that_counts_it(anthropic_rig: Rig) -> None:
    events, message = streamed(anthropic_rig)

    pieces = [event.text for event in events if event.type == "text"]
    assert message.content[0].text.startswith("Hello! Lovely to hear from you.")
    assert message.usage.output_tokens == len(pieces)
    assert (message.model, message.stop_reason) == ("claude-haiku-4-5-20251001", "end_turn")


def test_events_come_in_their_order_under_their_names(anthropic_rig: Rig) -> None:
    body = anthropic_rig.post(stream=True).text

    names = [line.removeprefix("event: ") for line in body.splitlines() if line.startswith("event: ")]
    data = [json.loads(line.removeprefix("data: ")) for line in body.splitlines() if line.startswith("data: ")]
    assert names == [one["type"] for one in data]
    assert names[:3] == ["message_start", "content_block_start", "ping"]
    assert names[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(names[3:-3]) == {"content_block_delta"}
    assert data[0]["message"]["usage"]["service_tier"] == "standard"


def test_a_whole_answer_has_its_headers(anthropic_rig: Rig) -> None:
    raw = anthropic_rig.sdk.messages.with_raw_response.create(model=MODEL, max_tokens=2000, messages=HELLO)

    assert raw.headers["request-id"].startswith("req_01")
    assert raw.parse().usage.cache_creation is not None


def test_tokens_that_do_not_suffice_end_the_answer(anthropic_rig: Rig) -> None:
    message = asked(anthropic_rig, max_tokens=4)

    assert (message.stop_reason, message.usage.output_tokens) == ("max_tokens", 4)


def test_a_stop_sequence_ends_the_answer_and_is_named(anthropic_rig: Rig) -> None:
    message = asked(anthropic_rig, [{"role": "user", "content": "Count to 9"}], stop_sequences=["6", "4"])

    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "4")
    assert message.content[0].text == "1, 2, 3, "


def test_tools_are_called_side_by_side_and_their_results_answered(anthropic_rig: Rig) -> None:
    question = {"role": "user", "content": "What is the weather in Paris and Rome?"}
    _, called = streamed(anthropic_rig, [question], tools=[WEATHER])
    calls = [block for block in called.content if block.type == "tool_use"]
    results = [
        {"type": "tool_result", "tool_use_id": call.id, "content": f"rain in {call.input['city']}"} for call in calls
    ]
    turns = [question, {"role": "assistant", "content": called.content}, {"role": "user", "content": results}]

    answer = asked(anthropic_rig, turns, tools=[WEATHER])

    assert called.stop_reason == "tool_use"
    assert called.content[0].type == "text"
    assert [call.input["city"] for call in calls] == ["Paris", "Rome"]
    assert "rain in Rome" in answer.content[0].text


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ({"type": "any"}, ["get_weather"]),
        ({"type": "tool", "name": "get_weather"}, ["get_weather"]),
        ({"type": "auto"}, []),
        ({"type": "none"}, []),
    ],
)
def test_a_choice_of_tools_is_obeyed(anthropic_rig: Rig, choice: Any, names: list[str]) -> None:
    message = asked(anthropic_rig, tools=[WEATHER], tool_choice=choice)

    assert [block.name for block in message.content if block.type == "tool_use"] == names
    assert message.stop_reason == ("tool_use" if names else "end_turn")


def test_one_tool_at_a_time_where_that_is_asked_for(anthropic_rig: Rig) -> None:
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    question = [{"role": "user", "content": "What is the weather in Paris and Rome?"}]

    message = asked(anthropic_rig, question, tools=[WEATHER], tool_choice=choice)

    assert [block.type for block in message.content] == ["text", "tool_use"]


def test_thoughts_are_signed_and_come_back_unaltered(anthropic_rig: Rig) -> None:
    events, message = streamed(anthropic_rig, thinking=THINKING)
    again = [{"role": "user", "content": "And now?"}]

    answer = asked(
        anthropic_rig, [*HELLO, {"role": "assistant", "content": message.content}, *again], thinking=THINKING
    )

    assert [block.type for block in message.content] == ["thinking", "text"]
    assert "".join(event.thinking for event in events if event.type == "thinking") == message.content[0].thinking
    assert message.usage.output_tokens_details.thinking_tokens > 0
    assert answer.content[0].signature


def test_altered_thoughts_are_refused(anthropic_rig: Rig) -> None:
    thought = asked(anthropic_rig, thinking=THINKING).content[0].model_dump()
    altered = {"role": "assistant", "content": [{**thought, "thinking": "other"}, {"type": "text", "text": "hi"}]}

    refused = anthropic_rig.post(messages=[*HELLO, altered, *HELLO])

    assert refused.json()["error"]["message"] == "messages.1.content.0: Invalid `signature` in `thinking` block"


def test_thoughts_that_are_not_shown_are_signed_all_the_same(anthropic_rig: Rig) -> None:
    message = asked(anthropic_rig, thinking={"type": "adaptive", "display": "omitted"})

    assert message.content[0].thinking == ""
    assert message.content[0].signature
    assert message.usage.output_tokens_details.thinking_tokens > 0


def test_a_schema_is_followed(anthropic_rig: Rig) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}, "count": {"type": "integer"}}}
    config = {"format": {"type": "json_schema", "schema": {**schema, "required": ["city", "count"]}}}

    message = asked(anthropic_rig, output_config=config)

    assert json.loads(message.content[0].text) == {"city": "Lisbon", "count": 42}


@pytest.mark.parametrize("ttl", ["5m", "1h"])
def test_a_prefix_is_written_to_the_cache_and_then_read(anthropic_rig: Rig, ttl: str) -> None:
    point = {"type": "ephemeral", "ttl": ttl}
    system = [{"type": "text", "text": f"You know the {ttl} handbook by heart. " * 20, "cache_control": point}]

    first = asked(anthropic_rig, system=system).usage
    second = streamed(anthropic_rig, system=system)[1].usage

    assert first.cache_creation_input_tokens > 0
    assert getattr(first.cache_creation, f"ephemeral_{ttl}_input_tokens") == first.cache_creation_input_tokens
    assert (second.cache_read_input_tokens, second.cache_creation_input_tokens) == (
        first.cache_creation_input_tokens,
        0,
    )
    assert second.input_tokens == first.input_tokens > 0


def test_an_image_is_taken(anthropic_rig: Rig) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "Hello!"}]

    message = asked(anthropic_rig, [{"role": "user", "content": content}])

    assert message.usage.input_tokens > asked(anthropic_rig).usage.input_tokens


def test_tokens_are_counted_as_they_are_billed(anthropic_rig: Rig) -> None:
    counted = anthropic_rig.sdk.messages.count_tokens(model=MODEL, messages=HELLO, tools=[WEATHER])

    assert counted.input_tokens == asked(anthropic_rig, tools=[WEATHER]).usage.input_tokens


def test_models_are_listed_and_found(anthropic_rig: Rig) -> None:
    listed = [one.id for one in anthropic_rig.sdk.models.list()]

    assert "claude-haiku-4-5-20251001" in listed
    assert set(FAULTS) <= set(listed)
    assert anthropic_rig.sdk.models.retrieve(MODEL).id == "claude-haiku-4-5-20251001"
    with pytest.raises(anthropic.NotFoundError):
        anthropic_rig.sdk.models.retrieve("claude-none")


@pytest.mark.parametrize(
    ("model", "error", "kind"),
    [
        ("f-429", anthropic.RateLimitError, "rate_limit_error"),
        ("f-429ra", anthropic.RateLimitError, "rate_limit_error"),
        ("f-529", anthropic.InternalServerError, "overloaded_error"),
        ("f-503", anthropic.InternalServerError, "api_error"),
        ("f-401", anthropic.AuthenticationError, "authentication_error"),
        ("gpt-4o", anthropic.NotFoundError, "not_found_error"),
    ],
)
def test_refusals_are_the_errors_the_sdk_knows(
    anthropic_rig: Rig, model: str, error: type[anthropic.APIStatusError], kind: str
) -> None:
    with pytest.raises(error) as refused:
        asked(anthropic_rig, model=model)

    body: Any = refused.value.body
    assert body["error"]["type"] == kind
    assert body["request_id"] == refused.value.response.headers["request-id"]


def test_a_failure_that_happens_once_does(anthropic_rig: Rig) -> None:
    with pytest.raises(anthropic.InternalServerError):
        asked(anthropic_rig, model="f-500once-sdk")

    assert asked(anthropic_rig, model="f-500once-sdk").content[0].text == OK_TEXT


def test_an_error_inside_a_stream_is_raised(anthropic_rig: Rig) -> None:
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        streamed(anthropic_rig, model="f-errevent")


@pytest.mark.parametrize("model", ["ok", "f-bytes", "f-crlf", "f-ping", "f-multiline"])
def test_streams_that_are_only_odd_carry_the_whole_text(anthropic_rig: Rig, model: str) -> None:
    assert streamed(anthropic_rig, model=model)[1].content[0].text == OK_TEXT


@pytest.mark.parametrize(("model", "events"), [("f-trunc", 4), ("f-nodone", 10), ("f-empty", 0)])
def test_a_stream_may_lack_its_end(anthropic_rig: Rig, model: str, events: int) -> None:
    body = anthropic_rig.post(model, stream=True).text

    assert body.count("data: ") == events
    assert "message_stop" not in body


@pytest.mark.parametrize("model", ["f-rst", "f-chunkcut", "f-stallmid", "f-stallhdr"])
def test_a_connection_may_break(anthropic_rig: Rig, model: str) -> None:
    with pytest.raises(httpx.TransportError):
        anthropic_rig.post(model, stream=True)
