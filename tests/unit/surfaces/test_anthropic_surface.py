"""The Anthropic surface on each kind of provider: bytes that pass, answers that are made, errors in its shape."""

import hashlib
import json
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from tests import frames, recorded
from tests.fakes.gateway import KEY, Context, Gateway, Pieces
from tests.splits import event_edges, every_split

from sluice.domain.errors import GatewayError
from sluice.domain.record import Outcome, UsageRecord
from sluice.domain.usage import Usage, UsageSource

CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "amazon.nova-lite-v1:0"
ASKED = {"max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}
JSON = {"content-type": "application/json"}
SSE = {"content-type": "text/event-stream; charset=utf-8"}
USED = {
    "input_tokens": 11,
    "cache_read_input_tokens": 100,
    "cache_creation_input_tokens": 30,
    "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
    "output_tokens": 1,
    "service_tier": "standard",
}
EVENTS: tuple[dict[str, Any], ...] = (
    {
        "type": "message_start",
        "message": {
            "id": "msg_01",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": USED,
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "ping"},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Héllo \u2028 日本 😀"}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "content_block_start",
        "index": 1,
        "content_block": {"type": "tool_use", "id": "toolu_01", "name": "look", "input": {}},
    },
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"a":'}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "1}"}},
    {"type": "content_block_stop", "index": 1},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 15}},
    {"type": "message_stop"},
)
BOOKED = Usage(input=11, cache_read=100, cache_write_5m=20, cache_write_1h=10, output=15)


def sse(*events: dict[str, Any]) -> bytes:
    return b"".join(f"event: {one['type']}\ndata: {json.dumps(one, ensure_ascii=False)}\n\n".encode() for one in events)


STREAM = sse(*EVENTS)
MESSAGE = EVENTS[0]["message"] | {
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "usage": USED | {"output_tokens": 15},
}
CONVERSED = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Hello"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 11, "outputTokens": 15, "totalTokens": 126, "cacheReadInputTokens": 100},
}
COMPLETED = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-5-mini",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {
        "prompt_tokens": 111,
        "completion_tokens": 15,
        "total_tokens": 126,
        "prompt_tokens_details": {"cached_tokens": 100},
    },
}


def gateway(
    kind: str, *body: bytes | Exception, status: int = 200, headers: dict[str, str] = JSON, **settings: Any
) -> Gateway:
    return Gateway(lambda _: httpx.Response(status, headers=headers, stream=Pieces(body)), kind=kind, **settings)


def post(made: Gateway, model: str, path: str = "/v1/messages", **changes: Any) -> dict[str, Any]:
    headers = changes.pop("headers", {})
    return made.post(path, {"model": model, **ASKED, **changes}, headers=headers)


def read(answer: dict[str, Any]) -> bytes:
    if isinstance(answer["body"], str):
        return answer["body"].encode()
    body = b""
    with suppress(GatewayError):  # the runtime makes trailers of it
        for piece in answer["body"]:
            body += piece
    answer["body"].close()
    return body


def events(body: bytes) -> Iterator[dict[str, Any]]:
    """Each event's object; its name has to be its type."""
    for block in body.decode().removesuffix("\n\n").split("\n\n"):
        name, _, data = block.partition("\n")
        found = json.loads(data.removeprefix("data: "))
        assert name == f"event: {found['type']}"
        yield found


def record(made: Gateway) -> UsageRecord:
    (one,) = made.ledger.settled
    return one


def test_a_stream_of_anthropics_passes_unaltered_however_it_is_cut() -> None:
    sha = hashlib.sha256(STREAM).digest()
    for cut in every_split(STREAM, event_edges(STREAM)):
        made = gateway("anthropic", *filter(None, cut), headers=SSE)
        answer = post(made, "anthropic/claude-sonnet-4-5", stream=True)
        assert hashlib.sha256(read(answer)).digest() == sha
        assert (record(made).usage, record(made).outcome) == (BOOKED, Outcome.COMPLETE)


def test_a_message_of_anthropics_passes_unaltered() -> None:
    body = json.dumps(MESSAGE, indent=1).encode()
    made = gateway("anthropic", body, headers=JSON | {"request-id": "req_1", "set-cookie": "a=b"})

    answer = post(made, "anthropic/claude-sonnet-4-5")

    assert read(answer) == body
    assert answer["headers"]["request-id"] == "req_1"
    assert "set-cookie" not in answer["headers"]
    assert (record(made).usage, record(made).usage_source) == (BOOKED, UsageSource.PROVIDER)
    assert (record(made).finish_reason, record(made).model_answered) == ("end_turn", "claude-sonnet-4-5")


