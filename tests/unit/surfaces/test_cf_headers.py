"""Cloudflare's headers: each is one of ours or is checked and left alone, within the limits that it documents."""

import json

import pytest
from tests.canaries import KEY

from sluice.domain.errors import InvalidRequest
from sluice.surfaces import call_headers
from sluice.surfaces.cf_headers import ALIASES, MONTH_SECONDS, canonical, is_used, noted, twins, unheeded

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
FIVE = json.dumps(dict.fromkeys("abcde", 1))
SIX = json.dumps(dict.fromkeys("abcdef", 1))


@pytest.mark.parametrize(
    ("theirs", "value", "ours", "means"),
    [
        ("cf-aig-skip-cache", "true", "x-sluice-cache", "off"),
        ("cf-skip-cache", "True", "x-sluice-cache", "off"),
        ("cf-aig-cache-ttl", "60", "x-sluice-cache-ttl", "60"),
        ("cf-aig-cache-ttl", "0", "x-sluice-cache-ttl", "0"),
        ("cf-cache-ttl", str(MONTH_SECONDS), "x-sluice-cache-ttl", str(MONTH_SECONDS)),
        ("cf-aig-cache-key", "responseA", "x-sluice-cache-key", "responseA"),
        ("cf-aig-request-timeout", "5000", "x-sluice-timeout-ms", "5000"),
        ("cf-aig-max-attempts", "5", "x-sluice-max-attempts", "5"),
        ("cf-aig-retry-delay", "5000", "x-sluice-retry-delay-ms", "5000"),
        ("cf-aig-backoff", "linear", "x-sluice-backoff", "linear"),
        ("cf-aig-metadata", FIVE, "x-sluice-metadata", FIVE),
        ("cf-aig-collect-log", "false", "x-sluice-log", "off"),
        ("cf-aig-collect-log-payload", "true", "x-sluice-log", "full"),
        ("cf-aig-collect-log-payload", "false", "x-sluice-log", "meta"),
        ("cf-aig-session-id", "s-1", "x-sluice-session-id", "s-1"),
        ("cf-aig-no-session-affinity", "true", "x-sluice-sticky", "false"),
        ("cf-aig-allowed-models", "openai/*, mini", "x-sluice-allowed-models", "openai/*, mini"),
        ("cf-aig-allowed-providers", "openai,anthropic", "x-sluice-allowed-providers", "openai,anthropic"),
    ],
)
def test_a_header_of_theirs_is_one_of_ours(theirs: str, value: str, ours: str, means: str) -> None:
    found = canonical({theirs: f" {value} "})

    assert found[ours] == means


@pytest.mark.parametrize(
    ("theirs", "value"),
    [
        ("cf-aig-skip-cache", "false"),
        ("cf-aig-collect-log", "true"),
        ("cf-aig-no-session-affinity", "false"),
        ("cf-aig-no-wholesale", "true"),
        ("cf-aig-event-id", "evt-1"),
        ("cf-aig-byok-alias", "default"),
        ("cf-aig-gateway-id", "gw"),
        ("cf-aig-otel-trace-id", TRACE),
        ("cf-aig-otel-parent-span-id", SPAN),
        ("cf-aig-turn-id", "t-1"),
        ("cf-aig-custom-cost", '{"per_token_in": 0.000001, "per_token_out": 0}'),
        ("cf-aig-custom-cost", '{"total_cost": 1}'),
        ("cf-aig-custom-cost", '{"total_cost": 1' + "0" * 400 + "}"),  # more than a float holds
        ("cf-aig-of-tomorrow", "anything"),
    ],
)
def test_a_header_that_is_none_of_ours_is_taken_and_says_nothing(theirs: str, value: str) -> None:
    assert canonical({theirs: value}) == {theirs: value}


