"""Bedrock's streams that go wrong, over a socket, on every surface that they reach callers by.

The caller gets what came before, then exactly one error in the surface's own shape and no end; the ledger says which.
Every byte at which a stream may be cut and every bit of it that may flip is in unit/test_bedrock_streams.py.
"""

import struct
from binascii import crc32
from contextlib import suppress

import pytest
from tests import frames
from tests.e2e.unread import wait_until_read
from tests.fakes.gateway import Gateway
from tests.fakes.raw_provider import Peer
from tests.faults.bedrock_surfaces import (
    BEGUN,
    HEAD,
    SURFACES,
    Ended,
    Surface,
    asked,
    begun,
    code_of_frames,
    ended,
    played,
    rest,
)

from sluice.domain.record import Outcome
from sluice.domain.timeouts import Timeouts
from sluice.translation.bedrock_errors import EXCEPTION_STATUSES

surfaces = pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)


def assert_honest(one: Ended, surface: Surface, code: str) -> None:
    assert one.status == 200
    assert one.record.error_code == code
    assert one.record.outcome is Outcome.INCOMPLETE
    assert getattr(one.raised, "code", None) == code
    assert surface.code(one.body) == code


@surfaces
def test_a_stream_that_is_sound_ends_as_its_surface_ends(surface: Surface) -> None:
    """What all tests below spoil."""

    def sound(peer: Peer, made: Gateway) -> None:
        begun(peer, surface)
        for one in rest(surface):
            peer.chunk(one)
        peer.end()

    with played(sound) as made:
        one = ended(made, surface)

    assert (one.status, one.raised) == (200, None)
    assert (one.record.outcome, one.record.usage.prompt, one.record.usage.output) == (Outcome.COMPLETE, 11, 5)
    with pytest.raises((AssertionError, KeyError, ValueError)):
        surface.code(one.body)


@surfaces
@pytest.mark.fault("S03")
def test_a_reset_is_one_error(surface: Surface) -> None:
    def resets(peer: Peer, made: Gateway) -> None:
        begun(peer, surface)
        wait_until_read(peer.sock)
        peer.reset()

    with played(resets) as made:
        assert_honest(ended(made, surface), surface, "upstream_stream_truncated")


@surfaces
@pytest.mark.fault("S04")
@pytest.mark.fault("B04")
@pytest.mark.parametrize("more", [0, 1, 12, 30])
def test_a_clean_close_before_the_end_is_one_error(surface: Surface, more: int) -> None:
    """At a frame's end, within its lengths, within its checksum, within its payload."""

    def closes(peer: Peer, made: Gateway) -> None:
        begun(peer, surface)
        if more:
            peer.chunk(rest(surface)[0][:more])
        peer.end()

    with played(closes) as made:
        assert_honest(ended(made, surface), surface, "upstream_stream_truncated")


@surfaces
@pytest.mark.fault("S06")
def test_a_chunk_that_is_cut_is_one_error(surface: Surface) -> None:
    def cuts(peer: Peer, made: Gateway) -> None:
        begun(peer, surface)
        peer.send(b"ff\r\n" + rest(surface)[0][:9])

    with played(cuts) as made:
        assert_honest(ended(made, surface), surface, "upstream_stream_truncated")


@surfaces
@pytest.mark.fault("S02")
def test_silence_is_one_error_once_it_has_lasted(surface: Surface) -> None:
    def falls_silent(peer: Peer, made: Gateway) -> None:
        begun(peer, surface)
        wait_until_read(peer.sock)
        peer.sock.settimeout(1)
        for _ in range(3):  # what it read last may be noted only after the clock has moved
            made.hand.advance(waits.idle_timeout_seconds)
            with suppress(TimeoutError):
                peer.sock.recv(1)  # until the gateway hangs up
                return

    waits = Timeouts()
    with played(falls_silent) as made:
        assert_honest(ended(made, surface, 900_000), surface, "upstream_timeout")


@surfaces
@pytest.mark.fault("L02")
def test_the_end_of_the_invocations_time_is_one_error(surface: Surface) -> None:
    def is_slow(peer: Peer, made: Gateway) -> None:
        begun(peer, surface)
        wait_until_read(peer.sock)
        made.hand.advance(9)
        with suppress(TimeoutError):
            peer.sock.recv(1)

    with played(is_slow) as made:
        assert_honest(ended(made, surface, 10_000), surface, "deadline")


@surfaces
@pytest.mark.fault("B03")
@pytest.mark.parametrize("place", [0, 5, 9, 14, -1, -6])
def test_a_damaged_frame_is_one_error_and_never_arrives(surface: Surface, place: int) -> None:
    """In its lengths, their checksum, a header, the checksum of all, the payload."""
    damaged = bytearray(rest(surface)[0])
    damaged[place] ^= 1

    def damages(peer: Peer, made: Gateway) -> None:
        begun(peer, surface)
        peer.chunk(bytes(damaged))
        for one in rest(surface)[1:]:
            peer.chunk(one)
        peer.end()

    with played(damages) as made:
        one = ended(made, surface)

    assert one.record.error_code in ("upstream_protocol", "upstream_stream_truncated")
    assert_honest(one, surface, one.record.error_code)
    assert bytes(damaged) not in one.body


