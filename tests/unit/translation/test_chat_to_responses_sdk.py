"""What the OpenAI SDK makes of a translated answer, by `responses.stream` and by `responses.create`."""

import json
from typing import Any

import httpx2
import openai
import pytest
from openai import pydantic_function_tool
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseReasoningItem
from pydantic import BaseModel
from tests.unit.translation.response_streams import COUNTED, USAGE, asked, call, events, finished, said

from sluice.translation.answers.chat_to_responses import whole
from sluice.translation.requests.responses_to_chat import request

Json = dict[str, Any]

SIGNED: Json = {"type": "thinking", "thinking": "Let me see.", "signature": "c2lnbmVk"}
TURN = [
    said(role="assistant", content=""),
    said(reasoning_content="Let me see."),
    said(thinking_blocks=[{"index": 0, **SIGNED}]),
    said(content="One "),
    said(content="moment."),
    call(0, "", id="c1", name="Weather"),
    call(0, '{"city":'),
    call(0, '"Rome"}'),
    finished("tool_calls"),
    COUNTED,
]


class Weather(BaseModel):
    city: str


def client(content_type: str, body: str) -> openai.OpenAI:
    """The SDK, whose provider answers this body."""
    headers = {"content-type": content_type}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, headers=headers, content=body.encode()))
    return openai.OpenAI(
        api_key="sk-fake", base_url="http://127.0.0.1/v1", http_client=httpx2.Client(transport=transport), max_retries=0
    )


def sse(made: list[Json]) -> openai.OpenAI:
    return client("text/event-stream", "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in made))


def tool() -> Any:
    described = pydantic_function_tool(Weather)["function"]
    return {"type": "function", "strict": True, **described}


def test_the_accumulator_gives_text_reasoning_and_parsed_arguments() -> None:
    with sse(events(TURN)) as caller, caller.responses.stream(model="haiku", input="hi", tools=[tool()]) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()

    reasoning, message, made = final.output
    assert kinds[-1] == "response.completed"
    assert isinstance(reasoning, ResponseReasoningItem)
    assert reasoning.summary[0].text == "Let me see."
    assert isinstance(message, ResponseOutputMessage)
    assert final.output_text == "One moment."
    assert isinstance(made, ResponseFunctionToolCall)
    assert (made.call_id, made.name, json.loads(made.arguments)) == ("c1", "Weather", {"city": "Rome"})
    assert final.usage is not None
    assert final.usage.total_tokens == 17


def test_the_accumulator_parses_a_schema() -> None:
    made = events([said(content='{"city":'), said(content='"Rome"}'), finished(), COUNTED])

    with sse(made) as caller, caller.responses.stream(model="haiku", input="hi", text_format=Weather) as stream:
        final = stream.get_final_response()

    assert final.output_parsed == Weather(city="Rome")


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_an_incomplete_answer_is_the_last_event(reason: str) -> None:
    with sse(events([said(content="Hi"), finished(reason), COUNTED])) as caller:
        last = list(caller.responses.create(model="haiku", input="hi", stream=True))[-1]

    assert last.type == "response.incomplete"
    assert last.response.output_text == "Hi"


def test_what_the_sdk_read_goes_into_the_next_turn() -> None:
    with sse(events(TURN)) as caller, caller.responses.stream(model="haiku", input="hi", tools=[tool()]) as stream:
        output = [
            item.model_dump(mode="json", exclude={"parsed_arguments"}) for item in stream.get_final_response().output
        ]
    result = {"type": "function_call_output", "call_id": "c1", "output": "sunny"}

    translated = request({"input": [{"role": "user", "content": "hi"}, *output, result]}, "model-1")

    assert translated.warnings == ()
    assert translated.body["messages"][1]["thinking_blocks"] == [SIGNED]
    assert translated.body["messages"][1]["tool_calls"][0]["function"]["arguments"] == '{"city":"Rome"}'
    assert translated.body["messages"][2] == {"role": "tool", "tool_call_id": "c1", "content": "sunny"}


def test_a_whole_answer_is_read() -> None:
    message = {"content": "Hi", "thinking_blocks": [SIGNED], "reasoning_content": "Let me see."}
    told = whole({"choices": [{"message": message, "finish_reason": "stop"}], "usage": USAGE}, asked())

    with client("application/json", json.dumps(told)) as caller:
        response = caller.responses.create(model="haiku", input="hi")

    assert response.output_text == "Hi"
    assert [item.type for item in response.output] == ["reasoning", "message"]
    assert response.usage is not None
    assert response.usage.input_tokens_details.cached_tokens == 4
