"""The simulator's faults as a plain HTTP client sees them."""

import json
from typing import Any

import httpx
import pytest
from tests.integration.simulator.rig import KEY, TIMEOUT_SECONDS, Rig

from sluice_devstack.event_loop import EventLoopThread
from sluice_devstack.simulated.completion import OK_PIECES
from sluice_devstack.simulated.faults import FAULTS

OK_TEXT = "".join(OK_PIECES)
COMPLETE = ["ok", "f-bytes", "f-crlf", "f-cr", "f-bom", "f-ping", "f-multiline", "f-gzip", "f-hdrleak"]


@pytest.mark.parametrize("model", COMPLETE)
def test_streams_that_are_only_odd_carry_the_whole_text(rig: Rig, model: str) -> None:
    answer = rig.post(model, stream=True, stream_options={"include_usage": True})

    assert text_and_end(answer.content) == (OK_TEXT, "[DONE]")
    assert b'"completion_tokens":5' in answer.content.replace(b": ", b":")


@pytest.mark.parametrize(
    ("model", "mark"),
    [
        ("f-crlf", b"\r\n\r\n"),
        ("f-cr", b"\r\rdata: [DONE]\r\r"),
        ("f-bom", b"\xef\xbb\xbfdata: "),
        ("f-ping", b": ping - 3\n\n"),
        ("f-multiline", b"\ndata: }\n\n"),
        ("f-badutf8", b"\xff\xfe"),
        ("f-errevent", b'data: {"error":{"message":'),
    ],
)
def test_each_oddity_is_on_the_wire(rig: Rig, model: str, mark: bytes) -> None:
    assert mark in rig.post(model, stream=True).content


def test_a_stream_without_done_has_its_finish_reason(rig: Rig) -> None:
    body = rig.post("f-nodone", stream=True).content

    assert b'"finish_reason":"stop"' in body
    assert b"[DONE]" not in body


def test_a_truncated_stream_ends_cleanly_after_four_events(rig: Rig) -> None:
    body = rig.post("f-trunc", stream=True).content

    assert body.count(b"data: ") == 4
    assert b'finish_reason":"stop' not in body


@pytest.mark.parametrize(
    ("model", "error", "events"),
    [
        ("f-rst", httpx.ReadError, 4),
        ("f-chunkcut", httpx.RemoteProtocolError, 4),
        ("f-stall0", httpx.RemoteProtocolError, 0),
        ("f-stallmid", httpx.RemoteProtocolError, 4),
    ],
)
def test_a_stream_breaks_after_its_first_events(
    rig: Rig, model: str, error: type[httpx.HTTPError], events: int
) -> None:
    body = bytearray()
    request = {"model": model, "messages": [{"role": "user", "content": "x"}], "stream": True}

    with rig.http.stream("POST", f"{rig.url}/chat/completions", json=request) as response, pytest.raises(error):
        read_into(body, response)

    assert body.count(b"\n\n") == events


def test_a_stalled_head_never_comes(rig: Rig) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        rig.post("f-stallhdr", stream=True)


def test_silence_lasts_until_the_simulator_stops(loop: EventLoopThread) -> None:
    rig = Rig(loop, stall_seconds=3600)
    request = {"model": "f-stall0", "messages": [{"role": "user", "content": "x"}], "stream": True}

    with rig.http.stream("POST", f"{rig.url}/chat/completions", json=request) as response:
        loop.run(rig.simulator.stop())

        with pytest.raises(httpx.HTTPError):
            response.read()
    rig.close()


@pytest.mark.parametrize(
    ("model", "status", "headers"),
    [
        ("f-429ra-a", 429, {"retry-after": "2"}),
        ("f-429", 429, {}),
        ("f-503", 503, {}),
        ("f-500once-a", 500, {}),
        ("f-401", 401, {}),
        ("f-html", 502, {"content-type": "text/html"}),
        ("f-redirect", 307, {}),
    ],
)
def test_a_refusal_has_its_status_and_headers(rig: Rig, model: str, status: int, headers: dict[str, str]) -> None:
    answer = rig.post(model, stream=True)

    assert answer.status_code == status
    assert headers.items() <= dict(answer.headers).items()


