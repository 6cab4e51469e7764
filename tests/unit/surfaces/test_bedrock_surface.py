"""The Bedrock surface: every operation and every way to write a model's id, headers both ways, and usage on the ledger."""

import base64
import hashlib
import json
import re
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from tests import frames, recorded
from tests.fakes.gateway import Context, Gateway, Pieces, event

from sluice.domain.operation import BEDROCK_OPERATIONS
from sluice.domain.record import Outcome, UsageRecord
from sluice.domain.usage import Usage, UsageSource

MODEL = "anthropic.claude-sonnet-4-5-20250929-v1:0"
PROFILE = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ASKED = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
JSON = {"content-type": "application/json"}
STREAMED = {"content-type": frames.CONTENT_TYPE}
CONVERSED = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Hello"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 11, "outputTokens": 5, "totalTokens": 16, "cacheReadInputTokens": 3},
}
EVENTS = (
    {"messageStart": {"role": "assistant"}},
    {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "Hello"}}},
    {"messageStop": {"stopReason": "end_turn"}},
    {"metadata": {"usage": {"inputTokens": 11, "outputTokens": 5, "totalTokens": 16}}},
)
METRICS = {"inputTokenCount": 7, "outputTokenCount": 2, "invocationLatency": 1, "firstByteLatency": 1}
CLAUDE = (
    {"type": "message_start", "message": {"model": "claude", "usage": {"input_tokens": 7, "output_tokens": 1}}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
    {"type": "message_stop", "amazon-bedrock-invocationMetrics": METRICS},
)
ANSWERS: dict[str, tuple[dict[str, str], bytes]] = {
    "converse": (JSON, json.dumps(CONVERSED).encode()),
    "converse-stream": (STREAMED, frames.events(*EVENTS)),
    "invoke": (
        JSON | {"x-amzn-bedrock-input-token-count": "7", "x-amzn-bedrock-output-token-count": "2"},
        b'{"generations":[{"text":"Hi"}]}',
    ),
    "invoke-with-response-stream": (STREAMED, b"".join(map(frames.chunk, CLAUDE))),
    "count-tokens": (JSON, b'{"inputTokens":9}'),
}
USED = {
    "converse": Usage(input=11, cache_read=3, output=5),
    "converse-stream": Usage(input=11, output=5),
    "invoke": Usage(input=7, output=2),
    "invoke-with-response-stream": Usage(input=7, output=2),
    "count-tokens": Usage(),
}


def gateway(status: int, headers: dict[str, str], *body: bytes, **settings: Any) -> Gateway:
    return Gateway(lambda _: httpx.Response(status, headers=headers, stream=Pieces(body)), kind="bedrock", **settings)


def read(answer: dict[str, Any]) -> bytes:
    if isinstance(answer["body"], str):
        return answer["body"].encode()
    body = b"".join(answer["body"])
    answer["body"].close()
    return body


def told(answer: dict[str, Any]) -> tuple[int, str, str]:
    """Status, exception and message of an error."""
    assert answer["headers"]["content-type"] == "application/json"
    return answer["statusCode"], answer["headers"]["x-amzn-errortype"], json.loads(read(answer))["message"]


@pytest.mark.parametrize("prefix", ["", "/bedrock", "/aws-bedrock/bedrock-runtime/us-east-1"])
@pytest.mark.parametrize("operation", BEDROCK_OPERATIONS)
def test_every_operation_passes_and_is_booked(operation: str, prefix: str) -> None:
    headers, body = ANSWERS[operation]
    made = gateway(200, headers, body)

    answer = made.post(
        f"{prefix}/model/mini/{operation}" if not prefix else f"{prefix}/model/{MODEL}/{operation}", ASKED
    )

    assert (answer["statusCode"], answer["headers"]["content-type"]) == (200, headers["content-type"])
    assert hashlib.sha256(read(answer)).digest() == hashlib.sha256(body).digest()
    assert json.loads(made.requests[0].content) == ASKED
    record: UsageRecord = made.ledger.settled[0]
    assert (record.outcome, record.usage, record.usage_source) == (
        Outcome.COMPLETE,
        USED[operation],
        UsageSource.PROVIDER,
    )


@pytest.mark.parametrize("operation", BEDROCK_OPERATIONS)
def test_every_operation_is_priced_and_counting_is_free(operation: str) -> None:
    headers, body = ANSWERS[operation]
    made = gateway(200, headers, body)

    read(made.post(f"/model/mini/{operation}", ASKED))

    is_free = operation == "count-tokens"
    assert (made.ledger.reserved[0].bound == 0) is is_free
    assert (made.ledger.reserved[0].estimate == 0) is is_free
    assert (made.ledger.settled[0].cost == 0) is is_free


@pytest.mark.parametrize(
    "written",
    [
        MODEL,
        quote(MODEL, safe=""),
        quote(PROFILE, safe=""),
        PROFILE,
        quote(PROFILE),
        "us.meta.llama3-2-1b-instruct-v1:0",
    ],
)
def test_a_models_id_may_be_written_raw_or_quoted(written: str) -> None:
    made = gateway(200, *ANSWERS["converse"])
    id = httpx.URL(f"http://x/{written}").path[1:]

    assert made.post(f"/model/{written}/converse", ASKED)["statusCode"] == 200

    assert made.requests[0].url.raw_path.decode() == f"/model/{quote(id, safe='')}/converse"
    assert made.ledger.reserved[0].model == id


@pytest.mark.fault("R06")
@pytest.mark.parametrize(
    "id",
    [
        "..",
        "%2e%2e",
        "%2E%2E%2F%2E%2E",
        "a/../b",
        "a%00b",
        "a%0d%0ab",
        "a%7fb",
        "%252e%252e",
        "a%2F",
        "%2Fa",
        "%2e",
        ".a",
        "a%2F%2Fb",
        "a%3Fb",
        "a%23b",
        "a;b",
        "%20",
        "%ff",
        "ü",
        "a\\b",
        "a" * 257,
        "a%40evil.invalid%2F..",
    ],
)
def test_an_id_that_is_none_never_reaches_a_url(id: str) -> None:
    made = gateway(200, *ANSWERS["converse"])

    status, name, message = told(made.post(f"/model/{id}/converse", ASKED))

    assert (status, name) == (404, "ResourceNotFoundException")
    assert "unknown model" in message
    assert not made.requests
    assert not made.ledger.reserved


def test_every_byte_in_an_id_is_quoted_or_refused() -> None:
    for code in range(256):
        made = gateway(200, *ANSWERS["converse"])
        answer = made.post(f"/model/a%{code:02x}b/converse", ASKED)
        sent = [request.url.raw_path.decode() for request in made.requests]
        assert sent or answer["statusCode"] == 404
        assert all(re.fullmatch(r"/model/a[A-Za-z0-9._~%-]+b/converse", path) for path in sent), code


def test_a_route_is_an_id_too() -> None:
    made = gateway(200, *ANSWERS["converse"])

    answer = made.post("/model/mini/converse", ASKED)

    assert answer["headers"]["x-sluice-model"] == "gpt-5-mini"
    assert made.requests[0].url.path == "/model/gpt-5-mini/converse"


def test_a_route_that_leads_elsewhere_is_told() -> None:
    made = Gateway(lambda _: httpx.Response(200, json={}), kind="openai")

    status, name, message = told(made.post("/model/mini/converse", ASKED))

    assert (status, name) == (404, "ResourceNotFoundException")
    assert "the route mini leads to openai" in message
    assert told(made.post(f"/model/{MODEL}/converse", ASKED))[2] == 'no provider of kind "bedrock" is configured'
    assert not made.requests


def test_an_unknown_region_is_told_with_those_that_are_known() -> None:
    made = gateway(200, *ANSWERS["converse"])

    status, name, message = told(made.post(f"/aws-bedrock/bedrock-runtime/eu-west-9/model/{MODEL}/converse", ASKED))

    assert (status, name) == (404, "ResourceNotFoundException")
    assert message == "no Bedrock provider in eu-west-9; configured regions: us-east-1"


def test_listed_headers_go_to_bedrock_and_no_others() -> None:
    asked = {
        "accept": "application/json",
        "x-amzn-bedrock-accept": "application/json",
        "x-amzn-bedrock-trace": "ENABLED",
        "x-amzn-bedrock-guardrailidentifier": "gr-1",
        "x-amzn-bedrock-guardrailversion": "DRAFT",
        "x-amzn-bedrock-performanceconfig-latency": "optimized",
        "x-amzn-bedrock-service-tier": "flex",
        "x-amzn-bedrock-request-metadata": '{"team":"a"}',
    }
    dropped = {
        "authorization": "AWS4-HMAC-SHA256 x",
        "x-amz-security-token": "t",
        "x-amz-date": "d",
        "cookie": "c",
        "x-amzn-bedrock-new": "n",
        "amz-sdk-invocation-id": "i",
    }
    made = gateway(200, *ANSWERS["invoke"])

    made.post(f"/model/{MODEL}/invoke", ASKED, headers=asked | dropped)

    sent = made.requests[0].headers
    assert {name: sent[name] for name in asked} == asked
    assert not dropped.keys() & set(sent.keys())


@pytest.mark.fault("R05")
@pytest.mark.parametrize("value", ["é", "a\x01b", "a\tb", "日本"])
def test_a_header_that_cannot_be_sent_is_refused(value: str) -> None:
    made = gateway(200, *ANSWERS["invoke"])

    answer = made.post(f"/model/{MODEL}/invoke", ASKED, headers={"x-amzn-bedrock-trace": value})

    assert told(answer)[:2] == (400, "ValidationException")
    assert not made.requests


def test_listed_headers_come_back_and_no_others() -> None:
    shown = {
        "x-amzn-bedrock-content-type": "application/json",
        "x-amzn-bedrock-performanceconfig-latency": "standard",
        "x-amzn-bedrock-input-token-count": "7",
        "x-amzn-bedrock-invocation-latency": "300",
        "retry-after": "1",
    }
    hidden = {"set-cookie": "a=b", "x-amz-cf-id": "c", "x-amzn-trace-id": "t", "content-length": "99", "date": "d"}
    id = "22222222-2222-4333-8444-555555555555"
    hidden |= {"x-amzn-requestid": id, "transfer-encoding": "chunked", "connection": "keep-alive", "server": "s"}
    made = gateway(200, STREAMED | shown | hidden, ANSWERS["converse-stream"][1])

    headers = made.post(f"/model/{MODEL}/converse-stream", ASKED)["headers"]

    assert {name: headers[name] for name in shown} == shown
    assert headers["x-sluice-provider-request-id"] == id  # Lambda writes x-amzn-requestid itself
    assert set(headers) - set(shown) == {
        "content-type",
        "x-request-id",
        "x-sluice-provider",
        "x-sluice-model",
        "x-sluice-attempts",
        "x-sluice-step",
        "x-sluice-provider-request-id",
    }


@pytest.mark.parametrize("kind", ["application/octet-stream", "application/json; charset=utf-8", ""])
def test_a_body_may_come_as_bytes(kind: str) -> None:
    made = gateway(200, *ANSWERS["invoke"])
    body = base64.b64encode(json.dumps(ASKED).encode()).decode()

    answer = made.post(f"/model/{MODEL}/invoke", body, headers={"content-type": kind}, isBase64Encoded=True)

    assert answer["statusCode"] == 200
    assert json.loads(made.requests[0].content) == ASKED
    assert made.requests[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("path", "body", "status", "name"),
    [
        (f"/model/{MODEL}/converse", "{", 400, "ValidationException"),
        (f"/model/{MODEL}/converse", "[]", 400, "ValidationException"),
        (f"/model/{MODEL}/converse", '{"a":1,"a":2}', 400, "ValidationException"),
        (f"/model/{MODEL}/apply-guardrail", "{}", 404, "ResourceNotFoundException"),
        (f"/bedrock/model/{MODEL}/unknown", "{}", 404, "ResourceNotFoundException"),
        ("/bedrock/guardrail/x/version/1/apply", "{}", 404, "ResourceNotFoundException"),
        ("/aws-bedrock/bedrock-runtime/us-east-1/async-invoke", "{}", 404, "ResourceNotFoundException"),
        ("/model//converse", "{}", 404, "ResourceNotFoundException"),
    ],
)
def test_what_cannot_be_served_is_told_as_bedrock_does(path: str, body: str, status: int, name: str) -> None:
    made = gateway(200, *ANSWERS["converse"])

    assert told(made.post(path, body))[:2] == (status, name)
    assert not made.requests
    assert not made.ledger.reserved


def test_another_method_is_told_which_is_right() -> None:
    answer = gateway(200, JSON, b"{}").handler(event("GET", f"/model/{MODEL}/converse"), Context())

    assert told(answer)[0] == 405
    assert answer["headers"]["allow"] == "POST"


def test_without_an_identity_nothing_is_sent() -> None:
    made = gateway(200, *ANSWERS["converse"])
    path = f"/model/{MODEL}/converse"

    answer = made.post(path, ASKED, requestContext={"http": {"method": "POST", "path": path}, "stage": "$default"})

    assert told(answer)[:2] == (403, "AccessDeniedException")
    assert not made.requests


def test_another_content_type_is_refused() -> None:
    answer = gateway(200, JSON, b"{}").post(f"/model/{MODEL}/invoke", "x", headers={"content-type": "text/plain"})

    assert told(answer)[:2] == (415, "ValidationException")


def test_embeddings_by_invoke_are_booked_by_their_headers() -> None:
    headers = JSON | {"x-amzn-bedrock-input-token-count": "4"}
    made = gateway(200, headers, b'{"embedding":[0.5,0.25],"inputTextTokenCount":4}')

    read(made.post("/model/amazon.titan-embed-text-v2:0/invoke", {"inputText": "hi"}))

    assert made.ledger.settled[0].usage == Usage(input=4)


@pytest.mark.skipif(not recorded.FOLDER.is_dir(), reason=recorded.REASON)
@pytest.mark.parametrize("name", ["emb_titan_v2", "emb_cohere_v3", "ij_titan_text", "ij_claude3_messages"])
def test_a_recorded_answer_of_invoke_passes_unaltered(name: str) -> None:
    recording = recorded.load(name)
    made = gateway(200, {**JSON, **frames.headers(recording), "content-type": "application/json"}, recording.body)

    answer = made.post(f"/model/{MODEL}/invoke", recording.request or {"inputText": "hi"})

    assert read(answer) == recording.body
    assert made.ledger.settled[0].outcome is Outcome.COMPLETE


def test_a_tool_that_bedrock_runs_has_no_bound() -> None:
    made = gateway(200, *ANSWERS["converse"])

    made.post("/model/mini/converse", ASKED | {"toolConfig": {"tools": [{"systemTool": {"name": "nova_grounding"}}]}})
    made.post("/model/mini/converse", ASKED | {"toolConfig": {"tools": [{"toolSpec": {"name": "own"}}]}})

    assert [one.bound is None for one in made.ledger.reserved] == [True, False]


@pytest.mark.parametrize(
    "odd",
    [
        {"messages": 1},
        {"messages": [1, {"content": 2}, {"content": [3, {"toolResult": 4}, {"image": {}}]}]},
        {"toolConfig": {"tools": [1, {"toolSpec": None}]}, "inferenceConfig": {"maxTokens": "many"}},
        {"tools": [{"type": {}}, {"type": []}], "serviceTier": {"type": 5}, "inferenceConfig": []},
        {"prompt": {"id": 1}, "modalities": {}, "n": "x", "best_of": [], "stream": "yes", "stream_options": 5},
        {"system": {"a": 1}, "input": [None], "service_tier": [], "textGenerationConfig": 1, "conversation": []},
    ],
)
def test_any_json_goes_to_bedrock_whole(odd: dict[str, Any]) -> None:
    for operation, (headers, body) in ANSWERS.items():
        made = gateway(200, headers, body)
        assert made.post(f"/model/mini/{operation}", odd)["statusCode"] == 200
        assert json.loads(made.requests[0].content) == odd
