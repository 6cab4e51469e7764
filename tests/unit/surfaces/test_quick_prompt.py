"""GET /api/bedrock/{model}?p=...: a prompt for people with a browser or curl."""

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from tests import frames, recorded
from tests.fakes.gateway import Context, Gateway, Pieces, event

from sluice.domain.errors import GatewayError, UpstreamTimeout
from sluice.domain.record import Outcome, UsageRecord
from sluice.domain.usage import Usage

CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
JSON = {"content-type": "application/json"}
STREAMED = {"content-type": frames.CONTENT_TYPE}
METRICS = {"inputTokenCount": 7, "outputTokenCount": 2}
# by model: a field of the body asked with, the answer, the events of a stream
FAMILIES: dict[str, tuple[str, dict[str, Any], tuple[dict[str, Any], ...]]] = {
    CLAUDE: (
        "messages",
        {"type": "message", "content": [{"type": "text", "text": "Hello"}], "stop_reason": "end_turn"},
        (
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
            {"type": "message_stop"},
        ),
    ),
    "anthropic.claude-v2": (
        "max_tokens_to_sample",
        {"completion": "Hello", "stop_reason": "stop_sequence"},
        ({"completion": "Hello", "stop_reason": None}, {"completion": "", "stop_reason": "stop_sequence"}),
    ),
    "amazon.titan-text-express-v1": (
        "inputText",
        {"inputTextTokenCount": 7, "results": [{"outputText": "Hello", "tokenCount": 2, "completionReason": "FINISH"}]},
        ({"outputText": "Hello", "index": 0, "completionReason": "FINISH", "inputTextTokenCount": 7},),
    ),
    "meta.llama3-2-1b-instruct-v1:0": (
        "max_gen_len",
        {"generation": "Hello", "prompt_token_count": 7, "generation_token_count": 2, "stop_reason": "stop"},
        ({"generation": "Hello", "stop_reason": None}, {"generation": "", "stop_reason": "stop"}),
    ),
    "mistral.mistral-7b-instruct-v0:2": (
        "prompt",
        {"outputs": [{"text": "Hello", "stop_reason": "stop"}]},
        ({"outputs": [{"text": "Hello", "stop_reason": None}]}, {"outputs": [{"text": "", "stop_reason": "stop"}]}),
    ),
    "cohere.command-r-v1:0": (
        "message",
        {"text": "Hello", "finish_reason": "COMPLETE"},
        (
            {"event_type": "text-generation", "text": "Hello", "is_finished": False},
            {"event_type": "stream-end", "is_finished": True, "finish_reason": "COMPLETE"},
        ),
    ),
    "us.amazon.nova-lite-v1:0": (
        "inferenceConfig",
        {"output": {"message": {"role": "assistant", "content": [{"text": "Hello"}]}}, "stopReason": "end_turn"},
        (
            {"contentBlockDelta": {"delta": {"text": "Hello"}, "contentBlockIndex": 0}},
            {"messageStop": {"stopReason": "end_turn"}},
        ),
    ),
}


def gateway(*body: bytes | Exception, headers: dict[str, str] = JSON, status: int = 200) -> Gateway:
    return Gateway(lambda _: httpx.Response(status, headers=headers, stream=Pieces(body)), kind="bedrock")


def asked(made: Gateway, model: str, **query: str) -> dict[str, Any]:
    return made.handler(event("GET", f"/api/bedrock/{model}", queryStringParameters=query), Context())


def read(answer: dict[str, Any]) -> tuple[str, str | None]:
    """What was sent, and what was raised behind it."""
    if isinstance(answer["body"], str):
        return answer["body"], None
    sent, raised = b"", None
    try:
        for piece in answer["body"]:
            sent += piece
    except GatewayError as error:
        raised = type(error).__name__
    answer["body"].close()
    return sent.decode(), raised


def record(made: Gateway) -> UsageRecord:
    (one,) = made.ledger.settled
    return one


@pytest.mark.parametrize("model", FAMILIES)
def test_every_family_answers_a_prompt(model: str) -> None:
    field, answered, _ = FAMILIES[model]
    counts = {"x-amzn-bedrock-input-token-count": "7", "x-amzn-bedrock-output-token-count": "2"}
    made = gateway(json.dumps(answered).encode(), headers=JSON | counts)

    answer = asked(made, model, p="hello & 日本")

    assert json.loads(read(answer)[0]) == {"modelId": model, "prompt": "hello & 日本", "res": "Hello"}
    assert answer["headers"]["content-type"] == "application/json"
    (request,) = made.requests
    assert request.url.raw_path.decode() == f"/model/{quote(model, safe='')}/invoke"
    assert field in json.loads(request.content)
    assert "hello & 日本" in request.content.decode()
    assert (record(made).usage, record(made).outcome) == (Usage(input=7, output=2), Outcome.COMPLETE)


