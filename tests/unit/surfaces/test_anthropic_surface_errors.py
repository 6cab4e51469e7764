"""Failures on the Anthropic surface: before an answer, inside a stream, and none that tells the gateway's key."""

import json
from typing import Any

import pytest
from tests import frames
from tests.fakes.gateway import KEY, Context, event
from tests.unit.surfaces.test_anthropic_surface import (
    ASKED,
    CHAT_STREAM,
    CLAUDE,
    CONVERSE_STREAM,
    EVENTS,
    JSON,
    NOVA,
    SSE,
    STREAM,
    events,
    gateway,
    post,
    read,
    record,
    sse,
    told,
)

from sluice.domain.errors import DuplicateCall, GatewayError, UpstreamLost, UpstreamTimeout
from sluice.domain.record import Outcome

CHUNKS = b"".join(map(frames.chunk, EVENTS))
FRAMED = {"content-type": frames.CONTENT_TYPE}
KINDS = {
    "anthropic": ("anthropic", "anthropic/claude-sonnet-4-5", SSE, STREAM),
    "claude on bedrock": ("bedrock", f"bedrock/{CLAUDE}", FRAMED, CHUNKS),
    "bedrock": ("bedrock", f"bedrock/{NOVA}", FRAMED, CONVERSE_STREAM),
    "openai": ("openai", "openai/gpt-5-mini", SSE, CHAT_STREAM),
}
REPORTED = sse({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})


@pytest.mark.parametrize(
    ("body", "status", "kind", "param"),
    [
        ("{", 400, "invalid_request_error", None),
        ({"messages": []}, 400, "invalid_request_error", "model"),
        ({"model": "anthropic/x", "max_tokens": 5}, 400, "invalid_request_error", "messages"),
        ({"model": "anthropic/x", "messages": [{"role": "user"}]}, 400, "invalid_request_error", "max_tokens"),
        ({"model": "nobody/x", **ASKED}, 404, "not_found_error", "model"),
        ({"model": "claude-sonnet-4-5", **ASKED}, 404, "not_found_error", "model"),
        ({"model": "anthropic/x", **ASKED, "api_key": "k"}, 400, "invalid_request_error", "api_key"),
        ({"model": "anthropic/x", **ASKED, "stream": "yes"}, 400, "invalid_request_error", "stream"),
    ],
)
def test_a_wrong_request_is_told_in_anthropics_shape(body: Any, status: int, kind: str, param: str | None) -> None:
    made = gateway("anthropic", b"{}")

    answer = made.post("/v1/messages", body)

    error = told(answer)
    assert (answer["statusCode"], error["type"], error.get("param")) == (status, kind, param)
    assert not made.requests


def test_other_failures_of_ours_are_told_in_anthropics_shape_too() -> None:
    made = gateway("anthropic", b"{}")

    assert told(made.post("/v1/messages/batches", {}))["type"] == "not_found_error"
    assert told(made.handler(event("GET", "/v1/messages"), Context()))["type"] == "invalid_request_error"
    nobody = made.post("/v1/messages", ASKED, requestContext={"http": {"method": "POST"}, "stage": "$default"})
    assert (nobody["statusCode"], told(nobody)["type"]) == (403, "permission_error")
    made.ledger.refusal = DuplicateCall("made before")
    assert told(post(made, "anthropic/x"))["message"] == "made before"


