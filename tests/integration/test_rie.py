"""AWS's own emulator runs what is built, at Lambda's own paths, and answers each file of events/ as the dev stack does.

What it does not show, since the emulator collects answers: when each chunk leaves, and error trailers. Those are
tested against Runtime APIs of our own, in tests/runtime and tests/integration/devstack.
"""

import pytest
from tests.e2e.rig import defect_of_the_build
from tests.integration.rie import first_next
from tests.integration.rie.artifact import Artifact, artifact, emulator
from tests.integration.rie.comparison import Row, compared, event_files
from tests.integration.rie.outcome import Outcome, difference
from tests.integration.rie.placed import namespaces

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("rie")]

STATUSES = {
    "anthropic-unconfigured": "404",
    "azure-unknown": "404",
    "chat-bad-json": "400",
    "chat-bedrock-unsupported": "400",
    "chat-unknown-model": "404",
    "chat-unsigned": "403",
    "chat-wrong-method": "405",
    "chat-wrong-type": "415",
    "converse-unknown-model": "400",
    "messages-unknown-model": "404",
    "messages-without-limit": "400",
    "models-unknown": "404",
    "openai-files": "404",
    "path-cloudflare": "404",
    "path-unknown": "404",
    "prompt-empty": "400",
    "region-unknown": "404",
    "responses-background": "400",
    "responses-unknown-previous": "400",
    "rollup-batch": "result",
    "sweeper-schedule": "result",
    "universal-bad-step": "400",
}
NAMES = [path.stem for path in event_files()]
STREAMS = [name for name in NAMES if name.endswith("-stream")]
EVENTS, FRAMES, TEXT = "text/event-stream", "application/vnd.amazon.eventstream", "text/plain"
# What a stream is, and what stands at its end where its kind marks one.
KINDS = {
    "converse-stream": (FRAMES, b"metadata"),
    "invoke-stream": (FRAMES, b"chunk"),
    "messages-stream": (EVENTS, b"event: message_stop"),
    "messages-translated-stream": (EVENTS, b"event: message_stop"),
    "prompt-stream": (TEXT, b""),
    "responses-stream": (EVENTS, b"event: response.completed"),
    "responses-bedrock-stream": (EVENTS, b"event: response.completed"),
}
LAST_EVENT_BYTES = 4096
OPENAIS = (EVENTS, b"data: [DONE]")


@pytest.fixture(scope="module")
def made() -> Artifact:
    if not emulator().is_file():
        pytest.skip("AWS's emulator is not there: `make build` installs the SAM CLI that brings it")
    if namespaces() is None:
        pytest.skip("this machine gives no mount namespace (unshare), so nothing can stand at /opt and /var/task")
    if defect := defect_of_the_build():
        pytest.fail(defect)
    return artifact(print)


@pytest.fixture(scope="module")
def rows(made: Artifact) -> dict[str, Row]:
    return {row.event: row for row in compared(print)}


@pytest.mark.parametrize("name", NAMES)
def test_the_emulator_and_the_dev_stack_give_the_same_bytes(rows: dict[str, Row], name: str) -> None:
    row = rows[name]

    assert row.difference == ""
    assert row.emulated.status == STATUSES.get(name, "200")


@pytest.mark.parametrize("name", [name for name in NAMES if STATUSES.get(name) != "result"])
def test_an_answer_is_one_frame_with_a_body(rows: dict[str, Row], name: str) -> None:
    outcome = rows[name].emulated

    assert outcome.prelude is not None
    assert outcome.prelude.headers["x-request-id"] == "<request id>"
    assert outcome.body != b""


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_comes_whole_to_its_own_end(rows: dict[str, Row], name: str) -> None:
    outcome = rows[name].emulated

    content_type, end = KINDS.get(name, OPENAIS)

    assert outcome.prelude is not None
    assert outcome.prelude.headers["content-type"].startswith(content_type)
    assert end in outcome.body[-LAST_EVENT_BYTES:]
    assert b":exception-type" not in outcome.body


def test_compiled_files_save_a_third_of_a_cold_start_or_more(made: Artifact) -> None:
    """What they save is measured by `make rie ARGS=--first-next`; a half is usual."""
    found = first_next.measured(made, 2, print)

    assert found["compiled"].cpu_ms < found["not compiled"].cpu_ms * 2 / 3


def test_a_difference_is_told_by_its_part() -> None:
    head, other = b'{"statusCode": 200}', b'{"statusCode": 201}'
    one = Outcome(head + bytes(8) + b"a")

    assert difference(one, one) == ""
    assert difference(one, Outcome(head + bytes(8) + b"b")) == "body: b'a' | b'b'"
    assert difference(one, Outcome(other + bytes(8) + b"a")) == "status: '200' | '201'"
    assert difference(one, Outcome(b"a")) == "status: '200' | 'result'"


def test_only_the_id_of_the_request_is_masked() -> None:
    data = b'{"statusCode": 200, "headers": {"x-request-id": "r-1"}}' + bytes(8) + b"r-1 r-2"

    assert Outcome.of(data).body == b"<request id> r-2"
    assert Outcome.of(b"plain r-1").data == b"plain r-1"