@pytest.mark.parametrize("model", FAMILIES)
def test_every_family_streams_text(model: str) -> None:
    _, _, said = FAMILIES[model]
    events = (*said[:-1], {**said[-1], "amazon-bedrock-invocationMetrics": METRICS})
    made = gateway(*map(frames.chunk, events), headers=STREAMED)

    answer = asked(made, model, p="hello", stream="true")

    assert answer["headers"]["content-type"] == "text/plain; charset=utf-8"
    assert read(answer) == ("Hello\n", None)
    assert made.requests[0].url.path == f"/model/{model}/invoke-with-response-stream"
    assert record(made).outcome is Outcome.COMPLETE
    assert (record(made).usage.prompt, record(made).usage.output) == (7, 2)


@pytest.mark.parametrize(
    ("query", "param", "says"),
    [
        ({}, "p", "want the prompt, as in ?p=hello"),
        ({"p": ""}, "p", "p is missing"),
        ({"P": "x"}, "p", "p is missing"),
        ({"p": "x" * 32_001}, "p", "p has 32001 characters; at most 32000"),
        ({"p": "x", "stream": "yes"}, "stream", "want stream=true"),
    ],
)
def test_what_is_wrong_with_a_query_is_told(query: dict[str, str], param: str, says: str) -> None:
    made = gateway(b"{}")

    answer = asked(made, CLAUDE, **query)

    error = json.loads(answer["body"])["error"]
    assert (answer["statusCode"], error["param"]) == (400, param)
    assert says in error["message"]
    assert not made.requests


def test_without_a_query_at_all_it_is_told_too() -> None:
    answer = gateway(b"{}").handler(event("GET", f"/api/bedrock/{CLAUDE}"), Context())

    assert (answer["statusCode"], json.loads(answer["body"])["error"]["param"]) == (400, "p")


@pytest.mark.parametrize("model", ["stability.sd3-5-large-v1:0", "amazon.titan-embed-text-v2:0", "x"])
def test_a_family_that_takes_no_prompt_is_told(model: str) -> None:
    made = gateway(b"{}")

    answer = asked(made, model, p="hello")

    error = json.loads(answer["body"])["error"]
    assert (answer["statusCode"], error["param"]) == (400, "model")
    assert model in error["message"]
    assert not made.requests


@pytest.mark.parametrize(("written", "id"), [(quote(CLAUDE, safe=""), CLAUDE), (CLAUDE, CLAUDE)])
def test_the_models_id_may_be_quoted(written: str, id: str) -> None:
    made = gateway(json.dumps(FAMILIES[CLAUDE][1]).encode())

    assert json.loads(read(asked(made, written, p="hello"))[0])["modelId"] == id


def test_an_id_that_is_none_and_a_call_without_identity_are_refused() -> None:
    made = gateway(b"{}")

    assert asked(made, "..%2Fx", p="hello")["statusCode"] == 404
    nobody = event("GET", f"/api/bedrock/{CLAUDE}", queryStringParameters={"p": "x"})
    nobody["requestContext"] = {"http": {"method": "GET"}, "stage": "$default"}
    assert made.handler(nobody, Context())["statusCode"] == 403
    assert made.handler(event("POST", f"/api/bedrock/{CLAUDE}", body="{}"), Context())["statusCode"] == 405
    assert not made.requests


def test_a_failure_before_the_text_is_an_answer() -> None:
    throttled = frames.exception("throttlingException", "Too many tokens")

    answer = asked(gateway(throttled, headers=STREAMED), CLAUDE, p="hello", stream="true")

    assert (answer["statusCode"], json.loads(answer["body"])["error"]["code"]) == (429, "rate_limit_exceeded")
    refused = asked(gateway(b'{"message":"no"}', status=400), CLAUDE, p="hello")
    assert (refused["statusCode"], json.loads(refused["body"])["error"]["message"]) == (400, "no")


@pytest.mark.parametrize(
    ("end", "code", "raised"),
    [
        (frames.exception("throttlingException", "Too many tokens"), "rate_limit_exceeded", "UpstreamReported"),
        (UpstreamTimeout("silent"), "upstream_timeout", "UpstreamTimeout"),
        (b"", "upstream_stream_truncated", "UpstreamTruncated"),
    ],
)
def test_a_failure_inside_the_text_is_its_last_line(end: bytes | Exception, code: str, raised: str) -> None:
    made = gateway(frames.chunk(FAMILIES[CLAUDE][2][0]), end, headers=STREAMED)

    sent, fault = read(asked(made, CLAUDE, p="hello", stream="true"))

    assert sent.startswith("Hello\n[error: ")
    assert sent.endswith(f" ({code})]\n")
    assert sent.count("\n") == 2
    assert fault == raised
    assert record(made).outcome is Outcome.INCOMPLETE


@pytest.mark.skipif(not recorded.FOLDER.is_dir(), reason=recorded.REASON)
@pytest.mark.parametrize("name", recorded.names("is_"))
def test_a_recorded_stream_comes_as_its_text(name: str) -> None:
    expected = json.loads((recorded.FOLDER / "EXPECTED.json").read_text())[name]
    made = gateway(recorded.load(name).body, headers=STREAMED)

    sent, raised = read(asked(made, CLAUDE, p="hello", stream="true"))

    assert (sent, raised) == (f"{expected['content']}\n", None)
    assert record(made).outcome is Outcome.COMPLETE
