"""What one call does when its providers fail: whom it asks, how often, after how long, and what the caller is told."""

import json
from itertools import pairwise
from typing import Any

import httpx
import pytest
from tests.fakes.gateway import KEY, Context, Pieces, event
from tests.fakes.routed import (
    ALONE,
    ASK,
    SMART,
    Answer,
    Routed,
    attempts,
    completion,
    failing,
    good,
    in_turn,
    refusing,
)

from sluice.attempting import SPARE_SECONDS
from sluice.domain.errors import (
    GatewayError,
    UpstreamLost,
    UpstreamTimeout,
    UpstreamTls,
    UpstreamTruncated,
    UpstreamUnreachable,
)
from sluice.routing.attempts import JITTER_SECONDS

RETRIED = (408, 409, 425, 429, 500, 502, 503, 504, 529)


@pytest.mark.fault("U10")
@pytest.mark.parametrize("status", RETRIED)
def test_a_target_that_fails_once_is_asked_once_more(status: int) -> None:
    gateway = Routed({"a": in_turn(refusing(status), good)}, routes=ALONE)

    answer = gateway.chat(ASK)

    assert (answer["statusCode"], answer["headers"]["x-sluice-attempts"]) == (200, "2")
    assert answer["headers"]["x-sluice-step"] == "0"
    list(answer["body"])
    answer["body"].close()
    assert attempts(gateway) == [("a", status), ("a", 200)]
    assert gateway.ledger.settled[0].cost == 10 * 1000 + 5 * 4000


@pytest.mark.parametrize("status", [status for status in RETRIED if status != 429])
def test_a_target_that_goes_on_failing_is_left_for_the_next(status: int) -> None:
    gateway = Routed({"a": refusing(status), "b": good}, routes=SMART)

    answer = gateway.chat(ASK)

    assert gateway.asked == ["a", "a", "b"]
    assert (answer["headers"]["x-sluice-provider"], answer["headers"]["x-sluice-model"]) == ("b", "two")
    assert (answer["headers"]["x-sluice-attempts"], answer["headers"]["x-sluice-step"]) == ("3", "1")


@pytest.mark.parametrize("status", [401, 402, 403, 404, 429])
def test_what_a_retry_cannot_mend_goes_to_the_next_target_at_once(status: int) -> None:
    gateway = Routed({"a": refusing(status), "b": good}, routes=SMART)

    assert gateway.chat(ASK)["statusCode"] == 200
    assert gateway.asked == ["a", "b"]
    assert gateway.hand.seconds == 1000.0


@pytest.mark.fault("U12")
@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_the_caller_has_to_mend_is_told_and_tried_nowhere_else(status: int) -> None:
    gateway = Routed({"a": refusing(status), "b": good}, routes=SMART)

    answer = gateway.chat(ASK)

    assert answer["statusCode"] == status
    assert gateway.asked == ["a"]
    assert "x-should-retry" not in answer["headers"]
    assert gateway.ledger.settled[0].cost == 0


@pytest.mark.fault("U01", "U03", "U04", "U05")
@pytest.mark.parametrize(
    ("error", "asked", "alone", "status"),
    [
        (UpstreamUnreachable("refused"), ["a", "a", "b"], ["a", "a"], 502),
        (UpstreamLost("reset"), ["a", "a", "b"], ["a", "a"], 502),
        (UpstreamTls("self-signed"), ["a", "b"], ["a"], 502),
        (UpstreamTimeout("silent"), ["a", "b"], ["a"], 504),
    ],
)
def test_a_connection_that_fails_is_tried_by_its_kind(
    error: GatewayError, asked: list[str], alone: list[str], status: int
) -> None:
    smart, lone = Routed({"a": failing(error), "b": good}, routes=SMART), Routed({"a": failing(error)}, routes=ALONE)

    assert smart.chat(ASK)["statusCode"] == 200
    assert lone.chat(ASK)["statusCode"] == status
    assert (smart.asked, lone.asked) == (asked, alone)


