"""Every recorded event stream of Bedrock, through the whole stack to a real boto3 client: the same events as from the
recorded bytes, and the same bytes to whoever looks at them."""

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest
from tests import recorded
from tests.e2e.bedrock_sdk import MESSAGES, STREAMS, client, direct, read, simulated_bedrock
from tests.e2e.rig import Answer, Begun, Rig

RECORDINGS = recorded.names("cs_", "is_")
PATHS = {"cs": "converse-stream", "is": "invoke-with-response-stream"}
EXPECTED = recorded.FOLDER / "EXPECTED.json"
INPUT = ("input", "cache_read", "cache_write_5m", "cache_write_1h")

pytestmark = pytest.mark.skipif(not RECORDINGS, reason=recorded.REASON)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with simulated_bedrock(tmp_path_factory.mktemp("recordings")) as running:
        yield running


@pytest.fixture(params=RECORDINGS)
def recording(request: pytest.FixtureRequest) -> recorded.Recording:
    return recorded.load(request.param)


def arguments(recording: recorded.Recording) -> dict[str, Any]:
    """Of the call that boto3 makes: InvokeModel's body as it was asked then."""
    asked = {"messages": MESSAGES} if recording.name.startswith("cs") else {"body": json.dumps(recording.request)}
    return {"modelId": f"replay.{recording.name}", **asked}


def asked(site: Rig, recording: recorded.Recording) -> Answer:
    """The answer as bytes, to the request that was recorded, but for a guardrail of somebody else's account."""
    path = f"/model/replay.{recording.name}/{PATHS[recording.name[:2]]}"
    body = json.dumps({name: value for name, value in recording.request.items() if name != "guardrailConfig"}).encode()
    with site.connected() as caller:
        caller.send("POST", path, site.signed("POST", path, body), body)
        return Begun(caller).answer()


def test_boto3_reads_the_events_that_it_reads_from_the_recorded_bytes(recording: recorded.Recording, site: Rig) -> None:
    method, member = STREAMS[recording.name[:2]]
    expected = direct(recording, arguments(recording))

    reading = read(getattr(client(site), method)(**arguments(recording))[member])

    assert reading == expected
    assert reading.events


def test_the_body_is_the_recorded_one_byte_for_byte(recording: recorded.Recording, site: Rig) -> None:
    answer = asked(site, recording)

    assert (answer.status, answer.end) == (200, "ended")
    assert answer.headers["content-type"] == "application/vnd.amazon.eventstream"
    assert sha256(answer.body).hexdigest() == sha256(recording.body).hexdigest()


def test_the_books_say_what_it_used(recording: recorded.Recording, site: Rig) -> None:
    record = site.record(asked(site, recording).request_id)

    assert (record["surface"], record["provider"], record["outcome"]) == ("bedrock", "bedrock", "complete")
    if expected := used(recording.name):
        found = record["usage"]
        assert (sum(found.get(name) or 0 for name in INPUT), found["output"]) == expected


def used(name: str) -> tuple[int, int] | None:
    """Tokens in and out as the recorded frames say; None for the one that does not say."""
    expected = json.loads(EXPECTED.read_text())[name]
    if "usage" in expected:
        return expected["usage"]["prompt_tokens"], expected["usage"]["completion_tokens"]
    metrics = expected["invocationMetrics"]
    return (metrics["inputTokenCount"], metrics["outputTokenCount"]) if metrics else None
