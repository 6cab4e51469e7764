"""What is booked of a call that took several attempts, and what of one attempt the next one knows."""

import json
import time
from typing import Any

import httpx
import pytest
from tests.fakes.gateway import PRICE, Pieces
from tests.fakes.routed import (
    ALONE,
    ASK,
    SMART,
    SSE,
    Answer,
    Routed,
    failing,
    good,
    refusing,
)

from sluice.domain.errors import (
    UpstreamLost,
    UpstreamTruncated,
    UpstreamUnreachable,
)
from sluice.domain.price import Price
from sluice.domain.usage import Usage


def test_a_call_counts_once_for_each_provider_that_it_reaches() -> None:
    routes = {"smart": {"targets": [{"model": f"{name}/x"} for name in ("a", "b", "c")]}}
    gateway = Routed({"a": refusing(500), "b": refusing(500), "c": good}, routes=routes)
    gateway.breakers.unseen.add("b/x")

    gateway.chat(ASK)

    assert gateway.asked == ["a", "a", "c"]
    assert gateway.budget.calls == ["a", "c"]


def test_what_a_lost_attempt_may_have_cost_stands_with_it() -> None:
    gateway = Routed({"a": failing(UpstreamLost("reset"), is_sent=True), "b": good}, routes=SMART)

    gateway.chat(ASK)["body"].close()

    record = gateway.ledger.settled[0]
    assert [one.cost is not None and one.cost > 0 for one in record.attempts] == [True, True, False]
    assert record.usage == Usage(input=10, output=5)
    assert record.cost == 10 * 1000 + 5 * 4000


def test_what_the_last_attempt_may_have_cost_is_the_records_own_cost() -> None:
    gateway = Routed({"a": failing(UpstreamLost("reset"), is_sent=True)}, routes=ALONE)

    gateway.chat(ASK)

    record = gateway.ledger.settled[0]
    assert record.cost is not None
    assert record.cost > 0
    assert [one.cost for one in record.attempts] == [record.cost, None]


@pytest.mark.parametrize("answer", [refusing(500), failing(UpstreamUnreachable("refused"))])
def test_what_was_refused_or_never_sent_cost_nothing(answer: Answer) -> None:
    gateway = Routed({"a": answer, "b": good}, routes=SMART)

    gateway.chat(ASK)["body"].close()

    assert [one.cost for one in gateway.ledger.settled[0].attempts] == [None, None, None]


def test_the_record_is_of_the_target_that_answered() -> None:
    gateway = Routed({"a": refusing(500), "b": good}, routes=SMART)

    gateway.chat(ASK)["body"].close()

    (record,) = gateway.ledger.settled
    assert (record.attempts[-1].provider, record.attempts[-1].model) == ("b", "two")
    assert (record.price_version, record.model_answered) == ("prices-of-b", "two")
    assert [one.error_code for one in record.attempts] == ["upstream_refused", "upstream_refused", None]
    assert gateway.telemetry.calls[0]["attempts"] == 3


def test_a_call_is_reserved_once_and_at_the_dearest_of_its_targets() -> None:
    dear = {"b/two": Price(PRICE.rates._replace(output=9_000_000), max_output_tokens=1000)}
    cheap, mixed = Routed({"a": good, "b": good}, routes=SMART), Routed({"a": good, "b": good}, dear, routes=SMART)

    cheap.chat(ASK)
    mixed.chat(ASK)

    assert len(mixed.ledger.reserved) == 1
    assert (mixed.ledger.reserved[0].bound or 0) > (cheap.ledger.reserved[0].bound or 0)


def test_a_target_of_unknown_price_leaves_a_call_without_a_bound() -> None:
    gateway = Routed({"a": good, "b": good}, {"b/two": None}, routes=SMART)

    gateway.chat(ASK)

    assert gateway.ledger.reserved[0].bound is None


RESPONSE = {"id": "resp_2", "object": "response", "output": [], "usage": {"input_tokens": 5, "output_tokens": 5}}


def openai(*names: str) -> dict[str, Any]:
    return {name: {"kind": "openai", "base_url": f"https://{name}.invalid/v1", "secret": "sluice/x"} for name in names}


def test_what_builds_on_a_stored_answer_goes_to_its_provider_alone() -> None:
    down, up = refusing(500), lambda _: httpx.Response(200, json=RESPONSE)
    routes = {"smart": {"targets": [{"model": f"{name}/x"} for name in ("a", "b", "c")]}}
    gateway = Routed({"a": up, "b": down, "c": up}, routes=routes, providers=openai("a", "b", "c"))
    gateway.owners.kept[("b", "resp_1")] = ("arn:aws:iam::123456789012:user/ada", 100)

    answer = gateway.post("/v1/responses", {"model": "smart", "input": "hi", "previous_response_id": "resp_1"})

    assert answer["statusCode"] == 500
    assert set(gateway.asked) == {"b"}


