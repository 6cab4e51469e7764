"""A provider key of the caller's own: off unless the provider says so, and seen by nobody but that provider."""

import json
from typing import Any

import httpx
import pytest
from tests.canaries import KEY, leaks
from tests.fakes.site import CHAT, COMPLETION, MESSAGES, Site

from sluice.domain.call import Target
from sluice.domain.errors import UpstreamUnreachable
from sluice.domain.route import Leg, Route

NAME = "x-sluice-provider-authorization"
OWN = {NAME: f"Bearer {KEY}"}
OPEN: dict[str, Any] = {"caller_keys": True}
ASKED = {**CHAT, "model": "openai/gpt-5-mini"}
REFUSED = httpx.Response(401, json={"error": {"message": f"bad key {KEY}", "type": "invalid_request_error"}})
REPEATED = httpx.Response(400, json={"error": {"message": f"who has {KEY}?", "type": "invalid_request_error"}})
IN_HEADERS = httpx.Response(200, headers={"x-echo": KEY, "openai-version": "1"}, json=COMPLETION)
IN_STREAM = httpx.Response(
    200,
    headers={"content-type": "text/event-stream"},
    content=b'data: {"choices":[]}\n\ndata: {"error":{"message":"not with %b","type":"x"}}\n\n' % KEY.encode(),
)


def told(gateway: Site, answer: dict[str, Any]) -> str:
    """All that comes out of a call, but for what goes to the provider."""
    return json.dumps(answer) + repr(
        (gateway.ledger, gateway.owners, gateway.telemetry.calls, gateway.telemetry.troubles)
    )


def test_it_is_refused_unless_the_provider_takes_such_keys() -> None:
    gateway = Site({"openai": {}})

    answer = gateway.ask("/v1/chat/completions", ASKED, OWN)

    assert answer["statusCode"] == 400
    assert "its caller_keys is not set" in json.loads(answer["body"])["error"]["message"]
    assert not gateway.requests
    assert not gateway.ledger.reserved
    assert leaks(told(gateway, answer), [KEY]) == []


@pytest.mark.parametrize(
    ("provider", "header", "value"),
    [("openai", "authorization", f"Bearer {KEY}"), ("anthropic", "x-api-key", KEY), ("azure", "api-key", KEY)],
    ids=["openai", "anthropic", "azure"],
)
def test_it_stands_where_the_provider_looks_for_a_key(provider: str, header: str, value: str) -> None:
    gateway = Site({provider: OPEN})

    answer = gateway.ask("/v1/chat/completions", {**CHAT, "model": f"{provider}/m"}, OWN)

    assert answer["statusCode"] == 200
    assert gateway.requests[0].headers[header] == value
    assert NAME not in gateway.requests[0].headers
    assert leaks(told(gateway, answer), [KEY]) == []


def test_a_provider_without_a_secret_of_ours_is_reached_with_it_alone() -> None:
    gateway = Site({"openai": {**OPEN, "secret": None}})

    answer = gateway.ask("/v1/chat/completions", ASKED, OWN)

    assert answer["statusCode"] == 200


def test_without_it_the_gateways_own_key_is_used() -> None:
    gateway = Site({"openai": OPEN})

    gateway.ask("/v1/chat/completions", ASKED)

    assert leaks(json.dumps(list(gateway.requests[0].headers.items())), [KEY]) == []


def test_its_refusal_is_told_in_words_and_no_key_of_ours_is_tried_in_its_place() -> None:
    gateway = Site({"openai": OPEN}, {"openai": REFUSED})
    gateway.keys.keys.append("sk-fake-second")

    answer = gateway.ask("/v1/chat/completions", ASKED, OWN)

    error = json.loads(answer["body"])["error"]
    assert (answer["statusCode"], error["code"]) == (502, "provider_authentication_error")
    assert error["message"] == "the provider refused the key in x-sluice-provider-authorization"
    assert len(gateway.requests) == 1
    assert len(gateway.keys.keys) == 2
    assert leaks(told(gateway, answer), [KEY]) == []


@pytest.mark.parametrize("answer", [REPEATED, IN_HEADERS, UpstreamUnreachable("cannot reach it")], ids=range(3))
@pytest.mark.parametrize("stream", [False, True])
def test_a_provider_that_repeats_it_is_not_passed_on(answer: httpx.Response | Exception, stream: bool) -> None:
    gateway = Site({"openai": OPEN}, {"openai": answer})

    heard = gateway.ask("/v1/chat/completions", {**ASKED, "stream": stream}, OWN)

    assert leaks(told(gateway, heard), [KEY]) == []


@pytest.mark.parametrize("headers", [OWN, {**OWN, "cf-aig-event-id": "e", "cf-aig-metadata": '{"a": 1}'}], ids=range(2))
def test_a_stream_that_repeats_it_is_replaced(headers: dict[str, str]) -> None:
    gateway = Site({"openai": OPEN}, {"openai": IN_STREAM})

    heard = gateway.ask("/v1/chat/completions", {**ASKED, "stream": True}, headers)

    assert leaks(told(gateway, heard), [KEY]) == []


def test_a_retry_has_the_same_key() -> None:
    gateway = Site({"openai": OPEN}, {"openai": httpx.Response(503)})

    gateway.ask("/v1/chat/completions", ASKED, {**OWN, "x-sluice-max-attempts": "2", "x-sluice-retry-delay-ms": "0"})

    assert [request.headers["authorization"] for request in gateway.requests] == [f"Bearer {KEY}"] * 2


def test_it_never_goes_to_two_providers() -> None:
    both = Route("both", (Leg(Target("openai", "a")), Leg(Target("second", "b"))))
    gateway = Site({"openai": OPEN, "second": OPEN}, {"openai": httpx.Response(404)}, [both])

    of_a_route = gateway.ask("/v1/chat/completions", {**CHAT, "model": "both"}, OWN)
    of_a_list = gateway.ask("/v1/chat/completions", {"models": ["openai/a", "second/b"], "messages": MESSAGES}, OWN)

    assert (of_a_route["statusCode"], of_a_list["statusCode"]) == (400, 400)
    assert not gateway.requests


def test_two_targets_of_one_provider_share_it() -> None:
    both = Route("both", (Leg(Target("openai", "a")), Leg(Target("openai", "b"))))
    gateway = Site({"openai": OPEN}, {"openai": httpx.Response(404)}, [both])

    gateway.ask("/v1/chat/completions", {**CHAT, "model": "both"}, OWN)

    assert [request.headers["authorization"] for request in gateway.requests] == [f"Bearer {KEY}"] * 2
