"""Streams that go wrong, through the whole stack: cut or reset at every byte, errors inside, too large, compressed.

Whatever the provider does, the caller gets the whole events that came before, then either the provider's own end or
exactly one error, and the ledger says which.
"""

import gzip
import json
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests import recorded
from tests.e2e.provider import Asked, Gate, Provider, Script, document, provider, stream
from tests.e2e.rig import MESSAGES, Answer, Rig, compatible, rig
from tests.e2e.unread import wait_until_read
from tests.fakes.gateway import Gateway, Pieces
from tests.fakes.raw_provider import Peer
from tests.splits import event_edges, every_split

from sluice.domain.errors import UpstreamTruncated
from sluice_cli.record import Record
from sluice_devstack.stack import GATEWAY, ROOT
from sluice_devstack.template import Template

SMALL, LARGER = "oc_gpt5nano_length_usage", ("oc_gpt4o_two_tools", "oc_gpt4omini_n2")
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
ROLE = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
WORD = b'data: {"choices":[{"index":0,"delta":{"content":"word"}}]}\n\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USED = b'data: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":5}}\n\n'
DONE = b"data: [DONE]\n\n"
MEGABYTE = 1024 * 1024
MEMORY_BYTES = Template.load(ROOT).function(GATEWAY).memory_mb * MEGABYTE

