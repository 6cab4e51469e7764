"""The simulated Responses API as the official SDK sees it, and its refusals."""

import json
from typing import Any

import httpx
import openai
import pydantic
import pytest
from tests.integration.simulator.rig import Rig

from sluice_devstack.simulated.completion import OK_PIECES

WEATHER: Any = {
    "type": "function",
    "name": "get_current_weather",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string"}, "unit": {"type": "string", "enum": ["celsius"]}},
        "required": ["location", "unit"],
    },
}
ENCRYPTED: Any = ["reasoning.encrypted_content"]


def test_text_streams_and_ends_with_usage_that_counts_it(rig: Rig) -> None:
    events = list(rig.sdk.responses.create(model="gpt-4o-mini", input="Hello!", stream=True))

    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    last = events[-1]
    assert last.type == "response.completed"
    assert last.response.output_text == "".join(deltas)
    assert last.response.output_text.startswith("Hello! Lovely to hear from you.")
    assert last.response.usage is not None
    assert last.response.usage.output_tokens == len(deltas)
    assert [event.sequence_number for event in events] == list(range(len(events)))


def test_a_whole_response_says_the_same_as_a_streamed_one(rig: Rig) -> None:
    whole = rig.sdk.responses.create(model="gpt-4o", input="What is the capital of Japan?", instructions="Be brief.")

    with rig.sdk.responses.stream(
        model="gpt-4o", input="What is the capital of Japan?", instructions="Be brief."
    ) as stream:
        streamed = stream.get_final_response()

    assert whole.output_text == streamed.output_text
    assert whole.usage == streamed.usage
    assert (whole.status, whole.instructions, whole.model) == ("completed", "Be brief.", "gpt-4o-2024-08-06")


def test_parallel_tools_are_called_and_their_answers_told(rig: Rig) -> None:
    first = rig.sdk.responses.create(
        model="gpt-4o", input="What's the weather like in San Francisco and Boston?", tools=[WEATHER]
    )

    calls = [item for item in first.output if item.type == "function_call"]
    assert [json.loads(call.arguments)["location"] for call in calls] == ["San Francisco", "Boston"]
    outputs: Any = [
        {"type": "function_call_output", "call_id": call.call_id, "output": f"{number} degrees"}
        for number, call in enumerate(calls)
    ]
    second = rig.sdk.responses.create(model="gpt-4o", input=outputs, previous_response_id=first.id, tools=[WEATHER])
    assert "- 0 degrees\n- 1 degrees" in second.output_text
    assert second.usage is not None
    assert first.usage is not None
    assert second.usage.input_tokens > first.usage.input_tokens


def test_a_conversation_goes_on_statelessly_with_what_was_said(rig: Rig) -> None:
    said: Any = [{"role": "user", "content": "What is the weather in Rome?"}]
    first = rig.sdk.responses.create(model="gpt-5", input=said, tools=[WEATHER], store=False, include=ENCRYPTED)
    said += [item.model_dump(exclude_none=True) for item in first.output]
    said += [
        {"type": "function_call_output", "call_id": item.call_id, "output": "sunny"}
        for item in first.output
        if item.type == "function_call"
    ]

    second = rig.sdk.responses.create(model="gpt-5", input=said, tools=[WEATHER], store=False, include=ENCRYPTED)

    assert "- sunny" in second.output_text


def test_reasoning_that_was_changed_on_its_way_is_refused(rig: Rig) -> None:
    first = rig.sdk.responses.create(model="gpt-5", input="Hello!", store=False, include=ENCRYPTED)
    reasoning = first.output[0]
    assert reasoning.type == "reasoning"
    assert reasoning.encrypted_content is not None
    place = len(reasoning.encrypted_content) // 2
    other = "A" if reasoning.encrypted_content[place] != "A" else "B"
    spoiled = reasoning.encrypted_content[:place] + other + reasoning.encrypted_content[place + 1 :]
    changed: Any = {**reasoning.model_dump(exclude_none=True), "encrypted_content": spoiled}

    with pytest.raises(openai.BadRequestError) as refused:
        rig.sdk.responses.create(model="gpt-5", input=[changed], store=False)

    assert refused.value.code == "invalid_encrypted_content"


