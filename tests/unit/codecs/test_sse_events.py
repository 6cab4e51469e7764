"""Server-sent events that carry JSON: read at every cut, written so that they are read back the same."""

import json
from typing import Any

import pytest
from tests.splits import every_split

from sluice.codecs import sse_events
from sluice.codecs.sse import EventTooLarge
from sluice.codecs.sse_events import SSE, Events

ODD: list[dict[str, Any]] = [
    {},
    {"type": "a", "text": "line\nline\r\rline\u2028\u2029\x85 日本 😀"},
    {"type": "message_stop", "data": "data: x\n\nevent: error"},
    {"type": "b", "n": [1.5, None, True, {"x": "\x00\x7f"}]},
]


def read(*pieces: bytes) -> list[dict[str, Any] | None]:
    events = Events()
    found = [chunk for piece in pieces for _, chunk in events.feed(piece)]
    found += [chunk for _, chunk in events.close()]
    assert events.damage is None
    return [None if one is None else dict(one) for one in found]


def test_what_is_written_is_read_back_at_every_cut() -> None:
    stream = b"".join(map(sse_events.data, ODD))

    assert all(read(*cut) == ODD for cut in every_split(stream))


def test_a_named_event_bears_its_type() -> None:
    raw = sse_events.typed(ODD[1])
    event, chunk = sse_events.read(raw)

    assert (event.name, chunk) == (b"a", ODD[1])
    assert raw.count(b"\n") == 3


@pytest.mark.parametrize("data", [b"[DONE]", b"", b"5", b"[]", b"{", b"\xff", b'"a"', b"[" * 100_000, b"NaN"])
def test_what_is_no_object_carries_nothing(data: bytes) -> None:
    assert read(b"data: " + data + b"\n\n") in ([None], [])


def test_comments_and_other_line_ends_are_read() -> None:
    stream = b": ping\n\n" + b'event: a\r\ndata: {"a":\r\ndata: 1}\r\n\r\n' + b'data:{"b":2}\r\r'

    assert [one for one in read(stream) if one is not None] == [{"a": 1}, {"b": 2}]


def test_an_event_that_began_and_did_not_end_is_told() -> None:
    events = Events()

    assert list(events.feed(b'data: {"a":1}\n')) == []
    assert events.has_tail


def test_an_event_has_a_limit() -> None:
    events = Events()

    with pytest.raises(EventTooLarge):
        for _ in range(20):
            list(events.feed(b"x" * 1024 * 1024))


def test_a_lone_surrogate_becomes_a_question_mark() -> None:
    assert json.loads(sse_events.data({"a": "\ud800"})[6:]) == {"a": "?"}


def test_a_heartbeat_says_nothing() -> None:
    assert [one for one in read(SSE.heartbeat) if one is not None] == []
