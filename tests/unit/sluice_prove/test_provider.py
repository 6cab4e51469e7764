"""The fault provider over a socket: every byte is where its script wants it."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from botocore.eventstream import ChecksumMismatch, EventStreamBuffer, InvalidPayloadLength

from sluice_prove.answer import Answer, End
from sluice_prove.caller import Caller
from sluice_prove.catalogue import SCRIPTS
from sluice_prove.provider import FaultProvider
from sluice_prove.reading import Outcome, read
from sluice_prove.sentence import BEGUN, DELTAS, STREAM, TEXT

KEY, CANARY = "sk-fake-key-of-a-gateway", "sk-fake-canary-0123456789abcdef"
STALL_SECONDS, PATIENCE_SECONDS = 0.2, 20.0
HEADERS = {"authorization": f"Bearer {KEY}"}


@pytest.fixture
def provider() -> Iterator[FaultProvider]:
    with FaultProvider(SCRIPTS, STALL_SECONDS, CANARY) as running:
        yield running


def asked(provider: FaultProvider, fault: str, is_stream: bool = True) -> Answer:
    with Caller(provider.url, HEADERS) as caller:
        return caller.call(f"some/prefix/{fault}", is_stream, PATIENCE_SECONDS)


def frames(provider: FaultProvider, fault: str) -> bytes:
    url = f"{provider.address}/model/{fault}/converse-stream"
    return httpx.post(url, json={"messages": []}, trust_env=False).content


def decoded(data: bytes) -> list[tuple[str, dict[str, object]]]:
    buffer: Any = EventStreamBuffer()  # its stubs give what it iterates over as numbers
    buffer.add_data(data)
    names = (":event-type", ":exception-type")
    return [
        (next(one.headers[name] for name in names if name in one.headers), json.loads(one.payload)) for one in buffer
    ]


@pytest.mark.parametrize(
    "fault",
    [
        "ok",
        "f-bytes",
        "f-crlf",
        "f-cr",
        "f-bom",
        "f-ping",
        "f-multiline",
        "f-gzip",
        "f-stallhdr",
        "f-stall0",
        "f-stallmid",
    ],
)
def test_a_complete_stream_says_the_same_in_every_form(fault: str, provider: FaultProvider) -> None:
    reading = read(asked(provider, fault))

    assert (reading.outcome, reading.text, reading.is_done) == (Outcome.WHOLE, TEXT, True)


def test_forms_are_not_the_plain_one(provider: FaultProvider) -> None:
    plain = b"".join(STREAM)
    bodies = {
        fault: asked(provider, fault).body for fault in ("ok", "f-crlf", "f-cr", "f-bom", "f-ping", "f-multiline")
    }

    assert bodies.pop("ok") == plain
    assert all(body != plain for body in bodies.values())
    assert b"\n" not in bodies["f-cr"]
    assert bodies["f-multiline"].count(b"data:") > plain.count(b"data:")


@pytest.mark.parametrize(
    ("fault", "end"),
    [("f-trunc", End.WHOLE), ("f-rst", End.CUT), ("f-chunkcut", End.CUT), ("f-length", End.CUT)],
)
def test_a_stream_breaks_off_behind_the_same_events(fault: str, end: End, provider: FaultProvider) -> None:
    answer = asked(provider, fault)

    assert answer.end is end
    assert read(answer).text == "".join(DELTAS[: len(BEGUN)])


def test_a_document_is_whole_or_ends_before_its_length(provider: FaultProvider) -> None:
    whole, cut = asked(provider, "ok-json", is_stream=False), asked(provider, "f-jsoncut", is_stream=False)

    assert read(whole).text == TEXT
    assert (cut.status, cut.end) == (200, End.CUT)


@pytest.mark.parametrize(("fault", "status"), [("f-429ra", 429), ("f-500once", 500)])
def test_what_happens_once_happens_once(fault: str, status: int, provider: FaultProvider) -> None:
    statuses = [asked(provider, fault).status for _ in range(3)]

    assert statuses == [status, 200, 200]
    assert len(provider.asked_for(fault)) == 3


def test_a_careless_provider_repeats_the_key_and_a_secret(provider: FaultProvider) -> None:
    refused, leaking = asked(provider, "f-401"), asked(provider, "f-hdrleak")

    assert refused.status == 401
    assert KEY.encode() in refused.body
    assert CANARY.encode() in refused.body
    assert KEY in leaking.header("x-secret-echo")
    assert CANARY in leaking.header("set-cookie")


def test_who_follows_the_redirect_is_counted(provider: FaultProvider) -> None:
    answer = asked(provider, "f-redirect")
    before = provider.leaks
    httpx.post(answer.header("location"), json={}, trust_env=False)

    assert (answer.status, before, provider.leaks) == (307, 0, 1)


def test_a_name_that_is_no_fault_is_not_found(provider: FaultProvider) -> None:
    assert asked(provider, "f-unheard-of").status == 404


def test_a_request_that_comes_in_chunks_is_understood(provider: FaultProvider) -> None:
    pieces = iter([b'{"model": ', b'"f-503"}'])
    status = httpx.post(f"{provider.url}/chat/completions", content=pieces, trust_env=False).status_code

    assert status == 503


@pytest.mark.parametrize("request_", [b"GET / HTTP/1.1\r\n\r\n", b"nonsense\r\n\r\n", b"POST /v1/chat"])
def test_what_is_no_request_ends_its_connection_only(request_: bytes, provider: FaultProvider) -> None:
    with socket.create_connection(("127.0.0.1", provider.port), timeout=PATIENCE_SECONDS) as sock:
        sock.sendall(request_)
        sock.shutdown(socket.SHUT_WR)
        said = sock.recv(1024)

    assert said == b""
    assert asked(provider, "ok").status == 200


def test_a_reset_before_the_head_is_no_answer(provider: FaultProvider) -> None:
    answer = asked(provider, "f-rsthdr")

    assert (answer.status, answer.end) == (0, End.CUT)


def test_frames_are_those_of_bedrock(provider: FaultProvider) -> None:
    names = [name for name, _ in decoded(frames(provider, "b-ok"))]

    assert names == ["messageStart", *["contentBlockDelta"] * 5, "contentBlockStop", "messageStop", "metadata"]
    assert decoded(frames(provider, "b-first")) == [("throttlingException", {"message": "x"})]
    assert decoded(frames(provider, "b-throttling"))[-1] == ("throttlingException", {"message": "x"})


@pytest.mark.parametrize(
    ("fault", "error"),
    [("b-flip", ChecksumMismatch), ("b-fliplen", ChecksumMismatch), ("b-length", InvalidPayloadLength)],
)
def test_a_damaged_frame_is_one_to_botocore(fault: str, error: type[Exception], provider: FaultProvider) -> None:
    with pytest.raises(error):
        decoded(frames(provider, fault))


def test_the_end_of_the_prover_ends_a_silence() -> None:
    with FaultProvider(SCRIPTS, 600.0, CANARY) as provider, Caller(provider.url, HEADERS) as caller:
        answer = caller.call("f-stall0", True, 0.1)

    assert (answer.status, answer.end) == (200, End.NEVER)
