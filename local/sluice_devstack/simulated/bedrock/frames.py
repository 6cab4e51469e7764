"""AWS event stream messages, encoded: lengths, headers, payload, and a CRC-32 of the prelude and of the whole.

https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html#streaming-event-stream
"""

import json
import string
import struct
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any
from zlib import crc32

STRING = 7
PADDING = string.ascii_lowercase + string.ascii_uppercase + string.digits
CONTENT_TYPE = "application/vnd.amazon.eventstream"
CHUNK = "chunk"


@dataclass(frozen=True, slots=True)
class Message:
    """One message before it is bytes, and how many tokens' time the model takes before it.

    `named` holds its headers; the document of a `chunk` travels as base64 inside `bytes`."""

    named: Mapping[str, str]
    document: Mapping[str, Any] | None
    tokens: float = 0.0

    @property
    def name(self) -> str:
        return self.named.get(":event-type", "")

    def encoded(self, random: Random) -> bytes:
        return frame(self.named, self._payload(random))

    def _payload(self, random: Random) -> bytes:
        if self.document is None:
            return b""
        if self.named[":message-type"] != "event":
            return compact(self.document)
        padding = {"p": PADDING[: random.randint(1, len(PADDING))]}
        if self.name == CHUNK:
            return compact({"bytes": b64encode(compact(self.document)).decode("ascii"), **padding})
        return compact(dict(sorted({**self.document, **padding}.items())))


def event(name: str, document: Mapping[str, Any], tokens: float = 0.0) -> Message:
    named = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    return Message(named, document, tokens)


def chunk(document: Mapping[str, Any], tokens: float = 0.0) -> Message:
    return event(CHUNK, document, tokens)


def exception(name: str, document: Mapping[str, Any]) -> Message:
    """What the operation's model declares; the name as it is on the wire, as `throttlingException`."""
    named = {":exception-type": name, ":content-type": "application/json", ":message-type": "exception"}
    return Message(named, document)


def error(code: str, message: str) -> Message:
    """A failure that no operation declares: it has headers and no payload."""
    return Message({":message-type": "error", ":error-code": code, ":error-message": message}, None)


def frame(named: Mapping[str, str], payload: bytes) -> bytes:
    headers = b"".join(_header(name, value) for name, value in named.items())
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", crc32(prelude)) + headers + payload
    return message + struct.pack(">I", crc32(message))


def compact(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return struct.pack(">B", len(key)) + key + struct.pack(">BH", STRING, len(text)) + text
