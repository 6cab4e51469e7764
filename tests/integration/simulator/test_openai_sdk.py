"""The simulated OpenAI as its SDK sees it."""

import asyncio
import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pydantic
import pytest
from tests import recorded
from tests.integration.simulator.rig import KEY, TIMEOUT_SECONDS, Rig

from sluice_devstack.event_loop import EventLoopThread

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


def test_the_sdk_streams_text_and_gets_usage_that_counts_it(rig: Rig) -> None:
    stream = rig.sdk.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": "Hello!"}],
        stream=True,
        stream_options={"include_usage": True},
    )

    chunks = list(stream)

    contents = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert "".join(content or "" for content in contents).startswith("Hello! Lovely to hear from you.")
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == sum(bool(content) for content in contents)
    assert chunks[0].model == "gpt-4o-mini-2024-07-18"


def test_the_sdk_reads_a_whole_answer_with_its_headers(rig: Rig) -> None:
    raw = rig.sdk.chat.completions.with_raw_response.create(
        model="gpt-4o", messages=[{"role": "user", "content": "What is the capital of Japan?"}]
    )

    completion = raw.parse()

    assert (completion.choices[0].message.content or "").startswith("The capital of Japan is Tokyo.")
    assert completion.choices[0].finish_reason == "stop"
    assert raw.headers["x-request-id"].startswith("req_")
    assert int(raw.headers["openai-processing-ms"]) > 0
    assert int(raw.headers["x-ratelimit-remaining-requests"]) > 0


def test_the_asynchronous_sdk_streams_as_well(rig: Rig) -> None:
    async def text() -> str:
        async with openai.AsyncOpenAI(base_url=rig.url, api_key=KEY, timeout=TIMEOUT_SECONDS) as sdk:
            stream = await sdk.chat.completions.create(
                model="gpt-4o", messages=[{"role": "user", "content": "count to 3"}], stream=True
            )
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    assert asyncio.run(text()).startswith("1, 2, 3.")


def test_the_sdk_assembles_parallel_tool_calls_from_the_stream(rig: Rig) -> None:
    with rig.sdk.chat.completions.stream(
        model="gpt-4o",
        messages=[{"role": "user", "content": "What's the weather like in San Francisco and Boston?"}],
        tools=[WEATHER],
    ) as stream:
        choice = stream.get_final_completion().choices[0]

    assert choice.finish_reason == "tool_calls"
    arguments = [json.loads(call.function.arguments) for call in choice.message.tool_calls or []]
    assert arguments == [
        {"location": "San Francisco", "unit": "celsius"},
        {"location": "Boston", "unit": "celsius"},
    ]


def test_the_answer_to_a_tool_result_tells_it(rig: Rig) -> None:
    messages: Any = [{"role": "user", "content": "What is the weather in Rome?"}]
    first = rig.sdk.chat.completions.create(model="gpt-4o", messages=messages, tools=[WEATHER]).choices[0].message
    assert first.tool_calls is not None
    messages += [
        first.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "21 degrees, sunny"},
    ]

    second = rig.sdk.chat.completions.create(model="gpt-4o", messages=messages, tools=[WEATHER]).choices[0].message

    assert "21 degrees, sunny" in (second.content or "")


class Ingredient(pydantic.BaseModel):
    name: str
    grams: int = pydantic.Field(ge=1, le=500)


class Recipe(pydantic.BaseModel):
    title: str = pydantic.Field(pattern=r"^[A-Z]")
    ingredients: list[Ingredient] = pydantic.Field(min_length=1)
    variation: "Recipe | None"


def test_the_sdk_parses_what_a_json_schema_asked_for(rig: Rig) -> None:
    completion = rig.sdk.chat.completions.parse(
        model="gpt-4o", messages=[{"role": "user", "content": "A recipe"}], response_format=Recipe
    )

    recipe = completion.choices[0].message.parsed

    assert recipe is not None
    assert recipe.ingredients[0].grams >= 1


def test_json_mode_answers_json(rig: Rig) -> None:
    answer = rig.post(
        "gpt-4o",
        messages=[{"role": "user", "content": "Answer in JSON"}],
        response_format={"type": "json_object"},
    )

    assert json.loads(answer.json()["choices"][0]["message"]["content"])["simulated"] is True


