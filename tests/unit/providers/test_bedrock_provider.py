"""OpenAI's surface on Bedrock: what is asked of the runtime, what comes back, and what is refused."""

import json
from typing import Any

import httpx
import pytest
from tests import frames
from tests.fakes.gateway import Gateway, Pieces

from sluice.domain.call import Target
from sluice.domain.record import Outcome, UsageRecord
from sluice.domain.usage import Usage

NOVA = "amazon.nova-lite-v1:0"
PROFILE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdef"
JSON = {"content-type": "application/json"}
SSE = {"content-type": "text/event-stream"}
FRAMED = {"content-type": frames.CONTENT_TYPE}
ASKED = [{"role": "user", "content": "hi"}]
CONVERSED = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Hello"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 11, "outputTokens": 5, "totalTokens": 16},
}
STREAM = frames.events(
    {"messageStart": {"role": "assistant"}},
    {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "Hello"}}},
    {"contentBlockStop": {"contentBlockIndex": 0}},
    {"messageStop": {"stopReason": "end_turn"}},
    {"metadata": {"usage": {"inputTokens": 11, "outputTokens": 5, "totalTokens": 16}}},
)
COMPLETED = b'{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"content":"Hello"},"finish_reason":'
COMPLETED += b'"stop"}],"usage":{"prompt_tokens":11,"completion_tokens":5,"total_tokens":16},"x":1}'
CHUNKS = (
    b'data: {"choices":[{"index":0,"delta":{"content":"Hello"}}]}\r\n\r\n'
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\r\n\r\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":5}}\r\n\r\n'
    b"data: [DONE]\r\n\r\n"
)
OPENAI = {f"bedrock/{NOVA}": Target("bedrock", NOVA, api="openai")}


def gateway(*body: bytes, headers: dict[str, str] = JSON, **settings: Any) -> Gateway:
    return Gateway(lambda _: httpx.Response(200, headers=headers, stream=Pieces(body)), kind="bedrock", **settings)


def sent(made: Gateway) -> tuple[str, dict[str, Any]]:
    (request,) = made.requests
    assert request.headers["x-signed"] == "yes"
    return request.url.raw_path.decode(), json.loads(request.content)


def read(answer: dict[str, Any]) -> bytes:
    body = b"".join(answer["body"])
    answer["body"].close()
    return body


def record(made: Gateway) -> UsageRecord:
    (one,) = made.ledger.settled
    return one


def objects(body: bytes) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in body.decode().splitlines() if line.startswith("data: {")]


@pytest.mark.parametrize(("stream", "operation"), [(False, "converse"), (True, "converse-stream")])
def test_chat_is_asked_by_converse(stream: bool, operation: str) -> None:
    made = gateway(STREAM if stream else json.dumps(CONVERSED).encode(), headers=FRAMED if stream else JSON)

    answer = made.chat({"model": f"bedrock/{NOVA}", "messages": ASKED, "stream": stream, "logit_bias": {"5": 1}})

    body = read(answer)
    path, asked = sent(made)
    assert path == f"/model/{NOVA.replace(':', '%3A')}/{operation}"
    assert asked["messages"] == [{"role": "user", "content": [{"text": "hi"}]}]
    assert answer["headers"]["x-sluice-warnings"] == "logit_bias"
    assert answer["headers"]["content-type"] == ("text/event-stream" if stream else "application/json")
    assert b"Hello" in body
    assert body.endswith(b"data: [DONE]\n\n") is stream
    assert record(made).usage == Usage(input=11, output=5)
    assert record(made).outcome is Outcome.COMPLETE


@pytest.mark.parametrize("stream", [False, True])
def test_a_response_is_asked_by_converse(stream: bool) -> None:
    made = gateway(STREAM if stream else json.dumps(CONVERSED).encode(), headers=FRAMED if stream else JSON)

    body = read(made.post("/v1/responses", {"model": f"bedrock/{NOVA}", "input": "hi", "stream": stream}))

    whole = objects(body)[-1]["response"] if stream else json.loads(body)
    assert (whole["object"], whole["status"]) == ("response", "completed")
    assert whole["output"][-1]["content"][0]["text"] == "Hello"
    assert whole["usage"]["output_tokens"] == 5
    if stream:
        kinds = [one["type"] for one in objects(body)]
        assert kinds[0] == "response.created"
        assert kinds[-1] == "response.completed"
        assert [one["sequence_number"] for one in objects(body)] == list(range(len(kinds)))
    assert record(made).usage == Usage(input=11, output=5)
    assert made.owners.kept == {}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"background": True}, "background"),
        ({"tools": [{"type": "web_search"}]}, "tools"),
        ({"conversation": "conv_1"}, "conversation"),
    ],
)
def test_what_a_response_cannot_be_is_refused(body: dict[str, Any], param: str) -> None:
    made = gateway(b"{}")

    answer = made.post("/v1/responses", {"model": f"bedrock/{NOVA}", "input": "hi", **body})

    error = json.loads(answer["body"])["error"]
    assert answer["statusCode"] == 400
    assert error["param"].startswith(param)
    assert not made.requests


@pytest.mark.parametrize("path", ["completions", "images/generations", "audio/speech"])
def test_operations_that_bedrock_has_not_are_refused(path: str) -> None:
    made = gateway(b"{}")

    answer = made.post(f"/v1/{path}", {"model": f"bedrock/{NOVA}", "prompt": "hi", "input": "hi"})

    error = json.loads(answer["body"])["error"]
    assert (answer["statusCode"], error["param"]) == (400, "model")
    assert f"does not serve {path}; it serves" in error["message"]
    assert not (made.requests + made.ledger.reserved)