@surfaces
@pytest.mark.fault("B04")
def test_a_frame_that_claims_to_be_giant_is_one_error(surface: Surface) -> None:
    """24 MB and one byte: more than any frame may have, with a checksum that holds."""
    lengths = struct.pack(">II", 24 * 1024 * 1024 + 1, 0)

    def lies(peer: Peer, made: Gateway) -> None:
        begun(peer, surface)
        peer.chunk(lengths + struct.pack(">I", crc32(lengths)) + b"x" * 4096)
        peer.end()

    with played(lies) as made:
        one = ended(made, surface)

    assert_honest(one, surface, one.record.error_code or "")
    assert len(one.body) < 64 * 1024


EXCEPTIONS = {
    "internalServerException": (500, "internal_error"),
    "modelStreamErrorException": (502, "model_error"),
    "modelTimeoutException": (504, "model_timeout"),
    "serviceUnavailableException": (503, "service_unavailable"),
    "throttlingException": (429, "rate_limit_exceeded"),
    "validationException": (400, "upstream_reported"),
}


@surfaces
@pytest.mark.fault("B01")
@pytest.mark.parametrize("name", EXCEPTIONS)
def test_an_exception_inside_a_stream_is_one_error(surface: Surface, name: str) -> None:
    raised = frames.exception(name, "it broke")

    def raises(peer: Peer, made: Gateway) -> None:
        begun(peer, surface)
        peer.chunk(raised + b"".join(rest(surface)))
        peer.end()

    with played(raises) as made:
        one = ended(made, surface)

    code = EXCEPTIONS[name][1]
    assert (one.status, one.record.error_code, one.record.outcome) == (200, code, Outcome.INCOMPLETE)
    if surface.code is code_of_frames:
        assert one.body == b"".join(surface.frames[: BEGUN[surface.frames]]) + raised
    else:
        assert surface.code(one.body) == code
        assert b"it broke" in one.body


@surfaces
@pytest.mark.fault("B02")
@pytest.mark.parametrize("name", EXCEPTIONS)
def test_an_exception_before_anything_else_has_a_status(surface: Surface, name: str) -> None:
    def raises(peer: Peer, made: Gateway) -> None:
        peer.request()
        peer.send(HEAD)
        peer.chunk(frames.exception(name, "it broke") + b"".join(surface.frames))
        peer.end()

    with played(raises) as made:
        one = ended(made, surface)

    status, code = EXCEPTIONS[name]
    status = EXCEPTION_STATUSES[name] if surface.code is code_of_frames else status
    assert (one.status, one.record.http_status, one.record.error_code) == (status, status, code)
    assert one.record.outcome is Outcome.FAILED
    assert b"it broke" in one.body


@surfaces
@pytest.mark.fault("B05")
def test_what_nobody_knows_is_skipped(surface: Surface) -> None:
    odd = (
        frames.event("newEvent", {"a": 1}),
        frames.event("chunk", {"bytes": "%%%"}),
        frames.event("chunk", {}),
        frames.event("chunk", {"bytes": 5}),
        frames.frame({":event-type": "contentBlockDelta", ":message-type": "event"}, b""),
        frames.frame({":event-type": "messageStop", ":message-type": "event"}, b"[5]"),
        frames.frame({":message-type": "event"}, b"{}"),
        frames.frame({}, b""),
    )

    def mixes(peer: Peer, made: Gateway) -> None:
        begun(peer, surface)
        for one in (*odd, *rest(surface)):
            peer.chunk(one)
        peer.end()

    with played(mixes) as made:
        one = ended(made, surface)

    assert (one.raised, one.record.outcome, one.record.usage.output) == (None, Outcome.COMPLETE, 5)
    assert b"newEvent" not in one.body or surface.code is code_of_frames


@surfaces
@pytest.mark.fault("U13")
def test_an_answer_that_is_no_event_stream_is_refused(surface: Surface) -> None:
    def answers(peer: Peer, made: Gateway) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")

    with played(answers) as made:
        one = ended(made, surface)

    assert (one.status, one.record.error_code, one.record.outcome) == (502, "upstream_protocol", Outcome.FAILED)


@surfaces
@pytest.mark.fault("L01")
def test_a_caller_who_left_is_booked_as_bedrock_counted(surface: Surface) -> None:
    """What is generated anyhow is read to its end."""

    def goes_on(peer: Peer, made: Gateway) -> None:
        begun(peer, surface)
        wait_until_read(peer.sock)
        for one in rest(surface):
            peer.chunk(one)
        peer.end()

    with played(goes_on) as made:
        body = asked(made, surface)["body"]
        assert next(iter(body))
        body.close()

    (record,) = made.ledger.settled
    assert (record.outcome, record.usage_source) == (Outcome.INCOMPLETE, "provider")
    assert (record.usage.prompt, record.usage.output) == (11, 5)
