"""Streams of the Responses API that go wrong: cut at every byte, errors inside, giant events.

The caller gets the whole events that came before, then either the provider's own end or exactly one error event with
the next sequence number, and the ledger says which.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from tests import recorded
from tests.e2e.provider import Asked, Gate, Provider, document, provider, stream
from tests.e2e.rig import Answer, Begun, Rig, compatible, rig
from tests.e2e.unread import wait_until_read
from tests.fakes import responses
from tests.fakes.gateway import KEY, Gateway, Pieces
from tests.fakes.raw_provider import Peer
from tests.fakes.responses import created, data_of, ended, error, failed, said
from tests.faults.test_stream_faults import MEMORY_BYTES, chunked, peak_bytes

from sluice.domain.errors import UpstreamReported, UpstreamTimeout, UpstreamTruncated
from sluice.domain.record import Outcome
from sluice.domain.timeouts import Timeouts

PATH = "/v1/responses"
ASK = {"model": "mini", "input": "hi", "stream": True}
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
SHORT = created() + said("a", 1) + said("b", 2) + ended("completed", 3)
BEGUN = created() + said("a", 1)
MEGABYTE = 1024 * 1024
SMALLEST_BYTES = 128 * MEGABYTE  # the least memory that a function may be given
PARTIAL = "response.image_generation_call.partial_image"
ON_THE_WIRE = 25  # places at which a stream is cut through the whole stack


@pytest.fixture(scope="module")
def upstream() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture(scope="module")
def site(upstream: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("response-faults")
    with rig(folder, {"test": compatible(upstream.url)}, attempts=1, environments=1) as running:
        yield running


def played(*pieces: Any) -> tuple[Gateway, dict[str, Any], list[bytes], Exception | None]:
    """The gateway, its answer, all bytes, and what was raised behind them."""
    headers = {"content-type": "text/event-stream"}
    gateway = Gateway(lambda _: httpx.Response(200, headers=headers, stream=Pieces([one for one in pieces if one])))
    answer = gateway.post(PATH, ASK)
    if isinstance(answer["body"], str):
        return gateway, answer, [], None
    sent: list[bytes] = []
    raised = None
    try:
        sent.extend(answer["body"])
    except (UpstreamTruncated, UpstreamReported, UpstreamTimeout) as caught:
        raised = caught
    answer["body"].close()
    return gateway, answer, sent, raised


def whole_events(body: bytes) -> bytes:
    return body[: body.rfind(b"\n\n") + 2] if b"\n\n" in body else b""


@pytest.mark.fault("S03")
@pytest.mark.fault("S04")
@pytest.mark.parametrize("breaks", [True, False], ids=["broken", "closed"])
def test_a_response_that_ends_at_any_byte_never_ends_falsely(breaks: bool) -> None:
    for place in range(len(SHORT) + 1):
        assert_honest(SHORT, place, breaks)


@pytest.mark.skipif(not responses.RECORDINGS, reason=recorded.REASON)
@pytest.mark.slow
@pytest.mark.timeout(280)
@pytest.mark.fault("S03")
@pytest.mark.fault("S04")
@pytest.mark.parametrize("name", ["or_gpt4o_text", "mantle_responses_gpt56_tools_sse"])
@pytest.mark.parametrize("breaks", [True, False], ids=["broken", "closed"])
def test_a_recorded_response_never_ends_falsely_either(name: str, breaks: bool) -> None:
    body = responses.recording(name)
    for place in range(0, len(body) + 1, 3):
        assert_honest(body, place, breaks)


def assert_honest(body: bytes, place: int, breaks: bool) -> None:
    before = body[:place]
    events = whole_events(before)

    gateway, answer, sent, raised = played(before, *([UpstreamTruncated("cut")] if breaks else []))

    record = gateway.ledger.settled[0]
    if events == body or (not breaks and ends_all_the_same(before, body)):
        complete = b"".join(sent).rstrip(b"\n")
        assert raised is None, place
        assert body.startswith(complete)
        assert complete.rpartition(b"data:")[2].partition(b"\n")[0] == body.rpartition(b"data:")[2].partition(b"\n")[0]
        assert (record.outcome, record.finish_reason) == (Outcome.COMPLETE, "completed")
    elif not events:
        assert answer["statusCode"] == 502, place
        assert record.outcome is Outcome.FAILED
    else:
        assert isinstance(raised, UpstreamTruncated), place
        assert b"".join(sent[:-1]) == events
        assert_error_event(sent[-1], events)
        assert (record.outcome, record.error_code) == (Outcome.INCOMPLETE, "upstream_stream_truncated")
        assert gateway.owners.kept == {}


def ends_all_the_same(before: bytes, body: bytes) -> bool:
    """Whether the last event says all it has to: its data are whole."""
    last = before[len(whole_events(body[:-1])) :]
    data = next((line for line in last.split(b"\n") if line.startswith(b"data:")), b"")
    return len(before) > len(whole_events(body[:-1])) and data.endswith(b"}") and is_json(data[5:])


def is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def assert_error_event(raw: bytes, events: bytes) -> None:
    """The one error of a stream that broke behind these events."""
    value = data_of(raw)
    last = data_of(events.rstrip(b"\n").rpartition(b"\n\n")[2])
    assert raw.startswith(b"event: error\n")
    assert raw.count(b"\n\n") == 1
    assert (value["type"], value["sequence_number"]) == ("error", last["sequence_number"] + 1)
    assert value["code"] == value["error"]["code"] == "upstream_stream_truncated"
    assert value["message"] == value["error"]["message"]
    assert value["error"]["request_id"]


@pytest.mark.fault("S16")
def test_an_error_and_the_end_of_the_failed_response_are_forwarded_and_nothing_else() -> None:
    gateway, _, sent, raised = played(BEGUN, error(2), failed(3), said("late", 4), ended("completed", 5))

    assert b"".join(sent) == BEGUN + error(2) + failed(3)
    assert isinstance(raised, UpstreamReported)
    assert gateway.ledger.settled[0].error_code == "upstream_reported"
    assert gateway.ledger.settled[0].outcome is Outcome.INCOMPLETE
    assert gateway.owners.kept == {}


@pytest.mark.fault("S16")
@pytest.mark.parametrize(
    "late", [[], [UpstreamTruncated("gone")], [UpstreamTimeout("silent")], [said("late", 3)], [ValueError(KEY)]]
)
def test_an_error_is_the_last_event_whatever_comes_of_the_connection(late: list[Any]) -> None:
    headers = {"content-type": "text/event-stream"}
    gateway = Gateway(lambda _: httpx.Response(200, headers=headers, stream=Pieces([BEGUN, error(2), *late])))
    answer = gateway.post(PATH, ASK)

    sent: list[bytes] = []
    with pytest.raises(Exception, match="reported an error|internal error"):
        sent.extend(answer["body"])
    answer["body"].close()

    assert b"".join(sent) == BEGUN + error(2)
    assert gateway.ledger.settled[0].error_code in ("upstream_reported", "internal_error")


@pytest.mark.fault("S16")
@pytest.mark.parametrize(
    "first",
    [error(0), failed(0), error(0) + failed(1), error(0)[:-1] + b"\r\n", b'data: {"error":{"message":"x"}}\n\n'],
)
def test_an_error_as_the_first_event_is_an_answer_with_a_status(first: bytes) -> None:
    gateway, answer, _, _ = played(b": hello\n\n", first)

    assert answer["statusCode"] == 502
    assert json.loads(answer["body"])["error"]["code"] == "upstream_reported"
    assert gateway.ledger.settled[0].outcome is Outcome.FAILED


@pytest.mark.fault("S02")
def test_the_sequence_goes_on_behind_comments_and_heartbeats() -> None:
    gateway: Gateway
    headers = {"content-type": "text/event-stream"}
    pieces: list[Any] = [BEGUN, b": ping\n\n", lambda: gateway.hand.advance(11), b"", UpstreamTruncated("gone")]
    gateway = Gateway(lambda _: httpx.Response(200, headers=headers, stream=Pieces(pieces)))
    answer = gateway.post(PATH, ASK)

    sent: list[bytes] = []
    with pytest.raises(UpstreamTruncated):
        sent.extend(answer["body"])
    answer["body"].close()

    assert sent[:-1] == [BEGUN, b": ping\n\n", b": keep-alive\n\n"]
    assert data_of(sent[-1])["sequence_number"] == 2


@pytest.mark.fault("L01")
def test_a_reader_who_leaves_is_charged_what_the_provider_says_and_may_go_on() -> None:
    headers = {"content-type": "text/event-stream"}
    gateway = Gateway(lambda _: httpx.Response(200, headers=headers, stream=Pieces([BEGUN, ended("completed", 2)])))

    body = gateway.post(PATH, ASK)["body"]
    next(iter(body))
    body.close()

    assert gateway.ledger.settled[0].usage.output == 9
    assert ("openai", "resp_1") in gateway.owners.kept


def test_early_heartbeats_leave_room_for_an_error_of_the_dialect() -> None:
    def provider(_: httpx.Request) -> httpx.Response:
        time.sleep(0.1)
        raise UpstreamTimeout("nothing came")

    gateway = Gateway(provider, timeouts=Timeouts(early_heartbeat_seconds=0.02))
    answer = gateway.post(PATH, ASK)

    sent: list[bytes] = []
    with pytest.raises(UpstreamTimeout):
        sent.extend(answer["body"])
    answer["body"].close()

    assert set(sent[:-1]) == {b": keep-alive\n\n"}
    assert (data_of(sent[-1])["type"], data_of(sent[-1])["sequence_number"]) == ("error", 0)


def ask(site: Rig, model: str, **body: Any) -> Answer:
    payload = json.dumps({**ASK, "model": f"test/{model}", **body}).encode()
    with site.connected() as caller:
        caller.send("POST", PATH, site.signed("POST", PATH, payload), payload)
        return Begun(caller).answer()


@pytest.mark.fault("S03")
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_response_that_breaks_on_the_wire_ends_in_one_error_event(reset: bool, site: Rig, upstream: Provider) -> None:
    place = 0

    def breaks(peer: Peer, _asked: Asked) -> None:
        body = chunked(SHORT)
        peer.send(HEAD + body[: place + body.index(b"\r\n") + 2])
        if reset:
            wait_until_read(peer.sock)
            peer.reset()
        peer.sock.close()

    upstream.play("breaks", breaks)
    first, last = len(created()), len(SHORT) - 1
    for place in range(first, last, (last - first) // ON_THE_WIRE):
        answer = ask(site, f"breaks+{reset}-{place}")

        events = whole_events(SHORT[:place])
        assert (answer.status, answer.end) == (200, "ended")
        assert answer.body.startswith(events)
        assert_error_event(answer.body.removeprefix(events), events)
    record = site.record(answer.request_id)
    trailers = site.call(answer.request_id).trailers
    assert (record["outcome"], record["error_code"]) == ("incomplete", "upstream_stream_truncated")
    assert trailers is not None
    assert trailers.error_type == "Function.UpstreamTruncated"


@pytest.mark.fault("S03")
def test_the_sdk_raises_where_a_response_breaks(site: Rig, upstream: Provider) -> None:
    def breaks(peer: Peer, _asked: Asked) -> None:
        peer.send(HEAD + chunked(SHORT)[: len(BEGUN) + 8])
        peer.sock.close()

    upstream.play("breaks-for-sdk", breaks)
    http_client: Any = httpx.Client(auth=site.auth(), timeout=30)
    seen: list[str] = []
    with openai.OpenAI(
        base_url=f"{site.stack.url}/v1", api_key="unused", max_retries=0, http_client=http_client
    ) as client:
        stream = client.responses.create(model="test/breaks-for-sdk", input="hi", stream=True)
        with pytest.raises(openai.APIError, match="broke before the answer was complete"):
            seen.extend(one.type for one in stream)

    assert seen == ["response.created", "response.output_text.delta"]


def test_an_event_is_not_held_for_the_next(site: Rig, upstream: Provider) -> None:
    gate = Gate()

    def paced(peer: Peer, _asked: Asked) -> None:
        peer.head()
        peer.chunk(BEGUN)
        gate.wait()
        peer.chunk(said("b", 2) + ended("completed", 3)[:40])
        gate.wait()
        peer.chunk(ended("completed", 3)[40:])
        gate.wait()
        peer.end()

    upstream.play("paced", paced)
    payload = json.dumps({**ASK, "model": "test/paced"}).encode()

    with site.connected() as caller:
        caller.send("POST", PATH, site.signed("POST", PATH, payload), payload)
        begun = Begun(caller)
        got = []
        for _ in range(3):
            got.append(begun.chunk())
            gate.open()
        last = begun.chunk()

    assert got == [BEGUN, said("b", 2), ended("completed", 3)]
    assert last is None


@pytest.mark.fault("S15")
@pytest.mark.timeout(120)
@pytest.mark.parametrize(("megabytes", "memory"), [(8, SMALLEST_BYTES), (15.5, MEMORY_BYTES)])
def test_giant_events_pass_in_the_functions_memory(
    megabytes: float, memory: int, site: Rig, upstream: Provider
) -> None:
    image = "QUFB" * int(megabytes * MEGABYTE / 4)
    call = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": image}
    partials = [
        responses.event({"type": PARTIAL, "sequence_number": number, "partial_image_b64": image}) for number in (1, 2)
    ]
    last = ended("completed", 4, output=[call])  # the one that is read as a whole
    upstream.play("images", stream(created(), *partials, last))
    upstream.play("short", stream(SHORT))
    pid = site.call(ask(site, "short").request_id).environment_pid

    answer = ask(site, "images")

    assert answer.body == created() + b"".join(partials) + last
    record = site.record(answer.request_id)
    assert (record["outcome"], record["cost"], record["usage"]["output"]) == ("complete", None, 9)
    assert peak_bytes(pid) < memory


@pytest.mark.fault("S15")
@pytest.mark.timeout(120)
def test_long_json_passes_in_the_functions_memory(site: Rig, upstream: Provider) -> None:
    usage = {"prompt_tokens": 8, "total_tokens": 8}
    data = [{"object": "embedding", "index": 0, "embedding": "QUFB" * (5 * MEGABYTE)}]  # 20 MB
    body = json.dumps({"object": "list", "data": data, "model": "m-1", "usage": usage}).encode()
    upstream.play("long", document(body))
    payload = json.dumps({"model": "test/long", "input": "hi"}).encode()

    with site.connected() as caller:
        caller.send("POST", "/v1/embeddings", site.signed("POST", "/v1/embeddings", payload), payload)
        answer = Begun(caller).answer()

    record = site.record(answer.request_id)
    assert answer.body == body
    assert (record["outcome"], record["usage"]["input"]) == ("complete", 8)
    assert peak_bytes(site.call(answer.request_id).environment_pid) < MEMORY_BYTES


@pytest.mark.fault("S03")
def test_long_json_that_breaks_off_lacks_its_end_and_is_on_record(site: Rig, upstream: Provider) -> None:
    def breaks(peer: Peer, _asked: Asked) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9000000\r\n\r\n")
        peer.send(b'{"data": "' + b"x" * (2 * MEGABYTE))
        peer.sock.close()

    upstream.play("long-breaks", breaks)
    payload = json.dumps({"model": "test/long-breaks", "input": "hi"}).encode()

    with site.connected() as caller:
        caller.send("POST", "/v1/embeddings", site.signed("POST", "/v1/embeddings", payload), payload)
        answer = Begun(caller).answer()

    record = site.record(answer.request_id)
    trailers = site.call(answer.request_id).trailers
    assert (answer.status, len(answer.body)) == (200, 2 * MEGABYTE + 10)
    assert not is_json(answer.body)
    assert (record["outcome"], record["error_code"]) == ("incomplete", "upstream_stream_truncated")
    assert trailers is not None
    assert trailers.error_type == "Function.UpstreamTruncated"
