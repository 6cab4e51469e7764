"""What a call is booked at when its provider misbehaves, and that nothing of that reaches the caller."""

import json
from typing import Any

import httpx
import pytest
from tests.fakes.gateway import KEY, PRICE, Context, Gateway, Pieces, event

from sluice.domain.errors import GatewayError, LedgerBusy, UpstreamTimeout
from sluice.domain.record import Outcome, Reservation, UsageRecord
from sluice.domain.usage import Usage

SSE = {"content-type": "text/event-stream"}
JSON = {"content-type": "application/json"}
STREAM: dict[str, Any] = {"model": "mini", "messages": [{"role": "user", "content": "hi"}], "stream": True}
DONE = b"data: [DONE]\n\n"


def data(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def said(text: str, index: int = 0, finish: str | None = None) -> bytes:
    return data({"choices": [{"index": index, "delta": {"content": text}, "finish_reason": finish}]})


def gateway_on(status: int, body: bytes, headers: dict[str, str], **settings: Any) -> Gateway:
    return Gateway(lambda _: httpx.Response(status, headers=headers, stream=Pieces([body])), **settings)


def run(gateway: Gateway, body: object = None) -> tuple[dict[str, Any], bytes]:
    """The answer and all its bytes, as the runtime would send them; an error after the bytes is the trailers'."""
    answer = gateway.chat(body)
    if isinstance(answer["body"], str):
        return answer, answer["body"].encode()
    pieces: list[bytes] = []
    try:
        pieces.extend(answer["body"])
    except GatewayError as error:  # goes into trailers, and is looked at too
        pieces.append(str(error).encode())
    answer["body"].close()
    return answer, b"".join(pieces)


@pytest.mark.parametrize(
    "error", [{"error": {"message": f"bad {KEY}", "code": 502}}, {"object": "error", "message": f"bad {KEY}"}]
)
def test_an_error_under_status_200_is_no_answer(error: dict[str, Any]) -> None:
    gateway = gateway_on(200, json.dumps(error).encode(), JSON)

    answer, body = run(gateway)

    assert answer["statusCode"] == 502
    assert KEY.encode() not in body
    assert gateway.ledger.settled[0].outcome is Outcome.FAILED


@pytest.mark.parametrize(
    "error",
    [
        {"id": "x", "error": {"message": KEY}, "choices": [{"index": 0, "delta": {}, "finish_reason": "error"}]},
        {"object": "error", "message": KEY},
    ],
)
def test_an_error_whose_first_key_is_another_ends_the_stream_too(error: dict[str, Any]) -> None:
    gateway = gateway_on(200, said("a") + data(error) + DONE, SSE)

    _, body = run(gateway, STREAM)

    assert KEY.encode() not in body
    assert b"[DONE]" not in body
    assert gateway.ledger.settled[0].error_code == "upstream_reported"
    assert gateway.ledger.settled[0].outcome is Outcome.INCOMPLETE


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (429, {"content-encoding": "br"}, b"xx"),
        (400, {}, b"x" * 70_000),
        (429, {"content-encoding": "gzip"}, b"not gzip"),
        (400, {}, json.dumps({"error": {"message": "\ud800"}}).encode("utf-16", "surrogatepass")),
        (400, {}, b'{"error": {"message": "\xed\xa0\x80"}}'),
    ],
)
def test_a_refusal_that_cannot_be_read_keeps_its_status_and_costs_nothing(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    gateway = gateway_on(status, body, {**JSON, **headers, "retry-after": "7"})

    answer, _ = run(gateway)

    assert (answer["statusCode"], answer["headers"]["retry-after"]) == (status, "7")
    assert gateway.ledger.settled[0].cost == 0
    assert gateway.ledger.settled[0].attempts[0].http_status == status


@pytest.mark.parametrize("status", [302, 999])
def test_a_status_that_is_no_answer_is_a_502_that_costs_nothing(status: int) -> None:
    gateway = gateway_on(status, b"", JSON)

    answer, _ = run(gateway)

    assert answer["statusCode"] == 502
    assert gateway.ledger.settled[0].cost == 0


def test_what_was_never_sent_costs_nothing() -> None:
    def provider(_: httpx.Request) -> httpx.Response:
        raise UpstreamTimeout("no connection in time")

    gateway = Gateway(provider)

    run(gateway)

    assert (gateway.ledger.settled[0].cost, gateway.ledger.settled[0].usage) == (0, Usage())


def test_a_defect_in_a_stream_ends_it_in_band_and_shows_nothing() -> None:
    gateway = Gateway(lambda _: httpx.Response(200, headers=SSE, stream=Pieces([said("a"), ValueError(KEY)])))

    _, body = run(gateway, STREAM)

    assert b'"code":"internal_error"' in body
    assert KEY.encode() not in body
    assert gateway.ledger.settled[0].error_code == "internal_error"


def test_a_call_is_settled_even_where_its_log_line_fails() -> None:
    gateway = gateway_on(200, said("a", finish="stop") + DONE, SSE)

    def broken(_: object) -> None:
        raise OSError("no space left")

    vars(gateway.telemetry)["call"] = broken
    body = gateway.chat(STREAM)["body"]
    list(body)
    with pytest.raises(OSError, match="no space"):
        body.close()

    assert len(gateway.ledger.settled) == 1


def test_choices_that_never_began_are_missing() -> None:
    gateway = gateway_on(200, said("a", finish="stop"), SSE)

    _, body = run(gateway, {**STREAM, "n": 2})

    assert b"[DONE]" not in body
    assert gateway.ledger.settled[0].outcome is Outcome.INCOMPLETE


@pytest.mark.parametrize("end", [b"data: [DONE]", b"data: [DONE]\n", b"data: [DONE]\r\n"])
def test_a_done_without_its_blank_line_is_done(end: bytes) -> None:
    gateway = gateway_on(200, said("a", finish="stop") + end, SSE)

    _, body = run(gateway, STREAM)

    assert body == said("a", finish="stop") + DONE
    assert gateway.ledger.settled[0].outcome is Outcome.COMPLETE


def test_a_reservation_without_an_answer_is_released() -> None:
    gateway = gateway_on(200, b"{}", JSON)
    standing: list[Reservation] = []
    settled: list[UsageRecord] = []

    class Brown:
        """Commits, and then does not answer."""

        def reserve(self, reservation: Reservation) -> None:
            standing.append(reservation)
            raise LedgerBusy("no answer")

        def settle(self, reservation: Reservation, record: UsageRecord, budget_seconds: float = 1.0) -> bool:
            settled.append(record)
            return reservation in standing

    gateway.ledger.reserve, gateway.ledger.settle = Brown().reserve, Brown().settle  # type: ignore[method-assign]
    answer, _ = run(gateway)

    assert answer["statusCode"] == 503
    assert (settled[0].cost, settled[0].error_code) == (0, "ledger_busy")
    assert not gateway.requests


def bound(**body: Any) -> int | None:
    gateway = gateway_on(200, json.dumps({"choices": []}).encode(), JSON, stored_objects=True)
    run(gateway, {"model": "mini", "messages": [{"role": "user", "content": "hi"}], **body})
    return gateway.ledger.reserved[0].bound


def parts(*content: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(content)}]


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        ({"messages": parts({"type": "image_url", "image_url": "https://example.com/a.png"})}, 48_169),
        ({"messages": parts({"type": "file", "file": {"file_id": "file-1"}})}, 1_050_000),
        ({"messages": parts({"type": "file", "file": {"file_data": "data:application/pdf;base64,AA=="}})}, 1_050_000),
    ],
)
def test_what_its_bytes_do_not_bound_is_bound_by_a_table(body: dict[str, Any], tokens: int) -> None:
    found = bound(**body)

    assert found is not None
    assert found > tokens * PRICE.rates.input // 1000


def test_the_larger_of_two_limits_bounds_the_answer() -> None:
    both, larger = bound(max_completion_tokens=1, max_tokens=900), bound(max_tokens=900)

    assert both is not None
    assert larger is not None
    assert both >= larger


@pytest.mark.parametrize(
    "body",
    [
        {"modalities": ["text", "audio"]},
        {"messages": parts({"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}})},
    ],
)
def test_audio_has_no_bound(body: dict[str, Any]) -> None:
    assert bound(**body) is None


@pytest.mark.fault("P03")
def test_no_debug_mode_prints_an_event(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("POWERTOOLS_DEV", "1")
    gateway = gateway_on(200, json.dumps({"choices": []}).encode(), JSON)

    run(gateway, {"model": "mini", "messages": [{"role": "user", "content": "a secret prompt"}]})

    assert "secret prompt" not in capsys.readouterr().out


def test_a_path_that_ends_in_a_newline_is_unknown() -> None:
    gateway = gateway_on(200, b"{}", JSON)

    answer = gateway.handler(event("GET", "/v1/models/mini\n"), Context())

    assert answer["statusCode"] == 404
