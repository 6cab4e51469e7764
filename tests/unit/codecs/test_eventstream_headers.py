"""Headers of frames are read once and remembered: what comes out is what botocore reads."""

import binascii

from tests import frames

from sluice.codecs import eventstream

EVENT = {":event-type": "contentBlockDelta", ":content-type": "application/json", ":message-type": "event"}


def test_headers_that_repeat_are_read_once() -> None:
    eventstream.remembered.cache_clear()

    read = eventstream.Decoder().feed(frames.frame(EVENT, b"{}") * 3 + frames.event("metadata", {}))

    assert [frame.name for frame in read] == ["contentBlockDelta"] * 3 + ["metadata"]
    known = eventstream.remembered.cache_info()
    assert (known.misses, known.hits) == (2, 2)


def test_long_headers_are_read_and_not_remembered() -> None:
    eventstream.remembered.cache_clear()
    message = "m" * eventstream.REMEMBERED_BYTES

    (frame,) = eventstream.Decoder().feed(frames.failure("InternalServerError", message))

    assert eventstream.said(frame)[1] == {"exception": "InternalServerError", "message": message}
    assert eventstream.remembered.cache_info().currsize == 0


def test_headers_that_cannot_be_read_are_damage_each_time() -> None:
    twice = frames.frame({":event-type": "a"}, b"{}").replace(b"\x07", b"\x63")  # a type that nobody defined

    for _ in range(2):
        decoder = eventstream.Decoder()
        assert decoder.feed(_resealed(twice)) == []
        assert "KeyError" in str(decoder.damage)


def _resealed(frame: bytes) -> bytes:
    """The frame with a checksum that holds for what it says now."""
    return frame[:-4] + binascii.crc32(frame[:-4]).to_bytes(4, "big")
