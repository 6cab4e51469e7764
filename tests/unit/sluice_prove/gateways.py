"""Gateways of some characters, between a caller and a provider on loopback."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

from sluice_prove.chat_faults import EVENT_STREAM, JSON, document, failure
from sluice_prove.peer import Asked, Peer
from sluice_prove.provider import Listener
from sluice_prove.reading import DONE

Answers = Callable[[Peer, httpx.Response], None]
KEY = "sk-fake-key-of-the-gateway"
END = f"data: {DONE}\n\n".encode()
HOP_BY_HOP = ("content-length", "transfer-encoding")


def pipe(peer: Peer, response: httpx.Response) -> None:
    """What comes goes out, the head too; a clean close looks clean."""
    body = response.read()
    headers = [f"{name}: {value}" for name, value in response.headers.items() if name not in HOP_BY_HOP]
    document(peer, response.status_code, body, *headers)


def honest(peer: Peer, response: httpx.Response) -> None:
    """Sends nothing on unless it is whole."""
    body = response.read()
    if response.status_code == httpx.codes.OK and body.endswith(END):
        document(peer, 200, body, EVENT_STREAM)
    else:
        refuse(peer)


def refuse(peer: Peer) -> None:
    document(peer, 502, failure("gone", "server_error", "upstream_lost"), JSON)


def lying(peer: Peer, response: httpx.Response) -> None:
    """Ends whatever comes as if it were whole."""
    document(peer, 200, response.read() + END, EVENT_STREAM)


@contextmanager
def gateway(answers: Answers, provider_url: str, follows: bool = False) -> Iterator[str]:
    """A gateway of that character, until the end of the with; its base URL."""
    with httpx.Client(trust_env=False, follow_redirects=follows, timeout=20) as client:

        def serve(sock: socket.socket) -> None:
            peer = Peer(sock, threading.Event())
            asked = peer.request()
            try:
                answers(peer, asked_of(client, provider_url, asked))
            except httpx.TransportError:
                refuse(peer)

        listener = Listener(serve)
        listener.start()
        try:
            yield f"http://127.0.0.1:{listener.port}/v1"
        finally:
            listener.stop()


def asked_of(client: httpx.Client, provider_url: str, asked: Asked) -> httpx.Response:
    url, headers = f"{provider_url}/chat/completions", {"authorization": f"Bearer {KEY}"}
    return client.send(client.build_request("POST", url, json=asked.body, headers=headers), stream=True)
