"""Answers that are not streams of events: held JSON, JSON too long to be held, and sound."""

import json
from typing import Any

import httpx
import pytest
from tests.fakes import responses
from tests.fakes.gateway import KEY, Gateway, Pieces

from sluice.domain.errors import GatewayError, UpstreamReported, UpstreamTimeout, UpstreamTruncated
from sluice.domain.record import Outcome
from sluice.domain.usage import Usage, UsageSource
from sluice.whole import MAX_WHOLE_BYTES

JSON = "application/json"
PIECE_BYTES = 65_536
MEGABYTE = 1024 * 1024
ASK: dict[str, dict[str, Any]] = {
    "/v1/embeddings": {"model": "mini", "input": "hi"},
    "/v1/images/generations": {"model": "mini", "prompt": "a cat"},
    "/v1/audio/speech": {"model": "mini", "input": "Hello", "voice": "alloy"},
    "/v1/responses": {"model": "mini", "input": "hi"},
    "/v1/chat/completions": {"model": "mini", "messages": [{"role": "user", "content": "hi"}]},
}


def cut(body: bytes) -> list[bytes]:
    return [body[start : start + PIECE_BYTES] for start in range(0, len(body), PIECE_BYTES)]


def gateway_on(pieces: list[Any], content_type: str = JSON) -> Gateway:
    return Gateway(lambda _: httpx.Response(200, headers={"content-type": content_type}, stream=Pieces(pieces)))


def ask(gateway: Gateway, path: str, **changes: Any) -> tuple[dict[str, Any], list[bytes], Exception | None]:
    """The answer, its pieces, and what was raised after them."""
    answer = gateway.post(path, {**ASK[path], **changes})
    if isinstance(answer["body"], str):
        return answer, [answer["body"].encode()], None
    pieces: list[bytes] = []
    raised = None
    try:
        pieces.extend(answer["body"])
    except (UpstreamTruncated, UpstreamTimeout, UpstreamReported) as error:
        raised = error
    answer["body"].close()
    return answer, pieces, raised


