"""Dry runs through the whole gateway in one process: what they tell, and that they do nothing."""

import json
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from tests.fakes.dry_runs import CHAT, HI, answering, dry, places
from tests.fakes.gateway import KEY, PRICE
from tests.fakes.several import Several

from sluice.domain.call import ModelRequest, Target
from sluice.domain.price import Priced
from sluice.domain.route import Leg, Retry, Route, Sticky, Strategy
from sluice.routing.order import Order, Quote


class Dearer(Several):
    """`dear` costs ten times as much a token of the prompt."""

    @staticmethod
    def _price(target: Target) -> Priced:
        rates = PRICE.rates._replace(input=10_000_000) if target.model == "dear" else PRICE.rates
        return Priced(replace(PRICE, rates=rates), "2026-11-20-test")


ADA = "arn:aws:iam::123456789012:user/ada"


def test_it_tells_who_asks_what_and_at_which_price() -> None:
    told = dry(answering())

    candidate = told.pop("candidates")[0]
    assert told == {
        "object": "dry_run",
        "request_id": "11111111-2222-4333-8444-555555555555",
        "principal": {"id": ADA, "account": "123456789012", "session": None, "key": None},
        "policy": {"decision": "allow", "policies": [], "notes": [], "budgets": []},
        "surface": "openai",
        "operation": "chat",
        "stream": False,
        "route": {"name": "mini", "strategy": "priority", "sticky": None},
        "refusal": None,
        "cost_bound": candidate["cost_bound"],
        "cost_estimate": candidate["cost_estimate"],
        "cache": {"status": "BYPASS"},
        "configuration": None,
    }
    assert candidate.pop("timeouts")["first_byte_timeout_seconds"] == 300
    assert candidate.pop("cost_bound") > candidate.pop("cost_estimate") > 0
    assert candidate == {
        "provider": "openai",
        "model": "gpt-5-mini",
        "route": "mini",
        "step": 0,
        "would_be": "asked first",
        "takes_it": True,
        "breaker": "closed",
        "remark": None,
        "translated_to": None,
        "warnings": [],
        "attempts": 2,
        "price_version": "2026-11-20-test",
    }


def test_it_calls_nobody_and_charges_nothing() -> None:
    gateway = answering()

    dry(gateway)

    assert gateway.requests == []
    assert (gateway.ledger.reserved, gateway.ledger.settled) == ([], [])
    assert (gateway.budget.calls, gateway.pace.seen, gateway.owners.kept) == ([], [], {})


def test_it_leaves_one_log_line() -> None:
    gateway = answering()

    dry(gateway)

    assert [(one["outcome"], one["http_status"], one["route"]) for one in gateway.telemetry.calls] == [
        ("dry_run", 200, "mini")
    ]


def test_it_reads_no_secret() -> None:
    gateway = answering()
    gateway.keys.keys.clear()

    told = dry(gateway)

    assert places(told) == [("openai/gpt-5-mini", "asked first")]
    assert KEY not in json.dumps(told)


@pytest.mark.parametrize("fields", [{}, {"n": 3}, {"max_tokens": 7}, {"messages": [*HI, *HI]}, {"model": "openai/x"}])
def test_its_price_is_what_the_call_reserves(fields: dict[str, Any]) -> None:
    gateway = answering()

    told = dry(gateway, CHAT | fields)
    gateway.chat(CHAT | fields)

    [reserved] = gateway.ledger.reserved
    assert (told["cost_bound"], told["cost_estimate"]) == (reserved.bound, reserved.estimate)


def test_the_bound_of_a_route_is_that_of_its_dearest_target() -> None:
    gateway = Several("openai/gpt-5-mini", "second/gpt-5-mini")
    body = {**CHAT, "model": "smart"}

    told = dry(gateway, body)
    gateway.chat(body)

    assert told["cost_bound"] == max(one["cost_bound"] for one in told["candidates"])
    assert told["cost_bound"] == gateway.ledger.reserved[0].bound


def test_a_price_that_nobody_knows_is_null() -> None:
    told = dry(Several("openai/gpt-5-mini", "second/other"), {**CHAT, "model": "smart"})

    assert [one["cost_bound"] is None for one in told["candidates"]] == [False, True]
    assert told["cost_bound"] is None


