import pytest
from tests.splits import every_split

from sluice.codecs import sse

WHOLE = b'data: {"a":1}\n\n'


def fed(splitter: sse.Splitter, *pieces: bytes) -> bytes:
    return b"".join(splitter.feed(piece) for piece in pieces)


def test_a_read_of_whole_events_is_handed_on_as_the_same_object() -> None:
    splitter = sse.Splitter()

    assert splitter.feed(WHOLE) is WHOLE


@pytest.mark.fault("S11")
@pytest.mark.parametrize(
    "stream",
    [
        b"data: a\n\ndata: b\n\n",
        b"data: a\r\n\r\ndata: b\r\n\r\n",
        b"data: a\r\rdata: b\r\r",
        b"data: a\r\n\ndata: b\n\r\n",
        b": hi\n\ndata\n\nevent: x\ndata: y\ndata: z\n\n",
        b"\xef\xbb\xbfdata: bom\n\n",
        "data: \u2028 \u0085 日本語 😀\n\n".encode(),
    ],
)
def test_every_split_of_a_stream_gives_the_same_bytes(stream: bytes) -> None:
    for first, second in every_split(stream):
        splitter = sse.Splitter()

        out = fed(splitter, first, second) + splitter.close()

        assert out == stream
        assert not splitter.has_tail


@pytest.mark.fault("S08")
def test_three_pieces_at_every_pair_of_places_give_the_same_events() -> None:
    stream = b"event: e\r\ndata: 1\r\n\r\n: c\r\n\r\ndata: 2\r\n\r\n"
    for first, rest in every_split(stream):
        for second, third in every_split(rest):
            splitter = sse.Splitter()

            blocks = [block for piece in (first, second, third) if (block := splitter.feed(piece))]

            assert [sse.event(raw) for block in blocks for raw in sse.raw_events(block)] == [
                sse.Event(b"e", b"1"),
                sse.Event(b"", b""),
                sse.Event(b"", b"2"),
            ]


def test_only_whole_events_leave_before_the_rest_of_an_event_came() -> None:
    splitter = sse.Splitter()

    assert splitter.feed(WHOLE + b"data: {") == WHOLE
    assert splitter.has_tail
    assert splitter.feed(b"}\n\n") == b"data: {}\n\n"


def test_an_event_that_the_end_cuts_off_is_dropped_and_told() -> None:
    splitter = sse.Splitter()
    splitter.feed(b"data: cut")

    assert splitter.close() == b""
    assert splitter.has_tail


@pytest.mark.fault("S15")
def test_an_event_larger_than_the_cap_is_refused() -> None:
    splitter = sse.Splitter(max_bytes=100)

    with pytest.raises(sse.EventTooLarge, match="100"):
        fed(splitter, b"data: " + b"x" * 90, b"y" * 10)


@pytest.mark.fault("S14")
@pytest.mark.parametrize(
    ("raw", "event"),
    [
        (b"data: a\n\n", sse.Event(b"", b"a")),
        (b"data:a\n\n", sse.Event(b"", b"a")),
        (b"data:  a\n\n", sse.Event(b"", b" a")),
        (b"data\n\n", sse.Event(b"", b"")),
        (b"data: a\ndata\ndata: b\n\n", sse.Event(b"", b"a\n\nb")),
        (b"event: error\nid: 1\x00\nretry: x\nunknown: y\ndata: a\n\n", sse.Event(b"error", b"a")),
        (b": comment\r\ndata: a\r\n\r\n", sse.Event(b"", b"a")),
        (b"\xef\xbb\xbfdata: a\n\n", sse.Event(b"", b"a")),
        (b" data: not a field\n\n", sse.Event(b"", b"")),
    ],
)
def test_an_event_is_read_as_the_standard_says(raw: bytes, event: sse.Event) -> None:
    assert sse.event(raw) == event


def test_the_raw_events_of_a_block_add_up_to_it() -> None:
    block = b"data: 1\n\n\ndata: 2\r\n\r\n: x\r\rdata: 3\n\n"

    assert b"".join(sse.raw_events(block)) == block
