"""What the run of event streams asks, what it takes for a whole stream, and what it makes of its figures."""

import json
import socket
from collections.abc import Iterator

import pytest
from benchmarks import event_streams
from benchmarks.event_streams import WAYS, Measured
from benchmarks.stream_call import Asked, StreamBroken, first_byte_ms

ASKED = Asked(2)
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b"a\r\n t00000001\r\n"
END = b"0\r\n\r\n"


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_a_call_is_read_to_its_end_and_timed(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    theirs.sendall(HEAD + EVENT * 2 + END)

    milliseconds = first_byte_ms(ours, event_streams.RAW, ASKED)

    assert milliseconds > 0
    head, body = theirs.recv(65536).split(b"\r\n\r\n")
    assert head.startswith(f"POST /model/{event_streams.MODEL}/converse-stream HTTP/1.1\r\n".encode())
    assert f"Content-Length: {len(body)}".encode() in head


@pytest.mark.parametrize(
    "answer",
    [HEAD + EVENT + END, HEAD.replace(b"200", b"502") + EVENT * 2 + END, HEAD + EVENT * 2],
    ids=["an event short", "another status", "cut off"],
)
def test_an_answer_that_is_no_whole_stream_is_no_measurement(
    ends: tuple[socket.socket, socket.socket], answer: bytes
) -> None:
    ours, theirs = ends
    theirs.sendall(answer)
    theirs.shutdown(socket.SHUT_WR)

    with pytest.raises(StreamBroken, match="of 2 events"):
        first_byte_ms(ours, event_streams.RAW, ASKED)


def test_an_event_that_two_chunks_share_is_counted(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    theirs.sendall(HEAD + EVENT + b"3\r\n t0\r\n7\r\n0000001\r\n" + END)

    assert first_byte_ms(ours, event_streams.RAW, ASKED) > 0


def test_every_way_tells_the_mock_provider_what_to_send() -> None:
    bodies = [json.loads(way.path.request(ASKED).split(b"\r\n\r\n")[1]) for way in WAYS]

    assert [body for body in bodies if "bench:n=2,rate=0,ttft=0,burst=1," not in json.dumps(body)] == []


def test_the_direct_way_is_taken_off_and_the_pipe_is_the_measure() -> None:
    found = {way.title: [Measured(10.0 * place, 4.0 * place, 20.0 + place, 21.0)] for place, way in enumerate(WAYS)}

    rows = event_streams.table(found).splitlines()

    assert rows[0] == "|  | " + " | ".join(way.title for way in WAYS[1:]) + " |"
    assert rows[2:5] == [
        "| CPU, 500 events paced, ms | 10 | 20 | 30 | 40 |",
        "| times the Node pipe's | 1.00 | 2.00 | 3.00 | 4.00 |",
        "| CPU, 1,000 events at full speed, ms | 4 | 8 | 12 | 16 |",
    ]
    assert rows[-2:] == [
        "| added to first byte p50, ms | 1 | 2 | 3 | 4 |",
        "| added to first byte p95, ms | 0 | 0 | 0 | 0 |",
    ]
