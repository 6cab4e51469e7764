"""The provider transport over real sockets."""

import contextlib
import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from tests.fakes.raw_provider import Peer, raw_provider

from sluice.domain.errors import (
    DeadlineReached,
    UpstreamLost,
    UpstreamProtocol,
    UpstreamTimeout,
    UpstreamTls,
    UpstreamTruncated,
    UpstreamUnreachable,
)
from sluice.domain.timeouts import Timeouts
from sluice.providers.transport import Transport
from sluice.providers.upstream import Upstream
from sluice.providers.watch import Watch

TICK = 0.02


Open = Callable[..., Upstream]


@pytest.fixture
def opened() -> Iterator[Open]:
    """Opens answers, and closes what a test left open."""
    answers: list[Upstream] = []
    with httpx.Client(
        transport=Transport(time.time, ssl.create_default_context(), tick_seconds=TICK), trust_env=False
    ) as client:

        def open_one(url: str, watching: Watch | None = None, body: bytes = b"{}") -> Upstream:
            headers, extensions = {"accept-encoding": "identity"}, {"watch": watching or watch()}
            request = client.build_request("POST", url + "/x", content=body, headers=headers, extensions=extensions)
            answers.append(Upstream(client.send(request, stream=True)))
            return answers[-1]

        yield open_one
        for upstream in answers:
            upstream.close()


def watch(deadline: float = 60.0, **timeouts: float) -> Watch:
    return Watch(Timeouts(**timeouts), time.monotonic() + deadline + 2.0, time.monotonic)


def answer(peer: Peer) -> None:
    peer.request()
    peer.head()
    peer.chunk(b"one")
    peer.end()


def kept(peer: Peer) -> None:
    answer(peer)
    answer(peer)


def test_a_piece_arrives_before_the_next_is_sent(opened: Open) -> None:
    taken = threading.Semaphore(0)

    def lock_step(peer: Peer) -> None:
        peer.request()
        peer.head()
        for number in range(50):
            peer.chunk(b"%d" % number)
            assert taken.acquire(timeout=5)
        peer.end()

    with raw_provider(lock_step) as provider:
        upstream = opened(provider.url)
        pieces = []
        for piece in upstream.pieces:
            if piece:
                pieces.append(piece)
                taken.release()

    assert pieces == [b"%d" % number for number in range(50)]


def test_everything_one_read_brought_is_one_piece(opened: Open) -> None:
    def burst(peer: Peer) -> None:
        peer.request()
        peer.send(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n"
        )

    with raw_provider(burst) as provider:
        pieces = list(opened(provider.url).pieces)

    assert pieces == [b"onetwothree"]


def test_silence_is_empty_pieces_and_loses_nothing(opened: Open) -> None:
    go_on = threading.Event()

    def slow(peer: Peer) -> None:
        peer.request()
        peer.head()
        for byte in b"5\r\nhello\r\n0\r\n\r\n":
            assert go_on.wait(5)
            go_on.clear()
            peer.send(bytes([byte]))

    with raw_provider(slow) as provider:
        pieces = []
        for piece in opened(provider.url).pieces:
            pieces.append(piece)
            if not piece:
                go_on.set()

    assert b"".join(pieces) == b"hello"
    assert pieces.count(b"") >= 5


def test_a_connection_is_kept_for_the_next_call(opened: Open) -> None:
    with raw_provider(kept) as provider:
        for _ in range(2):
            upstream = opened(provider.url)
            assert b"".join(upstream.pieces) == b"one"
            upstream.close()

        assert provider.connections == 1


def test_a_stream_left_at_its_last_event_keeps_its_connection(opened: Open) -> None:
    seen = threading.Event()

    def late_end(peer: Peer) -> None:
        peer.request()
        peer.head()
        peer.chunk(b"data: [DONE]\n\n")
        assert seen.wait(5)
        peer.end()
        answer(peer)

    with raw_provider(late_end) as provider:
        upstream = opened(provider.url)
        next(upstream.pieces)
        upstream.over()
        upstream.close()
        seen.set()
        time.sleep(0.05)  # lets the end arrive: nothing announces it

        assert b"".join(opened(provider.url).pieces) == b"one"
        assert provider.connections == 1