def test_a_route_tells_its_order_its_strategy_and_what_it_is_sticky_by() -> None:
    gateway = Several("openai/a", "second/b", strategy=Strategy.WEIGHTED, sticky=Sticky.PREFIX, retry=Retry(attempts=4))

    told = dry(gateway, {**CHAT, "model": "smart"})

    assert told["route"] == {"name": "smart", "strategy": "weighted", "sticky": "prefix"}
    assert [one["would_be"] for one in told["candidates"]] == ["asked first", "asked next"]
    assert {one["attempts"] for one in told["candidates"]} == {4}


def test_headers_count_as_they_do_in_a_call() -> None:
    told = dry(answering(), x_sluice_max_attempts="3", x_sluice_timeout_ms="1500")

    [candidate] = told["candidates"]
    assert (candidate["attempts"], candidate["timeouts"]["first_byte_timeout_seconds"]) == (3, 1.5)


def test_a_look_at_a_round_robin_takes_no_turn() -> None:
    gateway = Several("openai/a", "second/b", strategy=Strategy.ROUND_ROBIN)
    body = {**CHAT, "model": "smart"}

    looks = [places(dry(gateway, body))[0][0] for _ in range(3)]
    called = gateway.chat(body)["headers"]
    after = places(dry(gateway, body))[0][0]

    assert looks == [f"{called['x-sluice-provider']}/{called['x-sluice-model']}"] * 3
    assert after != looks[0]


def test_looks_and_calls_share_the_same_turns() -> None:
    legs = tuple(Leg(Target("openai", name)) for name in "abc")
    route = Route("smart", legs, Strategy.ROUND_ROBIN)
    order = Order(Random(3), lambda _: {}, lambda *_: Quote(None, True))

    firsts = [order.legs(route, ModelRequest(CHAT), takes_turn=bool(number % 2))[0] for number in range(12)]

    assert firsts[::2] == firsts[1::2]
    assert sorted(map(str, firsts)) == sorted(map(str, legs * 4))


def test_a_target_whose_breaker_is_open_is_left_out() -> None:
    gateway = Several("openai/a", "second/b")
    gateway.breakers.open.add("openai/a")

    told = dry(gateway, {**CHAT, "model": "smart"})

    assert places(told) == [("openai/a", "left out"), ("second/b", "asked first")]
    assert [one["breaker"] for one in told["candidates"]] == ["open", "closed"]
    assert told["candidates"][0]["remark"] == "it failed too often in the last seconds and is not asked for 5 s"


def test_where_all_breakers_are_open_it_tells_what_a_call_would_be_told() -> None:
    gateway = Several("openai/a", "second/b")
    gateway.breakers.open |= {"openai/a", "second/b"}
    body = {**CHAT, "model": "smart"}

    told = dry(gateway, body)
    refused = gateway.chat(body)

    error = json.loads(refused["body"])["error"]
    assert told["refusal"] == {"status": 503, "code": "circuit_open", "message": error["message"]}
    assert refused["statusCode"] == 503
    assert {place for _, place in places(told)} == {"left out"}


def test_a_half_open_breaker_is_told() -> None:
    gateway = answering()
    gateway.breakers.half_open.add("openai/gpt-5-mini")

    [candidate] = dry(gateway)["candidates"]

    assert (candidate["breaker"], candidate["would_be"]) == ("half-open", "asked first")
    assert candidate["remark"] == "it failed lately: one call at a time is let through to try it"


def test_a_target_that_cannot_take_the_request_says_why() -> None:
    gateway = Several("bedrock/amazon.nova-micro-v1:0", "openai/gpt-5-mini")
    body = {**CHAT, "model": "smart", "n": 2}

    told = dry(gateway, body)
    called = gateway.chat(body)["headers"]

    assert [(one["takes_it"], one["would_be"]) for one in told["candidates"]] == [
        (False, "left out"),
        (True, "asked first"),
    ]
    assert told["candidates"][0]["remark"].startswith("n ")
    assert called["x-sluice-provider"] == "openai"


def test_a_fallback_that_cannot_take_the_request_is_left_out() -> None:
    told = dry(Several("openai/gpt-5-mini", "bedrock/amazon.nova-micro-v1:0"), {**CHAT, "model": "smart", "n": 2})

    assert [place for _, place in places(told)] == ["asked first", "left out"]


def test_a_target_that_a_route_names_twice_is_asked_twice() -> None:
    told = dry(Several("openai/a", "second/b", "openai/a"), {**CHAT, "model": "smart"})

    assert [place for _, place in places(told)] == ["asked first", "asked next", "asked next"]


