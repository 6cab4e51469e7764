"""Time that runs out, through the whole stack: a provider that is silent, one that never ends, Lambda's own deadline."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from tests.e2e.provider import Asked, Provider, Script, provider
from tests.e2e.rig import MESSAGES, Answer, Rig, compatible, rig
from tests.fakes.raw_provider import Peer

FUNCTION_SECONDS = 4.0
CUT_SECONDS = 2.0  # before Lambda would kill
SETTLED_SECONDS = 1.0
SLACK_SECONDS = 2.0  # a loaded machine; what would go wrong otherwise takes minutes
HEARTBEAT = b": keep-alive\n\n"
ROLE = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
WORD = b'data: {"choices":[{"index":0,"delta":{"content":"word"}}]}\n\n'


@pytest.fixture(scope="module")
def upstream() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture(scope="module")
def site(upstream: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    providers = {"test": compatible(upstream.url), "beating": compatible(upstream.url, heartbeat_seconds=0.25)}
    with rig(tmp_path_factory.mktemp("limits"), providers, attempts=1, environments=1) as running:
        yield running


@pytest.fixture(scope="module")
def short_lived(upstream: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A function that Lambda would kill after FUNCTION_SECONDS."""
    providers = {"test": compatible(upstream.url), "beating": compatible(upstream.url, heartbeat_seconds=0.25)}
    options = {"environments": 1, "timeout_seconds": FUNCTION_SECONDS}
    with rig(tmp_path_factory.mktemp("deadline"), providers, attempts=1, **options) as running:
        yield running


