"""Where an answer commits: what is held until then, and that no two answers are ever mixed."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from tests.fakes.gateway import Pieces
from tests.fakes.routed import ALONE, ASK, SMART, SSE, Answer, Routed, attempts, refusing

from sluice.domain.errors import GatewayError, UpstreamTimeout, UpstreamTruncated
from sluice.domain.record import Outcome
from sluice.relay import MAX_HELD_BYTES

HEARTBEAT = b": keep-alive\n\n"
DONE = b"data: [DONE]\n\n"
STREAM = {**ASK, "stream": True}
CONTENTS: dict[str, dict[str, Any]] = {
    "text": {"content": "Hi"},
    "refusal": {"refusal": "No"},
    "tool call": {"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f"}}]},
    "reasoning": {"reasoning_content": "Hm"},
    "reasoning by its other name": {"reasoning": "Hm"},
}
EMPTY: dict[str, dict[str, Any]] = {
    "role": {"role": "assistant", "content": ""},
    "null": {"role": "assistant", "content": None},
    "nothing": {},
}


def delta(model: str, finish: str | None = None, **fields: Any) -> bytes:
    choice = {"index": 0, "delta": fields, "finish_reason": finish}
    return b"data: " + json.dumps({"model": model, "choices": [choice]}).encode() + b"\n\n"


def role(model: str) -> bytes:
    return delta(model, role="assistant", content="")


def streaming(*pieces: Any) -> Answer:
    return lambda _: httpx.Response(200, headers=SSE, stream=Pieces(pieces))


def whole(model: str) -> list[bytes]:
    return [role(model), delta(model, content="Hi"), delta(model, "stop"), DONE]


def sent(answer: dict[str, Any]) -> bytes:
    """All bytes of an answer; the error after them is the trailers'."""
    if isinstance(answer["body"], str):
        return answer["body"].encode()
    pieces: list[bytes] = []
    try:
        pieces.extend(answer["body"])
    except GatewayError:
        pieces.append(b"")
    answer["body"].close()
    return b"".join(pieces)


@pytest.mark.parametrize(
    "failure",
    [
        UpstreamTruncated("cut"),
        UpstreamTimeout("silent"),
        b'data: {"error":{"message":"overloaded","code":529}}\n\n',
    ],
)
def test_a_failure_before_content_is_the_next_targets_answer_alone(failure: Any) -> None:
    gateway = Routed({"a": streaming(role("one"), failure), "b": streaming(*whole("two"))}, routes=SMART)

    answer = gateway.chat(STREAM)
    found = sent(answer)

    assert found == b"".join(whole("two"))
    assert gateway.ledger.settled[0].outcome is Outcome.COMPLETE


@pytest.mark.parametrize("failure", [UpstreamTruncated("cut"), b'data: {"error":{"message":"overloaded"}}\n\n'])
def test_a_failure_after_content_is_in_band_and_nobody_else_is_asked(failure: Any) -> None:
    said = delta("one", content="Hel")
    gateway = Routed({"a": streaming(role("one"), said, failure), "b": streaming(*whole("two"))}, routes=SMART)

    found = sent(gateway.chat(STREAM))

    assert gateway.asked == ["a"]
    assert found.startswith(role("one") + said)
    assert b'"error"' in found
    assert b"[DONE]" not in found
    assert gateway.breakers.failures == ["a/one"]


@settings(deadline=None)
@given(some.lists(some.sampled_from([*EMPTY, *CONTENTS, "cut", "error"]), max_size=6))
def test_an_answer_is_of_one_target_wherever_the_first_one_fails(said: list[str]) -> None:
    pieces: list[Any] = []
    for what in said:
        if what == "cut":
            break
        pieces.append(b'data: {"error":{}}\n\n' if what == "error" else delta("one", **(EMPTY | CONTENTS)[what]))
    gateway = Routed({"a": streaming(*pieces, UpstreamTruncated("cut")), "b": streaming(*whole("two"))}, routes=SMART)

    found = sent(gateway.chat(STREAM))

    reached = said[: min([said.index(end) for end in ("cut", "error") if end in said] or [len(said)])]
    has_content = any(what in CONTENTS for what in reached)
    assert (b'"one"' in found, b'"two"' in found) == (has_content, not has_content)
    assert gateway.ledger.settled[0].attempts[-1].provider == ("a" if has_content else "b")


@pytest.mark.parametrize("content", CONTENTS)
def test_content_of_any_kind_commits(content: str) -> None:
    reached: list[str] = []
    pieces = [role("one"), delta("one", **CONTENTS[content]), lambda: reached.append("further"), delta("one", "stop")]
    gateway = Routed({"a": streaming(*pieces), "b": refusing(500)}, routes=SMART)

    answer = gateway.chat(STREAM)

    assert not reached
    assert next(iter(answer["body"])) == role("one") + delta("one", **CONTENTS[content])
    answer["body"].close()


@pytest.mark.parametrize("empty", EMPTY)
def test_with_one_target_left_the_first_event_leaves_at_once(empty: str) -> None:
    reached: list[str] = []
    begun = delta("one", **EMPTY[empty])
    gateway = Routed({"a": streaming(begun, lambda: reached.append("further"), *whole("one"))}, routes=ALONE)

    pieces = iter(gateway.chat(STREAM)["body"])

    assert next(pieces) == begun
    assert not reached


