"""The faults of the simulated Bedrock, as AWS's client and as a reader of the bytes meets them."""

import json
import re
import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from botocore.eventstream import ChecksumMismatch, EventStreamBuffer, InvalidPayloadLength
from botocore.exceptions import ClientError, EventStreamError
from tests.integration.simulator.bedrock_rig import CLAUDE, NOVA, BedrockRig, text_of, user
from urllib3.exceptions import ProtocolError

from sluice_devstack.simulated.bedrock import faults

TEXT = "héllo wörld 日本語 😀 end."
STATUSES = {
    "accessdenied": ("AccessDeniedException", 403),
    "expired": ("ExpiredTokenException", 403),
    "unrecognized": ("UnrecognizedClientException", 403),
    "signature": ("InvalidSignatureException", 403),
    "notfound": ("ResourceNotFoundException", 404),
    "invalid": ("ValidationException", 400),
    "badmodel": ("ValidationException", 400),
    "toolong": ("ValidationException", 400),
    "quota": ("ServiceQuotaExceededException", 400),
    "throttled": ("ThrottlingException", 429),
    "notready": ("ModelNotReadyException", 429),
    "timeout": ("ModelTimeoutException", 408),
    "modelerror": ("ModelErrorException", 424),
    "internal": ("InternalServerException", 500),
    "unavailable": ("ServiceUnavailableException", 503),
    "untyped": ("ThrottlingException", 429),
    "bare": ("500", 500),
    "html": ("502", 502),
}
EXCEPTIONS = {
    "throttled": "throttlingException",
    "invalid": "validationException",
    "internal": "internalServerException",
    "unavailable": "serviceUnavailableException",
    "model": "modelStreamErrorException",
    "error": "InternalFailure",
}
BROKEN = {
    "crc": ChecksumMismatch,
    "prelude": ChecksumMismatch,
    "length": InvalidPayloadLength,
    "type": KeyError,
    "nooutput": ChecksumMismatch,
    "rst": ProtocolError,
    "chunkcut": ProtocolError,
    "stall0": ProtocolError,
    "stallmid": ProtocolError,
}
COUNTS = {"edge": 4, "midframe": 4, "leftover": 9, "nostop": 7, "nometa": 8, "empty": 0, "none": 9, "bytes": 9}


def events_until_it_breaks(bedrock: BedrockRig, model: str) -> tuple[list[dict[str, Any]], Exception | None]:
    events: list[dict[str, Any]] = []
    stream = bedrock.client.converse_stream(modelId=model, messages=[user("hi")])["stream"]
    try:
        for event in stream:
            events.append(event)  # noqa: PERF402 (what came before it broke is wanted)
    except (EventStreamError, ProtocolError, ChecksumMismatch, InvalidPayloadLength, KeyError) as error:
        return events, error
    finally:
        stream.close()
    return events, None


def read(body: bytes) -> list[Any]:
    buffer = EventStreamBuffer()
    buffer.add_data(body)
    return list(buffer)


@pytest.mark.parametrize("operation", ["converse", "converse_stream", "invoke_model"])
@pytest.mark.parametrize("name", STATUSES)
def test_a_refusal_is_known_by_its_name(bedrock: BedrockRig, name: str, operation: str) -> None:
    body: dict[str, Any] = {"body": b"{}"} if operation == "invoke_model" else {"messages": [user("hi")]}

    with pytest.raises(ClientError) as caught:
        getattr(bedrock.client, operation)(modelId=f"anthropic.claude-f-{name}-v1:0", **body)

    told = caught.value.response
    assert (told["Error"]["Code"], told["ResponseMetadata"]["HTTPStatusCode"]) == STATUSES[name]


@pytest.mark.parametrize("name", ["throttledonce", "internalonce"])
def test_some_fail_only_once(bedrock: BedrockRig, name: str) -> None:
    paths = [f"/model/us.amazon.nova-f-{name}-{operation}/converse" for operation in ("one", "two")]

    statuses = [bedrock.post(path, messages=[user("hi")]).status_code for path in (*paths, *paths)]

    assert statuses[:2] == [STATUSES[name.removesuffix("once")][1]] * 2
    assert statuses[2:] == [200, 200]


@pytest.mark.parametrize(("place", "count"), [("first", 0), ("mid", 4)])
@pytest.mark.parametrize("name", EXCEPTIONS)
def test_an_exception_comes_inside_the_stream(bedrock: BedrockRig, name: str, place: str, count: int) -> None:
    events, error = events_until_it_breaks(bedrock, f"us.amazon.nova-f-{place}{name}")

    assert isinstance(error, EventStreamError)
    assert error.response["Error"]["Code"] == EXCEPTIONS[name]
    assert len(events) == count