@pytest.mark.parametrize("model", ["f-429ra-b", "f-500once-b"])
def test_what_fails_once_works_the_second_time(rig: Rig, model: str) -> None:
    first, second = rig.post(model, stream=True), rig.post(model, stream=True)

    assert first.status_code != 200
    assert text_and_end(second.content) == (OK_TEXT, "[DONE]")


def test_the_refusal_of_f_401_and_the_header_of_f_hdrleak_echo_the_key(rig: Rig) -> None:
    assert KEY in rig.post("f-401").text
    assert rig.post("f-hdrleak").headers["x-secret-echo"] == f"Bearer {KEY}"


def test_a_follower_of_the_redirect_is_noticed(rig: Rig) -> None:
    rig.post("f-redirect")
    before = rig.simulator.leaked_connections
    location = rig.post("f-redirect").headers["location"]

    httpx.post(location, timeout=TIMEOUT_SECONDS)

    assert (before, rig.simulator.leaked_connections) == (0, 1)
    assert not location.startswith(rig.url)


def test_a_giant_delta_is_one_event_of_ten_megabytes(rig: Rig) -> None:
    events = rig.post("f-giant", stream=True).content.split(b"\n\n")

    assert max(map(len, events)) > 10 * 1024 * 1024


@pytest.mark.parametrize("model", ["f-badjson", "f-badutf8"])
@pytest.mark.parametrize("is_stream", [True, False])
def test_broken_json_is_broken_streamed_or_not(rig: Rig, model: str, is_stream: bool) -> None:
    body = rig.post(model, stream=is_stream).content
    documents = [event[6:] for event in body.split(b"\n\n") if event.startswith(b"data: {")] if is_stream else [body]

    with pytest.raises(ValueError, match=r"utf-8|Unterminated|Expecting|Invalid"):
        [json.loads(document) for document in documents]


BREAKING = ("f-rst", "f-chunkcut", "f-stall0", "f-stallmid", "f-stallhdr")
SPEECH = {"input": "x", "voice": "alloy"}
REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/chat/completions", {"messages": [{"role": "user", "content": "x"}]}),
    "chat stream": ("/chat/completions", {"messages": [{"role": "user", "content": "x"}], "stream": True}),
    "response": ("/responses", {"input": "x"}),
    "response stream": ("/responses", {"input": "x", "stream": True}),
    "legacy": ("/completions", {"prompt": "x"}),
    "legacy stream": ("/completions", {"prompt": "x", "stream": True}),
    "embeddings": ("/embeddings", {"input": "x"}),
    "images": ("/images/generations", {"prompt": "x", "size": "64x64"}),
    "images stream": ("/images/generations", {"prompt": "x", "size": "64x64", "stream": True}),
    "speech": ("/audio/speech", SPEECH),
    "speech stream": ("/audio/speech", {**SPEECH, "stream_format": "sse"}),
}


@pytest.mark.parametrize("request_name", REQUESTS)
@pytest.mark.parametrize("model", sorted(FAULTS))
def test_every_fault_has_an_answer_everywhere(rig: Rig, model: str, request_name: str) -> None:
    path, body = REQUESTS[request_name]
    named = {**body, "model": f"{model}-everywhere-{request_name.replace(' ', '-')}"}

    try:
        rig.to(path, **named)
        answer = rig.to(path, **named)
    except httpx.TransportError:
        assert model in BREAKING
    else:
        assert model not in BREAKING
        assert answer.status_code in (200, 307, 401, 429, 502, 503)


def read_into(body: bytearray, response: httpx.Response) -> None:
    for piece in response.iter_raw():
        body += piece


def text_and_end(body: bytes) -> tuple[str, str]:
    """The text of a stream and its last data, read as the specification says."""
    text = body.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    events = [
        "\n".join(line[6:] for line in block.split("\n") if line.startswith("data: ")) for block in text.split("\n\n")
    ]
    *chunks, end = [event for event in events if event]
    choices = [choice for chunk in chunks for choice in json.loads(chunk)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices), end
