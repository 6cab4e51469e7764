import json
from typing import Any

import httpx
import pytest
from tests.fakes.gateway import KEY, Gateway, Pieces

from sluice.domain.errors import LedgerBusy, UpstreamLost, UpstreamReported, UpstreamTruncated
from sluice.domain.record import Outcome
from sluice.domain.usage import Usage, UsageSource

SSE = {
    "content-type": "text/event-stream; charset=utf-8",
    "x-request-id": "req_1",
    "set-cookie": "a=b",
    "x-secret": KEY,
}
ROLE = (
    b'data: {"model":"gpt-5-mini-x","choices":[{"index":0,"delta":{"role":"assistant","content":""}}],"usage":null}\n\n'
)
HELLO = b'data: {"choices":[{"index":0,"delta":{"content":"Hello"}}],"usage":null}\n\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}\n\n'
USED = b'data: {"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5}}\n\n'
DONE = b"data: [DONE]\n\n"
STREAM: dict[str, Any] = {"model": "mini", "messages": [{"role": "user", "content": "hi"}], "stream": True}
COMPLETION = {
    "model": "gpt-5-mini-x",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}},
}


def streaming(*pieces: Any) -> Gateway:
    return Gateway(lambda _: httpx.Response(200, headers=SSE, stream=Pieces(pieces)))


def answering(status: int, body: object, **headers: str) -> Gateway:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Gateway(
        lambda _: httpx.Response(
            status, headers={"content-type": "application/json", **headers}, stream=Pieces([content])
        )
    )


def drained(answer: dict[str, Any]) -> list[bytes]:
    """Everything the runtime would send; it closes the body after the last byte."""
    pieces = list(answer["body"])
    answer["body"].close()
    return pieces


def test_a_stream_passes_through_metered_and_settled() -> None:
    gateway = streaming(ROLE + HELLO, STOP + USED, DONE)

    answer = gateway.chat(STREAM)
    pieces = drained(answer)

    assert pieces == [ROLE + HELLO, STOP, DONE]
    assert answer["statusCode"] == 200
    assert answer["headers"]["content-type"] == SSE["content-type"]
    assert gateway.ledger.settled[0].outcome is Outcome.COMPLETE
    assert gateway.ledger.settled[0].usage == Usage(input=10, output=5)
    assert gateway.ledger.settled[0].cost == 10 * 1000 + 5 * 4000
    assert gateway.ledger.settled[0].model_answered == "gpt-5-mini-x"
    assert gateway.ledger.settled[0].finish_reason == "stop"
    assert gateway.ledger.settled[0].provider_request_id == "req_1"


def test_the_provider_gets_the_whole_body_with_the_model_replaced_and_usage_asked_for() -> None:
    gateway = streaming(ROLE, STOP, DONE)

    drained(
        gateway.chat({**STREAM, "unknown_to_us": {"deep": ["ü"]}, "stream_options": {"include_obfuscation": False}})
    )

    sent = json.loads(gateway.requests[0].content)
    options = {"include_obfuscation": False, "include_usage": True}
    assert sent == {**STREAM, "model": "gpt-5-mini", "unknown_to_us": {"deep": ["ü"]}, "stream_options": options}
    assert gateway.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_caller_who_asked_for_usage_gets_its_chunk() -> None:
    gateway = streaming(ROLE + HELLO + STOP + USED + DONE)

    pieces = drained(gateway.chat({**STREAM, "stream_options": {"include_usage": True}}))

    assert b"".join(pieces) == ROLE + HELLO + STOP + USED + DONE


def test_a_provider_that_refuses_stream_options_is_not_asked() -> None:
    gateway = Gateway(lambda _: httpx.Response(200, headers=SSE, stream=Pieces([HELLO + STOP + DONE])), usage=False)

    drained(gateway.chat(STREAM))

    assert "stream_options" not in json.loads(gateway.requests[0].content)
    assert gateway.ledger.settled[0].usage_source is UsageSource.COUNTED


def test_nothing_leaves_before_the_reservation_is_written() -> None:
    gateway = streaming(DONE)
    gateway.ledger.refusal = LedgerBusy("busy", headers={"retry-after": "1"})

    answer = gateway.chat(STREAM)

    assert answer["statusCode"] == 503
    assert answer["headers"]["retry-after"] == "1"
    assert json.loads(answer["body"])["error"]["code"] == "ledger_busy"
    assert not gateway.requests


def test_an_answer_that_does_not_stream_is_forwarded_byte_for_byte() -> None:
    body = b'{"model": "m" ,' + json.dumps(COMPLETION).encode()[1:]
    gateway = answering(200, body)

    answer = gateway.chat()

    assert drained(answer) == [body]
    assert answer["headers"]["content-type"] == "application/json"
    assert gateway.ledger.settled[0].usage == Usage(input=6, cache_read=4, output=5)
    assert gateway.ledger.settled[0].cost == 6 * 1000 + 4 * 100 + 5 * 4000


