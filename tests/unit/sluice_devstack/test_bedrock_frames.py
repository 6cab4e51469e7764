"""The frames of the simulated Bedrock, read by AWS's own decoder."""

import json
from base64 import b64decode
from random import Random
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer

from sluice_devstack.simulated.bedrock import frames
from sluice_devstack.simulated.bedrock.frames import Message


def read(*messages: Message) -> list[Any]:
    buffer = EventStreamBuffer()
    for message in messages:
        buffer.add_data(message.encoded(Random(1)))
    return list(buffer)


def test_an_event_has_its_name_its_document_and_padding() -> None:
    (event,) = read(frames.event("contentBlockDelta", {"delta": {"text": "héllo 日本語 😀"}, "contentBlockIndex": 0}))

    assert event.headers == {
        ":event-type": "contentBlockDelta",
        ":content-type": "application/json",
        ":message-type": "event",
    }
    document = json.loads(event.payload)
    assert document["delta"] == {"text": "héllo 日本語 😀"}
    assert list(document) == ["contentBlockIndex", "delta", "p"]
    assert frames.PADDING.startswith(document["p"])


def test_a_chunk_holds_its_document_as_base64() -> None:
    (event,) = read(frames.chunk({"completion": "ö"}))

    document = json.loads(event.payload)
    assert set(document) == {"bytes", "p"}
    assert json.loads(b64decode(document["bytes"])) == {"completion": "ö"}


def test_an_exception_says_no_more_than_it_has_to() -> None:
    (event,) = read(frames.exception("throttlingException", {"message": "Slow down."}))

    assert event.headers[":message-type"] == "exception"
    assert event.headers[":exception-type"] == "throttlingException"
    assert event.payload == b'{"message":"Slow down."}'


def test_an_error_is_all_headers() -> None:
    (event,) = read(frames.error("InternalFailure", "It failed."))

    assert event.headers == {
        ":message-type": "error",
        ":error-code": "InternalFailure",
        ":error-message": "It failed.",
    }
    assert event.payload == b""


@pytest.mark.parametrize("size", [0, 1, 255, 70_000])
def test_frames_follow_each_other_whatever_their_size(size: int) -> None:
    texts = [json.loads(event.payload)["text"] for event in read(*[frames.event("any", {"text": "x" * size})] * 3)]

    assert texts == ["x" * size] * 3


def test_a_half_of_a_character_pair_does_not_stop_a_frame() -> None:
    (event,) = read(frames.event("any", {"text": "a\ud83d"}))

    assert json.loads(event.payload)["text"] == "a?"
