"""Recordings served again: the same bytes, and through AWS's client the events that its parser reads from them."""

import json
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer
from tests import recorded
from tests.integration.simulator.bedrock_rig import NOVA, BedrockRig, user

from sluice_devstack.event_loop import EventLoopThread
from sluice_devstack.simulated.bedrock.replay import STRUCK_OUT

pytestmark = pytest.mark.skipif(not recorded.FOLDER.is_dir(), reason=recorded.REASON)

OPERATIONS = {
    "cs_": "converse-stream",
    "is_": "invoke-with-response-stream",
    "cj_": "converse",
    "ij_": "invoke",
    "emb_": "invoke",
    "err_bedrock_": "converse",
}
KNOWN = {"messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"}


def frames(body: bytes) -> list[tuple[str, dict[str, Any]]]:
    buffer = EventStreamBuffer()
    buffer.add_data(body)
    read: list[Any] = list(buffer)
    return [(event.headers[":event-type"], json.loads(event.payload)) for event in read]


@pytest.mark.parametrize("name", recorded.names(*OPERATIONS))
def test_the_bytes_and_the_status_are_those_that_were_recorded(bedrock: BedrockRig, name: str) -> None:
    was = recorded.load(name)
    operation = next(operation for prefix, operation in OPERATIONS.items() if name.startswith(prefix))

    answer = bedrock.post(f"/model/replay.{name}.by4000/{operation}", anything=1)

    assert (answer.status_code, answer.content) == (was.status, was.body)
    kept = {key: value for key, value in was.headers.items() if key != "transfer-encoding" and value != STRUCK_OUT}
    assert kept.items() <= dict(answer.headers).items()


@pytest.mark.parametrize("name", recorded.names("cs_"))
def test_awss_client_reads_converse_from_seven_bytes_at_a_time(bedrock: BedrockRig, name: str) -> None:
    expected = frames(recorded.load(name).body)

    events = bedrock.stream(f"replay.{name}.by7")

    assert [next(iter(event)) for event in events] == [kind for kind, _ in expected if kind in KNOWN]
    for event, (kind, document) in zip(events, expected, strict=True):
        assert set(event[kind]) <= set(document)
        assert event[kind].get("contentBlockIndex") == document.get("contentBlockIndex")
        assert event[kind].get("stopReason") == document.get("stopReason")
    texts = [event["contentBlockDelta"]["delta"].get("text") for event in events if "contentBlockDelta" in event]
    assert texts == [document["delta"].get("text") for kind, document in expected if kind == "contentBlockDelta"]


@pytest.mark.parametrize("name", recorded.names("is_"))
def test_awss_client_reads_the_chunks_of_a_model(bedrock: BedrockRig, name: str) -> None:
    answer = bedrock.client.invoke_model_with_response_stream(modelId=f"replay.{name}.by7", body=b"{}")
    chunks = [event["chunk"]["bytes"] for event in answer["body"]]

    assert len(chunks) == len(frames(recorded.load(name).body))
    assert all(isinstance(json.loads(chunk), dict) for chunk in chunks)


def test_awss_client_raises_the_exceptions_that_were_recorded(bedrock: BedrockRig) -> None:
    with pytest.raises(bedrock.client.exceptions.ValidationException, match="model identifier is invalid"):
        bedrock.client.converse(modelId="replay.err_bedrock_400_invalid_model", messages=[user("hi")])


@pytest.mark.parametrize(
    ("path", "name"),
    [("chat/completions", "oc_gpt4o_two_tools"), ("responses", "mantle_responses_gpt56_tools_sse")],
)
def test_the_endpoints_of_openai_replay_too(bedrock: BedrockRig, path: str, name: str) -> None:
    body = {"messages": [{"role": "user", "content": "hi"}]} if path != "responses" else {"input": "hi"}

    answer = bedrock.post(f"/openai/v1/{path}", model=f"replay.{name}", stream=True, **body)

    assert answer.content == recorded.load(name).body


def test_a_recording_of_another_operation_is_refused(bedrock: BedrockRig) -> None:
    answer = bedrock.post("/model/replay.cs_nova_micro_text/converse", messages=[user("hi")])

    assert answer.status_code == 400
    assert answer.json()["message"] == "The recording cs_nova_micro_text was made on ConverseStream."


@pytest.mark.parametrize("name", ["replay.cs_none", "replay.cases"])
def test_what_was_not_recorded_is_404(bedrock: BedrockRig, name: str) -> None:
    answer = bedrock.post(f"/model/{name}/converse-stream", messages=[user("hi")])

    assert answer.status_code in (400, 404)
    assert name.removeprefix("replay.") in answer.json()["message"]


def test_without_a_folder_nothing_is_replayed_and_the_rest_works(loop: EventLoopThread) -> None:
    rig = BedrockRig(loop, recordings=None)

    answer = rig.post("/model/replay.cs_nova_micro_text/converse-stream", messages=[user("hi")])
    works = rig.post(f"/model/{NOVA}/converse", messages=[user("hi")])
    rig.close()

    assert (answer.status_code, works.status_code) == (404, 200)
    assert "no folder of recordings was named" in answer.json()["message"]
