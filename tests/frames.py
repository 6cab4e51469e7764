"""Amazon's event streams for tests: an encoder of our own, and the frames of recorded bytes."""

import base64
import binascii
import json
import struct
from collections.abc import Iterator
from typing import Any

from botocore.eventstream import EventStreamBuffer
from tests import recorded

CONTENT_TYPE = "application/vnd.amazon.eventstream"


def frame(headers: dict[str, str], payload: bytes) -> bytes:
    """One frame whose checksums hold."""
    encoded = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack(">II", 16 + len(encoded) + len(payload), len(encoded))
    message = prelude + struct.pack(">I", binascii.crc32(prelude)) + encoded + payload
    return message + struct.pack(">I", binascii.crc32(message))


def event(name: str, value: object) -> bytes:
    """An event frame of that type."""
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    return frame(headers, json.dumps(value).encode())


def events(*values: dict[str, Any]) -> bytes:
    """Frames of one-key objects, as cases.json writes them; `exception` stands for an exception frame."""
    return b"".join(
        exception(one["exception"], one["message"]) if "exception" in one else event(*next(iter(one.items())))
        for one in values
    )


def chunk(value: object) -> bytes:
    """A frame of InvokeModel, with a model's own event in it."""
    return event("chunk", {"bytes": base64.b64encode(json.dumps(value).encode()).decode(), "p": "abc"})


def exception(name: str, message: str) -> bytes:
    headers = {":exception-type": name, ":content-type": "application/json", ":message-type": "exception"}
    return frame(headers, json.dumps({"message": message}).encode())


def failure(code: str, message: str) -> bytes:
    """An error frame: no payload."""
    return frame({":error-code": code, ":error-message": message, ":message-type": "error"}, b"")


def edges(data: bytes) -> tuple[int, ...]:
    """Where the frames of a stream end."""
    found, place = [], 0
    while place < len(data):
        place += int.from_bytes(data[place : place + 4], "big")
        found.append(place)
    return tuple(found)


def decoded(data: bytes) -> Iterator[dict[str, Any]]:
    """The events of whole frames as {type: value}; what a model said comes out of its wrapping."""
    buffer: Any = EventStreamBuffer()  # its stubs give what it iterates over as numbers
    buffer.add_data(data)
    for message in buffer:
        kind, value = message.headers.get(":event-type", "exception"), json.loads(message.payload)
        yield json.loads(base64.b64decode(value["bytes"])) if kind == "chunk" else {kind: value}


def headers(recording: recorded.Recording) -> dict[str, str]:
    """A recorded answer's headers, with what its origin has struck out put back."""
    shown = {name: value for name, value in recording.headers.items() if "REDACTED" not in value}
    return {
        "content-type": CONTENT_TYPE,
        **{name: value for name, value in shown.items() if name != "transfer-encoding"},
    }


def _header(name: str, value: str) -> bytes:
    return struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", 7, len(value.encode())) + value.encode()
