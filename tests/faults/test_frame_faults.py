"""Frames of Bedrock's that a decoder has to refuse, botocore's seven cases: whatever is wrong is one error (B03, B04)."""

import struct
from binascii import crc32

import pytest
from tests import frames
from tests.unit.test_bedrock_streams import STREAM, THREE, chat, chunks, gateway, is_honest_chat, is_honest_raw, raw

from sluice.domain.record import Outcome

BEGUN = frames.events(*THREE[:2])
PAYLOAD = b'{"contentBlockIndex":0,"delta":{"text":"damaged"}}'


def header(name: str, value: str) -> bytes:
    return struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", 7, len(value)) + value.encode()


HEADERS = b"".join(
    (
        header(":event-type", "contentBlockDelta"),
        header(":content-type", "application/json"),
        header(":message-type", "event"),
    )
)


def sealed(headers: bytes, payload: bytes, total: int | None = None, headers_length: int | None = None) -> bytes:
    """A frame whose checksums hold, whatever its lengths say."""
    whole = 16 + len(headers) + len(payload) if total is None else total
    lengths = struct.pack(">II", whole, len(headers) if headers_length is None else headers_length)
    body = lengths + struct.pack(">I", crc32(lengths)) + headers + payload
    return body + struct.pack(">I", crc32(body))


def flipped(frame: bytes, place: int) -> bytes:
    return frame[:place] + bytes([frame[place] ^ 1]) + frame[place + 1 :]


SOUND = sealed(HEADERS, PAYLOAD)
REFUSED = {
    "a length that does not add up": flipped(SOUND, 2),
    "a payload that does not add up": flipped(SOUND, len(SOUND) - 8),
    "headers that do not add up": flipped(SOUND, 20),
    "a length of headers that does not add up": flipped(SOUND, 6),
    "the same header twice": sealed(HEADERS + header(":message-type", "event"), PAYLOAD),
    "headers longer than their frame": sealed(HEADERS, PAYLOAD, headers_length=len(SOUND)),
    "headers longer than any may be": sealed(HEADERS, PAYLOAD, headers_length=131_073),
    "a payload longer than any may be": sealed(HEADERS, PAYLOAD, total=24 * 1024 * 1024 + 17 + len(HEADERS)),
    "a frame shorter than any may be": sealed(b"", b"", total=15),
}


@pytest.mark.fault("B03")
@pytest.mark.fault("B04")
def test_a_frame_of_this_kind_that_is_sound_is_passed() -> None:
    """What the test below spoils."""
    stream = BEGUN + SOUND + frames.events(THREE[2])

    status, body, record = raw(gateway(stream))

    assert (status, body, record.outcome) == (200, stream, Outcome.COMPLETE)


@pytest.mark.fault("B03")
@pytest.mark.fault("B04")
@pytest.mark.parametrize("frame", REFUSED.values(), ids=REFUSED)
def test_a_frame_that_must_be_refused_is_one_error_and_never_arrives(frame: bytes) -> None:
    stream = BEGUN + frame + frames.events(THREE[2])

    own, chatted = raw(gateway(stream)), chat(gateway(stream))

    assert is_honest_raw(own[0], own[1], STREAM)
    assert is_honest_chat(chatted[0], chatted[1])
    assert [record.outcome for _, _, record in (own, chatted)] == [Outcome.INCOMPLETE] * 2
    assert frame not in own[1]
    assert "damaged" not in str([*chunks(chatted[1])][:-1])