def test_only_listed_headers_of_the_provider_reach_the_caller() -> None:
    gateway = streaming(ROLE + STOP + DONE)

    headers = gateway.chat(STREAM)["headers"]

    assert set(headers) == {
        "content-type",
        "x-request-id",
        "x-sluice-provider",
        "x-sluice-model",
        "x-sluice-attempts",
        "x-sluice-step",
        "x-sluice-provider-request-id",
    }
    assert headers["x-request-id"] == "11111111-2222-4333-8444-555555555555"


@pytest.mark.fault("S03")
def test_a_stream_that_breaks_ends_with_one_error_and_no_done() -> None:
    gateway = streaming(ROLE + HELLO, b"data: {", UpstreamTruncated("the connection broke"))

    body = gateway.chat(STREAM)["body"]
    pieces = []
    with pytest.raises(UpstreamTruncated):
        pieces.extend(body)
    body.close()

    assert b"".join(pieces).startswith(ROLE + HELLO + b'data: {"error":{')
    assert b"[DONE]" not in b"".join(pieces)
    assert gateway.ledger.settled[0].outcome is Outcome.INCOMPLETE
    assert gateway.ledger.settled[0].error_code == "upstream_stream_truncated"
    assert gateway.ledger.settled[0].usage_source is UsageSource.COUNTED
    assert gateway.ledger.settled[0].usage.output == 2


@pytest.mark.fault("S16")
def test_an_error_event_is_the_streams_last_and_is_recorded() -> None:
    error = b'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n'
    gateway = streaming(ROLE + HELLO, error, DONE)

    body = gateway.chat(STREAM)["body"]
    pieces: list[bytes] = []
    with pytest.raises(UpstreamReported):
        pieces.extend(body)
    body.close()

    assert b"".join(pieces) == ROLE + HELLO + error
    assert gateway.ledger.settled[0].error_code == "upstream_reported"


def test_an_error_as_the_first_event_is_an_answer_with_a_status() -> None:
    gateway = streaming(b'data: {"error":{"message":"overloaded","code":503}}\n\n')

    answer = gateway.chat(STREAM)

    assert answer["statusCode"] == 503
    assert json.loads(answer["body"])["error"]["code"] == "upstream_reported"
    assert gateway.ledger.settled[0].outcome is Outcome.FAILED


@pytest.mark.fault("S02")
def test_silence_gets_heartbeats_between_events_and_holds_nothing_back() -> None:
    gateway: Gateway
    gateway = streaming(
        ROLE,
        HELLO[:20],
        lambda: gateway.hand.advance(11),
        b"",
        HELLO[20:] + STOP,
        lambda: gateway.hand.advance(9),
        b"",
        DONE,
    )

    pieces = drained(gateway.chat(STREAM))

    assert pieces == [ROLE, b": keep-alive\n\n", HELLO + STOP, DONE]


@pytest.mark.fault("C06")
@pytest.mark.fault("L01")
def test_a_reader_who_leaves_is_charged_what_the_provider_says() -> None:
    gateway = streaming(ROLE + HELLO, STOP + USED, DONE)

    body = gateway.chat(STREAM)["body"]
    next(iter(body))
    body.close()

    assert gateway.ledger.settled[0].usage == Usage(input=10, output=5)
    assert gateway.ledger.settled[0].outcome is Outcome.INCOMPLETE


@pytest.mark.fault("L13")
def test_a_body_that_nobody_starts_is_settled_when_closed() -> None:
    gateway = streaming(ROLE + HELLO + STOP + USED + DONE)

    gateway.chat(STREAM)["body"].close()

    assert len(gateway.ledger.settled) == 1


@pytest.mark.fault("U12")
@pytest.mark.parametrize(
    ("status", "attempts"), [(400, 1), (403, 1), (404, 1), (413, 1), (422, 1), (429, 2), (500, 2), (503, 2)]
)
def test_a_refusal_is_relayed_with_its_status_and_costs_nothing(status: int, attempts: int) -> None:
    error = {"error": {"message": "no", "type": "invalid_request_error", "param": "x", "code": "y"}}
    gateway = answering(status, error, **{"retry-after": "7", "x-secret": "s"})

    answer = gateway.chat(STREAM)

    assert answer["statusCode"] == status
    assert json.loads(answer["body"]) == error
    assert answer["headers"]["retry-after"] == "7"
    assert answer["headers"]["x-sluice-provider"] == "openai"
    assert answer["headers"]["x-sluice-attempts"] == str(attempts) == str(len(gateway.requests))
    assert gateway.ledger.settled[0].cost == 0
    assert [one.http_status for one in gateway.ledger.settled[0].attempts] == [status] * attempts