@pytest.mark.parametrize(
    ("kind", "model", "body", "expected"),
    [
        ("bedrock", f"bedrock/{CLAUDE}", {"message": "Too many tokens"}, "Too many tokens"),
        ("bedrock", f"bedrock/{NOVA}", {"message": "Too many tokens"}, "Too many tokens"),
        ("openai", "openai/gpt-5-mini", {"error": {"message": "slow down", "type": "tokens"}}, "slow down"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_a_providers_refusal_is_told_in_anthropics_shape(
    kind: str, model: str, body: Any, expected: str, stream: bool
) -> None:
    made = gateway(kind, json.dumps(body).encode(), status=429, headers=JSON | {"retry-after": "3"})

    answer = post(made, model, stream=stream)

    error = told(answer)
    assert (answer["statusCode"], error["type"], error["message"]) == (429, "rate_limit_error", expected)
    assert answer["headers"]["retry-after"] == "3"


def test_anthropics_own_error_passes_as_it_came() -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_9"}'
    made = gateway("anthropic", body, status=529, headers=JSON | {"request-id": "req_9", "x-secret": "s"})

    answer = post(made, "anthropic/claude-sonnet-4-5")

    assert (answer["statusCode"], answer["body"].encode()) == (529, body)
    assert answer["headers"]["request-id"] == "req_9"
    assert "x-secret" not in answer["headers"]


def is_honest(body: bytes) -> bool:
    """Events as they were, then one error, and no end."""
    found = list(events(body))
    kinds = [one["type"] for one in found]
    is_ours = found[-1]["request_id"] == Context().aws_request_id
    return is_ours and kinds[-1] == "error" and kinds.count("error") == 1 and "message_stop" not in kinds


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("raised", [UpstreamTimeout("silent"), UpstreamLost("reset"), None])
@pytest.mark.fault("S04")
def test_a_stream_that_breaks_off_ends_in_one_error_event(name: str, raised: Exception | None) -> None:
    kind, model, headers, stream = KINDS[name]
    half = stream[: len(stream) // 2]
    made = gateway(kind, half, *([raised] if raised else []), headers=headers)

    body = read(post(made, model, stream=True))

    assert is_honest(body)
    assert record(made).outcome is Outcome.INCOMPLETE
    code = getattr(raised, "code", "upstream_stream_truncated")
    assert record(made).error_code == code
    assert list(events(body))[-1]["error"]["code"] == code


@pytest.mark.parametrize("name", ["claude on bedrock", "bedrock"])
@pytest.mark.fault("B01")
def test_an_exception_of_bedrocks_is_one_error_event(name: str) -> None:
    kind, model, headers, stream = KINDS[name]
    half = stream[: frames.edges(stream)[1]]
    made = gateway(kind, half + frames.exception("throttlingException", "Too many tokens") + stream, headers=headers)

    body = read(post(made, model, stream=True))

    assert is_honest(body)
    error = list(events(body))[-1]["error"]
    assert (error["type"], error["message"]) == ("rate_limit_error", "Too many tokens")


def test_an_error_event_of_anthropics_passes_as_it_came_and_is_the_last() -> None:
    begun = sse(*EVENTS[:4])
    for pieces in ((begun, REPORTED, STREAM), (begun + REPORTED + STREAM,)):
        made = gateway("anthropic", *pieces, headers=SSE)
        assert read(post(made, "anthropic/x", stream=True)) == begun + REPORTED
        assert (record(made).outcome, record(made).error_code) == (Outcome.INCOMPLETE, "upstream_reported")


def test_an_error_event_that_comes_first_is_an_answer_with_its_own_status() -> None:
    answer = post(gateway("anthropic", REPORTED, headers=SSE), "anthropic/x", stream=True)

    assert (answer["statusCode"], told(answer)["type"]) == (529, "overloaded_error")


@pytest.mark.parametrize("first", [b"", sse(*EVENTS[:4])])
@pytest.mark.fault("P02")
def test_an_error_event_that_repeats_the_key_says_nothing(first: bytes) -> None:
    """Neither in the stream, nor in an answer, nor in what the runtime writes into trailers."""
    leaking = sse({"type": "error", "error": {"type": "authentication_error", "message": f"bad key {KEY}"}})
    for path in ("/v1/messages", "/v1/chat/completions"):
        made = gateway("anthropic", first, leaking, headers=SSE)
        answer = post(made, "anthropic/x", path, stream=True)
        said = answer["body"] if isinstance(answer["body"], str) else drained(answer["body"])
        assert KEY not in said
        assert "its text is withheld" in said
        assert KEY not in str(made.telemetry.calls)


def drained(body: Any) -> str:
    """All that was sent, and what was raised behind it, in words."""
    sent, raised = b"", "nothing"
    try:
        for piece in body:
            sent += piece
    except GatewayError as error:
        raised = str(error)
    body.close()
    return sent.decode() + raised


@pytest.mark.fault("P02")
@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
def test_a_refusal_that_repeats_the_key_says_nothing(status: int) -> None:
    body = json.dumps({"type": "error", "error": {"type": "api_error", "message": f"key {KEY}"}}).encode()
    headers = JSON | {"request-id": "req_1", "x-echo": KEY, "anthropic-organization-id": "o"}

    for path in ("/v1/messages", "/v1/chat/completions"):
        answer = post(gateway("anthropic", body, status=status, headers=headers), "anthropic/x", path)
        assert answer["statusCode"] == (502 if status == 401 else status)
        assert KEY not in json.dumps([answer["body"], answer["headers"]])


def test_a_key_that_is_refused_is_not_the_callers() -> None:
    body = b'{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}'

    answer = post(gateway("anthropic", body, status=401), "anthropic/x")

    error = told(answer)
    assert (answer["statusCode"], error["type"], error["code"]) == (502, "api_error", "provider_authentication_error")


def test_a_header_that_cannot_be_sent_is_refused() -> None:
    for value in ("é", "a\x01", "日本"):
        answer = post(gateway("anthropic", b"{}"), "anthropic/x", headers={"anthropic-beta": value})
        assert (answer["statusCode"], told(answer)["type"]) == (400, "invalid_request_error")


def test_a_caller_who_left_is_booked_as_the_provider_said() -> None:
    for kind, model, headers, stream in KINDS.values():
        pieces = [stream[start : start + 40] for start in range(0, len(stream), 40)]
        made = gateway(kind, *pieces, headers=headers)
        body = post(made, model, stream=True)["body"]
        next(iter(body))
        body.close()
        assert record(made).outcome is Outcome.INCOMPLETE
        assert (record(made).usage.output, record(made).usage_source) == (15, "provider")