def test_what_is_asked_goes_to_anthropic_whole_with_our_key_and_the_callers_version() -> None:
    made = gateway("anthropic", json.dumps(MESSAGE).encode())
    asked = {"anthropic-version": "2024-01-01", "anthropic-beta": "a-1,b-2", "x-api-key": "theirs", "cookie": "c"}

    post(made, "anthropic/claude-sonnet-4-5", headers=asked, top_k=5, new_field={"a": [1]})

    (request,) = made.requests
    assert request.url == "https://provider.invalid/v1/messages"
    sent = {name: request.headers.get(name) for name in asked}
    assert sent == asked | {"x-api-key": KEY, "cookie": None}
    assert json.loads(request.content) == ASKED | {"model": "claude-sonnet-4-5", "top_k": 5, "new_field": {"a": [1]}}


def test_without_a_version_the_known_one_is_asked_for() -> None:
    made = gateway("anthropic", json.dumps(MESSAGE).encode())

    post(made, "anthropic/claude-sonnet-4-5")

    assert made.requests[0].headers["anthropic-version"] == "2023-06-01"
    assert "anthropic-beta" not in made.requests[0].headers


def test_claude_on_bedrock_is_asked_by_invoke() -> None:
    made = gateway("bedrock", json.dumps(MESSAGE).encode())
    headers = {"anthropic-version": "2023-06-01", "anthropic-beta": "context-1m-2025-08-07"}

    answer = post(made, f"bedrock/{CLAUDE}", headers=headers)

    (request,) = made.requests
    assert request.url.path == f"/model/{CLAUDE}/invoke"
    body = json.loads(request.content)
    assert body["anthropic_version"] == "bedrock-2023-05-31"
    assert body["anthropic_beta"] == ["context-1m-2025-08-07"]
    assert not {"model", "stream"} & body.keys()
    assert json.loads(read(answer))["content"] == MESSAGE["content"]
    assert record(made).usage == BOOKED


@pytest.mark.skipif(not recorded.FOLDER.is_dir(), reason=recorded.REASON)
@pytest.mark.parametrize(
    "name", ["is_claude3_messages", "is_claude35_parallel_tools", "is_claude2_messages_max_tokens"]
)
@pytest.mark.parametrize("size", [1, 1000, 1_000_000])
def test_a_recording_of_claude_on_bedrock_is_told_as_anthropic_does(name: str, size: int) -> None:
    body = recorded.load(name).body
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    made = gateway("bedrock", *pieces, headers={"content-type": frames.CONTENT_TYPE})

    answer = post(made, f"bedrock/{CLAUDE}", stream=True)

    assert answer["headers"]["content-type"] == "text/event-stream"
    found, said = list(events(read(answer))), list(frames.decoded(body))
    assert [one["type"] for one in found] == [one["type"] for one in said]
    assert all("amazon-bedrock-invocationMetrics" not in one for one in found)
    for name_of in ("delta", "content_block", "index"):
        assert [one.get(name_of) for one in found] == [one.get(name_of) for one in said]
    expected = said[-1]["amazon-bedrock-invocationMetrics"]
    assert (record(made).usage.prompt, record(made).usage.output) == (
        expected["inputTokenCount"],
        expected["outputTokenCount"],
    )
    assert record(made).outcome is Outcome.COMPLETE