def test_a_stored_answer_of_nobody_goes_nowhere() -> None:
    gateway = Routed({"a": good, "b": good}, routes=SMART, providers=openai("a", "b"))

    answer = gateway.post("/v1/responses", {"model": "smart", "input": "hi", "previous_response_id": "resp_1"})

    assert (answer["statusCode"], json.loads(answer["body"])["error"]["code"]) == (400, "previous_response_not_found")
    assert not gateway.requests


def test_streams_of_a_failed_attempt_leave_nothing_in_the_next_one() -> None:
    def role(_: httpx.Request) -> httpx.Response:
        begun = b'data: {"id":"first","model":"first","choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n'
        head = {**SSE, "x-request-id": "req_first", "openai-version": "first"}
        return httpx.Response(200, headers=head, stream=Pieces([begun, UpstreamTruncated("cut")]))

    def whole(_: httpx.Request) -> httpx.Response:
        said = b'data: {"id":"second","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\n'
        return httpx.Response(200, headers=SSE, stream=Pieces([said, b"data: [DONE]\n\n"]))

    gateway = Routed({"a": role, "b": whole}, routes=SMART)

    answer = gateway.chat({**ASK, "stream": True})
    sent = b"".join(answer["body"])
    answer["body"].close()

    assert b"first" not in sent
    assert "first" not in json.dumps(answer["headers"])
    record = gateway.ledger.settled[0]
    assert (record.model_answered, record.provider_request_id) == (None, None)


def step(provider: str, **query: Any) -> dict[str, Any]:
    return {"provider": provider, "endpoint": "responses", "query": {"model": "x", "input": "hi", **query}}


def test_a_stored_answer_of_another_is_not_reached_by_a_later_step_either() -> None:
    up = refusing(500)
    gateway = Routed({"a": up, "b": up}, providers=openai("a", "b"))
    gateway.owners.kept[("b", "resp_1")] = ("arn:aws:iam::123456789012:user/bob", 100)

    answer = gateway.post("/", [step("a"), step("b", previous_response_id="resp_1")])

    assert answer["statusCode"] == 500
    assert set(gateway.asked) == {"a"}


def test_a_step_that_builds_on_nothing_may_follow_one_that_does() -> None:
    gateway = Routed(
        {"a": refusing(500), "b": lambda _: httpx.Response(200, json=RESPONSE)}, providers=openai("a", "b")
    )
    gateway.owners.kept[("a", "resp_1")] = ("arn:aws:iam::123456789012:user/ada", 100)

    answer = gateway.post("/", [step("a", previous_response_id="resp_1"), step("b")])

    assert answer["statusCode"] == 200
    assert gateway.asked == ["a", "a", "b"]


def test_a_later_step_that_is_longer_is_reserved_for() -> None:
    short, long = step("a", max_output_tokens=10), step("b", max_output_tokens=10, instructions="x" * 10_000)
    gateway = Routed({"a": refusing(400), "b": refusing(400)}, providers=openai("a", "b"))

    for steps in ([short], [long], [short, long]):
        gateway.post("/", steps)

    first, second, both = (one.bound or 0 for one in gateway.ledger.reserved)
    assert first < both
    assert second == pytest.approx(both, rel=0.05)


def test_a_later_step_that_builds_on_stored_answers_leaves_a_call_without_a_bound() -> None:
    gateway = Routed({"a": refusing(400), "b": refusing(400)}, providers=openai("a", "b"))

    gateway.post("/", [step("a"), step("b", previous_response_id="resp_1")])

    assert gateway.ledger.reserved[0].bound is None


def test_no_heartbeat_comes_before_an_answer_that_may_be_no_stream() -> None:
    """The answer to the second step is a JSON object."""
    gateway: Routed

    def slow(_: httpx.Request) -> httpx.Response:
        time.sleep(0.05)
        return httpx.Response(404, json={"error": {}})

    answers: dict[str, Answer] = {"a": slow, "b": lambda _: httpx.Response(200, json=RESPONSE)}
    gateway = Routed(answers, providers=openai("a", "b"), defaults={"early_heartbeat_seconds": 0.01})

    answer = gateway.post("/", [step("a", stream=True), step("b")])

    assert answer["headers"]["content-type"] == "application/json"
    assert json.loads(b"".join(answer["body"])) == RESPONSE