def test_a_stream_that_is_dropped_closes_its_connection(opened: Open) -> None:
    closed = threading.Event()

    def endless(peer: Peer) -> None:
        peer.request()
        peer.head()
        peer.chunk(b"one")
        assert peer.sock.recv(1) == b""
        closed.set()

    with raw_provider(endless) as provider:
        upstream = opened(provider.url)
        next(upstream.pieces)
        upstream.close()

        assert closed.wait(5)


@pytest.mark.fault("U18")
def test_a_kept_connection_that_died_is_replaced_without_a_word(opened: Open) -> None:
    def then_gone(peer: Peer) -> None:
        answer(peer)
        peer.request()
        peer.reset()

    with raw_provider(then_gone, answer) as provider:
        for _ in range(2):
            upstream = opened(provider.url)
            assert b"".join(upstream.pieces) == b"one"
            upstream.close()

        assert provider.connections == 2


@pytest.mark.fault("U01")
def test_a_closed_port_is_unreachable(opened: Open) -> None:
    with raw_provider(answer) as provider:
        url = provider.url

    with pytest.raises(UpstreamUnreachable, match=r"cannot reach 127\.0\.0\.1"):
        opened(url)


@pytest.mark.fault("U02")
def test_a_name_that_does_not_resolve_is_unreachable(opened: Open) -> None:
    with pytest.raises(UpstreamUnreachable, match="cannot reach"):
        opened("http://no-such-host.invalid/v1")


@pytest.mark.fault("U03")
def test_plain_text_where_tls_should_be_is_a_tls_error(opened: Open) -> None:
    with raw_provider(lambda peer: peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as provider:
        with pytest.raises(UpstreamTls):
            opened(provider.url.replace("http:", "https:"))


@pytest.mark.fault("U04")
@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\ncontent-le"])
def test_a_connection_lost_before_the_head_is_told_apart(opened: Open, said: bytes) -> None:
    def lost(peer: Peer) -> None:
        peer.request()
        peer.send(said)
        peer.reset()

    with raw_provider(lost) as provider, pytest.raises(UpstreamLost):
        opened(provider.url)


@pytest.mark.fault("U05")
@pytest.mark.parametrize("drips", [False, True])
def test_a_head_that_does_not_come_in_time_is_a_timeout(opened: Open, drips: bool) -> None:
    def slow(peer: Peer) -> None:
        peer.request()
        for byte in b"HTTP/1.1 200 OK\r\nx-padding: " + b"x" * 1000:
            peer.send(bytes([byte]))
            if not drips:
                assert peer.sock.recv(1) == b""
            time.sleep(0.01)

    with raw_provider(slow) as provider, pytest.raises(UpstreamTimeout, match="within 0.2 s"):
        opened(provider.url, watch(first_byte_timeout_seconds=0.2))


@pytest.mark.fault("S02")
def test_silence_after_the_first_event_is_limited_by_the_idle_timeout(opened: Open) -> None:
    def stalls(peer: Peer) -> None:
        peer.request()
        peer.head()
        peer.chunk(b"one")
        assert peer.sock.recv(1) == b""

    watching = watch(idle_timeout_seconds=0.2, first_byte_timeout_seconds=0.1)
    with raw_provider(stalls) as provider:
        upstream = opened(provider.url, watching)
        assert next(upstream.pieces) == b"one"
        watching.begin()
        with pytest.raises(UpstreamTimeout, match="silent for 0.2 s"):
            list(upstream.pieces)
        upstream.close()


@pytest.mark.fault("L02")
def test_the_deadline_cuts_a_stream_that_never_pauses(opened: Open) -> None:
    def endless(peer: Peer) -> None:
        peer.request()
        peer.head()
        while True:
            peer.chunk(b"x")
            time.sleep(0.005)

    watching = watch(deadline=0.2)
    with raw_provider(endless) as provider:
        upstream = opened(provider.url, watching)
        watching.begin()
        with pytest.raises(DeadlineReached):
            list(upstream.pieces)
        upstream.close()


@pytest.mark.fault("S06")
@pytest.mark.parametrize("body", [b"ff\r\nonly nine", b"3\r\none\r\n", b"3\r\none\r\n0\r\n"])
def test_a_chunked_body_that_is_cut_is_truncated(opened: Open, body: bytes) -> None:
    def cut(peer: Peer) -> None:
        peer.request()
        peer.head()
        peer.send(body)

    with raw_provider(cut) as provider, pytest.raises(UpstreamTruncated):
        list(opened(provider.url).pieces)


@pytest.mark.fault("U16")
@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnot a size\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000,
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000,
        b"garbage\r\n\r\n",
    ],
)
def test_malformed_http_is_refused_and_does_not_hang(opened: Open, sent: bytes) -> None:
    def malformed(peer: Peer) -> None:
        peer.request()
        peer.send(sent)

    with raw_provider(malformed) as provider, pytest.raises(UpstreamProtocol):
        list(opened(provider.url).pieces)


