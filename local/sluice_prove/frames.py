"""Amazon's event streams, encoded: lengths, headers, payload, and a CRC-32 of the prelude and of the whole.

https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html#streaming-event-stream
"""

import json
import struct
from binascii import crc32
from collections.abc import Mapping

CONTENT_TYPE = "application/vnd.amazon.eventstream"
STRING = 7
LENGTHS, CHECKSUM = ">II", ">I"
OUTSIDE = 16  # lengths, and both checksums


def event(name: str, value: object) -> bytes:
    return _frame({":event-type": name, ":content-type": "application/json", ":message-type": "event"}, value)


def exception(name: str, message: str) -> bytes:
    named = {":exception-type": name, ":content-type": "application/json", ":message-type": "exception"}
    return _frame(named, {"message": message})


def with_length(frame: bytes, length: int) -> bytes:
    """The frame whose prelude names that length, with a checksum that holds."""
    prelude = struct.pack(">I", length) + frame[4:8]
    return prelude + struct.pack(CHECKSUM, crc32(prelude)) + frame[12:]


def flipped(frame: bytes, place: int) -> bytes:
    """The frame with one bit of that byte the other way."""
    return frame[:place] + bytes([frame[place] ^ 1]) + frame[place + 1 :]


def _frame(named: Mapping[str, str], value: object) -> bytes:
    payload = json.dumps(value, ensure_ascii=False).encode()
    headers = b"".join(_header(name, text.encode()) for name, text in named.items())
    prelude = struct.pack(LENGTHS, OUTSIDE + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(CHECKSUM, crc32(prelude)) + headers + payload
    return message + struct.pack(CHECKSUM, crc32(message))


def _header(name: str, value: bytes) -> bytes:
    return struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", STRING, len(value)) + value