@pytest.mark.fault("U04")
def test_a_lost_connection_is_tried_once_more_whatever_is_configured() -> None:
    retry = {"attempts": 5, "delay_seconds": 0}
    gateway = Routed({"a": failing(UpstreamLost("reset"))}, routes={"smart": {**ALONE["smart"], "retry": retry}})

    gateway.chat(ASK)

    assert gateway.asked == ["a", "a"]


def test_an_answer_that_breaks_off_before_it_began_is_tried_again() -> None:
    def cut(_: httpx.Request) -> httpx.Response:
        pieces: list[Any] = [b'{"choices":', UpstreamTruncated("cut")]
        return httpx.Response(200, headers={"content-type": "application/json"}, stream=Pieces(pieces))

    gateway = Routed({"a": cut, "b": good}, routes=SMART)

    body = gateway.chat(ASK)["body"]

    assert json.loads(b"".join(body))["model"] == "two"
    assert gateway.asked == ["a", "a", "b"]


@pytest.mark.parametrize(
    ("retry", "asked"),
    [
        ({"attempts": 1}, ["a", "b"]),
        ({"attempts": 4}, ["a", "a", "a", "a", "b"]),
        ({"statuses": [429]}, ["a", "b"]),
    ],
)
def test_a_route_says_how_often(retry: dict[str, Any], asked: list[str]) -> None:
    gateway = Routed({"a": refusing(500), "b": good}, routes={"smart": {**SMART["smart"], "retry": retry}})

    gateway.chat(ASK)

    assert gateway.asked == asked


def test_a_status_that_a_route_does_not_fall_back_on_ends_the_call() -> None:
    routes = {"smart": {**SMART["smart"], "fallback_statuses": [429]}}
    gateway = Routed({"a": refusing(500), "b": good}, routes=routes)

    assert gateway.chat(ASK)["statusCode"] == 500
    assert gateway.asked == ["a", "a"]


def test_a_caller_says_how_often_in_a_header() -> None:
    gateway = Routed({"a": refusing(500)}, routes=ALONE)

    gateway.chat(ASK, headers={"content-type": "application/json", "x-sluice-max-attempts": "1"})

    assert gateway.asked == ["a"]


@pytest.mark.fault("U08")
def test_retries_wait_longer_each_time_and_never_beyond_their_backoff() -> None:
    moments: list[float] = []
    gateway: Routed

    def refuse(request: httpx.Request) -> httpx.Response:
        moments.append(gateway.hand.seconds)
        return refusing(503)(request)

    retry = {"attempts": 5, "delay_seconds": 1}
    gateway = Routed({"a": refuse}, routes={"smart": {**ALONE["smart"], "retry": retry}})

    gateway.chat(ASK)

    waits = [later - earlier for earlier, later in pairwise(moments)]
    assert len(waits) == 4
    assert all(0 <= wait <= most for wait, most in zip(waits, (1, 2, 4, 8), strict=True)), waits
    assert len(set(waits)) == 4


@pytest.mark.fault("U07")
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"retry_after": "3"}, 3), ({"retry_after_ms": "250"}, 0.25), ({"retry_after": "1.5"}, 1.5)],
)
def test_what_a_lone_target_asks_for_is_waited(headers: dict[str, str], seconds: float) -> None:
    gateway = Routed({"a": in_turn(refusing(429, **headers), good)}, routes=ALONE)

    assert gateway.chat(ASK)["statusCode"] == 200
    assert seconds <= gateway.hand.seconds - 1000 <= seconds + JITTER_SECONDS


@pytest.mark.fault("U07")
@pytest.mark.parametrize("status", [429, 503])
def test_while_another_target_is_left_nobody_waits_for_one_that_says_when(status: int) -> None:
    gateway = Routed({"a": refusing(status, retry_after="3"), "b": good}, routes=SMART)

    assert gateway.chat(ASK)["statusCode"] == 200
    assert gateway.asked == ["a", "b"]
    assert gateway.hand.seconds == 1000.0


