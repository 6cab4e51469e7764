"""Every recorded answer in OpenAI's dialect through the whole stack, each on its own endpoint: the same bytes come out,
and the ledger says what they used."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from tests import recorded
from tests.e2e.provider import Asked, Provider, document, provider
from tests.e2e.rig import MESSAGES, Answer, Begun, Rig, compatible, rig
from tests.fakes.raw_provider import Peer

from sluice_cli.record import Record

STREAMS = recorded.names("oc_", "or_", "mantle_responses_")
WHOLE = recorded.names("oj_", "oe_")
REFUSALS = recorded.names("err_openai_", "err_azure_")
OTHERS_REFUSALS = recorded.names("err_bedrock_")
UNFRAMED = ("or_error_insufficient_quota",)  # its events stand there line by line, without their framing
HOP_BY_HOP = {"content-length", "transfer-encoding"}
PIECE_BYTES = 97  # odd, so that events are cut everywhere
RESPONSES_ENDS = {"response.completed": "completed", "response.incomplete": "incomplete"}

pytestmark = pytest.mark.skipif(not STREAMS, reason=recorded.REASON)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture(scope="module")
def site(upstream: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("recordings"), {"rec": compatible(upstream.url)}) as running:
        yield running


def load(name: str) -> recorded.Recording:
    """A recording with its framing: where that is missing, every line is put back under the name of its type."""
    recording = recorded.load(name)
    if name not in UNFRAMED:
        return recording
    lines = recording.body.splitlines()
    events = [b"event: %s\ndata: %s\n\n" % (json.loads(line)["type"].encode(), line) for line in lines]
    return replace(recording, body=b"".join(events))


@pytest.fixture(params=STREAMS)
def stream(request: pytest.FixtureRequest) -> recorded.Recording:
    return load(request.param)


@pytest.fixture(params=WHOLE)
def answer(request: pytest.FixtureRequest) -> recorded.Recording:
    return load(request.param)


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
    """What was asked then. Nobody kept what one recording had been asked."""
    asked = recording.request or {"input": "Hello!", "stream": True}
    return {**asked, "model": f"rec/{recording.name}"}


def path_of(recording: recorded.Recording) -> str:
    """The endpoint it was recorded at, as the request's own fields tell."""
    asked = request_of(recording)
    if "prompt" in asked:
        return "/v1/completions"
    if "input" in asked:
        return "/v1/embeddings" if "encoding_format" in asked else "/v1/responses"
    return "/v1/chat/completions"


def ask(site: Rig, path: str, body: Mapping[str, Any]) -> Answer:
    payload = json.dumps(body).encode()
    with site.connected() as caller:
        caller.send("POST", path, site.signed("POST", path, payload), payload)
        return Begun(caller).answer()


def replayed(site: Rig, recording: recorded.Recording) -> Answer:
    return ask(site, path_of(recording), request_of(recording))


def said_usage(documents: list[dict[str, Any]]) -> dict[str, int] | None:
    """The recording's own usage in the ledger's disjoint classes, None where it has none."""
    found = [(one.get("response") or one).get("usage") for one in documents]
    reported = [usage for usage in found if usage]
    if not reported:
        return None
    usage = reported[-1]
    names = ("input", "output") if "input_tokens" in usage else ("prompt", "completion")
    into, out_of = (usage.get(f"{name}_tokens_details") or {} for name in names)
    cached = into.get("cached_tokens") or 0
    return {
        "input": usage[f"{names[0]}_tokens"] - cached,
        "cache_read": cached,
        "cache_write_5m": 0,
        "cache_write_1h": 0,
        "output": usage.get(f"{names[1]}_tokens", 0),
        "reasoning": out_of.get("reasoning_tokens") or 0,
    }


def events_of(body: bytes) -> list[dict[str, Any]]:
    lines = (line.removeprefix(b"data: ") for line in body.split(b"\n") if line.startswith(b"data: {"))
    return [json.loads(line) for line in lines]


def model_of(documents: list[dict[str, Any]]) -> str | None:
    named = [(one.get("response") or one).get("model") for one in documents]
    return next((model for model in reversed(named) if model), None)


def assert_used(record: Record, usage: Mapping[str, int] | None, has_output: bool = True) -> None:
    if usage is None:
        assert record["usage_source"] == "counted"
        assert record["usage"]["input"] > 0
        assert bool(record["usage"]["output"]) is has_output
    else:
        assert (record["usage_source"], record["usage"]) == ("provider", usage)


