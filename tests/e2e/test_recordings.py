"""Every recorded OpenAI answer through the whole stack: the same bytes come out, and the ledger says what they used."""

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

import pytest
from tests import recorded
from tests.e2e.provider import Asked, Provider, document, provider
from tests.e2e.rig import MESSAGES, Rig, compatible, rig
from tests.fakes.raw_provider import Peer

from sluice_cli.record import Record

STREAMS, WHOLE = recorded.names("oc_"), recorded.names("oj_")
HOP_BY_HOP = {"content-length", "transfer-encoding"}
PIECE_BYTES = 97  # odd, so that events are cut everywhere

pytestmark = pytest.mark.skipif(not STREAMS, reason=recorded.REASON)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture(scope="module")
def site(upstream: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("recordings"), {"rec": compatible(upstream.url)}) as running:
        yield running


@pytest.fixture(params=STREAMS)
def stream(request: pytest.FixtureRequest) -> recorded.Recording:
    return recorded.load(request.param)


@pytest.fixture(params=WHOLE)
def answer(request: pytest.FixtureRequest) -> recorded.Recording:
    return recorded.load(request.param)


def streamed(recording: recorded.Recording, piece_bytes: int) -> Any:
    """Plays a recording in pieces of that size, under its own headers."""
    headers = [f"{name}: {value}" for name, value in recording.headers.items() if name not in HOP_BY_HOP]

    def script(peer: Peer, _asked: Asked) -> None:
        lines = [f"HTTP/1.1 {recording.status} X", "transfer-encoding: chunked", *headers]
        peer.send("\r\n".join(lines).encode() + b"\r\n\r\n")
        for start in range(0, len(recording.body), piece_bytes):
            peer.chunk(recording.body[start : start + piece_bytes])
        peer.end()

    return script


def request_of(recording: recorded.Recording) -> dict[str, Any]:
    """What was asked then; a legacy completion is asked for as a chat."""
    body = dict(recording.request)
    if "prompt" in body:
        body["messages"] = [{"role": "user", "content": body.pop("prompt")}]
    return {**body, "model": f"rec/{recording.name}"}


def said_usage(chunks: list[dict[str, Any]]) -> dict[str, int] | None:
    """The recording's own usage in the ledger's disjoint classes, None where it has none."""
    reported = [chunk["usage"] for chunk in chunks if chunk.get("usage")]
    if not reported:
        return None
    prompt, completion = (reported[-1].get(f"{name}_tokens_details") or {} for name in ("prompt", "completion"))
    cached = prompt.get("cached_tokens") or 0
    return {
        "input": reported[-1]["prompt_tokens"] - cached,
        "cache_read": cached,
        "cache_write_5m": 0,
        "cache_write_1h": 0,
        "output": reported[-1]["completion_tokens"],
        "reasoning": completion.get("reasoning_tokens") or 0,
    }


def chunks_of(body: bytes) -> list[dict[str, Any]]:
    lines = (line.removeprefix(b"data: ") for line in body.split(b"\n") if line.startswith(b"data: {"))
    return [json.loads(line) for line in lines]


def assert_used(record: Record, usage: Mapping[str, int] | None) -> None:
    if usage is None:
        assert record["usage_source"] == "counted"
        assert record["usage"]["input"] > 0
        assert record["usage"]["output"] > 0
    else:
        assert (record["usage_source"], record["usage"]) == ("provider", usage)


@pytest.mark.parametrize("piece_bytes", [PIECE_BYTES, 1_000_000])
def test_a_stream_comes_out_as_it_went_in(
    stream: recorded.Recording, piece_bytes: int, site: Rig, upstream: Provider
) -> None:
    upstream.play(stream.name, streamed(stream, piece_bytes))

    with site.begin(request_of(stream)) as begun:
        got = begun.answer()

    assert (got.status, got.end) == (200, "ended")
    assert sha256(got.body).hexdigest() == sha256(stream.body).hexdigest()
    assert got.headers["content-type"] == stream.headers["content-type"]
    record = site.record(got.request_id)
    chunks = chunks_of(stream.body)
    assert_used(record, said_usage(chunks))
    assert record["model_answered"] == next((chunk["model"] for chunk in reversed(chunks) if chunk.get("model")), None)
    assert record["bytes_out"] == len(stream.body)
    assert_ended_as_recorded(site, record, stream.body)


def assert_ended_as_recorded(site: Rig, record: Record, body: bytes) -> None:
    trailers = site.call(record["request_id"]).trailers
    if body.rstrip().endswith(b"data: [DONE]"):
        reasons = [choice.get("finish_reason") for chunk in chunks_of(body) for choice in chunk.get("choices", [])]
        ends = dict.fromkeys(reason for reason in reasons if reason)
        assert (record["outcome"], record["error_code"], trailers) == ("complete", None, None)
        assert record["finish_reason"] == ",".join(ends)
    else:
        assert b"event: error" in body
        assert trailers is not None
        assert trailers.error_type == "Function.UpstreamReported"
        assert (record["outcome"], record["error_code"]) == ("incomplete", "upstream_reported")


def test_an_answer_that_does_not_stream_comes_out_as_it_went_in(
    answer: recorded.Recording, site: Rig, upstream: Provider
) -> None:
    upstream.play(answer.name, document(answer.body))

    with site.begin(request_of(answer)) as begun:
        got = begun.answer()

    assert sha256(got.body).hexdigest() == sha256(answer.body).hexdigest()
    record = site.record(got.request_id)
    assert_used(record, said_usage([json.loads(answer.body)]))
    assert (record["outcome"], record["http_status"], record["stream"]) == ("complete", 200, False)


def test_the_provider_gets_what_was_asked_with_its_own_models_name(
    stream: recorded.Recording, site: Rig, upstream: Provider
) -> None:
    upstream.play(stream.name, streamed(stream, 1_000_000))
    body = request_of(stream)

    with site.begin(body) as begun:
        begun.answer()

    asked = upstream.asked_for(stream.name)[-1].body
    options = {**(body.get("stream_options") or {}), "include_usage": True}
    assert asked == {**body, "model": stream.name, "stream_options": options}
    assert list(asked)[: len(body)] == list(body)


def test_a_recording_of_an_error_is_relayed_with_its_status(site: Rig, upstream: Provider) -> None:
    for name in recorded.names("err_openai_4"):
        error = recorded.load(name)
        upstream.play(name, document(error.body, error.status))

        got = site.ask(f"rec/{name}", messages=MESSAGES)

        is_shown = error.status != 401  # whose key it is, is ours to know
        assert got.status == (error.status if is_shown else 502)
        assert (got.body == error.body) is is_shown
        record = site.record(got.request_id)
        assert (record["outcome"], record["cost"], record["usage"]["output"]) == ("failed", 0, 0)