class HangUp:
    """Plays a script, and sees when the gateway closes the connection."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._seen = threading.Event()
        self.at = 0.0

    def __call__(self, peer: Peer, asked: Asked) -> None:
        try:
            self._script(peer, asked)
            peer.sock.recv(1)  # until the gateway hangs up
        finally:
            self.at = time.monotonic()
            self._seen.set()
            peer.sock.close()

    def wait(self) -> bool:
        return self._seen.wait(20)


def silent(_peer: Peer, _asked: Asked) -> None:
    """Not even a head."""


def dripping_head(peer: Peer, _asked: Asked) -> None:
    peer.send(b"HTTP/1.1 200 OK\r\n")
    while not threading.Event().wait(0.05):
        peer.send(b"x")


def head_only(peer: Peer, _asked: Asked) -> None:
    peer.head()


def comments_only(peer: Peer, _asked: Asked) -> None:
    peer.head()
    while not threading.Event().wait(0.05):
        peer.chunk(b": ping\n\n")


def stalled(peer: Peer, _asked: Asked) -> None:
    peer.head()
    peer.chunk(ROLE + WORD)


def endless(peer: Peer, _asked: Asked) -> None:
    peer.head()
    peer.chunk(ROLE)
    while not threading.Event().wait(0.02):
        peer.chunk(WORD)


@pytest.mark.fault("U05")
@pytest.mark.fault("S01")
@pytest.mark.parametrize(
    ("script", "streams"),
    [
        (silent, True),
        (dripping_head, True),
        (head_only, True),
        (comments_only, True),
        (silent, False),
        (dripping_head, False),
    ],
)
def test_a_first_event_that_does_not_come_in_time_is_a_504(
    script: Script, streams: bool, site: Rig, upstream: Provider
) -> None:
    hang_up = HangUp(script)
    upstream.play("late", hang_up)

    answer = site.ask(f"test/late+{len(upstream.asked)}", {"x-sluice-timeout-ms": "700"}, stream=streams)

    assert (answer.status, answer.error["code"]) == (504, "upstream_timeout")
    assert hang_up.wait()
    record = site.record(answer.request_id)
    assert (record["outcome"], record["http_status"], record["error_code"]) == ("failed", 504, "upstream_timeout")
    assert 700 <= record["duration_ms"] < 700 + SLACK_SECONDS * 1000


@pytest.mark.fault("S02")
def test_silence_in_an_answer_that_does_not_stream_is_a_504(site: Rig, upstream: Provider) -> None:
    hang_up = HangUp(head_only)
    upstream.play("begun", hang_up)

    answer = site.ask(f"test/begun+{len(upstream.asked)}", {"x-sluice-idle-timeout-ms": "700"}, stream=False)

    assert (answer.status, answer.error["code"]) == (504, "upstream_timeout")
    assert hang_up.wait()
    assert site.record(answer.request_id)["outcome"] == "failed"


@pytest.mark.fault("S02")
@pytest.mark.parametrize("name", ["test", "beating"])
def test_silence_in_a_stream_ends_it_whatever_heartbeats_we_send(name: str, site: Rig, upstream: Provider) -> None:
    hang_up = HangUp(stalled)
    upstream.play("stalled", hang_up)

    answer = site.ask(f"{name}/stalled+{len(upstream.asked)}", {"x-sluice-idle-timeout-ms": "1200"})

    beats = answer.chunks.count(HEARTBEAT)
    assert answer.body.replace(HEARTBEAT, b"").startswith(ROLE + WORD + b'data: {"error":')
    assert (beats > 1) is (name == "beating")
    assert_failed_in_band(site, answer, "upstream_timeout", "Function.UpstreamTimeout")
    assert hang_up.wait()
    assert 1200 <= site.record(answer.request_id)["duration_ms"] < 1200 + SLACK_SECONDS * 1000


def assert_failed_in_band(site: Rig, answer: Answer, code: str, error_type: str) -> None:
    record, call = site.record(answer.request_id), site.call(answer.request_id)
    assert (answer.status, answer.end) == (200, "ended")
    assert answer.body.count(b'"error"') == 1
    assert b"[DONE]" not in answer.body
    assert answer.error["code"] == code
    assert call.trailers is not None
    assert (call.trailers.error_type, call.error) == (error_type, None)
    assert (record["outcome"], record["error_code"], record["http_status"]) == ("incomplete", code, 200)


@pytest.mark.fault("L02")
@pytest.mark.parametrize("script", [endless, stalled])
@pytest.mark.parametrize("name", ["test", "beating"])
def test_a_stream_is_cut_in_band_and_settled_before_lambda_would_kill(
    script: Script, name: str, short_lived: Rig, upstream: Provider
) -> None:
    hang_up = HangUp(script)
    upstream.play("long", hang_up)
    pid = short_lived.stack.environments[0].pid
    began = time.monotonic()

    answer = short_lived.ask(f"{name}/long+{len(upstream.asked)}")
    ended = time.monotonic()
    short_lived.record(answer.request_id)
    settled = time.monotonic()

    assert ended - began >= FUNCTION_SECONDS - CUT_SECONDS
    assert settled - began < FUNCTION_SECONDS - SETTLED_SECONDS
    assert hang_up.wait()
    assert hang_up.at - began < FUNCTION_SECONDS - SETTLED_SECONDS
    assert_failed_in_band(short_lived, answer, "deadline", "Function.DeadlineReached")
    assert [one.pid for one in short_lived.stack.environments] == [pid]


@pytest.mark.fault("L02")
@pytest.mark.parametrize("script", [silent, head_only])
def test_a_deadline_before_the_first_event_is_an_answer_with_a_status(
    script: Script, short_lived: Rig, upstream: Provider
) -> None:
    upstream.play("nothing", HangUp(script))
    pid = short_lived.stack.environments[0].pid

    answer = short_lived.ask("test/nothing")

    assert (answer.status, answer.error["code"]) == (504, "deadline")
    assert short_lived.record(answer.request_id)["outcome"] == "failed"
    assert [one.pid for one in short_lived.stack.environments] == [pid]


@pytest.mark.fault("L02")
def test_an_answer_that_does_not_stream_meets_the_deadline_too(short_lived: Rig, upstream: Provider) -> None:
    def slow_body(peer: Peer, _asked: Asked) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n{")
        while not threading.Event().wait(0.05):
            peer.send(b" ")

    hang_up = HangUp(slow_body)
    upstream.play("slow-body", hang_up)

    answer = short_lived.ask("test/slow-body", stream=False)

    assert (answer.status, answer.error["code"]) == (504, "deadline")
    assert hang_up.wait()
    assert short_lived.record(answer.request_id)["outcome"] == "failed"


@pytest.mark.fault("L01")
@pytest.mark.fault("L02")
def test_draining_for_a_caller_who_left_keeps_the_deadline(short_lived: Rig, upstream: Provider) -> None:
    hang_up = HangUp(endless)
    upstream.play("left", hang_up)
    pid = short_lived.stack.environments[0].pid
    calls = len(short_lived.stack.calls)
    began = time.monotonic()

    with short_lived.begin({"model": "test/left", "messages": MESSAGES, "stream": True}) as begun:
        begun.chunk()
    call = short_lived.stack.wait_for_calls(calls + 1, FUNCTION_SECONDS + SLACK_SECONDS)[-1]

    record = short_lived.record(call.request_id)
    assert hang_up.wait()
    assert hang_up.at - began < FUNCTION_SECONDS - SETTLED_SECONDS
    assert (record["status"], record["usage_source"]) == ("settled", "counted")
    assert record["usage"]["output"] > 1
    assert [one.pid for one in short_lived.stack.environments] == [pid]


@pytest.mark.fault("U01")
@pytest.mark.fault("U02")
def test_a_provider_that_is_not_there_is_a_502(tmp_path_factory: pytest.TempPathFactory) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    providers = {
        "gone": compatible(f"http://127.0.0.1:{port}/v1"),
        "nowhere": compatible("https://no-such-host.invalid"),
    }

    with rig(tmp_path_factory.mktemp("gone"), providers) as alone:
        for model in ("gone/x", "nowhere/x"):
            answer = alone.ask(model)

            assert (answer.status, answer.error["code"]) == (502, "upstream_unreachable")
            record = alone.record(answer.request_id)
            assert (record["outcome"], record["cost"], record["usage"]["input"]) == ("failed", 0, 0)
            assert [attempt["error_code"] for attempt in record["attempts"]] == ["upstream_unreachable"] * 2