needs_recordings = pytest.mark.skipif(not recorded.names(SMALL), reason=recorded.REASON)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture(scope="module")
def site(upstream: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    providers = {
        "test": compatible(upstream.url),
        "strict": compatible(upstream.url, strict_done=True),
    }
    with rig(tmp_path_factory.mktemp("stream-faults"), providers, attempts=1, environments=1) as running:
        yield running


def chunked(body: bytes) -> bytes:
    """One HTTP chunk of all there is, cut anywhere by who sends it."""
    return b"%x\r\n%b\r\n" % (len(body), body)


def cut_off(peer: Peer, body: bytes, place: int) -> None:
    peer.send(HEAD + chunked(body)[: place + len(b"%x\r\n" % len(body))])
    peer.sock.close()


def cut_off_and_reset(peer: Peer, body: bytes, place: int) -> None:
    peer.send(HEAD + chunked(body)[: place + len(b"%x\r\n" % len(body))])
    wait_until_read(peer.sock)  # a reset may overtake what was not read yet
    peer.reset()


def closed_cleanly(peer: Peer, body: bytes, place: int) -> None:
    peer.send(HEAD + (chunked(body[:place]) if place else b"") + b"0\r\n\r\n")
    peer.sock.close()


End = Callable[[Peer, bytes, int], None]


@dataclass(frozen=True, slots=True)
class Expected:
    """What a stream that ends after so many bytes must look like: its whole events, and how it ends."""

    events: bytes
    is_complete: bool

    @classmethod
    def of(cls, body: bytes, place: int) -> "Expected":
        events = body[: body.rfind(b"\n\n", 0, place) + 2] if b"\n\n" in body[:place] else b""
        return cls(events, events.endswith(DONE))

    def check(self, answer: Answer) -> None:
        """The answer, byte for byte, but for the text of the one error."""
        assert answer.end == "ended"
        assert answer.status == (200 if self.events else 502)
        assert answer.body.startswith(self.events)
        error = answer.body.removeprefix(self.events)
        assert error.count(b'"error"') == (0 if self.is_complete else 1), answer.body
        assert (b"[DONE]" in answer.body) is self.is_complete
        assert answer.body.count(b'"finish_reason":"') == self.events.count(b'"finish_reason":"')
        if not self.is_complete:
            assert answer.error["request_id"] == answer.request_id

    @property
    def told(self) -> tuple[object, ...]:
        """Outcome, status and error code in the record; the type of the error trailers."""
        if self.is_complete:
            return "complete", 200, None, None
        if self.events:
            return "incomplete", 200, "upstream_stream_truncated", "Function.UpstreamTruncated"
        return "failed", 502, "upstream_stream_truncated", None


def told(record: Record, site: Rig) -> tuple[object, ...]:
    trailers = site.call(record["request_id"]).trailers
    return record["outcome"], record["http_status"], record["error_code"], trailers and trailers.error_type


@needs_recordings
@pytest.mark.slow
@pytest.mark.timeout(280)
@pytest.mark.fault("S03")
@pytest.mark.fault("S04")
@pytest.mark.fault("S06")
@pytest.mark.parametrize("end", [cut_off, cut_off_and_reset, closed_cleanly])
def test_a_stream_that_ends_at_any_byte_never_ends_falsely(end: End, site: Rig, upstream: Provider) -> None:
    body = recorded.load(SMALL).body
    finished = body.index(b"\n\n", body.index(b'"finish_reason":"')) + 2
    left_out = {place for place in event_edges(body) if finished <= place < len(body)}  # S05, for itself below
    left_out |= {len(body) - 1, len(body) - 2}  # all of `[DONE]` but its blank line: said, and a unit test's

    places = [place for place in range(len(body) + 1) if end is not closed_cleanly or place not in left_out]
    assert_honest(site, upstream, end, body, places)


def assert_honest(site: Rig, upstream: Provider, end: End, body: bytes, places: list[int]) -> None:
    """Plays the body up to each of the places, over one caller's connection and in one warm environment.

    Each is a target of its own: the breaker of one that is cut off again and again would open.
    """
    expected: dict[str, Expected] = {}
    now = 0
    model = upstream.play("cut", lambda peer, _: end(peer, body, now))
    asked = {"messages": MESSAGES, "stream": True, "stream_options": {"include_usage": True}}

    with site.connected() as caller:
        for now in places:
            named = {**asked, "model": f"test/{model}+{end.__name__}-{now}"}
            answer = site.send(caller, json.dumps(named).encode()).answer()
            expected[answer.request_id] = Expected.of(body, now)
            expected[answer.request_id].check(answer)

    calls = {call.request_id: call for call in site.stack.calls}
    for record in site.settled_records():
        if (wanted := expected.pop(record["request_id"], None)) is not None:
            trailers = calls[record["request_id"]].trailers
            found = record["outcome"], record["http_status"], record["error_code"], trailers and trailers.error_type
            assert found == wanted.told
    assert expected == {}


@pytest.mark.fault("U04")
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_connection_that_breaks_anywhere_in_the_head_is_an_answer_with_a_status(
    reset: bool, site: Rig, upstream: Provider
) -> None:
    heads = (HEAD[:place] for place in range(len(HEAD)))

    def breaks(peer: Peer, _asked: Asked) -> None:
        peer.send(next(heads))
        if reset:
            wait_until_read(peer.sock)
            peer.reset()
        peer.sock.close()

    upstream.play("headless", breaks)
    for place in range(len(HEAD)):
        answer = site.ask(f"test/headless+{reset}-{place}")

        assert (answer.status, answer.end) == (502, "ended")
        assert (answer.error["type"], answer.error["code"]) == ("server_error", "upstream_lost")
        assert answer.headers["content-type"] == "application/json"
    record = site.record(answer.request_id)
    assert (record["outcome"], record["http_status"], record["usage_source"]) == ("failed", 502, "estimated")


@needs_recordings
@pytest.mark.fault("S03")
@pytest.mark.fault("S04")
@pytest.mark.parametrize("name", LARGER)
@pytest.mark.parametrize("breaks", [True, False], ids=["broken", "closed"])
def test_a_larger_stream_never_ends_falsely_either(name: str, breaks: bool) -> None:
    """In one process, without sockets: what the transport says of each place is told to the pipeline."""
    body = recorded.load(name).body
    asked = {"model": "mini", "messages": MESSAGES, "stream": True, "stream_options": {"include_usage": True}}
    for before, _ in every_split(body, event_edges(body)):
        expected = Expected.of(body, len(before))
        is_finished = before == expected.events and expected.events.count(b'"finish_reason":"') == body.count(
            b'"finish_reason":"'
        )
        if not breaks and (is_finished or before.removeprefix(expected.events).rstrip() == b"data: [DONE]"):
            continue  # S05, for itself below; a `[DONE]` without its blank line is a unit test's
        pieces = [before, UpstreamTruncated("cut")] if breaks else [before]

        got = played(pieces, asked)

        assert got == (expected.events, expected.is_complete), len(before)


def played(pieces: list[Any], asked: dict[str, Any]) -> tuple[bytes, bool]:
    """The whole events that came through, and whether the answer ended properly."""
    headers = {"content-type": "text/event-stream"}
    gateway = Gateway(lambda _: httpx.Response(200, headers=headers, stream=Pieces([one for one in pieces if one])))
    response = gateway.chat(asked)
    if response["statusCode"] != 200:
        assert response["statusCode"] == 502
        return b"", False
    sent: list[bytes] = []
    try:
        sent.extend(response["body"])
    except UpstreamTruncated:
        assert gateway.ledger.settled == []
        assert sent.pop().startswith(b'data: {"error":')
        return b"".join(sent), False
    finally:
        response["body"].close()
    return b"".join(sent), True


@pytest.mark.fault("S05")
def test_a_finished_stream_without_done_gets_it_unless_done_is_insisted_on(site: Rig, upstream: Provider) -> None:
    upstream.play("no-done", stream(ROLE, WORD, STOP, USED))

    lenient, strict = site.ask("test/no-done"), site.ask("strict/no-done")

    assert lenient.body == ROLE + WORD + STOP + DONE
    assert site.record(lenient.request_id)["outcome"] == "complete"
    assert strict.body.startswith(ROLE + WORD + STOP + b'data: {"error":')
    assert DONE not in strict.body
    assert told(site.record(strict.request_id), site)[::3] == ("incomplete", "Function.UpstreamTruncated")


@pytest.mark.fault("S16")
@pytest.mark.parametrize(
    "error",
    [b'data: {"error":{"message":"it broke","code":"server_error"}}\n\n', b'event: error\ndata: {"error":{"x":1}}\n\n'],
)
def test_an_error_inside_a_stream_is_its_last_event(error: bytes, site: Rig, upstream: Provider) -> None:
    gate = Gate()

    def fails(peer: Peer, _asked: Asked) -> None:
        peer.head()
        peer.chunk(ROLE + WORD)
        gate.wait()
        peer.chunk(error + WORD + STOP + DONE)
        peer.end()

    upstream.play("fails", fails)

    with site.begin({"model": "test/fails", "messages": MESSAGES, "stream": True}) as begun:
        assert begun.chunk() == ROLE + WORD
        gate.open()
        answer = begun.answer()

    assert answer.body == error
    expected = ("incomplete", 200, "upstream_reported", "Function.UpstreamReported")
    assert told(site.record(answer.request_id), site) == expected


@pytest.mark.fault("S16")
def test_an_error_as_the_first_event_is_an_answer_with_a_status(site: Rig, upstream: Provider) -> None:
    upstream.play("fails-at-once", stream(b'data: {"error":{"message":"it broke","code":429}}\n\n', DONE))

    answer = site.ask("test/fails-at-once")

    assert (answer.status, answer.error["code"]) == (429, "upstream_reported")
    assert told(site.record(answer.request_id), site) == ("failed", 429, "upstream_reported", None)


@pytest.mark.fault("S17")
@pytest.mark.parametrize("late", [WORD, DONE, STOP + DONE, b"data: half", b": comment\n\n"])
@pytest.mark.parametrize("apart", [False, True], ids=["same read", "later"])
def test_nothing_follows_done(late: bytes, apart: bool, site: Rig, upstream: Provider) -> None:
    upstream.play("talkative", stream(*([WORD + STOP, DONE, late] if apart else [WORD + STOP + DONE + late])))

    answer = site.ask("test/talkative")

    assert answer.body == WORD + STOP + DONE
    assert told(site.record(answer.request_id), site) == ("complete", 200, None, None)


@pytest.mark.fault("S15")
@pytest.mark.timeout(120)
@pytest.mark.parametrize("megabytes", [10, 15.9])
def test_an_event_below_the_cap_passes_in_the_functions_memory(megabytes: float, site: Rig, upstream: Provider) -> None:
    giant = WORD.replace(b"word", b"0123456789abcdef" * int(megabytes * MEGABYTE / 16))
    upstream.play("giant", stream(ROLE, giant, STOP, USED, DONE))
    upstream.play("small", stream(ROLE, WORD, STOP, USED, DONE))
    pid = site.call(site.ask("test/small").request_id).environment_pid

    answer = site.ask("test/giant")

    assert answer.body == ROLE + giant + STOP + DONE
    assert peak_bytes(pid) < MEMORY_BYTES
    assert site.record(answer.request_id)["usage"]["output"] == 5


@pytest.mark.fault("S15")
@pytest.mark.timeout(120)
def test_an_event_beyond_the_cap_is_an_error_and_not_memory(site: Rig, upstream: Provider) -> None:
    has_hung_up = threading.Event()

    def endless(peer: Peer, _asked: Asked) -> None:
        peer.head()
        peer.chunk(ROLE + WORD)
        peer.chunk(b'data: {"choices":[{"delta":{"content":"')
        try:
            while True:
                peer.chunk(b"x" * 65536)
        finally:
            has_hung_up.set()

    upstream.play("endless", endless)

    answer = site.ask("test/endless")

    assert has_hung_up.wait(20)
    assert answer.body.startswith(ROLE + WORD + b'data: {"error":')
    assert answer.error["code"] == "upstream_protocol"
    assert told(site.record(answer.request_id), site)[0] == "incomplete"


def peak_bytes(pid: int | None) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def encoded(encoding: str, body: bytes, kind: str = "text/event-stream") -> Script:
    return document(body, headers=(f"content-type: {kind}", f"content-encoding: {encoding}"))


@pytest.mark.fault("U15")
@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_what_a_provider_compresses_unasked_is_passed_on_plain(
    encoding: str, compress: Callable[[bytes], bytes], site: Rig, upstream: Provider
) -> None:
    upstream.play("compressed", encoded(encoding, compress(ROLE + WORD + STOP + USED + DONE)))

    answer = site.ask("test/compressed")

    assert answer.body == ROLE + WORD + STOP + DONE
    assert "content-encoding" not in answer.headers
    assert site.record(answer.request_id)["usage"]["output"] == 5
    assert upstream.asked_for("compressed")[-1].headers["accept-encoding"] == "identity"


@pytest.mark.fault("U15")
@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("br", b"\x0b\x02\x80hello\x03"),
        ("gzip, gzip", gzip.compress(gzip.compress(ROLE + DONE))),
        ("gzip", gzip.compress(b"data: " + bytes(80 * MEGABYTE) + b"\n\n")),
        ("gzip", b"not gzip at all"),
        ("gzip", gzip.compress(ROLE + WORD + STOP + DONE)[:20]),
    ],
    ids=["brotli", "twice", "bomb", "damaged", "cut"],
)
@pytest.mark.parametrize("streams", [True, False], ids=["stream", "whole"])
def test_an_encoding_that_cannot_be_trusted_is_a_502(
    encoding: str, body: bytes, streams: bool, site: Rig, upstream: Provider
) -> None:
    upstream.play("encoded", encoded(encoding, body, "text/event-stream" if streams else "application/json"))

    answer = site.ask(f"test/encoded+{len(upstream.asked)}", stream=streams)

    assert answer.status == 502
    assert answer.error["code"] in ("upstream_protocol", "upstream_stream_truncated")
    assert told(site.record(answer.request_id), site)[0] == "failed"
