"""The cases of the recordings folder that need more than a translator: frames, bytes that pass, what our events are."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests import frames, recorded
from tests.fakes.gateway import Gateway, Pieces
from tests.unit.test_bedrock_streams import chat, chunks, gateway, pieces_of, raw

from sluice.domain.errors import GatewayError

pytestmark = pytest.mark.skipif(not recorded.FOLDER.is_dir(), reason=recorded.REASON)

# What reads the kinds of cases that are not read here.
ELSEWHERE = {
    "request": "translation/test_cases_requests.py",
    "response": "translation/test_cases_answers.py",
    "error": "translation/test_cases_answers.py",
    "embeddings": "translation/test_cases_answers.py",
    "anthropic": "translation/test_cases_anthropic.py",
    "legacy": "translation/test_prompt_to_invoke.py",
    "responses": "translation/test_cases_responses.py",
}
HERE = {"stream", "passthrough", "sse"}
FIELDS = re.compile(rb"(data|event): .*|: .*|", re.DOTALL)


def cases(kind: str) -> list[Any]:
    if not recorded.FOLDER.is_dir():
        return []
    found = json.loads((recorded.FOLDER / "cases.json").read_text())["cases"]
    return [pytest.param(one, id=one["id"]) for one in found if one["kind"] == kind]


def test_every_kind_of_case_is_read() -> None:
    found = json.loads((recorded.FOLDER / "cases.json").read_text())["cases"]
    assert {one["kind"] for one in found} == HERE | ELSEWHERE.keys()
    for kind, place in ELSEWHERE.items():
        text = (Path(__file__).parent / place).read_text()
        assert kind in text
        assert "cases.json" in text


def told(chunk: dict[str, Any]) -> dict[str, Any]:
    """A chunk as the cases write it."""
    if "error" in chunk:
        return {"error": {name: value for name, value in chunk["error"].items() if name != "request_id"}}
    if not chunk["choices"]:
        return {
            "choices": [],
            "usage": {name: chunk["usage"][name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")},
        }
    choice = chunk["choices"][0]
    return {"delta": choice["delta"], "finish_reason": choice["finish_reason"]}


@pytest.mark.parametrize(
    "case",
    [
        one
        for one in cases("stream")
        if "events" in str(one.values[0]["input"]) and isinstance(one.values[0]["expected"], list)
    ],
)
def test_a_stream_of_frames_becomes_these_chunks(case: dict[str, Any]) -> None:
    options = {name: value for name, value in case["input"].items() if name == "stream_options"}
    status, body, _ = chat(gateway(frames.events(*case["input"]["events"])), **options)

    said: list[Any] = [told(one) for one in chunks(body)]
    assert status == 200
    assert said + (["[DONE]"] if body.endswith(b"data: [DONE]\n\n") else []) == case["expected"]


@pytest.mark.parametrize("case", cases("passthrough"))
def test_bytes_of_the_same_dialect_pass(case: dict[str, Any]) -> None:
    for name in recorded.names(*(one.strip(" *") for one in case["input"]["fixtures"].split(","))):
        recording = recorded.load(name)
        if not recording.body.startswith((b"data:", b"event:", b"\0")):
            continue  # lines of JSON, as a collector of events wrote them down
        for size in case["input"]["upstream_chunk_sizes"]:
            body, record = passed(name, recording, size)
            assert body == recording.body, (name, size)
            assert record.usage.total > 0


def passed(name: str, recording: recorded.Recording, size: int) -> tuple[bytes, Any]:
    """The recorded bytes, in pieces of that size, through the surface that is the provider's own."""
    pieces = pieces_of(recording.body, size)
    if name.startswith(("cs_", "is_")):
        operation = "converse-stream" if name.startswith("cs_") else "invoke-with-response-stream"
        _, body, record = raw(gateway(*pieces, headers=frames.headers(recording)), operation)
        return body, record
    return through_openai(name, pieces)


def through_openai(name: str, pieces: list[bytes]) -> tuple[bytes, Any]:
    head = {"content-type": "text/event-stream"}
    one = Gateway(lambda _: httpx.Response(200, headers=head, stream=Pieces(pieces)))
    path, field = next(asked for start, asked in ASKED if name.startswith(start))
    answer = one.post(path, {"model": "mini", "stream": True, **field})
    body = b""
    with suppress(GatewayError):  # a recording may end in the provider's own error, which passes too
        for piece in answer["body"]:
            body += piece
    answer["body"].close()
    return body, one.ledger.settled[-1]


USAGE: dict[str, Any] = {"stream_options": {"include_usage": True}}
ASKED: tuple[tuple[str, tuple[str, dict[str, Any]]], ...] = (
    ("or_", ("/v1/responses", {"input": "q"})),
    ("oc_legacy", ("/v1/completions", {"prompt": "q", **USAGE})),
    ("oc_", ("/v1/chat/completions", {"messages": [{"role": "user", "content": "q"}], **USAGE})),
)


@pytest.mark.parametrize("case", cases("sse"))
@pytest.mark.parametrize("name", recorded.names("cs_"))
def test_our_own_events_are_what_every_parser_reads(case: dict[str, Any], name: str) -> None:
    for body in translated(name):
        assert not body.startswith(b"\xef\xbb\xbf")
        assert body.endswith(b"\n\n")
        for event in body[:-2].split(b"\n\n"):
            assert all(FIELDS.fullmatch(line) for line in event.split(b"\n")), event
            assert event.startswith(b":") or b"data: " in event
            assert not event.startswith((b"id:", b"retry:"))


def translated(name: str) -> Iterator[bytes]:
    """The recording on each surface that is not Bedrock's."""
    recording = recorded.load(name)
    answers: dict[str, dict[str, Any]] = {
        "/v1/chat/completions": {"messages": [{"role": "user", "content": "q"}]},
        "/v1/responses": {"input": "q"},
        "/v1/messages": {"messages": [{"role": "user", "content": "q"}], "max_tokens": 9},
    }
    for path, asked in answers.items():
        one = gateway(recording.body)
        answer = one.post(path, {"model": "bedrock/amazon.nova-micro-v1:0", "stream": True, **asked})
        assert answer["statusCode"] == 200, answer
        yield b"".join(answer["body"])
        answer["body"].close()