@pytest.mark.fault("P02")
@pytest.mark.parametrize("status", [400, 401])
def test_an_error_body_that_repeats_the_key_is_replaced(status: int) -> None:
    gateway = answering(status, {"error": {"message": f"Incorrect API key: {KEY}"}})

    answer = gateway.chat()

    assert KEY not in json.dumps(answer)
    assert "error" in json.loads(answer["body"])


@pytest.mark.fault("U06")
def test_a_refused_key_is_replaced_once() -> None:
    def provider(request: httpx.Request) -> httpx.Response:
        is_new = request.headers["authorization"] == "Bearer sk-fake-new"
        return httpx.Response(200, json=COMPLETION) if is_new else httpx.Response(401, json={"error": {}})

    gateway = Gateway(provider)
    gateway.keys.keys.append("sk-fake-new")

    answer = gateway.chat()

    assert answer["statusCode"] == 200
    drained(answer)
    assert [attempt.http_status for attempt in gateway.ledger.settled[0].attempts] == [401, 200]


@pytest.mark.fault("U06")
def test_a_key_that_stays_refused_is_the_gateways_fault() -> None:
    gateway = answering(401, {"error": {"message": "no"}})

    answer = gateway.chat()

    assert answer["statusCode"] == 502
    assert answer["headers"]["x-should-retry"] == "false"
    assert json.loads(answer["body"])["error"]["code"] == "provider_authentication_error"


@pytest.mark.fault("U13")
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-type": "application/json"}, b"{}"),
        ({"content-type": "text/html"}, b"<html>"),
        ({}, b""),
        ({"content-type": "text/event-stream"}, b""),
        ({"content-type": "text/event-stream"}, b": only a comment\n\n"),
    ],
)
def test_an_answer_that_is_no_stream_is_refused(headers: dict[str, str], body: bytes) -> None:
    gateway = Gateway(lambda _: httpx.Response(200, headers=headers, stream=Pieces([body])))

    answer = gateway.chat(STREAM)

    assert answer["statusCode"] == 502
    assert gateway.ledger.settled[0].outcome is Outcome.FAILED


def test_a_lost_request_is_booked_at_an_estimate_of_its_prompt() -> None:
    def provider(request: httpx.Request) -> httpx.Response:
        request.extensions["watch"].has_sent = True
        raise UpstreamLost("gone")

    gateway = Gateway(provider)

    answer = gateway.chat()

    assert answer["statusCode"] == 502
    assert gateway.ledger.settled[0].usage_source is UsageSource.ESTIMATED
    assert gateway.ledger.settled[0].usage.input > 0


def test_an_unknown_price_is_null_and_never_zero() -> None:
    gateway = streaming(ROLE + HELLO + STOP + USED + DONE)

    drained(gateway.chat({**STREAM, "model": "openai/unpriced"}))

    assert gateway.ledger.reserved[0].bound is None
    assert gateway.ledger.settled[0].cost is None


def test_the_bound_uses_the_models_own_limit_where_the_call_names_none() -> None:
    gateway = answering(200, COMPLETION)

    drained(gateway.chat())
    drained(
        gateway.chat({"model": "mini", "messages": [{"role": "user", "content": "hi"}], "max_completion_tokens": 10})
    )

    unlimited, limited = (reservation.bound for reservation in gateway.ledger.reserved)
    assert unlimited is not None
    assert limited is not None
    assert unlimited - limited == (1000 - 10) * 4000 - (len('"max_completion_tokens":10,')) * 1000


def test_the_line_printed_before_the_ledger_is_written_holds_every_figure_and_no_content() -> None:
    gateway = answering(200, COMPLETION)

    drained(gateway.chat({"model": "mini", "messages": [{"role": "user", "content": "a secret word"}]}))

    line = gateway.telemetry.calls[0]
    assert (line["gen_ai.usage.input_tokens"], line["gen_ai.usage.cache_read.input_tokens"]) == (10, 4)
    assert (line["gen_ai.usage.output_tokens"], line["cost_nano_dollars"], line["nonce"]) == (5, 26_400, "nonce")
    assert "secret word" not in json.dumps(line)


def test_an_unexpected_exception_is_a_500_and_a_settled_call() -> None:
    def provider(_: httpx.Request) -> httpx.Response:
        raise RuntimeError("sk-fake-in-a-message")

    gateway = Gateway(provider)

    answer = gateway.chat()

    assert answer["statusCode"] == 500
    assert "sk-fake" not in json.dumps(answer)
    assert gateway.ledger.settled[0].outcome is Outcome.FAILED
    assert gateway.telemetry.troubles == ["sluice.unexpected"]