@pytest.mark.parametrize("piece_bytes", [PIECE_BYTES, 1_000_000])
def test_a_stream_comes_out_as_it_went_in(
    stream: recorded.Recording, piece_bytes: int, site: Rig, upstream: Provider
) -> None:
    upstream.play(stream.name, streamed(stream, piece_bytes))

    got = replayed(site, stream)

    assert (got.status, got.end) == (200, "ended")
    assert sha256(got.body).hexdigest() == sha256(stream.body).hexdigest()
    assert got.headers["content-type"] == stream.headers["content-type"]
    record = site.record(got.request_id)
    documents = events_of(stream.body)
    assert_used(record, said_usage(documents), has_output=stream.name not in UNFRAMED)
    assert record["model_answered"] == model_of(documents)
    assert record["bytes_out"] == len(stream.body)
    assert record["path"] == path_of(stream)
    assert_ended_as_recorded(site, record, stream.body)


def assert_ended_as_recorded(site: Rig, record: Record, body: bytes) -> None:
    trailers, documents = site.call(record["request_id"]).trailers, events_of(body)
    if body.rstrip().endswith(b"data: [DONE]"):
        reasons = [choice.get("finish_reason") for one in documents for choice in one.get("choices", [])]
        ends = dict.fromkeys(reason for reason in reasons if reason)
        assert (record["outcome"], record["error_code"], trailers) == ("complete", None, None)
        assert record["finish_reason"] == ",".join(ends)
    elif documents[-1].get("type") in RESPONSES_ENDS:
        assert (record["outcome"], record["error_code"], trailers) == ("complete", None, None)
        assert record["finish_reason"] == RESPONSES_ENDS[documents[-1]["type"]]
    else:
        assert b"event: error" in body
        assert trailers is not None
        assert trailers.error_type == "Function.UpstreamReported"
        assert (record["outcome"], record["error_code"]) == ("incomplete", "upstream_reported")


def test_an_answer_that_does_not_stream_comes_out_as_it_went_in(
    answer: recorded.Recording, site: Rig, upstream: Provider
) -> None:
    upstream.play(answer.name, document(answer.body))

    got = replayed(site, answer)

    assert (got.status, got.end) == (200, "ended")
    assert sha256(got.body).hexdigest() == sha256(answer.body).hexdigest()
    record = site.record(got.request_id)
    assert_used(record, said_usage([json.loads(answer.body)]))
    assert (record["outcome"], record["http_status"], record["stream"]) == ("complete", 200, False)
    assert (record["bytes_out"], record["path"]) == (len(answer.body), path_of(answer))


def test_the_provider_gets_what_was_asked_with_its_own_models_name(
    stream: recorded.Recording, site: Rig, upstream: Provider
) -> None:
    upstream.play(stream.name, streamed(stream, 1_000_000))
    body, path = request_of(stream), path_of(stream)

    replayed(site, stream)

    asked = upstream.asked_for(stream.name)[-1]
    assert asked.line == f"POST {path} HTTP/1.1"
    takes_options = path != "/v1/responses"  # which always tells its usage and refuses to be asked for it
    added = {"stream_options": {**(body.get("stream_options") or {}), "include_usage": True}} if takes_options else {}
    assert asked.body == {**body, "model": stream.name, **added}
    assert list(asked.body)[: len(body)] == list(body)


PLAIN: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": MESSAGES},
    "/v1/responses": {"input": "Hello!"},
}


@pytest.mark.parametrize("name", REFUSALS)
@pytest.mark.parametrize("is_stream", [False, True])
def test_a_refusal_comes_out_as_it_went_in_unless_it_speaks_of_our_key(
    name: str, is_stream: bool, site: Rig, upstream: Provider
) -> None:
    """Of a 401 the caller gets our own words: the key is the gateway's, and the provider shows a part of it.

    What is asked is right, and not what was refused then: that would not get past the gateway.
    """
    recording = load(name)
    upstream.play(name, document(recording.body, recording.status))
    path = path_of(recording)

    got = ask(site, path, {"model": f"rec/{name}", **PLAIN[path], "stream": is_stream})

    if recording.status == 401:
        assert (got.status, got.error["code"]) == (502, "provider_authentication_error")
        assert b"API key provided" not in got.body
    else:
        assert got.status == recording.status
        assert sha256(got.body).hexdigest() == sha256(recording.body).hexdigest()
    record = site.record(got.request_id)
    assert (record["outcome"], record["cost"], record["usage"]["output"]) == ("failed", 0, 0)
    assert record["attempts"][-1]["http_status"] == recording.status


@pytest.mark.parametrize("name", OTHERS_REFUSALS)
def test_a_refusal_in_another_dialect_keeps_at_least_its_status(name: str, site: Rig, upstream: Provider) -> None:
    """Its shape is not OpenAI's, so the caller gets ours."""
    recording = load(name)
    upstream.play(name, document(recording.body, recording.status))

    got = ask(site, "/v1/chat/completions", {"model": f"rec/{name}", "messages": MESSAGES})

    assert got.status == recording.status
    assert set(got.error) >= {"message", "type", "param", "code"}
    assert site.record(got.request_id)["attempts"][-1]["http_status"] == recording.status