def test_models_are_listed_and_one_can_be_asked_for(rig: Rig) -> None:
    names = [model.id for model in rig.sdk.models.list()]

    assert "gpt-4o-mini" in names
    assert rig.sdk.models.retrieve("gpt-4o-mini").id == "gpt-4o-mini"
    with pytest.raises(openai.NotFoundError):
        rig.sdk.models.retrieve("gpt-unheard-of")


@pytest.mark.parametrize(
    ("path", "method", "body", "status", "code"),
    [
        ("/chat/completions", "POST", {"model": "gpt-4.1-nano-wrong!", "messages": [{}]}, 404, "model_not_found"),
        ("/chat/completions", "POST", {"model": "gpt-4o"}, 400, "missing_required_parameter"),
        ("/chat/completions", "POST", {"model": "gpt-4o", "messages": "hi"}, 400, "invalid_type"),
        ("/chat/completions", "POST", {"model": "gpt-4o", "messages": [{}], "n": 0}, 400, "invalid_value"),
        ("/chat/completions", "GET", None, 405, "method_not_supported"),
        ("/nothing", "POST", {}, 404, None),
    ],
)
def test_mistakes_are_refused_in_openais_shape(
    rig: Rig, path: str, method: str, body: Any, status: int, code: str | None
) -> None:
    answer = rig.http.request(method, rig.url + path, json=body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_reasoning_model_refuses_max_tokens(rig: Rig) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        rig.sdk.chat.completions.create(
            model="gpt-5-nano", messages=[{"role": "user", "content": "Hello"}], max_tokens=10
        )

    assert (refused.value.code, refused.value.param) == ("unsupported_parameter", "max_tokens")


@pytest.mark.skipif(not recorded.names("err_openai_401"), reason=recorded.REASON)
def test_a_wrong_key_is_refused_as_openai_does_and_not_repeated(rig: Rig) -> None:
    original = json.loads(recorded.load("err_openai_401").body)["error"]

    answer = httpx.post(f"{rig.url}/chat/completions", headers={"authorization": "Bearer sk-fake-wrong-key-000000"})

    error = answer.json()["error"]
    assert answer.status_code == 401
    assert {key: error[key] for key in ("type", "param", "code")} == {
        key: original[key] for key in ("type", "param", "code")
    }
    assert list(error) == list(original)
    assert "sk-fake-wrong-key-000000" not in answer.text


def test_each_event_leaves_in_a_chunk_of_its_own(rig: Rig) -> None:
    body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "count to 3"}], "stream": True})
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\nconnection: close\r\n"
    port = int(rig.url.split(":")[2].split("/")[0])

    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS) as connection:
        connection.sendall(f"{head}content-length: {len(body)}\r\n\r\n{body}".encode())
        answer = connection.makefile("rb").read()

    chunks = list(chunked(answer.partition(b"\r\n\r\n")[2]))
    assert len(chunks) > 10
    assert all(chunk.startswith(b"data: ") and chunk.count(b"\n\n") == 1 for chunk in chunks)


def test_a_caller_that_leaves_ends_the_stream(loop: EventLoopThread) -> None:
    rig = Rig(loop, tokens_per_second=50.0)

    with rig.http.stream(
        "POST",
        f"{rig.url}/chat/completions",
        json={"model": "gpt-4o", "messages": [{"role": "user", "content": "write 900 words"}], "stream": True},
    ) as response:
        next(response.iter_raw())
    rig.http.close()

    loop.run(asyncio.wait_for(rig.simulator.idle(), TIMEOUT_SECONDS))
    rig.close()


def test_requests_are_kept_for_those_who_ask(rig: Rig) -> None:
    rig.post("gpt-4o", user="someone")

    last = rig.simulator.requests[-1]
    assert (last.method, last.path, json.loads(last.body)["user"]) == ("POST", "/v1/chat/completions", "someone")


def chunked(body: bytes) -> Iterator[bytes]:
    while body != b"0\r\n\r\n":
        size, _, rest = body.partition(b"\r\n")
        yield rest[: int(size, 16)]
        body = rest[int(size, 16) + 2 :]