def test_an_item_can_be_referred_to_instead_of_repeated(rig: Rig) -> None:
    first = rig.sdk.responses.create(model="gpt-4o", input="What is the weather in Oslo?", tools=[WEATHER])
    call = first.output[0]
    assert call.type == "function_call"
    assert call.id is not None

    second = rig.sdk.responses.create(
        model="gpt-4o",
        input=[
            {"role": "user", "content": "What is the weather in Oslo?"},
            {"type": "item_reference", "id": call.id},
            {"type": "function_call_output", "call_id": call.call_id, "output": "snow"},
        ],
        tools=[WEATHER],
    )

    assert "- snow" in second.output_text


def test_reasoning_comes_first_with_its_summaries_where_they_are_asked_for(rig: Rig) -> None:
    events = list(
        rig.sdk.responses.create(
            model="o3-mini",
            input="How do I cross the street?",
            reasoning={"effort": "low", "summary": "detailed"},
            include=ENCRYPTED,
            stream=True,
        )
    )

    last = events[-1]
    assert last.type == "response.completed"
    reasoning, message = last.response.output
    assert reasoning.type == "reasoning"
    assert message.type == "message"
    assert (reasoning.encrypted_content or "").startswith("gAAAAA")
    deltas = [event.delta for event in events if event.type == "response.reasoning_summary_text.delta"]
    assert "".join(deltas) == "".join(part.text for part in reasoning.summary)
    assert len(reasoning.summary) == 2
    assert last.response.usage is not None
    assert last.response.usage.output_tokens_details.reasoning_tokens == 64


class Recipe(pydantic.BaseModel):
    title: str = pydantic.Field(pattern=r"^[A-Z]")
    grams: list[int] = pydantic.Field(min_length=1)


def test_structured_output_is_parsed_whole_and_streamed(rig: Rig) -> None:
    whole = rig.sdk.responses.parse(model="gpt-4o", input="A recipe", text_format=Recipe)
    with rig.sdk.responses.stream(model="gpt-4o", input="A recipe", text_format=Recipe) as stream:
        streamed = stream.get_final_response()

    assert isinstance(whole.output_parsed, Recipe)
    assert streamed.output_parsed == whole.output_parsed


