"""A provider that fails, on every endpoint: what the caller gets and what the ledger says, as one table."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e.rig import Answer, Begun, Rig
from tests.e2e.sdk import simulated

SILENCE_SECONDS = 0.5
SPEECH: dict[str, Any] = {"input": "x", "voice": "alloy"}
IMAGE: dict[str, Any] = {"prompt": "x", "size": "64x64"}
REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "response": ("/v1/responses", {"input": "x"}),
    "response stream": ("/v1/responses", {"input": "x", "stream": True}),
    "legacy": ("/v1/completions", {"prompt": "x"}),
    "legacy stream": ("/v1/completions", {"prompt": "x", "stream": True}),
    "embeddings": ("/v1/embeddings", {"input": "x", "dimensions": 8}),
    "image": ("/v1/images/generations", IMAGE),
    "image stream": ("/v1/images/generations", {**IMAGE, "stream": True}),
    "speech": ("/v1/audio/speech", SPEECH),
    "speech stream": ("/v1/audio/speech", {**SPEECH, "stream_format": "sse"}),
}
STREAMS = [name for name in REQUESTS if name.endswith("stream")]
WHOLE = [name for name in REQUESTS if name not in STREAMS and name != "speech"]

COMPLETE = (200, "complete", None)
ODD = ("ok", "f-bytes", "f-crlf", "f-cr", "f-bom", "f-ping", "f-multiline", "f-giant", "f-gzip", "f-hdrleak")
REFUSED = {
    "f-429": (429, "failed", "upstream_refused"),
    "f-503": (503, "failed", "upstream_refused"),
    "f-500once": (500, "failed", "upstream_refused"),
    "f-401": (502, "failed", "provider_authentication_error"),
    "f-html": (502, "failed", "upstream_refused"),
    "f-redirect": (502, "failed", "upstream_protocol"),
}
BROKEN_STREAM = {
    "f-empty": (502, "failed", "upstream_stream_truncated"),
    "f-trunc": (200, "incomplete", "upstream_stream_truncated"),
    "f-rst": (200, "incomplete", "upstream_stream_truncated"),
    "f-chunkcut": (200, "incomplete", "upstream_stream_truncated"),
    "f-errevent": (200, "incomplete", "upstream_reported"),
    "f-errflat": (200, "incomplete", "upstream_reported"),
    "f-failed": (200, "incomplete", "upstream_reported"),
    "f-stallmid": (200, "incomplete", "upstream_timeout"),
    "f-stall0": (504, "failed", "upstream_timeout"),
    "f-stallhdr": (504, "failed", "upstream_timeout"),
}
BROKEN_WHOLE = {
    "f-empty": (502, "failed", "upstream_protocol"),
    "f-trunc": (502, "failed", "upstream_protocol"),
    "f-badjson": (502, "failed", "upstream_protocol"),
    "f-badutf8": (502, "failed", "upstream_protocol"),
    "f-rst": (502, "failed", "upstream_stream_truncated"),
    "f-chunkcut": (502, "failed", "upstream_stream_truncated"),
    "f-stallmid": (504, "failed", "upstream_timeout"),
}
BROKEN_BYTES = {
    "f-empty": (502, "failed", "upstream_protocol"),
    "f-rst": (200, "incomplete", "upstream_stream_truncated"),
    "f-chunkcut": (200, "incomplete", "upstream_stream_truncated"),
    "f-stallmid": (200, "incomplete", "upstream_timeout"),
}
CASES = [
    *((name, fault, COMPLETE) for name in REQUESTS for fault in ODD),
    *((name, fault, expected) for name in REQUESTS for fault, expected in REFUSED.items()),
    *((name, fault, expected) for name in STREAMS for fault, expected in BROKEN_STREAM.items()),
    *((name, fault, expected) for name in WHOLE for fault, expected in BROKEN_WHOLE.items()),
    *(("speech", fault, expected) for fault, expected in BROKEN_BYTES.items()),
    ("response stream", "f-nodone", (200, "incomplete", "upstream_stream_truncated")),
    ("image stream", "f-nodone", (200, "incomplete", "upstream_stream_truncated")),
    ("speech stream", "f-nodone", (200, "incomplete", "upstream_stream_truncated")),
    ("legacy stream", "f-nodone", COMPLETE),  # it said how it ended; the [DONE] that is missing is added
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    timeouts = dict.fromkeys(("first_byte_timeout_seconds", "idle_timeout_seconds"), SILENCE_SECONDS)
    with simulated(tmp_path_factory.mktemp("faults"), attempts=1, **timeouts) as running:
        yield running


def ask(site: Rig, name: str, fault: str) -> Answer:
    path, body = REQUESTS[name]
    payload = json.dumps({**body, "model": f"openai/{fault}-{name.replace(' ', '-')}"}).encode()
    with site.connected() as caller:
        caller.send("POST", path, site.signed("POST", path, payload), payload)
        return Begun(caller).answer()


@pytest.mark.parametrize(
    ("name", "fault", "expected"), CASES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_fault_has_its_status_its_outcome_and_its_code(
    name: str, fault: str, expected: tuple[int, str, str | None], site: Rig
) -> None:
    got = ask(site, name, fault)

    status, outcome, code = expected
    record = site.record(got.request_id)
    assert (got.status, record["outcome"], record["error_code"]) == (status, outcome, code)
    assert "sk-fake" not in str(dict(got.headers))
    assert b"sk-fake" not in got.body
    assert (site.call(got.request_id).trailers is not None) is (outcome == "incomplete")
    if outcome == "incomplete" and name in STREAMS:
        assert errors_in(got.body) == (2 if (name, fault) == ("response stream", "f-errevent") else 1)
        assert b"[DONE]" not in got.body
    if outcome == "complete" and name != "speech":
        assert record["usage_source"] == "provider"


def errors_in(body: bytes) -> int:
    """How many of the events tell of a failure; OpenAI says it twice, with an error and with the failed response."""
    lines = body.replace(b"\r\n", b"\n").split(b"\n")
    documents = [json.loads(line[6:]) for line in lines if line.startswith(b"data: {") and line.endswith(b"}")]
    return sum(bool(one.get("error")) or one.get("type") in ("error", "response.failed") for one in documents)