def test_a_request_that_no_target_takes_is_told_as_the_call_would_be() -> None:
    gateway = Several("bedrock/amazon.nova-micro-v1:0")
    body = {**CHAT, "model": "smart", "n": 2}

    told = dry(gateway, body)
    refused = gateway.chat(body)

    error = json.loads(refused["body"])["error"]
    assert told["refusal"] == {"status": refused["statusCode"], "code": error["code"], "message": error["message"]}
    assert told["cost_bound"] is None


def test_a_translated_call_names_what_the_provider_does_not_see() -> None:
    gateway = Several("openai/gpt-5-mini", "bedrock/amazon.nova-micro-v1:0")

    told = dry(gateway, {**CHAT, "model": "smart", "seed": 1, "stream": True})

    assert [(one["translated_to"], one["warnings"]) for one in told["candidates"]] == [
        (None, []),
        ("converse-stream", ["seed"]),
    ]


def test_a_call_in_anthropics_words_becomes_a_chat_completion() -> None:
    told = dry(answering(), {"model": "mini", "messages": HI, "max_tokens": 5}, "/v1/messages")

    assert told["candidates"][0]["translated_to"] == "chat/completions"


def test_a_list_of_fallbacks_is_told_step_by_step() -> None:
    told = dry(Several("openai/a"), {"models": ["smart", "second/b"], "messages": HI})

    assert [(one["step"], one["route"], one["would_be"]) for one in told["candidates"]] == [
        (0, "smart", "asked first"),
        (1, "second/b", "asked next"),
    ]


def test_a_callers_key_is_taken_only_where_the_provider_takes_one() -> None:
    [candidate] = dry(answering(), x_sluice_provider_authorization="Bearer sk-fake-callers")["candidates"]

    assert not candidate["takes_it"]
    assert "caller_keys" in candidate["remark"]


def test_what_an_answer_builds_on_counts_in_the_bound() -> None:
    gateway = answering()
    gateway.owners.kept["openai", "resp_1"] = ("arn:aws:iam::123456789012:user/ada", 1000)
    body = {"model": "mini", "input": "hi"}

    alone = dry(gateway, body, "/v1/responses")
    following = dry(gateway, {**body, "previous_response_id": "resp_1"}, "/v1/responses")

    assert following["cost_bound"] - alone["cost_bound"] >= 1000 * 1000


def test_what_an_answer_builds_on_counts_in_the_bound_of_each_target() -> None:
    gateway = Dearer("openai/gpt-5-mini", "openai/dear")
    gateway.owners.kept["openai", "resp_1"] = ("arn:aws:iam::123456789012:user/ada", 1000)
    body = {"model": "smart", "input": "hi", "previous_response_id": "resp_1"}

    told = dry(gateway, body, "/v1/responses")
    gateway.post("/v1/responses", body)

    bounds = [one["cost_bound"] for one in told["candidates"]]
    assert told["cost_estimate"] == told["candidates"][0]["cost_estimate"] == gateway.ledger.reserved[0].estimate
    assert told["cost_bound"] == gateway.ledger.reserved[0].bound == bounds[1]
    assert bounds[1] > max(bounds[0], 1000 * 10_000)


def test_a_stored_answer_is_at_one_provider_only() -> None:
    gateway = Several("second/b", "openai/a")
    gateway.owners.kept["openai", "resp_1"] = ("arn:aws:iam::123456789012:user/ada", 1000)
    body = {"model": "smart", "input": "hi", "previous_response_id": "resp_1"}

    told = dry(gateway, body, "/v1/responses")

    assert places(told) == [("second/b", "left out"), ("openai/a", "asked first")]
    assert told["candidates"][0]["remark"] == "what the call builds on is not kept for you at second"


def test_an_answer_of_somebody_elses_is_refused_as_in_a_call() -> None:
    gateway = answering()
    gateway.owners.kept["openai", "resp_1"] = ("arn:aws:iam::123456789012:user/bob", 1000)

    told = dry(gateway, {"model": "mini", "input": "hi", "previous_response_id": "resp_1"}, "/v1/responses")

    assert told["refusal"]["code"] == "previous_response_not_found"
    assert told["candidates"][0]["remark"] == "what the call builds on is not kept for you at openai"
