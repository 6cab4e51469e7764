"""A stream in other words: what is sent, what is held back, and why it ended."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from tests import frames
from tests.splits import every_split

from sluice.codecs.dialects import dialect
from sluice.domain.errors import UpstreamError, UpstreamProtocol, UpstreamReported, UpstreamTruncated
from sluice.metering import Meter
from sluice.passage import WITHHELD
from sluice.providers.anthropic import failure as anthropic_failure
from sluice.providers.bedrock_refusal import failure
from sluice.translated import Translated
from sluice.translation.translation import Chain, Event

KEY = "sk-fake-provider-key"


class Echo:
    """Hands events on as they are; `fails` on one of that type, is over after one of type "last"."""

    def __init__(self, fails: str = "") -> None:
        self.fails = fails
        self.is_over = False

    def add(self, event: Event) -> Iterable[dict[str, Any]]:
        if self.fails and self.fails in event:
            raise UpstreamReported("the model broke off")
        self.is_over = "last" in event
        yield dict(event)

    def end(self) -> Iterable[dict[str, Any]]:
        if not self.is_over:
            raise UpstreamTruncated("upstream stream ended before completion")
        return ()


def way(translator: Any = None, key: str = "") -> Translated:
    meter = Meter(lambda: 0, lambda: 0.0, 1, dialect("converse"))
    return Translated(meter, dialect("converse"), dialect("chat"), translator or Echo(), failure, key)


def said(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(one[6:]) for one in data.decode().split("\n\n") if one.startswith("data: {")]


A, B, LAST = (frames.event(name, {"n": 1}) for name in ("a", "b", "last"))
WHOLE = A + B + LAST


def test_every_cut_says_the_same_and_ends_once() -> None:
    for cut in every_split(WHOLE):
        one = way()
        sent = b"".join(map(one.feed, cut))
        assert said(sent) == [{"a": {"n": 1}}, {"b": {"n": 1}}, {"last": {"n": 1}}]
        assert sent.endswith(b"data: [DONE]\n\n")
        assert sent.count(b"[DONE]") == 1
        assert (one.is_over, one.broken, one.reported) == (True, None, None)


def test_an_event_leaves_as_soon_as_it_came() -> None:
    one = way()

    assert said(one.feed(A + B[:-1])) == [{"a": {"n": 1}}]
    assert one.has_valid_event
    assert said(one.feed(B[-1:])) == [{"b": {"n": 1}}]


def test_a_translator_that_ends_with_the_stream_gets_its_terminal_then() -> None:
    class Late(Echo):
        is_over = False

        def add(self, event: Event) -> Iterable[dict[str, Any]]:
            yield dict(event)

        def end(self) -> Iterable[dict[str, Any]]:
            return ({"end": 1},)

    one = way(Late.__new__(Late))

    sent = one.feed(A) + one.close()
    assert said(sent) == [{"a": {"n": 1}}, {"end": 1}]
    assert sent.endswith(b"data: [DONE]\n\n")


def test_a_stream_that_ends_too_soon_is_broken_and_has_no_end() -> None:
    one = way()

    sent = one.feed(A + B) + one.close()

    assert b"[DONE]" not in sent
    assert isinstance(one.broken, UpstreamTruncated)


def test_what_came_before_a_failure_is_sent_and_nothing_after() -> None:
    for cut in every_split(A + B + LAST):
        one = way(Echo(fails="b"))
        sent = b"".join(one.feed(piece) for piece in cut if not one.broken)
        assert said(sent) == [{"a": {"n": 1}}]
        assert isinstance(one.broken, UpstreamReported)
        assert b"[DONE]" not in sent


def test_damage_behind_good_events_is_told_with_them() -> None:
    damaged = B[:-1] + bytes([B[-1] ^ 1])
    one = way()

    assert said(one.feed(A + damaged + LAST)) == [{"a": {"n": 1}}]
    assert isinstance(one.broken, UpstreamProtocol)
    assert one.close() == b""


def test_an_exception_is_broken_by_its_own_name() -> None:
    one = way()

    sent = one.feed(A + frames.exception("throttlingException", "Too many") + LAST)

    assert said(sent) == [{"a": {"n": 1}}]
    assert one.broken
    assert (one.broken.status, one.broken.code, one.broken.message) == (429, "rate_limit_exceeded", "Too many")
    assert one.failure is one.broken


@pytest.mark.fault("P02")
def test_an_exception_that_repeats_the_key_says_nothing() -> None:
    one = way(key=KEY)

    one.feed(frames.exception("validationException", f"key {KEY} is wrong"))

    assert one.broken
    assert one.broken.message == str(one.broken) == WITHHELD


def test_a_frame_without_an_object_says_nothing() -> None:
    empty = frames.frame({":event-type": "a", ":message-type": "event"}, b"[1]")

    assert way().feed(empty) == b""


def test_an_event_has_a_limit() -> None:
    one = way()
    giant = frames.event("a", {"text": "x" * (17 * 1024 * 1024)})

    assert one.feed(giant) == b""
    assert isinstance(one.broken, UpstreamProtocol)


def test_two_translations_stand_one_behind_the_other() -> None:
    class Double(Echo):
        def add(self, event: Event) -> Iterable[dict[str, Any]]:
            for one in (event, event):
                yield from super().add(one)

    chain = Chain(Double(), Double())

    assert len(list(chain.add({"a": 1}))) == 4
    assert not chain.is_over
    assert len(list(chain.add({"last": 1}))) == 4
    assert chain.is_over
    assert list(chain.end()) == []


@pytest.mark.parametrize("found", [None, 5, "text", [], {}, {"type": 5, "message": ["x"]}])
def test_an_error_event_of_any_shape_becomes_an_error(found: Any) -> None:
    chunk: Mapping[str, Any] = {"type": "error", "error": found}

    error: UpstreamError = anthropic_failure(chunk)

    assert error.status == 502
    assert error.message