@pytest.mark.parametrize("empty", EMPTY)
def test_with_another_target_left_nothing_leaves_before_content(empty: str) -> None:
    reached: list[str] = []
    begun = delta("one", **EMPTY[empty])
    pieces = [begun, lambda: reached.append("further"), delta("one", content="Hi"), delta("one", "stop"), DONE]
    gateway = Routed({"a": streaming(*pieces), "b": refusing(500)}, routes=SMART)

    answer = gateway.chat(STREAM)

    assert reached == ["further"]
    assert next(iter(answer["body"])) == begun + delta("one", content="Hi")
    answer["body"].close()


def test_the_last_target_of_a_route_sends_its_first_event_at_once() -> None:
    reached: list[str] = []
    last = streaming(role("two"), lambda: reached.append("further"), *whole("two"))
    gateway = Routed({"a": refusing(404), "b": last}, routes=SMART)

    answer = gateway.chat(STREAM)

    assert next(iter(answer["body"])) == role("two")
    assert not reached
    answer["body"].close()


def test_an_answer_that_ends_properly_with_nothing_in_it_is_an_answer() -> None:
    gateway = Routed({"a": streaming(role("one"), delta("one", "stop"), DONE), "b": refusing(500)}, routes=SMART)

    assert sent(gateway.chat(STREAM)) == role("one") + delta("one", "stop") + DONE
    assert gateway.asked == ["a"]


def test_no_more_than_the_cap_is_held_for_content() -> None:
    padded = delta("one", role="assistant", content="", padding="x" * 1000)
    count = MAX_HELD_BYTES // len(padded) + 1
    gateway = Routed(
        {"a": streaming(*[padded] * count, UpstreamTruncated("cut")), "b": streaming(*whole("two"))}, routes=SMART
    )

    answer = gateway.chat(STREAM)
    found = sent(answer)

    assert gateway.asked == ["a"]
    assert found.startswith(padded * count)
    assert b"two" not in found
    assert b'"error"' in found


def test_one_byte_less_than_the_cap_is_still_held() -> None:
    padded = delta("one", role="assistant", content="", padding="x" * 1000)
    count = MAX_HELD_BYTES // len(padded)
    gateway = Routed(
        {"a": streaming(*[padded] * count, UpstreamTruncated("cut")), "b": streaming(*whole("two"))}, routes=SMART
    )

    assert sent(gateway.chat(STREAM)) == b"".join(whole("two"))


@pytest.mark.fault("S02")
def test_a_reasoner_that_is_silent_for_20_seconds_has_its_first_event_passed_on_at_once_and_heartbeats_after() -> None:
    """The provider's ticks are those of the transport; the clock moves with them alone."""
    gateway: Routed

    class Reasoner(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield role("one")
            for _ in range(80):
                gateway.hand.advance(0.25)
                yield b""
            yield from whole("one")[1:]

    gateway = Routed({"a": lambda _: httpx.Response(200, headers=SSE, stream=Reasoner())}, routes=ALONE)

    began = gateway.hand.seconds
    pieces = iter(gateway.chat(STREAM)["body"])
    first, first_at = next(pieces), gateway.hand.seconds
    timed = [(piece, gateway.hand.seconds - began) for piece in pieces]

    assert (first, first_at) == (role("one"), began)
    assert [at for piece, at in timed if piece == HEARTBEAT] == [10, 20]
    assert b"".join(piece for piece, _ in timed if piece != HEARTBEAT) == b"".join(whole("one")[1:])


def test_a_silent_reasoner_with_another_target_left_is_waited_for_without_heartbeats() -> None:
    gateway: Routed

    class Reasoner(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield role("one")
            for _ in range(80):
                gateway.hand.advance(0.25)
                yield b""
            yield from whole("one")[1:]

    answers: dict[str, Answer] = {"a": lambda _: httpx.Response(200, headers=SSE, stream=Reasoner())}
    gateway = Routed({**answers, "b": refusing(500)}, routes=SMART)

    assert sent(gateway.chat(STREAM)) == b"".join(whole("one"))
    assert gateway.hand.seconds == 1020.0


def test_what_failed_before_it_committed_is_closed() -> None:
    first = Pieces([role("one"), UpstreamTruncated("cut")])
    again = Pieces([role("one"), UpstreamTruncated("cut")])
    bodies = iter((first, again))
    answers = {"a": lambda _: httpx.Response(200, headers=SSE, stream=next(bodies)), "b": streaming(*whole("two"))}
    gateway = Routed(answers, routes=SMART)

    gateway.chat(STREAM)["body"].close()

    assert (first.is_closed, again.is_closed) == (True, True)
    assert attempts(gateway) == [("a", 200), ("a", 200), ("b", 200)]


def test_a_defect_before_the_commit_closes_the_connection() -> None:
    stream = Pieces([ValueError("defect")])
    gateway = Routed({"a": lambda _: httpx.Response(200, headers=SSE, stream=stream)}, routes=ALONE)

    answer = gateway.chat(STREAM)

    assert answer["statusCode"] == 500
    assert stream.is_closed
    assert len(gateway.ledger.settled) == 1
