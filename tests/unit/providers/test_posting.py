"""One POST: what is sent always, and what an answer other than 200 becomes."""

import json
from typing import Any

import httpx
import pytest
from tests.fakes.gateway import HandClock, Pieces

from sluice.domain.errors import InvalidJson, UpstreamError, UpstreamLost, UpstreamProtocol, UpstreamRefused
from sluice.domain.timeouts import Timeouts
from sluice.providers.posting import HEADERS, MAX_ERROR_BYTES, encoded, error_object, post
from sluice.providers.upstream import Upstream
from sluice.providers.watch import Watch

URL = httpx.URL("https://provider.invalid/v1/x")


def posted(response: httpx.Response, seen: list[bytes]) -> Upstream:
    def refuse(upstream: Upstream, body: bytes) -> UpstreamError:
        seen.append(body)
        return UpstreamRefused(f"refused {upstream.status}")

    client = httpx.Client(transport=httpx.MockTransport(lambda _: response))
    watch = Watch(Timeouts(), 2000.0, HandClock().clock.monotonic)
    return post(client, URL, b"{}", HEADERS, watch, refuse)


def test_an_answer_is_handed_on_unread() -> None:
    upstream = posted(httpx.Response(200, stream=Pieces([b"a", b"b"])), [])

    assert list(upstream.pieces) == [b"a", b"b"]


@pytest.mark.parametrize("status", [400, 404, 429, 500, 599])
def test_a_refusal_is_read_and_closed(status: int) -> None:
    pieces, seen = Pieces([b"no", b"pe"]), list[bytes]()

    with pytest.raises(UpstreamRefused) as raised:
        posted(httpx.Response(status, stream=pieces), seen)

    assert (seen, raised.value.upstream_status, pieces.is_closed) == ([b"nope"], status, True)


@pytest.mark.parametrize("status", [201, 204, 206, 301, 304, 308])
def test_other_statuses_are_no_answer(status: int) -> None:
    pieces = Pieces([b"x"])

    with pytest.raises(UpstreamProtocol, match=f"answered {status}"):
        posted(httpx.Response(status, stream=pieces), [])

    assert pieces.is_closed


@pytest.mark.parametrize("body", [[b"x" * (MAX_ERROR_BYTES + 1)], [b"begun", UpstreamLost("reset")]])
def test_a_refusal_that_cannot_be_read_is_one_without_a_body(body: list[Any]) -> None:
    seen: list[bytes] = []

    with pytest.raises(UpstreamRefused):
        posted(httpx.Response(500, stream=Pieces(body)), seen)

    assert seen == [b""]


@pytest.mark.parametrize("body", [b"", b"5", b"[]", b"[{},{}]", b"\xff", b"[" * 100_000, b'"a"', b"null", b"{"])
def test_what_is_no_object_is_an_empty_one(body: bytes) -> None:
    assert error_object(body) == {}


def test_an_object_may_stand_alone_in_a_list() -> None:
    assert error_object(b'[{"error":{"a":1}}]') == error_object(b'{"error":{"a":1}}') == {"error": {"a": 1}}


def test_what_is_sent_is_the_callers_text_in_utf8() -> None:
    body = {"a": "日本\u2028😀", "b": [1.5, None, True]}

    assert json.loads(encoded(body)) == body
    assert "日本".encode() in encoded(body)
    with pytest.raises(InvalidJson, match="lone surrogate"):
        encoded({"a": "\ud800"})


def test_no_encoding_is_asked_for() -> None:
    assert HEADERS["accept-encoding"] == "identity"
