"""What a provider has said reaches the caller before it says more: shown by providers that wait for the caller."""

import json
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from random import Random

import pytest
from tests import recorded
from tests.e2e.provider import PATIENCE_SECONDS, Asked, Gate, Provider, Script, provider
from tests.e2e.rig import MESSAGES, Begun, Rig, compatible, rig
from tests.e2e.unread import wait_until_read
from tests.fakes.raw_provider import Peer

from sluice_devstack.call import Call

STREAMS = recorded.names("oc_")
HEARTBEAT = b": keep-alive\n\n"
BEAT_SECONDS = 0.5
SILENT_SECONDS = 21
SAYING = ("content", "reasoning_content", "reasoning", "tool_calls")
ROLE = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"

WITH_USAGE = {"stream_options": {"include_usage": True}}

Send = Callable[[Peer, bytes], None]


def delta(text: str) -> bytes:
    return b'data: {"choices":[{"index":0,"delta":{"content":%b}}]}\n\n' % json.dumps(text).encode()


WORDS = [delta(word) for word in ("héllo", " wörld", " 日本語", " 😀")]


@pytest.fixture(scope="module")
def upstream() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture(scope="module")
def site(upstream: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    providers = {
        "test": compatible(upstream.url),
        "beating": compatible(upstream.url, heartbeat_seconds=BEAT_SECONDS),
    }
    with rig(tmp_path_factory.mktemp("lock-step"), providers) as running:
        yield running


@pytest.fixture
def gate() -> Gate:
    return Gate()


def events_of(stream: bytes) -> list[bytes]:
    return [event + b"\n\n" for event in stream.removesuffix(b"\n\n").split(b"\n\n")]


def says(event: bytes) -> bool:
    """Whether it carries something the model has generated."""
    data = event.rpartition(b"data: ")[2].strip()
    choices = json.loads(data).get("choices", []) if data.startswith(b"{") else []
    return any(choice.get("text") or has_delta(choice.get("delta") or {}) for choice in choices)


def has_delta(delta: dict[str, object]) -> bool:
    return any(delta.get(name) for name in SAYING)


def lock_step(opening: list[bytes], events: list[bytes], gate: Gate, send: Send) -> Script:
    """Sends the opening, and then each event only when the gate was opened after the one before it."""

    def script(peer: Peer, _asked: Asked) -> None:
        peer.head()
        for event in opening:
            peer.chunk(event)
        for event in events:
            gate.wait()
            send(peer, event)
        gate.wait()
        peer.end()

    return script


def whole(peer: Peer, event: bytes) -> None:
    peer.chunk(event)


def in_segments(seed: int) -> Send:
    """Cuts each event at random places; what stands before a cut has been read when the next part is sent."""
    random = Random(seed)

    def send(peer: Peer, event: bytes) -> None:
        data = b"%x\r\n%b\r\n" % (len(event), event)
        cuts = sorted(random.sample(range(1, len(data) - 3), 3))  # the event is whole in the last part only
        for start, end in pairwise([0, *cuts, len(data)]):
            wait_until_read(peer.sock)
            peer.send(data[start:end])

    return send


def received(begun: Begun, expected: bytes) -> bytes:
    """As many chunks as it takes to have as many bytes."""
    got = b""
    while len(got) < len(expected):
        chunk = begun.chunk()
        assert chunk is not None, got
        got += chunk
    return got


def after_heartbeats(begun: Begun) -> bytes | None:
    while (chunk := begun.chunk()) == HEARTBEAT:
        pass
    return chunk


@pytest.mark.skipif(not STREAMS, reason=recorded.REASON)
@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("send", [whole, in_segments(2026)], ids=["whole", "in segments"])
def test_an_event_arrives_before_the_provider_has_sent_the_next(
    name: str, send: Send, site: Rig, upstream: Provider, gate: Gate
) -> None:
    events = events_of(recorded.load(name).body)
    first = next((number for number, event in enumerate(events) if says(event)), 0)
    opening, rest = events[: first + 1], events[first + 1 :]
    upstream.play(name, lock_step(opening, rest, gate, send))

    with site.begin({"model": f"test/{name}", "messages": MESSAGES, "stream": True, **WITH_USAGE}) as begun:
        assert begun.head.status_code == 200
        assert received(begun, b"".join(opening)) == b"".join(opening)
        for event in rest:
            gate.open()
            assert begun.chunk() == event
        end = begun.chunk()  # the provider has not ended its answer yet
        gate.open()

    assert end is None


def test_a_silent_stream_gets_heartbeats_between_its_events(site: Rig, upstream: Provider, gate: Gate) -> None:
    upstream.play("silent", lock_step([ROLE], [*WORDS, STOP, DONE], gate, whole))

    with site.begin({"model": "beating/silent", "messages": MESSAGES, "stream": True}) as begun:
        assert begun.chunk() == ROLE
        for event in WORDS:
            assert [begun.chunk(), begun.chunk()] == [HEARTBEAT, HEARTBEAT]
            gate.open()
            assert after_heartbeats(begun) == event
        gate.open()
        assert after_heartbeats(begun) == STOP
        gate.open()
        assert after_heartbeats(begun) == DONE
        gate.open()
        answer = begun.answer()

    assert answer.chunks == ()
    assert site.record(answer.request_id)["outcome"] == "complete"


@pytest.mark.parametrize("cut", [1, 7, len(WORDS[2]) // 2, len(WORDS[2]) - 2, len(WORDS[2]) - 1])
def test_a_heartbeat_neither_splits_nor_holds_back_an_event_that_is_half_here(
    cut: int, site: Rig, upstream: Provider, gate: Gate
) -> None:
    head, event = b"%x\r\n" % len(WORDS[2]), WORDS[2]

    def half_and_half(peer: Peer, _asked: Asked) -> None:
        peer.head()
        peer.chunk(ROLE)
        gate.wait()
        peer.send(head + event[:cut])
        wait_until_read(peer.sock)
        gate.wait()
        peer.send(event[cut:])  # not even the end of the HTTP chunk
        gate.wait()
        peer.send(b"\r\n")
        peer.chunk(STOP + DONE)
        peer.end()

    upstream.play("half", half_and_half)

    with site.begin({"model": "beating/half", "messages": MESSAGES, "stream": True}) as begun:
        assert begun.chunk() == ROLE
        gate.open()
        assert [begun.chunk(), begun.chunk()] == [HEARTBEAT, HEARTBEAT]
        gate.open()
        assert after_heartbeats(begun) == event
        gate.open()
        rest = begun.answer().body

    assert rest.replace(HEARTBEAT, b"") == STOP + DONE


def test_an_event_that_drips_does_not_keep_the_heartbeats_away(site: Rig, upstream: Provider) -> None:
    event, has_beaten = delta("x" * 4000), threading.Event()

    def dripping(peer: Peer, _asked: Asked) -> None:
        peer.head()
        peer.chunk(ROLE)
        peer.send(b"%x\r\n" % len(event))
        sent = 0
        while not has_beaten.wait(BEAT_SECONDS / 5):
            peer.send(event[sent : sent + 1])
            sent += 1
        peer.send(event[sent:] + b"\r\n")
        peer.chunk(STOP + DONE)
        peer.end()

    upstream.play("dripping", dripping)

    with site.begin({"model": "beating/dripping", "messages": MESSAGES, "stream": True}) as begun:
        assert begun.chunk() == ROLE
        beats = [begun.chunk(), begun.chunk()]
        has_beaten.set()
        rest = begun.answer().body

    assert beats == [HEARTBEAT, HEARTBEAT]
    assert rest.replace(HEARTBEAT, b"") == event + STOP + DONE


@pytest.mark.fault("S01")
def test_nothing_is_sent_before_the_first_event(site: Rig, upstream: Provider) -> None:
    def slow_to_begin(peer: Peer, _asked: Asked) -> None:
        peer.head()
        threading.Event().wait(2.5 * BEAT_SECONDS)  # the silence itself is what is tested
        peer.chunk(WORDS[0] + STOP + DONE)
        peer.end()

    upstream.play("slow-to-begin", slow_to_begin)

    answer = site.ask("beating/slow-to-begin")

    assert answer.chunks == (WORDS[0] + STOP + DONE,)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_twenty_seconds_of_silence_get_heartbeats_without_any_setting(site: Rig, upstream: Provider) -> None:
    def silent(peer: Peer, _asked: Asked) -> None:
        peer.head()
        peer.chunk(WORDS[0])
        threading.Event().wait(SILENT_SECONDS)  # the silence itself is what is tested
        peer.chunk(WORDS[1] + STOP + DONE)
        peer.end()

    upstream.play("silent-for-long", silent)

    answer = site.ask("test/silent-for-long")

    assert answer.chunks == (WORDS[0], HEARTBEAT, HEARTBEAT, WORDS[1] + STOP + DONE)


@pytest.mark.fault("C06")
@pytest.mark.fault("L01")
def test_a_caller_who_leaves_is_charged_for_what_the_provider_still_says(
    site: Rig, upstream: Provider, gate: Gate
) -> None:
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":5}}\n\n'
    upstream.play("left-alone", lock_step([ROLE, WORDS[0]], [WORDS[1], STOP + usage + DONE], gate, whole))

    with site.begin({"model": "test/left-alone", "messages": MESSAGES, "stream": True}) as begun:
        assert received(begun, ROLE + WORDS[0]) == ROLE + WORDS[0]
    for _ in range(3):
        gate.open()
    call: Call = site.stack.wait_for_calls(len(site.stack.calls) + 1, PATIENCE_SECONDS)[-1]

    record = site.record(call.request_id)
    assert call.is_caller_gone
    assert (record["usage_source"], record["usage"]["input"], record["usage"]["output"]) == ("provider", 11, 5)
