"""Calls of routes whose targets differ: in price, in pace, in what is said of them."""

import json
from typing import Any

import httpx
import pytest
from tests.fakes.gateway import PRICE
from tests.fakes.routed import (
    ASK,
    SMART,
    Answer,
    Routed,
    good,
    refusing,
)

from sluice.domain.errors import (
    UpstreamTimeout,
)
from sluice.domain.price import Price


def test_each_target_has_its_own_timeouts_overrides_and_drops() -> None:
    targets: list[dict[str, Any]] = [
        {"model": "a/one", "override": {"temperature": 0}, "drop": ["user"], "first_byte_timeout_seconds": 3},
        {"model": "b/two"},
    ]
    seen: list[tuple[dict[str, Any], float]] = []

    def look(answer: Answer) -> Answer:
        def looked(request: httpx.Request) -> httpx.Response:
            seen.append((json.loads(request.content), request.extensions["watch"].left()))
            return answer(request)

        return looked

    routes = {"smart": {"targets": targets, "retry": {"attempts": 1}}}
    defaults = {"first_byte_timeout_seconds": 9}
    gateway = Routed({"a": look(refusing(500)), "b": look(good)}, routes=routes, defaults=defaults)

    gateway.chat({**ASK, "user": "u", "temperature": 1})

    (first, first_left), (second, second_left) = seen
    assert ("user" in first, first["temperature"], first_left) == (False, 0, 3)
    assert (second["user"], second["temperature"], second_left) == ("u", 1, 9)


def test_models_are_fallbacks_that_no_provider_sees() -> None:
    gateway = Routed({"a": refusing(500), "b": good})

    answer = gateway.chat({**ASK, "model": "a/x", "models": ["a/x", "b/y"]})

    assert gateway.asked == ["a", "a", "b"]
    assert answer["headers"]["x-sluice-model"] == "y"
    assert all("models" not in json.loads(request.content) for request in gateway.requests)


def test_models_alone_name_the_first_too() -> None:
    gateway = Routed({"a": good, "b": good})

    gateway.chat({"messages": ASK["messages"], "models": ["b/y", "a/x"]})

    assert gateway.asked == ["b"]


def test_the_cheapest_that_fits_is_asked_first() -> None:
    def price(output: int, most: int = 1000) -> Any:
        return Price(PRICE.rates._replace(output=output), max_output_tokens=most)

    prices = {
        "a/one": price(9_000_000),
        "b/two": price(5_000_000),
        "b/small": price(1_000_000, most=10),
        "b/unknown": None,
    }
    models = ("b/unknown", "b/small", "a/one", "b/two")
    routes = {"smart": {"targets": [{"model": model} for model in models], "strategy": "cost"}}
    gateway = Routed({"a": refusing(404), "b": refusing(404)}, prices, routes=routes)

    gateway.chat({**ASK, "max_tokens": 50})

    assert [json.loads(request.content)["model"] for request in gateway.requests] == ["two", "one", "unknown", "small"]


def test_the_one_that_begins_soonest_is_asked_first_and_measured() -> None:
    routes = {"smart": {**SMART["smart"], "strategy": "latency"}}
    gateway: Routed

    def slowly(request: httpx.Request) -> httpx.Response:
        gateway.hand.advance(0.25)
        return good(request)

    gateway = Routed({"a": good, "b": slowly}, routes=routes)
    gateway.pace.known |= {"a/one": 900.0, "b/two": 100.0}

    body = gateway.chat(ASK)["body"]
    list(body)
    body.close()

    assert gateway.asked == ["b"]
    ((target, milliseconds),) = gateway.pace.seen
    assert (target, milliseconds) == ("b/two", 250.0)


def test_a_target_that_was_waited_for_in_vain_is_slow() -> None:
    routes = {"smart": {**SMART["smart"], "strategy": "latency"}}
    gateway: Routed

    def silent(_: httpx.Request) -> httpx.Response:
        gateway.hand.advance(30)
        raise UpstreamTimeout("silent")

    gateway = Routed({"a": silent, "b": good}, routes=routes)
    gateway.pace.known |= {"a/one": 1.0, "b/two": 100.0}

    gateway.chat(ASK)["body"].close()

    assert gateway.pace.seen[0] == ("a/one", 30_000.0)


@pytest.mark.parametrize(
    ("header", "asked"),
    [("x-sluice-allowed-providers", "b"), ("x-sluice-allowed-models", "two"), ("x-sluice-allowed-models", "b/two")],
)
def test_a_caller_names_what_is_allowed(header: str, asked: str) -> None:
    gateway = Routed({"a": good, "b": good}, routes=SMART)

    gateway.chat(ASK, headers={"content-type": "application/json", header: asked})

    assert gateway.asked == ["b"]


def test_the_bound_holds_for_a_target_whose_route_gives_it_a_longer_prompt() -> None:
    longer = [{"role": "user", "content": "x" * 1000}]
    routes = {"smart": {"targets": [{"model": "a/one"}, {"model": "b/two", "override": {"messages": longer}}]}}
    same, other = Routed({"a": good, "b": good}, routes=SMART), Routed({"a": good, "b": good}, routes=routes)

    same.chat(ASK)
    other.chat(ASK)

    less, more = same.ledger.reserved[0].bound, other.ledger.reserved[0].bound
    assert less is not None
    assert more is not None
    assert more - less >= 900 * 1000
