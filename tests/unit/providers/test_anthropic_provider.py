"""OpenAI's surface on Anthropic's own API."""

import json
from typing import Any

import httpx
import pytest
from tests.fakes.gateway import KEY, Gateway, Pieces
from tests.splits import every_split
from tests.unit.surfaces.test_anthropic_surface import BOOKED, EVENTS, MESSAGE, SSE, STREAM, sse

from sluice.domain.record import Outcome, UsageRecord

JSON = {"content-type": "application/json"}
ASKED = [{"role": "user", "content": "hi"}]
MODEL = "anthropic/claude-sonnet-4-5"


def gateway(*body: bytes, headers: dict[str, str] = JSON, status: int = 200) -> Gateway:
    return Gateway(lambda _: httpx.Response(status, headers=headers, stream=Pieces(body)), kind="anthropic")


def read(answer: dict[str, Any]) -> bytes:
    body = b"".join(answer["body"])
    answer["body"].close()
    return body


def record(made: Gateway) -> UsageRecord:
    (one,) = made.ledger.settled
    return one


def objects(body: bytes) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in body.decode().split("\n") if line.startswith("data: {")]


def test_chat_becomes_messages_and_back() -> None:
    made = gateway(json.dumps(MESSAGE).encode())

    answer = made.chat({"model": MODEL, "messages": [{"role": "system", "content": "brief"}, *ASKED], "seed": 1})

    (request,) = made.requests
    asked = json.loads(request.content)
    assert request.url == "https://provider.invalid/v1/messages"
    assert (request.headers["x-api-key"], request.headers["anthropic-version"]) == (KEY, "2023-06-01")
    assert asked["model"] == "claude-sonnet-4-5"
    assert "brief" in json.dumps(asked["system"])
    assert asked["max_tokens"] > 0
    assert "stream" not in asked
    assert "seed" in answer["headers"]["x-sluice-warnings"]
    made_of = json.loads(read(answer))
    assert made_of["choices"][0]["message"]["content"] == "Hello"
    assert (made_of["usage"]["prompt_tokens"], made_of["usage"]["completion_tokens"]) == (141, 15)
    assert made_of["model"] == MODEL
    assert (record(made).usage, record(made).outcome) == (BOOKED, Outcome.COMPLETE)


def test_a_stream_becomes_the_same_chunks_however_it_is_cut() -> None:
    bodies = set()
    for cut in every_split(STREAM):
        made = gateway(*filter(None, cut), headers=SSE)
        bodies.add(read(made.chat({"model": MODEL, "messages": ASKED, "stream": True})))
        assert (record(made).usage, record(made).outcome) == (BOOKED, Outcome.COMPLETE)
    (body,) = bodies
    deltas = [choice["delta"] for one in objects(body) for choice in one["choices"]]
    calls = [call for delta in deltas for call in delta.get("tool_calls") or ()]
    assert "".join(delta.get("content") or "" for delta in deltas) == "Héllo \u2028 日本 😀"
    assert "".join(call["function"].get("arguments") or "" for call in calls) == '{"a":1}'
    assert calls[0]["id"] == "toolu_01"
    assert body.endswith(b"data: [DONE]\n\n")
    assert json.loads(made.requests[0].content)["stream"] is True


@pytest.mark.parametrize("stream", [False, True])
def test_a_response_becomes_messages_and_back(stream: bool) -> None:
    made = gateway(STREAM if stream else json.dumps(MESSAGE).encode(), headers=SSE if stream else JSON)

    body = read(made.post("/v1/responses", {"model": MODEL, "input": "hi", "stream": stream}))

    whole = objects(body)[-1]["response"] if stream else json.loads(body)
    assert (whole["status"], whole["usage"]["input_tokens"], whole["usage"]["output_tokens"]) == ("completed", 141, 15)
    assert record(made).usage == BOOKED


@pytest.mark.parametrize("path", ["completions", "embeddings", "images/generations", "audio/speech"])
def test_operations_that_anthropic_has_not_are_refused(path: str) -> None:
    made = gateway(b"{}")

    answer = made.post(f"/v1/{path}", {"model": MODEL, "prompt": "hi", "input": "hi"})

    error = json.loads(answer["body"])["error"]
    assert (answer["statusCode"], error["param"]) == (400, "model")
    assert f"does not serve {path}; it serves" in error["message"]
    assert not made.requests


def test_a_file_of_the_operators_is_not_shared() -> None:
    made = gateway(b"{}")
    part = {"type": "document", "source": {"type": "file", "file_id": "file_1"}}
    asked = {"model": MODEL, "max_tokens": 5, "messages": [{"role": "user", "content": [part]}]}

    answer = made.post("/v1/messages", asked)

    assert answer["statusCode"] == 400
    assert "does not share" in json.loads(answer["body"])["error"]["message"]
    assert not made.requests


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("overloaded_error", 529, "upstream_reported"),
        ("rate_limit_error", 429, "upstream_reported"),
        ("api_error", 500, "upstream_reported"),
        ("authentication_error", 502, "upstream_reported"),
        ("new_error", 502, "upstream_reported"),
    ],
)
def test_an_error_event_that_comes_first_is_an_answer(kind: str, status: int, code: str) -> None:
    made = gateway(sse({"type": "error", "error": {"type": kind, "message": "no"}}), headers=SSE)

    answer = made.chat({"model": MODEL, "messages": ASKED, "stream": True})

    error = json.loads(answer["body"])["error"]
    assert (answer["statusCode"], error["code"], error["message"]) == (status, code, "no")


@pytest.mark.parametrize("body", [b'{"type":"error"}', b'{"error":5}', b'{"error":{}}', b"{}", b"[]", b"<html>", b""])
def test_a_refusal_of_any_shape_is_told(body: bytes) -> None:
    for path, asked in (("messages", {"max_tokens": 5}), ("chat/completions", {})):
        answer = gateway(body, status=500).post(f"/v1/{path}", {"model": MODEL, "messages": ASKED, **asked})
        assert answer["statusCode"] == 500
        assert json.loads(answer["body"])["error"] is not None


def test_a_second_key_is_tried_where_the_first_is_refused() -> None:
    def once(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=MESSAGE) if request.headers["x-api-key"] == "second" else httpx.Response(401)

    made = Gateway(once, kind="anthropic")
    made.keys.keys.append("second")

    assert made.chat({"model": MODEL, "messages": ASKED})["statusCode"] == 200
    assert len(made.requests) == 2


def test_what_stands_in_events_of_other_kinds_is_skipped() -> None:
    odd = sse(
        {"type": "new_event", "x": 1}, {"type": "content_block_delta", "index": 9, "delta": {"type": "new_delta"}}
    )
    made = gateway(sse(*EVENTS[:3]) + odd + sse(*EVENTS[3:]), headers=SSE)

    body = read(made.chat({"model": MODEL, "messages": ASKED, "stream": True}))

    assert b"new_" not in body
    assert body.endswith(b"data: [DONE]\n\n")
