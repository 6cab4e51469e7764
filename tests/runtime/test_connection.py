"""The connection of one stream, against a peer in this process that answers badly or not at all."""

import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from streaming_runtime.client import StreamingClient
from streaming_runtime.connection import Connection
from streaming_runtime.marshaller import StreamingMarshaller

Answering = Callable[[bytes], Connection]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        yield server


def address(listener: socket.socket) -> str:
    return f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def answering(listener: socket.socket) -> Iterator[Answering]:
    """A connection whose peer has sent the given bytes and closed."""
    opened = []

    def connect(data: bytes) -> Connection:
        connection = Connection()
        opened.append(connection)
        connection.open(address(listener), 5)
        peer, _ = listener.accept()
        with peer:
            peer.sendall(data)
        return connection

    yield connect
    for connection in opened:
        connection.close()


def test_small_chunks_are_not_held_back(listener: socket.socket) -> None:
    with closing(Connection()) as connection:
        connection.open(address(listener), 5)

        assert connection.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", b"202 Accepted\r\n"),
        (b"HTTP/1.1 410 Gone\r\n", b"410 Gone\r\n"),
    ],
)
def test_the_answer_begins_at_its_status(answering: Answering, data: bytes, status: bytes) -> None:
    assert answering(data).answer(5).startswith(status)


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 20", b"SSH-2.0-x\r\n", b"x" * 5000])
def test_what_is_no_answer_is_an_error_of_the_connection(answering: Answering, data: bytes) -> None:
    connection = answering(data)

    with pytest.raises(ConnectionError, match=r"closed without an answer|not an HTTP answer"):
        connection.answer(5)


@pytest.mark.fault("S19")
def test_a_handler_is_less_than_1_mb_ahead_of_a_reader_that_stopped(listener: socket.socket) -> None:
    taken = itertools.count()
    frames = (b"x" * 16_384 for _ in taken)
    with closing(Connection()) as connection:
        connection.open(address(listener), 0.2)

        with pytest.raises(ConnectionError, match="BlockingIOError"):
            connection.send(b"", frames)

    assert next(taken) * 16_384 < 1024 * 1024


@pytest.mark.fault("L10")
def test_a_silent_runtime_api_is_given_up_after_the_deadline(
    listener: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    client = StreamingClient(address(listener), clock=lambda: 1000.0)
    client.deadline, client.grace_seconds = 900.0, 0.1
    closed = threading.Event()

    def body() -> Iterator[bytes]:
        try:
            yield b"one"
        finally:
            closed.set()

    response, content_type = StreamingMarshaller().marshal_response({"statusCode": 200, "body": body()})
    client.post_invocation_result("request-1", response, content_type)

    assert closed.is_set()
    assert "timed out" in capsys.readouterr().err


@pytest.mark.fault("L10")
def test_a_runtime_api_that_refuses_connections_is_reported(
    listener: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = address(listener)
    listener.close()

    response, content_type = StreamingMarshaller().marshal_response({"statusCode": 200, "body": "text"})
    StreamingClient(gone).post_invocation_result("request-1", response, content_type)

    assert "ConnectionRefusedError" in capsys.readouterr().err


@pytest.mark.parametrize(("now", "patience"), [(990.0, 15.0), (1000.0, 5.0), (2000.0, 5.0)])
def test_the_runtime_api_has_until_the_deadline_and_a_little(now: float, patience: float) -> None:
    client = StreamingClient("127.0.0.1:9", clock=lambda: now)
    client.deadline = 1000.0

    assert client.patience == patience