@pytest.mark.fault("U07")
@pytest.mark.parametrize(("asked", "remaining"), [("21", 60_000), ("19", 15_000)])
def test_a_wait_beyond_the_cap_or_the_deadline_is_the_callers_to_make(asked: str, remaining: int) -> None:
    gateway = Routed({"a": refusing(429, retry_after=asked)}, routes=ALONE)

    answer = gateway.handler(event("POST", "/v1/chat/completions", body=json.dumps(ASK)), Context("id", remaining))

    assert (answer["statusCode"], answer["headers"]["retry-after"]) == (429, asked)
    assert gateway.asked == ["a"]
    assert gateway.hand.seconds == 1000.0


@pytest.mark.fault("U09")
@pytest.mark.parametrize("asked", ["1e9", "-5", "NaN", "inf", "Thu, 01 Jan 1970 00:00:00 GMT", "soon"])
def test_a_wait_that_makes_no_sense_is_an_ordinary_one(asked: str) -> None:
    gateway = Routed({"a": in_turn(refusing(429, retry_after=asked), good)}, routes=ALONE)

    assert gateway.chat(ASK)["statusCode"] == 200
    assert gateway.hand.seconds - 1000 <= 0.5


@pytest.mark.fault("U09")
def test_two_headers_that_differ_are_none() -> None:
    headers = [("retry-after", "5"), ("retry-after", "9")]
    gateway = Routed({"a": in_turn(lambda _: httpx.Response(429, headers=headers), good)}, routes=ALONE)

    assert gateway.chat(ASK)["statusCode"] == 200
    assert gateway.hand.seconds - 1000 <= 0.5


@pytest.mark.parametrize("remaining", [3_000, 3_500, 4_000])
def test_no_wait_eats_the_time_of_the_attempt_after_it(remaining: int) -> None:
    retry = {"attempts": 5, "delay_seconds": 5, "backoff": "constant"}
    gateway = Routed({"a": refusing(500)}, routes={"smart": {**ALONE["smart"], "retry": retry}})

    gateway.handler(event("POST", "/v1/chat/completions", body=json.dumps(ASK)), Context("id", remaining))

    assert gateway.hand.seconds - 1000 <= remaining / 1000 - 2 - SPARE_SECONDS  # the call ends 2 s before its deadline


def test_without_retries_left_in_the_budget_the_next_target_is_asked() -> None:
    gateway = Routed({"a": refusing(500), "b": refusing(500)}, routes=SMART)
    gateway.budget.retries = 1

    assert gateway.chat(ASK)["statusCode"] == 500
    assert gateway.asked == ["a", "a", "b"]


@pytest.mark.fault("U11")
def test_where_all_fail_the_caller_is_told_when_to_come_back_and_that_we_retried() -> None:
    gateway = Routed({"a": refusing(503), "b": refusing(503)}, routes=SMART)

    answer = gateway.chat(ASK)

    assert answer["statusCode"] == 503
    assert int(answer["headers"]["retry-after"]) >= 1
    assert answer["headers"]["x-should-retry"] == "false"
    assert attempts(gateway) == [("a", 503), ("a", 503), ("b", 503), ("b", 503)]
    assert gateway.ledger.settled[0].cost == 0


def test_a_call_that_was_tried_once_leaves_retries_to_its_caller() -> None:
    gateway = Routed({"a": refusing(500)}, routes=ALONE)
    gateway.budget.retries = 0

    assert "x-should-retry" not in gateway.chat(ASK)["headers"]


def test_a_target_whose_breaker_is_open_is_left_out() -> None:
    gateway = Routed({"a": good, "b": good}, routes=SMART)
    gateway.breakers.open.add("a/one")

    assert gateway.chat(ASK)["statusCode"] == 200
    assert gateway.asked == ["b"]


def test_where_all_breakers_are_open_nothing_is_sent_or_reserved() -> None:
    gateway = Routed({"a": good, "b": good}, routes=SMART)
    gateway.breakers.open |= {"a/one", "b/two"}

    answer = gateway.chat(ASK)

    assert (answer["statusCode"], json.loads(answer["body"])["error"]["code"]) == (503, "circuit_open")
    assert answer["headers"]["retry-after"] == "5"
    assert not gateway.requests
    assert not gateway.ledger.reserved


