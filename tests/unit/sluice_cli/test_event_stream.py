import pytest
from tests.splits import every_split

from sluice_cli.event_stream import MAX_HELD_BYTES, Event, EventReader, EventTooLarge

STREAM = (
    "\ufeffdata: one\n\n"
    ": keep-alive\n\n"
    "data:two\r\ndata: lines\r\n\r\n"
    "event: error\rdata: old\rid: 7\rretry: 10\r\r"
    "data: U+2028 \u2028 U+0085 \x85 \x0b\x0c end\n\n"
    "data\n\n"
    "event: nothing\n\n"
    "unknown: field\ndata:  two spaces\n\n"
    "data: é水🌊\n\n"
    "data: cut off"
).encode()
EVENTS = [
    Event("message", "one"),
    Event("message", "two\nlines"),
    Event("error", "old"),
    Event("message", "U+2028 \u2028 U+0085 \x85 \x0b\x0c end"),
    Event("message", ""),
    Event("message", " two spaces"),
    Event("message", "é水🌊"),
]


def test_events_do_not_depend_on_where_the_network_cut_them() -> None:
    for first, second in every_split(STREAM):
        reader = EventReader()

        assert reader.feed(first) + reader.feed(second) == EVENTS


def test_events_come_byte_by_byte_too() -> None:
    reader = EventReader()

    assert [event for byte in STREAM for event in reader.feed(bytes([byte]))] == EVENTS


@pytest.mark.parametrize("end", [b"\n\n", b"\r\r", b"\r\n\r\n"])
def test_an_event_is_there_with_its_last_line_end(end: bytes) -> None:
    reader = EventReader()

    assert reader.feed(b"data: x" + end[:-1] if end != b"\r\n\r\n" else b"data: x\r\n") == []
    assert reader.feed(end[-1:] if end != b"\r\n\r\n" else b"\r") == [Event("message", "x")]


def test_a_line_feed_behind_a_carriage_return_is_no_further_line() -> None:
    reader = EventReader()

    reads = [reader.feed(read) for read in (b"data: x\r", b"\ndata: y\r", b"\n\r", b"", b"\ndata: z\n\n")]

    assert reads == [[], [], [Event("message", "x\ny")], [], [Event("message", "z")]]


def test_bytes_that_are_not_utf_8_do_not_end_it() -> None:
    assert EventReader().feed(b"data: \xff\n\n") == [Event("message", "\ufffd")]


@pytest.mark.parametrize("start", [b"data: ", b""])
def test_a_line_without_end_is_no_event_stream(start: bytes) -> None:
    reader = EventReader()

    with pytest.raises(EventTooLarge):
        reader.feed(start + b"x" * (MAX_HELD_BYTES + 1))


def test_an_event_of_lines_without_end_is_no_event_stream() -> None:
    reader = EventReader()
    lines = b"data: " + b"x" * (MAX_HELD_BYTES // 4) + b"\n"

    with pytest.raises(EventTooLarge):
        for _ in range(5):
            reader.feed(lines)