@pytest.mark.parametrize("stream", [False, True])
def test_a_target_with_openais_api_passes_bytes(stream: bool) -> None:
    made = gateway(
        *((CHUNKS[:50], CHUNKS[50:]) if stream else (COMPLETED,)), headers=SSE if stream else JSON, targets=OPENAI
    )
    options = {"stream_options": {"include_usage": True}} if stream else {}

    body = read(made.chat({"model": f"bedrock/{NOVA}", "messages": ASKED, "stream": stream, "odd": 1, **options}))

    path, asked = sent(made)
    assert path == "/openai/v1/chat/completions"
    assert asked == {"model": NOVA, "messages": ASKED, "stream": stream, "odd": 1, **options}
    assert body == (CHUNKS if stream else COMPLETED)
    assert record(made).usage == Usage(input=11, output=5)


def test_a_target_with_openais_api_serves_responses_and_messages_too() -> None:
    made = gateway(b'{"object":"response","usage":{"input_tokens":11,"output_tokens":5}}', targets=OPENAI)
    read(made.post("/v1/responses", {"model": f"bedrock/{NOVA}", "input": "hi"}))
    assert sent(made)[0] == "/openai/v1/responses"

    made = gateway(COMPLETED, targets=OPENAI)
    message = json.loads(
        read(made.post("/v1/messages", {"model": f"bedrock/{NOVA}", "max_tokens": 5, "messages": ASKED}))
    )
    assert sent(made)[0] == "/openai/v1/chat/completions"
    assert message["content"] == [{"type": "text", "text": "Hello"}]


def test_objects_that_are_stored_there_are_not_shared() -> None:
    made = gateway(b"{}", targets=OPENAI)
    part = {"type": "input_file", "file_id": "file_1"}

    answer = made.post("/v1/responses", {"model": f"bedrock/{NOVA}", "input": [{"role": "user", "content": [part]}]})

    assert answer["statusCode"] == 400
    assert "does not share" in json.loads(answer["body"])["error"]["message"]
    assert not made.requests


def test_a_base_model_says_what_a_profile_can_do() -> None:
    target = Target("bedrock", PROFILE, base_model="anthropic.claude-sonnet-4-5-20250929-v1:0")
    message = {"type": "message", "role": "assistant", "content": [], "stop_reason": "end_turn", "usage": {}}
    made = gateway(json.dumps(message).encode(), targets={f"bedrock/{PROFILE}": target})

    made.post("/v1/messages", {"model": f"bedrock/{PROFILE}", "max_tokens": 5, "messages": ASKED})

    assert sent(made)[0] == f"/model/{PROFILE.replace(':', '%3A').replace('/', '%2F')}/invoke"


def test_without_a_base_model_a_profile_is_asked_by_converse() -> None:
    made = gateway(json.dumps(CONVERSED).encode())

    made.post("/v1/messages", {"model": f"bedrock/{PROFILE}", "max_tokens": 5, "messages": ASKED})

    assert sent(made)[0].endswith("/converse")


def test_embeddings_are_gathered_and_booked() -> None:
    vectors = iter([[0.5, 0.25], [0.75, 1.0], [0.0, 0.5]])

    def titan(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"embedding": next(vectors), "inputTextTokenCount": 3})

    made = Gateway(titan, kind="bedrock")
    body = json.loads(
        read(made.post("/v1/embeddings", {"model": "bedrock/amazon.titan-embed-text-v2:0", "input": ["a", "b", "c"]}))
    )

    assert [one["embedding"] for one in body["data"]] == [[0.5, 0.25], [0.75, 1.0], [0.0, 0.5]]
    assert [one["index"] for one in body["data"]] == [0, 1, 2]
    assert body["usage"] == {"prompt_tokens": 9, "total_tokens": 9}
    assert [json.loads(one.content)["inputText"] for one in made.requests] == ["a", "b", "c"]
    assert record(made).usage == Usage(input=9)
    assert len(made.ledger.reserved) == 1


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_embeddings_that_fail_are_booked_as_far_as_they_came(failing: int) -> None:
    """A call is one record, whose usage is what its last attempt paid for; what the first one paid stands with it."""

    def titan(request: httpx.Request) -> httpx.Response:
        if json.loads(request.content)["inputText"] == "abc"[failing]:
            return httpx.Response(429, json={"message": "slow"}, headers={"x-amzn-errortype": "ThrottlingException"})
        return httpx.Response(200, json={"embedding": [1], "inputTextTokenCount": 3})

    made = Gateway(titan, kind="bedrock")
    answer = made.post("/v1/embeddings", {"model": "bedrock/amazon.titan-embed-text-v2:0", "input": ["a", "b", "c"]})

    assert (answer["statusCode"], json.loads(answer["body"])["error"]["code"]) == (429, "rate_limit_exceeded")
    assert len(made.requests) == 2 * (failing + 1)
    assert [one.http_status for one in record(made).attempts] == [429, 429]
    assert record(made).usage == Usage(input=3 * failing)
    assert record(made).outcome is Outcome.FAILED
    assert (record(made).usage_source == "provider") is (failing > 0)


@pytest.mark.fault("U13")
@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b'{"output":5}', b'{"output":{"message":[]}}', b"{}"])
def test_an_answer_that_is_none_is_told(body: bytes) -> None:
    for path, asked in (("chat/completions", {"messages": ASKED}), ("responses", {"input": "hi"})):
        answer = gateway(body).post(f"/v1/{path}", {"model": f"bedrock/{NOVA}", **asked})
        assert (answer["statusCode"], json.loads(answer["body"])["error"]["code"]) == (502, "upstream_protocol")
