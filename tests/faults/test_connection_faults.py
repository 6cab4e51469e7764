"""Connections to providers that prove nothing, names that resolve slowly or not, HTTP that contradicts itself."""

import contextlib
import socket
import ssl
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.fakes.gateway import Gateway, Pieces
from tests.fakes.raw_provider import Peer, raw_provider
from tests.faults.certificates import Kind, certificate, served, trusting

from sluice.domain.errors import (
    GatewayError,
    UpstreamError,
    UpstreamProtocol,
    UpstreamTls,
    UpstreamTruncated,
    UpstreamUnreachable,
)
from sluice.domain.record import Outcome
from sluice.domain.timeouts import Timeouts
from sluice.providers.connection import connect
from sluice.providers.transport import Transport
from sluice.providers.watch import Watch

REQUEST = {"model": "mini", "messages": [{"role": "user", "content": "hi"}], "stream": True}


def said(url: str, context: ssl.SSLContext | None = None) -> bytes:
    """The answer of a provider, read to its end by the gateway's own transport."""
    transport = Transport(time.time, context or ssl.create_default_context(), tick_seconds=0.02)
    watch = Watch(Timeouts(), time.monotonic() + 20, time.monotonic)
    request = httpx.Request("POST", f"{url}/chat/completions", content=b"{}", extensions={"watch": watch})
    with contextlib.closing(transport):
        response = transport.handle_request(request)
        with contextlib.closing(response):
            return b"".join(response.extensions["body"])


def answer(peer: Peer) -> None:
    peer.request()
    peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\none")


WITHOUT_PROOF = {
    "unknown issuer": Kind(is_known=False),
    "expired": Kind(ends_in=-1),
    "another name": Kind(host="127.0.0.2"),
    "TLS 1.1": Kind(newest=ssl.TLSVersion.TLSv1_1),
}


@pytest.mark.fault("U03")
@pytest.mark.parametrize("kind", WITHOUT_PROOF.values(), ids=WITHOUT_PROOF)
def test_a_server_without_proof_is_asked_nothing_and_not_asked_again(kind: Kind, tmp_path: Path) -> None:
    path, asked = certificate(tmp_path, kind), list[str]()

    with old_versions_allowed(), served(path, kind, lambda peer: asked.append(peer.request()[0])) as provider:
        with pytest.raises(UpstreamTls):
            said(provider.url.replace("http:", "https:"), trusting(path, kind))

        assert provider.connections == 1
    assert asked == []


@pytest.mark.fault("U03")
def test_a_server_with_proof_is_asked(tmp_path: Path) -> None:
    path = certificate(tmp_path, Kind())

    with old_versions_allowed(), served(path, Kind(), answer) as provider:
        assert said(provider.url.replace("http:", "https:"), trusting(path, Kind())) == b"one"


@contextlib.contextmanager
def old_versions_allowed() -> Iterator[None]:
    """Python warns of a server that is to speak TLS 1.1, which is what this one is for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


class Resolver:
    """Stands for the machine's: every name is this machine, after a while; notes who was looked up."""

    def __init__(self, seconds: float = 0.0, fails: int | None = None) -> None:
        self._seconds = seconds
        self._fails = fails
        self.names: list[str] = []

    def __call__(self, host: str, port: int, **_: Any) -> list[Any]:
        self.names.append(host)
        time.sleep(self._seconds)
        if self._fails is not None:
            raise socket.gaierror(self._fails, "made to fail")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


@pytest.mark.fault("U02")
@pytest.mark.parametrize("code", [socket.EAI_NONAME, socket.EAI_AGAIN, socket.EAI_FAIL])
def test_a_name_without_an_address_is_unreachable(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Resolver(fails=code))

    with pytest.raises(UpstreamUnreachable, match=r"cannot reach provider\.invalid"):
        said("http://provider.invalid/v1")


@pytest.mark.fault("U02")
def test_the_time_of_a_slow_resolver_is_part_of_the_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Resolver(seconds=0.3))
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, contextlib.ExitStack() as waiting:
        for _ in range(3):  # fills the backlog, so that a further connection gets no answer
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        began = time.monotonic()

        with pytest.raises(TimeoutError):
            connect("provider.invalid", listener.getsockname()[1], 0.2)

    assert time.monotonic() - began < 5  # the machine's own patience is more than a minute


@pytest.mark.fault("A09")
def test_a_name_is_resolved_once_for_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", resolver)

    with raw_provider(answer) as provider:
        assert said(provider.url.replace("127.0.0.1", "provider.invalid")) == b"one"

    assert resolver.names == ["provider.invalid"]


HEAD = b"HTTP/1.1 200 OK\r\n"
CONTRADICTIONS: dict[str, tuple[bytes, type[GatewayError]]] = {
    "two different lengths": (HEAD + b"content-length: 3\r\ncontent-length: 5\r\n\r\none", UpstreamProtocol),
    "a length of words": (HEAD + b"content-length: three\r\n\r\none", UpstreamProtocol),
    "a negative length": (HEAD + b"content-length: -3\r\n\r\none", UpstreamProtocol),
    "more announced than sent": (HEAD + b"content-length: 9\r\n\r\none", UpstreamTruncated),
    "an unknown transfer encoding": (HEAD + b"transfer-encoding: rot13\r\n\r\none", UpstreamProtocol),
    "a chunk of a negative size": (HEAD + b"transfer-encoding: chunked\r\n\r\n-3\r\none", UpstreamProtocol),
    "a chunk longer than its size": (HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\none\r\n0\r\n\r\n", UpstreamError),
    "a giant chunk size": (HEAD + b"transfer-encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\none", UpstreamProtocol),
    "a thousand headers of a kilobyte": (HEAD + b"x: %b\r\n" % (b"y" * 1024) * 1000 + b"\r\n", UpstreamProtocol),
}


def sends_and_closes(data: bytes) -> Any:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(data)
        peer.sock.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            peer.sock.recv(1)

    return script


@pytest.mark.fault("U16")
@pytest.mark.parametrize(("sent", "error"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_http_that_contradicts_itself_is_refused(sent: bytes, error: type[GatewayError]) -> None:
    with raw_provider(sends_and_closes(sent)) as provider, pytest.raises(error):
        said(provider.url)


@pytest.mark.fault("U16")
@pytest.mark.parametrize(
    "sent",
    [
        HEAD + b"content-length: 3\r\n\r\none more",
        HEAD + b"content-length: 99\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n",
    ],
    ids=["less announced than sent", "a length and chunks"],
)
def test_what_is_behind_an_answer_is_no_part_of_it(sent: bytes) -> None:
    with raw_provider(sends_and_closes(sent)) as provider:
        assert said(provider.url) == b"one"


@pytest.mark.fault("U13")
@pytest.mark.parametrize("status", [202, 204, 206])
def test_a_success_without_the_stream_that_was_asked_for_is_a_502(status: int) -> None:
    head = {"content-type": "text/event-stream"}
    gateway = Gateway(lambda _: httpx.Response(status, headers=head, stream=Pieces([b""])))

    refused = gateway.chat(REQUEST)

    assert refused["statusCode"] == 502
    assert gateway.ledger.settled[0].outcome is Outcome.FAILED
