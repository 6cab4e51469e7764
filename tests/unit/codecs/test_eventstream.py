import struct
from binascii import crc32
from typing import ClassVar

import pytest
from tests import frames, recorded
from tests.splits import every_split

from sluice.codecs import eventstream, sse

STREAM = frames.events(
    {"messageStart": {"role": "assistant"}},
    {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "Hé"}, "p": "abcd"}},
    {"messageStop": {"stopReason": "end_turn"}},
)


def names(found: list[eventstream.Frame]) -> list[str]:
    return [one.name for one in found]


@pytest.mark.skipif(not recorded.FOLDER.is_dir(), reason=recorded.REASON)
@pytest.mark.parametrize("name", recorded.names("cs_", "is_"))
def test_every_split_of_a_recording_gives_the_same_bytes_and_frames(name: str) -> None:
    body = recorded.load(name).body
    whole = eventstream.Decoder().feed(body)
    for first, second in every_split(body, frames.edges(body)):
        splitter, decoder = eventstream.Splitter(), eventstream.Decoder()
        assert splitter.feed(first) + splitter.feed(second) == body
        assert decoder.feed(first) + decoder.feed(second) == whole
        assert not splitter.has_tail


def test_a_block_ends_where_its_last_whole_frame_does() -> None:
    splitter = eventstream.Splitter()
    first = frames.edges(STREAM)[0]

    assert splitter.feed(STREAM[: first + 5]) == STREAM[:first]
    assert splitter.has_tail
    assert splitter.tail == STREAM[first : first + 5]


def test_what_a_frame_says() -> None:
    start, delta, stop = eventstream.raw_frames(STREAM)

    assert eventstream.read(start) == (
        sse.Event(b"messageStart", b'{"role": "assistant"}'),
        {"messageStart": {"role": "assistant"}},
    )
    assert eventstream.read(delta)[1] == {
        "contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "Hé"}, "p": "abcd"}
    }
    assert eventstream.read(stop)[1] == {"messageStop": {"stopReason": "end_turn"}}


def test_a_failure_is_told_by_name_and_message() -> None:
    raised = {"exception": "throttlingException", "message": "Too many"}
    error = {"exception": "InternalError", "message": "An internal error"}

    assert eventstream.read(frames.exception("throttlingException", "Too many"))[1] == raised
    assert eventstream.read(eventstream.exception("throttlingException", "Too many"))[1] == raised
    assert eventstream.read(frames.failure("InternalError", "An internal error"))[1] == error


@pytest.mark.parametrize("payload", [b"", b"[1]", b"nonsense", b'{"a":' + b"[" * 100_000])
def test_a_payload_that_is_no_object_says_nothing(payload: bytes) -> None:
    raw = frames.frame({":event-type": "messageStart", ":message-type": "event"}, payload)
    assert eventstream.read(raw) == (sse.Event(b"messageStart", payload), None)


@pytest.mark.parametrize("value", [{"bytes": 1}, {"bytes": "é"}, {"bytes": "AAAA"}, {}, {"bytes": None}])
def test_a_model_event_that_cannot_be_read_says_nothing(value: object) -> None:
    assert eventstream.read_model(frames.event("chunk", value))[1] is None


def test_what_a_model_said_comes_out_of_its_wrapping() -> None:
    assert eventstream.read_model(frames.chunk({"type": "message_stop"}))[1] == {"type": "message_stop"}


def test_every_flipped_bit_ends_the_reading_before_its_frame() -> None:
    sound = eventstream.Decoder().feed(STREAM)
    for place in range(len(STREAM) * 8):
        flipped = bytearray(STREAM)
        flipped[place // 8] ^= 1 << place % 8
        decoder = eventstream.Decoder()
        found = decoder.feed(bytes(flipped))
        hit = next(number for number, edge in enumerate(frames.edges(STREAM)) if place // 8 < edge)
        assert found == sound[:hit]
        assert decoder.damage or decoder.has_tail


def test_nothing_is_read_behind_a_damaged_frame() -> None:
    damaged = bytearray(STREAM)
    damaged[-1] ^= 1
    decoder = eventstream.Decoder()

    assert names(decoder.feed(bytes(damaged))) == ["messageStart", "contentBlockDelta"]
    assert decoder.feed(STREAM) == []


def test_a_frame_that_says_it_has_no_length_is_damage_and_no_endless_loop() -> None:
    prelude = struct.pack(">II", 0, 0)
    decoder = eventstream.Decoder()

    assert decoder.feed(prelude + struct.pack(">I", crc32(prelude)) + bytes(64)) == []
    assert decoder.damage


def test_a_frame_larger_than_the_cap_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventstream, "MAX_FRAME_BYTES", 100)
    splitter = eventstream.Splitter()
    with pytest.raises(sse.EventTooLarge, match="larger than 100 bytes"):
        splitter.feed(frames.event("contentBlockDelta", {"text": "x" * 200})[:150])


class Fed(eventstream.Buffer):
    """The buffer, and how much it was fed at a time."""

    sizes: ClassVar[list[int]] = []

    def add_data(self, data: bytes) -> None:
        self.sizes.append(len(data))
        super().add_data(data)


def test_the_decoder_is_fed_at_most_16_kb_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventstream, "Buffer", Fed)
    many = STREAM * 1000

    assert len(eventstream.Decoder().feed(many)) == 3000
    assert max(Fed.sizes) == 16 * 1024
    assert sum(Fed.sizes) == len(many)
