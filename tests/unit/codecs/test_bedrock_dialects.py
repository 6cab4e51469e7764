"""What is written as Bedrock's event streams, read by the dialects themselves and by AWS's SDK."""

import json
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer

from sluice.codecs.bedrock_dialects import CONVERSE, INVOKE
from sluice.codecs.dialect import Dialect

EVENTS: list[dict[str, Any]] = [
    {"messageStart": {"role": "assistant"}},
    {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "h\u00e9llo \U0001f600"}}},
    {"messageStop": {"stopReason": "end_turn"}},
]


@pytest.mark.parametrize("dialect", [CONVERSE, INVOKE])
def test_events_that_are_written_are_read_again(dialect: Dialect) -> None:
    written = b"".join(map(dialect.encode, EVENTS))

    assert [chunk for _, chunk in dialect.framing.decoder().feed(written)] == EVENTS


def test_awss_sdk_reads_an_event_of_converse() -> None:
    buffer: Any = EventStreamBuffer()
    buffer.add_data(b"".join(map(CONVERSE.encode, EVENTS)))

    read = [(one.headers[":event-type"], json.loads(one.payload)) for one in buffer]

    assert read == [pair for event in EVENTS for pair in event.items()]