@pytest.mark.fault("U15")
def test_a_gzip_bomb_is_refused_and_a_gzip_answer_is_read(opened: Open) -> None:
    def zipped(body: bytes) -> bytes:
        data = gzip.compress(body)
        head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(data)
        return head + data

    def answer_zipped(body: bytes) -> object:
        def script(peer: Peer) -> None:
            peer.request()
            peer.send(zipped(body))

        return script

    with raw_provider(answer_zipped(b"hello")) as provider:  # type: ignore[arg-type]
        assert b"".join(opened(provider.url).pieces) == b"hello"
    with raw_provider(answer_zipped(b"0" * 10_000_000)) as provider, pytest.raises(UpstreamProtocol):  # type: ignore[arg-type]
        list(opened(provider.url).pieces)


def test_bytes_behind_an_answer_never_begin_the_next_one(opened: Open) -> None:
    def two_answers(peer: Peer) -> None:
        peer.request()
        peer.send(
            b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\none" + b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nstray"
        )
        assert peer.sock.recv(1) == b""

    with raw_provider(two_answers, answer) as provider:
        first = opened(provider.url)
        assert b"".join(first.pieces) == b"one"
        first.close()

        assert b"".join(opened(provider.url).pieces) == b"one"
        assert provider.connections == 2


def test_a_refusal_that_comes_before_the_whole_request_is_taken_keeps_its_status(opened: Open) -> None:
    def too_large(peer: Peer) -> None:
        peer.sock.recv(1024)
        peer.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        peer.sock.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            while peer.sock.recv(65536):
                pass

    with raw_provider(too_large) as provider:
        assert opened(provider.url, body=b"x" * 5_000_000).status == 413


@pytest.mark.fault("U04")
def test_a_connection_lost_while_the_provider_worked_is_not_asked_again(opened: Open) -> None:
    def works_then_dies(peer: Peer) -> None:
        answer(peer)
        peer.request()
        time.sleep(TICK * 5)
        peer.reset()

    with raw_provider(works_then_dies, answer) as provider:
        first = opened(provider.url)
        assert b"".join(first.pieces) == b"one"
        first.close()
        with pytest.raises(UpstreamLost):
            opened(provider.url)

        assert provider.connections == 1


@pytest.mark.fault("U15")
def test_gzip_in_several_members_is_read_whole(opened: Open) -> None:
    data = b"".join(gzip.compress(word) for word in (b"one", b"two", b"three"))

    def members(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(data) + data)

    with raw_provider(members) as provider:
        assert b"".join(opened(provider.url).pieces) == b"onetwothree"
