"""Providers that refuse for now, through the whole stack: who is asked again and when, and what the caller is told."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest
from tests.e2e.provider import Asked, Provider, Script, document, provider, stream
from tests.e2e.rig import Rig, compatible, rig, toml
from tests.fakes.gateway import Gateway
from tests.fakes.raw_provider import Peer

from sluice.domain.errors import UpstreamLost

GOOD = (
    b'data: {"choices":[{"index":0,"delta":{"content":"word"}}]}\n\n',
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
    b"data: [DONE]\n\n",
)
REFUSAL = b'{"error":{"message":"not now","type":"server_error","param":null,"code":"busy"}}'
COMPLETION = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "word"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5},
}
NAMES = tuple(f"provider-{number}" for number in range(60))
FUNCTION_SECONDS = 30.0
PATIENCE = 10.0  # more than any wait of these tests, less than what nonsense asks for
PAIRS = tuple(f"pair-{number}" for number in range(10))  # of providers, and the routes over them


@pytest.fixture(scope="module")
def upstream() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture(scope="module")
def site(upstream: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("retries")
    config = configured(folder, upstream)
    with rig(folder, {}, config=config, environments=1, timeout_seconds=FUNCTION_SECONDS) as running:
        yield running


@pytest.fixture(scope="module")
def names() -> Iterator[str]:
    return iter(NAMES)


@pytest.fixture
def name(names: Iterator[str]) -> str:
    """A provider that nobody has called yet: budgets and breakers are theirs."""
    return next(names)


@pytest.fixture(scope="module")
def pairs() -> Iterator[str]:
    return iter(PAIRS)


@pytest.fixture
def pair(pairs: Iterator[str]) -> str:
    """A route over two providers that nobody has called yet."""
    return next(pairs)


def configured(folder: Path, upstream: Provider) -> Path:
    names = (*NAMES, *(f"{pair}-{half}" for pair in PAIRS for half in "ab"))
    routes = (
        f'[routes.{pair}]\ntargets = [{{ model = "{pair}-a/both" }}, {{ model = "{pair}-b/both" }}]\n' for pair in PAIRS
    )
    path = folder / "routed.toml"
    path.write_text(toml({name: compatible(upstream.url) for name in names}) + "".join(routes), encoding="utf-8")
    return path


def refusing(status: int, *headers: str) -> Script:
    return document(REFUSAL, status, ("content-type: application/json", *headers))


class Once:
    """Plays a script for the first call and is well from then on; knows when it was asked."""

    def __init__(self, first: Script) -> None:
        self._first = first
        self.at: list[float] = []

    def __call__(self, peer: Peer, asked: Asked) -> None:
        self.at.append(time.monotonic())
        (self._first if len(self.at) == 1 else stream(*GOOD))(peer, asked)

    @property
    def waited(self) -> float:
        return self.at[1] - self.at[0]


def in_seconds(seconds: int) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


WAITS: dict[str, tuple[Callable[[], str], float]] = {
    "whole seconds": (lambda: "retry-after: 1", 1.0),
    "a fraction": (lambda: "retry-after: 0.7", 0.7),
    "milliseconds": (lambda: "retry-after-ms: 650", 0.65),
    "a date": (lambda: f"retry-after: {in_seconds(2)}", 0.9),  # a date has no fractions
}


@pytest.mark.fault("U07")
@pytest.mark.parametrize(("header", "least"), WAITS.values(), ids=WAITS)
def test_a_provider_is_given_the_time_that_it_asks_for(
    header: Callable[[], str], least: float, name: str, site: Rig, upstream: Provider
) -> None:
    once = Once(lambda peer, asked: refusing(429, header())(peer, asked))
    upstream.play("later", once)

    answer = site.ask(f"{name}/later")

    assert (answer.status, answer.body) == (200, b"".join(GOOD))
    assert answer.headers["x-sluice-attempts"] == "2"
    assert least <= once.waited < PATIENCE


@pytest.mark.fault("U07")
@pytest.mark.parametrize("header", ["retry-after: 21", "retry-after: 600", "retry-after-ms: 60000"])
def test_a_wait_beyond_the_cap_is_the_callers_to_decide(header: str, name: str, site: Rig, upstream: Provider) -> None:
    upstream.play("much-later", refusing(429, header))
    asked = len(upstream.asked)

    answer = site.ask(f"{name}/much-later")

    field, _, value = header.partition(": ")
    assert (answer.status, answer.headers[field]) == (429, value)
    assert len(upstream.asked) == asked + 1


@pytest.mark.fault("U07")
def test_a_wait_that_does_not_fit_the_invocations_time_is_not_begun(upstream: Provider, tmp_path: Path) -> None:
    upstream.play("too-late", refusing(429, "retry-after: 15"))
    asked, began = len(upstream.asked), time.monotonic()

    with rig(tmp_path, {"test": compatible(upstream.url)}, environments=1, timeout_seconds=8) as hurried:
        answer = hurried.ask("test/too-late")

    assert (answer.status, answer.headers["retry-after"]) == (429, "15")
    assert len(upstream.asked) == asked + 1
    assert time.monotonic() - began < 15


@pytest.mark.fault("U08")
def test_a_429_that_says_nothing_is_asked_again_out_of_a_budget_and_then_relayed(
    name: str, site: Rig, upstream: Provider
) -> None:
    upstream.play("always", refusing(429))
    asked = len(upstream.asked)

    answers = [site.ask(f"{name}/always") for _ in range(20)]

    attempts = len(upstream.asked) - asked
    assert {answer.status for answer in answers} == {429}
    assert answers[0].headers["x-should-retry"] == "false"
    assert all(float(answer.headers["retry-after"]) > 0 for answer in answers)
    assert len(answers) < attempts <= len(answers) + 10 + len(answers) / 10
    assert attempts < 2 * len(answers)  # the budget ran out on the way
    assert {site.record(answer.request_id)["cost"] for answer in answers} == {0}


NONSENSE = {
    "a billion": ("retry-after: 1e9",),
    "negative": ("retry-after: -5",),
    "no number": ("retry-after: NaN",),
    "infinite": ("retry-after: inf",),
    "twice": ("retry-after: 5", "retry-after: 7"),
    "past": ("retry-after: Fri, 20 Nov 2020 10:00:00 GMT",),
    "no date": ("retry-after: soon",),
    "a date that is none": ("retry-after: Fri, 99 Nov 2026 99:99:99 GMT",),
    "empty": ("retry-after:",),
    "other digits": ("retry-after: \u0663".encode().decode("latin-1"),),
    "milliseconds that are none": ("retry-after-ms: soon",),
    "as many digits as fit": ("retry-after: " + "9" * 4000,),
}


@pytest.mark.fault("U09")
@pytest.mark.parametrize("headers", NONSENSE.values(), ids=NONSENSE)
def test_a_time_that_makes_no_sense_is_no_time(
    headers: tuple[str, ...], name: str, site: Rig, upstream: Provider
) -> None:
    once = Once(refusing(429, *headers))
    upstream.play("odd", once)

    answer = site.ask(f"{name}/odd")

    assert answer.status == 200
    assert once.waited < PATIENCE


@pytest.mark.fault("U10")
@pytest.mark.parametrize("status", [500, 502, 503, 504, 529])
def test_one_failure_is_retried_and_both_attempts_are_on_the_record(
    status: int, name: str, site: Rig, upstream: Provider
) -> None:
    upstream.play("recovers", Once(refusing(status)))

    answer = site.ask(f"{name}/recovers")

    record = site.record(answer.request_id)
    assert (answer.status, answer.body, answer.headers["x-sluice-attempts"]) == (200, b"".join(GOOD), "2")
    assert [attempt["http_status"] for attempt in record["attempts"]] == [status, 200]
    assert (record["outcome"], record["http_status"]) == ("complete", 200)


@pytest.mark.fault("U11")
def test_where_all_providers_are_down_the_caller_is_told_when_to_come_back(
    pair: str, site: Rig, upstream: Provider
) -> None:
    upstream.play("both", refusing(503))
    asked = len(upstream.asked)

    answer = site.ask(pair)

    record = site.record(answer.request_id)
    assert (answer.status, answer.headers["x-should-retry"]) == (503, "false")
    assert float(answer.headers["retry-after"]) > 0
    assert len(upstream.asked) == asked + 4
    assert [attempt["provider"] for attempt in record["attempts"]] == [f"{pair}-{half}" for half in "aabb"]
    assert {attempt["http_status"] for attempt in record["attempts"]} == {503}
    assert (record["outcome"], record["cost"], record["status"]) == ("failed", 0, "settled")


@pytest.mark.fault("U04")
def test_an_attempt_that_got_lost_is_retried_once_and_booked_at_what_it_may_have_cost() -> None:
    asked: list[httpx.Request] = []

    def lost_then_good(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if len(asked) == 1:
            request.extensions["watch"].has_sent = True
            raise UpstreamLost("gone")
        return httpx.Response(200, json=COMPLETION)

    gateway = Gateway(lost_then_good)

    body = gateway.chat()["body"]
    got = b"".join(body)
    body.close()

    (record,) = gateway.ledger.settled
    lost, good = record.attempts
    assert json.loads(got) == COMPLETION
    assert [request.content for request in asked] == [asked[0].content] * 2
    assert (lost.error_code, good.http_status, good.cost) == ("upstream_lost", 200, None)
    assert lost.cost is not None
    assert 0 < lost.cost <= (gateway.ledger.reserved[0].bound or 0)


@pytest.mark.fault("U01")
@pytest.mark.fault("S01")
@pytest.mark.parametrize("fails", ["503", "silence", "no stream", "an error at once", "broken"])
def test_another_target_answers_where_the_first_one_does_not(
    fails: str, pair: str, site: Rig, upstream: Provider
) -> None:
    asked: list[str] = []

    def first_fails(peer: Peer, request: Asked) -> None:
        asked.append("again" if asked else "first")
        (FAILURES[fails] if len(asked) <= ATTEMPTS_AT_FIRST[fails] else stream(*GOOD))(peer, request)

    upstream.play("both", first_fails)

    answer = site.ask(pair, {"x-sluice-timeout-ms": "600"})

    assert (answer.status, answer.body) == (200, b"".join(GOOD))
    assert (answer.headers["x-sluice-provider"], answer.headers["x-sluice-step"]) == (f"{pair}-b", "1")
    attempts = site.record(answer.request_id)["attempts"]
    assert [attempt["provider"] for attempt in attempts][-2:] == [f"{pair}-a", f"{pair}-b"]


def silent(peer: Peer, _asked: Asked) -> None:
    peer.head()
    peer.sock.recv(1)


def broken(peer: Peer, _asked: Asked) -> None:
    peer.send(b"HTTP/1.1 200")
    peer.sock.close()


FAILURES: dict[str, Script] = {
    "503": refusing(503),
    "silence": silent,
    "no stream": document(b"<html>", 200, ("content-type: text/html",)),
    "an error at once": stream(b'data: {"error":{"message":"it broke","code":503}}\n\n'),
    "broken": broken,
}
ATTEMPTS_AT_FIRST = {"503": 2, "silence": 1, "no stream": 1, "an error at once": 2, "broken": 2}