@pytest.mark.parametrize(
    ("kind", "model", "answered", "path"),
    [
        ("bedrock", f"bedrock/{NOVA}", CONVERSED, f"/model/{NOVA}/converse"),
        ("openai", "openai/gpt-5-mini", COMPLETED, "/v1/chat/completions"),
    ],
)
def test_other_models_answer_in_anthropics_words(kind: str, model: str, answered: Any, path: str) -> None:
    made = gateway(kind, json.dumps(answered).encode())

    answer = post(made, model, system="be brief")

    assert made.requests[0].url.path == path
    message = json.loads(read(answer))
    assert message["content"] == [{"type": "text", "text": "Hello"}]
    assert (message["type"], message["role"], message["stop_reason"]) == ("message", "assistant", "end_turn")
    usage = message["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["output_tokens"]) == (11, 100, 15)
    assert record(made).usage == Usage(input=11, cache_read=100, output=15)


CONVERSE_STREAM = frames.events(
    {"messageStart": {"role": "assistant"}},
    {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "Hel"}}},
    {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "lo"}}},
    {"contentBlockStop": {"contentBlockIndex": 0}},
    {"contentBlockStart": {"contentBlockIndex": 1, "start": {"toolUse": {"toolUseId": "t1", "name": "look"}}}},
    {"contentBlockDelta": {"contentBlockIndex": 1, "delta": {"toolUse": {"input": '{"a":1}'}}}},
    {"contentBlockStop": {"contentBlockIndex": 1}},
    {"messageStop": {"stopReason": "tool_use"}},
    {"metadata": {"usage": {"inputTokens": 11, "outputTokens": 15, "totalTokens": 26}}},
)
CALLED = [{"index": 0, "id": "t1", "type": "function", "function": {"name": "look", "arguments": '{"a":1}'}}]
CHAT_STREAM = b"".join(
    b"data: " + json.dumps({"id": "c", "object": "chat.completion.chunk", "model": "m", **one}).encode() + b"\n\n"
    for one in (
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hel"}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {"content": "lo"}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {"tool_calls": CALLED}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
        {"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 15, "total_tokens": 26}},
    )
)
DONE = b"data: [DONE]\n\n"
TOOLS = [{"name": "look", "input_schema": {"type": "object", "properties": {"a": {"type": "integer"}}}}]
STREAMS = {
    "bedrock": (f"bedrock/{NOVA}", {"content-type": frames.CONTENT_TYPE}, CONVERSE_STREAM),
    "openai": ("openai/gpt-5-mini", SSE, CHAT_STREAM + DONE),
}


@pytest.mark.parametrize("kind", STREAMS)
def test_other_models_stream_text_and_tools_in_anthropics_words(kind: str) -> None:
    model, headers, stream = STREAMS[kind]
    texts = set()
    for cut in ((stream,), *(tuple(filter(None, one)) for one in every_split(stream))):
        made = gateway(kind, *cut, headers=headers)
        body = read(post(made, model, stream=True, tools=TOOLS))
        texts.add(body)
        assert record(made).usage == Usage(input=11, output=15)
        assert record(made).outcome is Outcome.COMPLETE
    (body,) = texts
    found = list(events(body))
    assert [found[0]["type"], found[-2]["type"], found[-1]["type"]] == [
        "message_start",
        "message_delta",
        "message_stop",
    ]
    deltas = [one["delta"] for one in found if one["type"] == "content_block_delta"]
    assert "".join(one.get("text", "") for one in deltas) == "Hello"
    assert "".join(one.get("partial_json", "") for one in deltas) == '{"a":1}'
    assert found[-2]["delta"]["stop_reason"] == "tool_use"
    assert found[-2]["usage"]["output_tokens"] == 15


def test_what_a_model_cannot_take_is_named() -> None:
    made = gateway("openai", json.dumps(COMPLETED).encode())

    answer = post(made, "openai/gpt-5-mini", top_k=5)

    assert answer["headers"]["x-sluice-warnings"] == "top_k"
    assert "top_k" not in json.loads(made.requests[0].content)


def test_tokens_are_counted_free_of_charge() -> None:
    anthropic = gateway("anthropic", b'{"input_tokens":14}')
    bedrock = gateway("bedrock", b'{"inputTokens":14}')

    for made, model in ((anthropic, "anthropic/claude-sonnet-4-5"), (bedrock, f"bedrock/{CLAUDE}")):
        answer = made.post("/v1/messages/count_tokens", {"model": model, "messages": ASKED["messages"]})
        assert json.loads(read(answer)) == {"input_tokens": 14}
        assert (made.ledger.reserved[0].bound, made.ledger.reserved[0].estimate) == (0, 0)
        assert (record(made).cost, record(made).usage, record(made).outcome) == (0, Usage(), Outcome.COMPLETE)

    assert anthropic.requests[0].url.path == "/v1/messages/count_tokens"
    assert bedrock.requests[0].url.path == f"/model/{CLAUDE}/count-tokens"
    counted = json.loads(b64decode(json.loads(bedrock.requests[0].content)["input"]["invokeModel"]["body"]))
    assert counted["messages"] == ASKED["messages"]


@pytest.mark.parametrize(("kind", "model"), [("bedrock", f"bedrock/{NOVA}"), ("openai", "openai/gpt-5-mini")])
def test_tokens_that_cannot_be_counted_are_refused(kind: str, model: str) -> None:
    made = gateway(kind, b"{}")

    answer = made.post("/v1/messages/count_tokens", {"model": model, "messages": ASKED["messages"]})

    error = told(answer)
    assert (answer["statusCode"], error["type"], error["param"]) == (400, "invalid_request_error", "model")
    assert not made.requests


def test_a_count_that_is_none_is_no_answer() -> None:
    for body in (b"{}", b'{"inputTokens":"5"}', b"[]"):
        answer = gateway("bedrock", body).post("/v1/messages/count_tokens", {"model": f"bedrock/{CLAUDE}", **ASKED})
        assert (answer["statusCode"], told(answer)["code"]) == (502, "upstream_protocol")


def told(answer: dict[str, Any]) -> dict[str, Any]:
    """The error in an answer of Anthropic's shape."""
    body = json.loads(answer["body"])
    assert body["type"] == "error"
    assert body["request_id"] == answer["headers"]["request-id"] == Context().aws_request_id
    error: dict[str, Any] = body["error"]
    return error


@pytest.mark.parametrize(
    ("extra", "is_bounded"),
    [
        ({}, True),
        ({"tools": TOOLS}, True),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, False),
        ({"mcp_servers": [{"type": "url", "url": "https://mcp.invalid", "name": "m"}]}, False),
        ({"tools": [{"type": {}}, {"type": []}, 5]}, False),
    ],
)
def test_what_anthropic_runs_itself_has_no_bound(extra: dict[str, Any], is_bounded: bool) -> None:
    made = gateway("anthropic", json.dumps(MESSAGE).encode())

    assert post(made, "mini", **extra)["statusCode"] == 200
    assert (made.ledger.reserved[0].bound is not None) is is_bounded