@pytest.mark.parametrize(("model", "types"), [("gpt-4o", ["message"]), ("gpt-5", ["reasoning"])])
def test_a_budget_that_is_used_up_ends_the_response_incomplete(rig: Rig, model: str, types: list[str]) -> None:
    events = list(rig.sdk.responses.create(model=model, input="Tell me", max_output_tokens=20, stream=True))

    last = events[-1]
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details is not None
    assert (last.response.status, last.response.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert last.response.usage is not None
    assert last.response.usage.output_tokens == 20
    assert [item.type for item in last.response.output] == types
    whole = rig.sdk.responses.create(model=model, input="Tell me", max_output_tokens=20)
    assert whole.status == "incomplete"


def test_a_model_that_fails_in_the_middle_says_so_and_then_fails_the_response(rig: Rig) -> None:
    body = rig.to("/responses", model="f-errevent", input="x", stream=True).content

    *_, error, failed = [json.loads(event.partition(b"data: ")[2]) for event in body.split(b"\n\n") if event]
    assert (error["type"], error["error"]["code"]) == ("error", "server_error")
    assert (failed["type"], failed["response"]["status"]) == ("response.failed", "failed")
    assert failed["response"]["error"]["code"] == "server_error"
    assert [error["sequence_number"], failed["sequence_number"]] == [7, 8]


@pytest.mark.parametrize(
    ("model", "last"),
    [("f-errflat", "error"), ("f-failed", "response.failed"), ("f-nodone", "response.output_item.done")],
)
def test_streams_end_otherwise_than_they_should(rig: Rig, model: str, last: str) -> None:
    events = list(rig.sdk.responses.create(model=model, input="x", stream=True))

    assert events[-1].type == last


def test_the_sdk_raises_what_the_model_says_went_wrong(rig: Rig) -> None:
    with pytest.raises(openai.APIError) as raised:
        list(rig.sdk.responses.create(model="f-errevent", input="x", stream=True))

    assert raised.value.code == "server_error"


@pytest.mark.parametrize("model", ["ok", "f-bytes", "f-crlf", "f-cr", "f-ping", "f-multiline", "f-gzip"])
def test_streams_that_are_only_odd_carry_the_whole_text(rig: Rig, model: str) -> None:
    text = rig.to("/responses", model=model, input="x", stream=True).text.replace("\r\n", "\n").replace("\r", "\n")

    blocks = [block for block in text.split("\n\n") if "data: " in block]
    data = ["".join(line[6:] for line in block.split("\n") if line.startswith("data: ")) for block in blocks]
    last = json.loads(data[-1])
    assert last["type"] == "response.completed"
    assert last["response"]["output"][0]["content"][0]["text"] == "".join(OK_PIECES)


@pytest.mark.parametrize(("model", "events"), [("f-trunc", 7), ("f-rst", 7), ("f-chunkcut", 7), ("f-empty", 0)])
def test_a_stream_breaks_after_its_first_text(rig: Rig, model: str, events: int) -> None:
    body = bytearray()
    request = {"model": model, "input": "x", "stream": True}

    with rig.http.stream("POST", f"{rig.url}/responses", json=request) as response:
        try:
            for piece in response.iter_raw():
                body += piece
        except httpx.TransportError:
            assert model in ("f-rst", "f-chunkcut")

    assert body.count(b"\n\n") == events
    assert b"response.completed" not in body


ASKED = {"model": "gpt-4o", "input": "x"}
CALL = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"previous_response_id": "resp_unheard_of"}, 400, "previous_response_not_found", "previous_response_id"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, 404, None, "input"),
        ({"input": [{"type": "reasoning", "id": "rs_1", "summary": []}]}, 404, None, "input"),
        ({"conversation": "conv_1"}, 404, None, "conversation"),
        ({"conversation": "conv_1", "previous_response_id": "resp_1"}, 400, "mutually_exclusive_parameters", None),
        ({"input": [CALL]}, 400, None, "input"),
        ({"input": [{"type": "function_call_output", "call_id": "call_1", "output": "x"}]}, 400, None, "input"),
        ({"input": [{"role": "robot", "content": "x"}]}, 400, "invalid_value", "input[0].role"),
        ({"input": [{"type": "unheard-of"}]}, 400, "invalid_value", "input[0].type"),
        ({"input": [{"role": "user"}]}, 400, "missing_required_parameter", "input[0].content"),
        ({"input": None}, 400, "missing_required_parameter", "input"),
        ({"input": 5}, 400, None, "input"),
        ({"messages": []}, 400, "unsupported_parameter", "messages"),
        ({"unheard": 1}, 400, "unknown_parameter", "unheard"),
        ({"stream_options": {"include_usage": True}, "stream": True}, 400, "unknown_parameter", None),
        ({"stream": "yes"}, 400, "invalid_type", "stream"),
        ({"max_output_tokens": 5}, 400, "integer_below_min_value", "max_output_tokens"),
        ({"reasoning": {"effort": "utter"}}, 400, "invalid_value", "reasoning.effort"),
        ({"text": {"format": {"type": "json_schema"}}}, 400, "missing_required_parameter", "text.format.name"),
        ({"text": {"format": {"type": "json_object"}}}, 400, None, "input"),
        ({"text": {"format": {"type": "yaml"}}}, 400, "invalid_value", "text.format.type"),
        ({"tools": [{"type": "web_search"}]}, 400, "unsupported_by_the_simulation", "tools[0].type"),
        ({"tool_choice": "required"}, 400, None, "tool_choice"),
        ({"background": True}, 400, "unsupported_by_the_simulation", "background"),
        ({"model": "gpt-4.1-nano-wrong!"}, 404, "model_not_found", None),
        ({"model": "text-embedding-3-small"}, 404, None, "model"),
        ({"model": "f-429"}, 429, "rate_limit_exceeded", None),
        ({"model": "f-503"}, 503, None, None),
    ],
)
def test_mistakes_are_refused_in_openais_shape(
    rig: Rig, body: dict[str, Any], status: int, code: str | None, param: str | None
) -> None:
    answer = rig.to("/responses", **{**ASKED, **body})

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert param is None or error["param"] == param


def test_a_response_that_is_not_stored_cannot_be_gone_on_from(rig: Rig) -> None:
    first = rig.sdk.responses.create(model="gpt-4o", input="Hello!", store=False)

    with pytest.raises(openai.BadRequestError) as refused:
        rig.sdk.responses.create(model="gpt-4o", input="And?", previous_response_id=first.id)

    assert refused.value.code == "previous_response_not_found"
