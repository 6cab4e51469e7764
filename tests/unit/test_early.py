"""Heartbeats before the answer has begun, with a provider that answers when the test lets it."""

import threading
import time
from typing import Any

import httpx
import pytest
from tests.fakes.gateway import Gateway, Pieces
from tests.fakes.routed import SMART, Answer, Routed, attempts, refusing

from sluice.domain.errors import GatewayError, UpstreamRefused, UpstreamUnreachable
from sluice.domain.record import Outcome
from sluice.domain.timeouts import Timeouts

SSE = {"content-type": "text/event-stream"}
HELLO = b'data: {"choices":[{"index":0,"delta":{"content":"Hello"}}]}\n\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"
HEARTBEAT = b": keep-alive\n\n"
STREAM: dict[str, Any] = {"model": "mini", "messages": [{"role": "user", "content": "hi"}], "stream": True}
EARLY = Timeouts(early_heartbeat_seconds=0.02)


class Late:
    """A provider that holds its answer back until `released`."""

    def __init__(self, error: Exception | None = None) -> None:
        self.released = threading.Event()
        self.error = error

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert self.released.wait(5)
        if self.error:
            raise self.error
        return httpx.Response(200, headers=SSE, stream=Pieces([HELLO + STOP + DONE]))


def test_a_late_answer_follows_its_heartbeats() -> None:
    provider = Late()
    gateway = Gateway(provider, timeouts=EARLY)

    answer = gateway.chat(STREAM)
    pieces = iter(answer["body"])
    first, second = next(pieces), next(pieces)
    provider.released.set()
    rest = [piece for piece in pieces if piece != HEARTBEAT]
    answer["body"].close()

    assert (first, second) == (HEARTBEAT, HEARTBEAT)
    assert rest == [HELLO + STOP + DONE]
    assert gateway.ledger.settled[0].outcome is Outcome.COMPLETE


def test_a_failure_after_a_heartbeat_is_in_band() -> None:
    provider = Late(UpstreamUnreachable("cannot reach it"))
    gateway = Gateway(provider, timeouts=EARLY)

    answer = gateway.chat(STREAM)
    pieces = iter(answer["body"])
    next(pieces)
    provider.released.set()
    rest: list[bytes] = []
    with pytest.raises(UpstreamUnreachable):
        rest.extend(pieces)
    answer["body"].close()

    assert rest[-1].startswith(b'data: {"error":')
    assert answer["statusCode"] == 200
    assert gateway.ledger.settled[0].error_code == "upstream_unreachable"
    assert gateway.ledger.settled[0].http_status == 200


def test_an_answer_in_time_is_as_without() -> None:
    provider = Late(UpstreamUnreachable("cannot reach it"))
    provider.released.set()
    gateway = Gateway(provider, timeouts=Timeouts(early_heartbeat_seconds=5))

    assert gateway.chat(STREAM)["statusCode"] == 502


def test_a_reader_who_leaves_early_is_settled_when_the_answer_came() -> None:
    provider = Late()
    gateway = Gateway(provider, timeouts=EARLY)

    body = gateway.chat(STREAM)["body"]
    next(iter(body))
    provider.released.set()
    body.close()

    assert len(gateway.ledger.settled) == 1


def test_after_heartbeats_the_answer_may_still_be_another_targets() -> None:
    provider = Late(UpstreamUnreachable("cannot reach it"))
    answers: dict[str, Answer] = {
        "a": provider,
        "b": lambda _: httpx.Response(200, headers=SSE, stream=Pieces([HELLO + STOP + DONE])),
    }
    gateway = Routed(answers, routes=SMART, defaults={"early_heartbeat_seconds": 0.02})

    answer = gateway.chat({**STREAM, "model": "smart"})
    pieces = iter(answer["body"])
    first = next(pieces)
    provider.released.set()
    rest = [piece for piece in pieces if piece != HEARTBEAT]
    answer["body"].close()

    assert (first, rest) == (HEARTBEAT, [HELLO + STOP + DONE])
    assert attempts(gateway) == [("a", None), ("a", None), ("b", 200)]
    assert gateway.ledger.settled[0].outcome is Outcome.COMPLETE


def test_where_all_targets_fail_after_a_heartbeat_the_last_failure_is_in_band() -> None:
    provider = Late(UpstreamUnreachable("cannot reach it"))
    answers: dict[str, Answer] = {"a": provider, "b": refusing(503)}
    gateway = Routed(answers, routes=SMART, defaults={"early_heartbeat_seconds": 0.02})

    pieces = iter(gateway.chat({**STREAM, "model": "smart"})["body"])
    next(pieces)
    provider.released.set()
    rest: list[bytes] = []
    with pytest.raises(UpstreamRefused):
        rest.extend(pieces)

    assert next(piece for piece in rest if piece != HEARTBEAT).startswith(b'data: {"error":')


def test_for_a_reader_who_left_nobody_else_is_asked() -> None:
    def until_they_leave(request: httpx.Request) -> httpx.Response:
        until = time.monotonic() + 5
        while request.extensions["watch"].remaining > 0 and time.monotonic() < until:
            time.sleep(0.002)
        raise UpstreamUnreachable("cannot reach it")

    answers: dict[str, Answer] = {"a": until_they_leave, "b": refusing(500)}
    gateway = Routed(answers, routes=SMART, defaults={"early_heartbeat_seconds": 0.02})

    body = gateway.chat({**STREAM, "model": "smart"})["body"]
    next(iter(body))
    body.close()

    assert gateway.asked == ["a"]
    assert attempts(gateway) == [("a", None)]


def test_a_defect_after_a_heartbeat_is_in_band_and_shows_nothing() -> None:
    provider = Late(RuntimeError("sk-fake-in-an-exception"))
    gateway = Gateway(provider, timeouts=EARLY)

    answer = gateway.chat(STREAM)
    pieces = iter(answer["body"])
    next(pieces)
    provider.released.set()
    rest: list[bytes] = []
    with pytest.raises(GatewayError, match="^an internal error$"):
        rest.extend(pieces)
    answer["body"].close()

    assert b"an internal error" in rest[-1]
    assert b"sk-fake" not in b"".join(rest)
    assert gateway.ledger.settled[0].error_code == "internal_error"