@pytest.mark.parametrize("name", ["timeout", "unknown"])
def test_exceptions_that_converse_does_not_declare_are_on_the_wire(bedrock: BedrockRig, name: str) -> None:
    answer = bedrock.post(f"/model/amazon.nova-f-mid{name}/converse-stream", messages=[user("hi")])

    last = read(answer.content)[-1]
    assert last.headers[":message-type"] == "exception"
    assert json.loads(last.payload)["message"]


@pytest.mark.parametrize("name", BROKEN)
def test_a_stream_breaks(bedrock: BedrockRig, name: str) -> None:
    events, error = events_until_it_breaks(bedrock, f"amazon.nova-f-{name}")

    assert type(error) is BROKEN[name]
    assert len(events) == (0 if name in ("nooutput", "stall0") else 4)


@pytest.mark.parametrize("name", COUNTS)
def test_awss_client_does_not_notice(bedrock: BedrockRig, name: str) -> None:
    events, error = events_until_it_breaks(bedrock, f"amazon.nova-f-{name}")

    assert (len(events), error) == (COUNTS[name], None)


LEFT: dict[str, Callable[[bytes], bool]] = {
    "midframe": lambda left: len(left) > 12,
    "leftover": lambda left: left == b"\0\0\0",
    "edge": lambda left: left == b"",
}


@pytest.mark.parametrize("name", LEFT)
def test_what_is_left_behind_the_last_whole_frame(bedrock: BedrockRig, name: str) -> None:
    body = bedrock.post(f"/model/amazon.nova-f-{name}/converse-stream", messages=[user("hi")]).content

    while len(body) >= 12 and len(body) >= int.from_bytes(body[:4], "big"):
        body = body[int.from_bytes(body[:4], "big") :]

    assert LEFT[name](body)


def test_silence_before_the_head_and_then_nothing(bedrock: BedrockRig) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        bedrock.post("/model/amazon.nova-f-stallhdr/converse", messages=[user("hi")])


def test_the_unknown_is_between_what_is_known(bedrock: BedrockRig) -> None:
    answer = bedrock.post("/model/amazon.nova-f-unknown/converse-stream", messages=[user("hi")])
    events, error = events_until_it_breaks(bedrock, "amazon.nova-f-unknown")

    kinds = [event.headers[":event-type"] for event in read(answer.content)]
    assert kinds.count("somethingNew") == 2
    assert (text_of([event for event in events if "contentBlockDelta" in event and _is_known(event)]), error) == (
        TEXT,
        None,
    )


def _is_known(event: dict[str, Any]) -> bool:
    return "text" in event["contentBlockDelta"]["delta"]


def test_a_payload_that_is_no_json_is_in_a_sound_frame(bedrock: BedrockRig) -> None:
    answer = bedrock.post("/model/amazon.nova-f-notjson/converse-stream", messages=[user("hi")])

    payloads = [event.payload for event in read(answer.content)]
    assert len(payloads) == 9
    with pytest.raises(json.JSONDecodeError):
        json.loads(payloads[4])


def test_malformed_output_is_told_by_the_stop(bedrock: BedrockRig) -> None:
    assert bedrock.stream("amazon.nova-f-malformed")[-2] == {"messageStop": {"stopReason": "malformed_model_output"}}


@pytest.mark.parametrize("operation", ["converse", "invoke"])
def test_a_whole_answer_without_output(bedrock: BedrockRig, operation: str) -> None:
    answer = bedrock.post(f"/model/amazon.nova-f-nooutput/{operation}", messages=[user("hi")])

    assert answer.status_code == 200
    assert answer.json()["Output"]["__type"].endswith("InternalFailure")


@pytest.mark.parametrize("model", [CLAUDE, NOVA, "meta.llama3-v1:0", "amazon.titan-text-express-v1"])
def test_invokes_stream_has_faults_too(bedrock: BedrockRig, model: str) -> None:
    def chunks(fault: str) -> list[Any]:
        path = f"/model/{model.partition('-')[0]}-f-{fault}/invoke-with-response-stream"
        return read(bedrock.post(path, messages=[user("hi")]).content)

    sound, cut, failed, unmetered = (chunks(fault) for fault in ("none", "edge", "midmodel", "nometa"))

    assert len(sound) > len(cut) == 4
    assert failed[-1].headers[":exception-type"] == "modelStreamErrorException"
    assert json.loads(failed[-1].payload)["originalStatusCode"] == 500
    assert len(unmetered) == len(sound)


def test_every_fault_is_told_of_where_they_are_made() -> None:
    told = faults.__doc__ or ""

    assert set(re.findall(r"\bf-[a-z0-9]+", told)) >= set(faults.FAULTS)


def test_after_a_reset_the_simulator_serves_on(bedrock: BedrockRig) -> None:
    port = int(bedrock.url.rpartition(":")[2])
    socket.create_connection(("127.0.0.1", port)).close()
    events_until_it_breaks(bedrock, "amazon.nova-f-rst")

    assert bedrock.post(f"/model/{NOVA}/converse", messages=[user("hi")]).status_code == 200