def embeddings(size: int) -> bytes:
    """An answer of about so many bytes of floats, its usage behind them."""
    floats = [-0.0123456789] * (size // 15)
    data = [{"object": "embedding", "index": 0, "embedding": floats}]
    usage = {"prompt_tokens": 8, "total_tokens": 8}
    return json.dumps({"object": "list", "data": data, "model": "m-1", "usage": usage}).encode()


def images(size: int) -> bytes:
    usage = {"input_tokens": 9, "output_tokens": 1056, "total_tokens": 1065}
    return json.dumps({"created": 1, "data": [{"b64_json": "QUFB" * (size // 4)}], "usage": usage}).encode()


@pytest.mark.parametrize("size", [100, MAX_WHOLE_BYTES - 400, MAX_WHOLE_BYTES + 400, 3 * MEGABYTE])
def test_embeddings_of_any_size_pass_unaltered_and_are_priced(size: int) -> None:
    body = embeddings(size)
    gateway = gateway_on(cut(body))

    _, pieces, raised = ask(gateway, "/v1/embeddings")

    record = gateway.ledger.settled[0]
    assert b"".join(pieces) == body
    assert raised is None
    assert (record.outcome, record.usage, record.usage_source) == (
        Outcome.COMPLETE,
        Usage(input=8),
        UsageSource.PROVIDER,
    )
    assert (record.cost, record.model_answered, record.bytes_out) == (8 * 1000, "m-1", len(body))


@pytest.mark.parametrize("size", [MAX_WHOLE_BYTES - 200, MAX_WHOLE_BYTES, MAX_WHOLE_BYTES + PIECE_BYTES + 1])
def test_the_cap_is_where_holding_ends(size: int) -> None:
    body = b'{"data": "' + b"x" * (size - 12) + b'"}'

    _, pieces, _ = ask(gateway_on(cut(body)), "/v1/embeddings")

    assert b"".join(pieces) == body
    assert len(pieces) == (1 if size <= MAX_WHOLE_BYTES else 2)
    assert len(pieces[0]) <= MAX_WHOLE_BYTES + PIECE_BYTES


def test_what_is_too_long_to_be_held_leaves_as_it_comes() -> None:
    came: list[int] = []
    gateway: Gateway
    pieces: list[Any] = []
    for piece in cut(images(5 * MEGABYTE)):
        pieces += [piece, lambda: came.append(1)]
    gateway = gateway_on(pieces)

    body = iter(gateway.post("/v1/images/generations", ASK["/v1/images/generations"])["body"])
    first = next(body)
    read_for_the_first = len(came)
    second = next(body)

    assert len(first) <= MAX_WHOLE_BYTES + PIECE_BYTES
    assert len(second) == PIECE_BYTES
    assert len(came) == read_for_the_first + 1


def test_images_report_usage_and_have_no_known_cost() -> None:
    body = images(5 * MEGABYTE)
    gateway = gateway_on(cut(body))

    _, pieces, _ = ask(gateway, "/v1/images/generations")

    record = gateway.ledger.settled[0]
    assert b"".join(pieces) == body
    assert (record.usage.input, record.usage.output) == (9, 1056)
    assert (record.outcome, record.usage_source, record.cost) == (Outcome.COMPLETE, UsageSource.PROVIDER, None)
    assert (gateway.ledger.reserved[0].bound, gateway.ledger.reserved[0].estimate) == (None, None)


def test_what_passed_unread_has_no_known_cost() -> None:
    body = json.dumps({"data": [{"b64_json": "QUFB" * MEGABYTE}]}).encode()
    gateway = gateway_on(cut(body))

    ask(gateway, "/v1/embeddings")

    assert gateway.ledger.settled[0].usage_source is UsageSource.COUNTED
    assert gateway.ledger.settled[0].cost is None


def test_a_long_response_can_be_continued_and_hides_no_charged_tool() -> None:
    item = {"type": "image_generation_call", "id": "ig_1", "result": "QUFB" * MEGABYTE}
    body = json.dumps(responses.response(output=[item])).encode()
    gateway = gateway_on(cut(body))

    ask(gateway, "/v1/responses")

    record = gateway.ledger.settled[0]
    assert record.usage == Usage(16, 4, 0, 0, 9, 3, is_priced=False)
    assert record.cost is None
    assert list(gateway.owners.kept) == [("openai", "resp_1")]


@pytest.mark.fault("S03")
@pytest.mark.parametrize("failure", [UpstreamTruncated("gone"), UpstreamTimeout("silent")])
def test_long_json_that_breaks_off_raises_and_is_on_record(failure: GatewayError) -> None:
    sent = cut(embeddings(3 * MEGABYTE))[:30]
    gateway = gateway_on([*sent, failure])

    answer, pieces, raised = ask(gateway, "/v1/embeddings")

    record = gateway.ledger.settled[0]
    assert answer["statusCode"] == 200
    assert b"".join(pieces) == b"".join(sent)  # and no error in band, which JSON has no place for
    assert type(raised) is type(failure)
    assert (record.outcome, record.error_code) == (Outcome.INCOMPLETE, failure.code)
    assert record.cost is None


@pytest.mark.fault("S03")
def test_held_json_that_breaks_off_is_an_answer_with_a_status() -> None:
    gateway = gateway_on([b'{"data": [', UpstreamTruncated("gone")])

    answer, pieces, _ = ask(gateway, "/v1/embeddings")

    assert answer["statusCode"] == 502
    assert json.loads(b"".join(pieces))["error"]["code"] == "upstream_stream_truncated"
    assert gateway.ledger.settled[0].outcome is Outcome.FAILED


@pytest.mark.fault("U13")
@pytest.mark.parametrize("size", [100, 2 * MEGABYTE])
@pytest.mark.parametrize("path", ASK)
def test_a_page_is_no_answer(size: int, path: str) -> None:
    gateway = gateway_on(cut(b"<html>" + b"x" * size), "text/html")

    answer, _, _ = ask(gateway, path)

    assert answer["statusCode"] == 502
    assert gateway.ledger.settled[0].error_code == "upstream_protocol"


def test_a_reader_who_leaves_long_json_is_charged_what_the_provider_says() -> None:
    gateway = gateway_on(cut(embeddings(3 * MEGABYTE)))

    body = gateway.post("/v1/embeddings", ASK["/v1/embeddings"])["body"]
    next(iter(body))
    body.close()

    assert gateway.ledger.settled[0].usage == Usage(input=8)
    assert gateway.ledger.settled[0].outcome is Outcome.INCOMPLETE


def test_a_defect_in_long_json_shows_nothing() -> None:
    gateway = gateway_on([*cut(embeddings(3 * MEGABYTE))[:20], ValueError(KEY)])

    body = gateway.post("/v1/embeddings", ASK["/v1/embeddings"])["body"]
    with pytest.raises(Exception, match="an internal error"):
        list(body)
    body.close()

    assert gateway.ledger.settled[0].error_code == "internal_error"


@pytest.mark.parametrize("content_type", ["audio/mpeg", "audio/wav; rate=24000", "application/octet-stream"])
def test_sound_leaves_as_it_comes_and_has_no_known_cost(content_type: str) -> None:
    sound = [b"ID3\x04" + bytes(range(256)), b"", b"\xff\xfb\n\n", b"data: [DONE]\n\n"]
    gateway = gateway_on(sound, content_type)

    answer, pieces, _ = ask(gateway, "/v1/audio/speech")

    record = gateway.ledger.settled[0]
    assert pieces == [piece for piece in sound if piece]
    assert answer["headers"]["content-type"] == content_type
    assert (record.outcome, record.cost, record.usage_source) == (Outcome.COMPLETE, None, UsageSource.COUNTED)
    assert record.usage.input > 0
    assert (record.bytes_out, record.time_to_first_chunk_ms) == (sum(map(len, sound)), 0)
    assert gateway.ledger.reserved[0].operation == "speech"


@pytest.mark.fault("S03")
def test_sound_that_breaks_off_raises_and_is_on_record() -> None:
    gateway = gateway_on([b"ID3", UpstreamTruncated("gone")], "audio/mpeg")

    _, pieces, raised = ask(gateway, "/v1/audio/speech")

    assert pieces == [b"ID3"]
    assert isinstance(raised, UpstreamTruncated)
    assert gateway.ledger.settled[0].outcome is Outcome.INCOMPLETE


@pytest.mark.parametrize("pieces", [[], [b""], [UpstreamTruncated("gone")]])
def test_sound_without_a_byte_is_an_answer_with_a_status(pieces: list[Any]) -> None:
    gateway = gateway_on(pieces, "audio/mpeg")

    answer, _, _ = ask(gateway, "/v1/audio/speech")

    assert answer["statusCode"] == 502
    assert gateway.ledger.settled[0].outcome is Outcome.FAILED


@pytest.mark.parametrize("size", [10, 2 * MEGABYTE])
@pytest.mark.parametrize("path", [path for path in ASK if path != "/v1/audio/speech"])
def test_sound_where_json_was_asked_for_is_refused(path: str, size: int) -> None:
    gateway = gateway_on(cut(b"ID3" * size), "audio/mpeg")

    answer, _, _ = ask(gateway, path)

    assert answer["statusCode"] == 502
    assert gateway.ledger.settled[0].error_code == "upstream_protocol"


@pytest.mark.fault("S16")
@pytest.mark.parametrize("path", ASK)
def test_an_error_under_status_200_is_no_answer(path: str) -> None:
    gateway = gateway_on([b'{"error": {"message": "overloaded", "code": 503}}'])

    answer, _, _ = ask(gateway, path)

    assert answer["statusCode"] == 503
    assert gateway.ledger.settled[0].error_code == "upstream_reported"


@pytest.mark.fault("S16")
def test_a_response_that_failed_says_so_itself() -> None:
    body = json.dumps(responses.response("failed", error={"code": "server_error", "message": "it broke"})).encode()
    gateway = gateway_on([body])

    answer, pieces, raised = ask(gateway, "/v1/responses")

    record = gateway.ledger.settled[0]
    assert (answer["statusCode"], pieces, raised) == (200, [body], None)
    assert (record.outcome, record.error_code, record.finish_reason) == (
        Outcome.INCOMPLETE,
        "upstream_reported",
        "failed",
    )
    assert gateway.owners.kept == {}


@pytest.mark.fault("P02")
def test_a_failed_response_that_repeats_the_key_is_not_shown() -> None:
    error = {"code": "server_error", "message": f"bad {KEY}"}
    gateway = gateway_on([json.dumps(responses.response("failed", error=error)).encode()])

    answer, pieces, _ = ask(gateway, "/v1/responses")

    assert answer["statusCode"] == 502
    assert KEY.encode() not in b"".join(pieces)


def test_a_whole_response_is_priced_and_its_ids_are_its_principals() -> None:
    body = json.dumps(responses.response()).encode()
    gateway = gateway_on([body])

    _, pieces, _ = ask(gateway, "/v1/responses")

    assert pieces == [body]
    assert gateway.ledger.settled[0].cost == 16 * 1000 + 4 * 100 + 9 * 4000
    assert {id for _, id in gateway.owners.kept} == {"resp_1", "msg_1"}
    assert gateway.ledger.reserved[0].operation == "chat"


@pytest.mark.parametrize("changes", [{"store": False}, {"request_id": "resp_1"}])
def test_what_is_not_stored_or_named_by_the_caller_is_nobodys(changes: dict[str, Any]) -> None:
    gateway = gateway_on([json.dumps(responses.response(output=[])).encode()])

    ask(gateway, "/v1/responses", **changes)

    assert gateway.owners.kept == {}


def test_a_body_that_nobody_starts_is_settled_when_closed() -> None:
    gateway = gateway_on(cut(embeddings(3 * MEGABYTE)))

    gateway.post("/v1/embeddings", ASK["/v1/embeddings"])["body"].close()

    assert len(gateway.ledger.settled) == 1