@pytest.mark.parametrize(
    ("theirs", "value"),
    [
        ("cf-aig-skip-cache", "yes"),
        ("cf-aig-cache-ttl", "59"),
        ("cf-aig-cache-ttl", str(MONTH_SECONDS + 1)),
        ("cf-aig-cache-ttl", "1e3"),
        ("cf-aig-cache-ttl", "-1"),
        ("cf-aig-cache-key", ""),
        ("cf-aig-cache-key", "x" * 257),
        ("cf-aig-cache-key", "ü"),
        ("cf-aig-request-timeout", "0"),
        ("cf-aig-request-timeout", "900001"),
        ("cf-aig-request-timeout", "1.5"),
        ("cf-aig-max-attempts", "0"),
        ("cf-aig-max-attempts", "6"),
        ("cf-aig-retry-delay", "5001"),
        ("cf-aig-retry-delay", "٣"),
        ("cf-aig-backoff", "quadratic"),
        ("cf-aig-metadata", SIX),
        ("cf-aig-metadata", "[]"),
        ("cf-aig-metadata", "no"),
        ("cf-aig-metadata", "[" * 100_000),
        ("cf-aig-custom-cost", "5"),
        ("cf-aig-custom-cost", "{}"),
        ("cf-aig-custom-cost", '{"per_token_in": 1}'),
        ("cf-aig-custom-cost", '{"total_cost": -1}'),
        ("cf-aig-custom-cost", '{"total_cost": true}'),
        ("cf-aig-custom-cost", '{"total_cost": 1e999}'),
        ("cf-aig-custom-cost", '{"total_cost": NaN}'),
        ("cf-aig-collect-log", "1"),
        ("cf-aig-collect-log-payload", ""),
        ("cf-aig-event-id", "x" * 129),
        ("cf-aig-byok-alias", "testing"),
        ("cf-aig-gateway-id", ""),
        ("cf-aig-otel-trace-id", TRACE[1:]),
        ("cf-aig-otel-trace-id", "z" * 32),
        ("cf-aig-otel-parent-span-id", TRACE),
        ("cf-aig-session-id", "x" * 257),
        ("cf-aig-no-session-affinity", "on"),
        ("cf-aig-no-wholesale", "no"),
    ],
)
def test_past_a_limit_of_theirs_it_is_refused_by_its_own_name(theirs: str, value: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        canonical({theirs: value})

    assert refused.value.message == f"{theirs}: want {ALIASES[theirs].wants}"


def test_ours_wins_where_both_are_there() -> None:
    found = canonical({"cf-aig-max-attempts": "5", "x-sluice-max-attempts": "1"})

    assert found["x-sluice-max-attempts"] == "1"


def test_no_log_at_all_wins_over_what_it_would_hold() -> None:
    found = canonical({"cf-aig-collect-log-payload": "true", "cf-aig-collect-log": "false"})

    assert found["x-sluice-log"] == "off"


def test_the_way_into_a_gateway_of_theirs_is_seen_by_nobody() -> None:
    found = canonical({"cf-aig-authorization": f"Bearer {KEY}", "accept": "*/*"})

    assert found == {"accept": "*/*"}


def test_every_header_of_ours_that_they_stand_for_is_one_that_is_read() -> None:
    known = {*call_headers.NAMES, "x-sluice-cache", "x-sluice-cache-ttl", "x-sluice-cache-key"}

    assert {alias.name for alias in ALIASES.values() if alias.name} <= known


@pytest.mark.parametrize(
    ("headers", "used"),
    [
        ({"accept": "*/*"}, False),
        ({"x-sluice-cache": "off"}, False),
        ({"cf-ray": "1"}, False),
        ({"cf-aig-authorization": "x"}, True),
        ({"cf-skip-cache": "true"}, True),
        ({"cf-aig-of-tomorrow": "x"}, True),
    ],
)
def test_who_uses_their_names_is_known_by_the_headers(headers: dict[str, str], used: bool) -> None:
    assert is_used(headers) is used


def test_what_changes_nothing_is_named() -> None:
    headers = {"cf-aig-custom-cost": "{}", "cf-aig-of-tomorrow": "x", "cf-aig-metadata": "{}", "cf-aig-b ad": "x"}

    assert unheeded(headers) == ("cf-aig-custom-cost", "cf-aig-of-tomorrow")


def test_ids_are_kept_for_the_record() -> None:
    assert noted({"cf-aig-event-id": "e", "cf-aig-otel-trace-id": TRACE, "accept": "a"}) == {
        "cf-aig-event-id": "e",
        "cf-aig-otel-trace-id": TRACE,
    }


def test_a_reply_says_all_it_says_under_their_names_too() -> None:
    reply = {"x-sluice-step": "1", "x-sluice-model": "m", "x-sluice-provider": "p", "x-request-id": "r"}

    found = twins(reply | {"x-sluice-attempts": "2"}, {"cf-aig-event-id": "e"})

    assert found == {
        "cf-aig-step": "1",
        "cf-aig-model": "m",
        "cf-aig-provider": "p",
        "cf-aig-log-id": "r",
        "cf-aig-request-id": "r",
        "cf-aig-event-id": "e",
    }


@pytest.mark.parametrize("event_id", ["", "x" * 129, "a\r\nset-cookie: b", "ü"])
def test_an_id_that_no_header_may_hold_is_not_said_again(event_id: str) -> None:
    assert twins({}, {"cf-aig-event-id": event_id}) == {}