def test_a_breaker_that_opens_meanwhile_does_not_hide_the_failure_that_was() -> None:
    gateway = Routed({"a": refusing(500), "b": good}, routes=SMART)
    gateway.breakers.unseen.add("b/two")

    answer = gateway.chat(ASK)

    assert answer["statusCode"] == 500
    assert answer["headers"]["x-sluice-provider"] == "a"
    assert gateway.asked == ["a", "a"]


@pytest.mark.parametrize(
    ("answer", "failures"),
    [
        (refusing(500), 2),
        (refusing(429), 0),
        (refusing(400), 0),
        (refusing(401), 0),
        (failing(UpstreamTimeout("silent")), 1),
        (failing(UpstreamUnreachable("refused")), 2),
        (good, 0),
    ],
)
def test_breakers_hear_of_what_a_target_does_wrong(answer: Answer, failures: int) -> None:
    gateway = Routed({"a": answer}, routes=ALONE)

    gateway.chat(ASK)

    assert gateway.breakers.failures == ["a/one"] * failures


def test_a_total_that_is_over_blames_nobody_who_was_not_asked() -> None:
    gateway: Routed

    def slow(_: httpx.Request) -> httpx.Response:
        gateway.hand.advance(11)
        raise UpstreamTimeout("the call took longer than 10 s")

    gateway = Routed({"a": slow, "b": good}, routes=SMART, defaults={"total_timeout_seconds": 10})

    assert gateway.chat(ASK)["statusCode"] == 504
    assert gateway.asked == ["a"]
    assert gateway.breakers.failures == ["a/one"]
    assert attempts(gateway) == [("a", None)]


def test_a_defect_gives_its_probe_back() -> None:
    gateway = Routed({"a": failing(ValueError("defect"))}, routes=ALONE)

    gateway.chat(ASK)

    assert gateway.breakers.given_back == ["a/one"]


def test_a_target_that_cannot_be_asked_is_no_attempt() -> None:
    providers = {"b": {"kind": "compatible", "base_url": "https://b.invalid/v1", "secret": "sluice/b"}}
    routes = {"smart": {"targets": [{"model": "b/two"}, {"model": "a/one"}]}}
    gateway = Routed({"a": good, "b": good}, routes=routes, providers=providers)
    gateway.keys.keys.clear()

    answer = gateway.chat(ASK)

    assert (answer["statusCode"], answer["headers"]["x-sluice-attempts"]) == (200, "1")
    assert gateway.asked == ["a"]


@pytest.mark.fault("U06")
def test_a_key_that_was_replaced_is_the_one_that_is_tried_again_with() -> None:
    keys: list[str] = []
    statuses = iter((401, 500, 200))

    def provider(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["authorization"])
        return httpx.Response(next(statuses), json=completion())

    providers = {"a": {"kind": "compatible", "base_url": "https://a.invalid/v1", "secret": "sluice/a"}}
    gateway = Routed({"a": provider}, routes=ALONE, providers=providers)
    gateway.keys.keys.append("sk-fake-new")

    assert gateway.chat(ASK)["statusCode"] == 200
    assert keys == [f"Bearer {KEY}", "Bearer sk-fake-new", "Bearer sk-fake-new"]


@pytest.mark.parametrize(("milliseconds", "failures"), [("1", []), ("300000", ["a/one"])])
def test_a_caller_of_little_patience_opens_nobodys_breaker(milliseconds: str, failures: list[str]) -> None:
    routes = {"smart": {**ALONE["smart"], "strategy": "latency"}}
    gateway = Routed({"a": failing(UpstreamTimeout("silent"))}, routes=routes)

    answer = gateway.chat(ASK, headers={"x-sluice-timeout-ms": milliseconds})

    assert answer["statusCode"] == 504
    assert gateway.breakers.failures == failures
    assert [target for target, _ in gateway.pace.seen] == failures


def test_each_attempt_takes_one_key_and_looking_takes_none() -> None:
    providers = {"a": {"kind": "compatible", "base_url": "https://a.invalid/v1", "secret": "sluice/a"}}
    gateway = Routed({"a": in_turn(refusing(500), good)}, routes=ALONE, providers=providers)

    gateway.chat(ASK)

    assert gateway.keys.given == 2
