"""What callers ask for in headers: what each accepts, what comes of it, and what is said of one that is wrong."""

import json
from typing import Any

import httpx
import pytest
from tests.canaries import KEY, leaks
from tests.fakes.gateway import Gateway

from sluice.domain.call import RetryWish, Wishes
from sluice.domain.errors import InvalidRequest
from sluice.surfaces import cache_headers, call_headers

COMPLETION = {
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5},
}


def answering() -> Gateway:
    return Gateway(lambda _: httpx.Response(200, json=COMPLETION))


def chat(gateway: Gateway, **headers: str) -> dict[str, Any]:
    """An answer to a chat completion with these headers, underscores for dashes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = gateway.chat(headers={"content-type": "application/json", **named})
    if not isinstance(answer["body"], str):
        list(answer["body"])
        answer["body"].close()
    return answer


@pytest.mark.parametrize(
    ("headers", "wish"),
    [
        ({}, RetryWish()),
        ({"x-sluice-max-attempts": "1"}, RetryWish(1)),
        ({"x-sluice-retry-delay-ms": "0"}, RetryWish(None, 0.0)),
        ({"x-sluice-backoff": "constant", "x-sluice-retry-delay-ms": "250"}, RetryWish(None, 0.25, "constant")),
    ],
)
def test_retries_are_as_they_are_asked_for(headers: dict[str, str], wish: RetryWish) -> None:
    assert call_headers.retry(headers) == wish


@pytest.mark.parametrize(
    ("headers", "wishes"),
    [
        ({}, Wishes()),
        ({"x-sluice-session-id": "s"}, Wishes(session="s")),
        ({"x-sluice-sticky": "False"}, Wishes(is_sticky=False)),
        ({"x-sluice-dry-run": "true"}, Wishes(is_dry_run=True)),
        ({"x-sluice-allowed-models": " a/b ,, c"}, Wishes(models=("a/b", "c"))),
        ({"x-sluice-allowed-providers": "a"}, Wishes(providers=("a",))),
    ],
)
def test_routing_is_as_it_is_asked_for(headers: dict[str, str], wishes: Wishes) -> None:
    assert call_headers.wishes(headers) == wishes


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-sluice-timeout-ms", "0"),
        ("x-sluice-idle-timeout-ms", "900001"),
        ("x-sluice-max-attempts", "6"),
        ("x-sluice-retry-delay-ms", "5001"),
        ("x-sluice-backoff", "none"),
        ("x-sluice-session-id", ""),
        ("x-sluice-session-id", "x" * 257),
        ("x-sluice-sticky", "no"),
        ("x-sluice-dry-run", "1"),
        ("x-sluice-allowed-models", " , "),
        ("x-sluice-allowed-providers", ",".join("x" * 65)),
        ("x-sluice-route", ""),
        ("x-sluice-log", "some"),
        ("x-sluice-cache", "maybe"),
        ("x-sluice-cache", "only"),
        ("x-sluice-cache-ttl", "59"),
        ("x-sluice-cache-ttl", "2678401"),
        ("x-sluice-cache-ttl", "1e9"),
        ("x-sluice-cache-key", ""),
        ("x-sluice-cache-scope", "a b"),
        ("x-sluice-metadata", "{"),
    ],
)
def test_one_that_is_wrong_is_refused_by_name_before_anything_leaves(name: str, value: str) -> None:
    gateway = answering()

    answer = chat(gateway, **{name: value})

    assert answer["statusCode"] == 400
    assert name in json.loads(answer["body"])["error"]["message"]
    assert not gateway.requests
    assert not gateway.ledger.reserved


def test_every_header_is_one_of_a_list() -> None:
    assert len({*call_headers.NAMES, *cache_headers.NAMES}) == len(call_headers.NAMES) + len(cache_headers.NAMES)


@pytest.mark.parametrize("headers", [{"x-sluice-cache": "on"}, {"x-sluice-cache-ttl": "60"}, {"cf-aig-cache-key": "a"}])
def test_who_asks_for_a_cache_is_told_that_none_was_looked_at(headers: dict[str, str]) -> None:
    answer = chat(answering(), **headers)

    assert answer["headers"]["x-sluice-cache-status"] == "BYPASS"


def test_who_does_not_ask_for_a_cache_hears_nothing_of_it() -> None:
    assert "x-sluice-cache-status" not in chat(answering())["headers"]


@pytest.mark.parametrize(
    ("headers", "warnings"),
    [
        ({"x-sluice-log": "full"}, "x-sluice-log"),
        ({"cf-aig-collect-log": "false"}, "x-sluice-log"),
        ({"cf-aig-collect-log-payload": "false"}, None),
        ({"cf-aig-custom-cost": '{"total_cost": 0}'}, "cf-aig-custom-cost"),
        ({"cf-aig-new": "x", "x-sluice-log": "off"}, "x-sluice-log,cf-aig-new"),
    ],
)
def test_what_was_said_in_vain_is_named_in_the_answer(headers: dict[str, str], warnings: str | None) -> None:
    answer = chat(answering(), **headers)

    assert answer["headers"].get("x-sluice-warnings") == warnings


def test_a_cost_of_the_callers_own_changes_nothing_in_the_record() -> None:
    plain, wished = answering(), answering()

    chat(plain)
    chat(wished, **{"cf-aig-custom-cost": '{"total_cost": 0}'})

    assert wished.ledger.settled[0].cost == plain.ledger.settled[0].cost != 0


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/openai/chat/completions"])
def test_a_route_counts_in_the_place_of_the_model(path: str) -> None:
    gateway = answering()
    body = {"model": "nope/nothing", "models": ["nope/other"], "messages": [{"role": "user", "content": "hi"}]}

    answer = gateway.post(path, body, headers={"content-type": "application/json", "x-sluice-route": "mini"})
    answer["body"].close()

    sent = json.loads(gateway.requests[0].content)
    assert gateway.ledger.reserved[0].route == "mini"
    assert (sent["model"], "models" in sent) == ("gpt-5-mini", False)


def test_a_route_stands_in_for_a_model_that_is_not_there() -> None:
    gateway = answering()
    headers = {"content-type": "application/json", "x-sluice-route": "openai/gpt-5-mini"}

    answer = gateway.post("/v1/responses", {"input": "hi"}, headers=headers)

    assert answer["statusCode"] == 200
    assert gateway.ledger.reserved[0].model == "gpt-5-mini"


def test_ids_of_the_callers_are_in_the_record_and_the_answer() -> None:
    gateway = answering()
    headers = {"cf-aig-event-id": "evt-1", "cf-aig-otel-trace-id": "a" * 32, "x-sluice-metadata": '{"team":"a"}'}

    answer = chat(gateway, **headers)

    noted = {"team": "a", "cf-aig-event-id": "evt-1", "cf-aig-otel-trace-id": "a" * 32}
    assert gateway.ledger.reserved[0].metadata == noted
    assert answer["headers"]["cf-aig-event-id"] == "evt-1"


def test_twins_come_only_to_those_who_use_their_names() -> None:
    plain, theirs = chat(answering())["headers"], chat(answering(), cf_aig_authorization="Bearer x")["headers"]

    assert [name for name in plain if name.startswith("cf-")] == []
    assert (theirs["cf-aig-provider"], theirs["cf-aig-model"]) == ("openai", "gpt-5-mini")
    assert (theirs["cf-aig-step"], theirs["cf-aig-log-id"]) == ("0", theirs["x-request-id"])
    assert plain == {name: value for name, value in theirs.items() if not name.startswith("cf-")}


def test_an_error_has_twins_too() -> None:
    answer = chat(answering(), cf_aig_max_attempts="9")

    assert answer["statusCode"] == 400
    assert answer["headers"]["cf-aig-request-id"] == answer["headers"]["x-request-id"]


@pytest.mark.parametrize("text", [f"Bearer {KEY}", f"token {KEY}", KEY, f"  Bearer   {KEY} "], ids=range(4))
def test_a_key_is_read_with_or_without_the_word_before_it(text: str) -> None:
    assert call_headers.provider_key({call_headers.PROVIDER_KEY: text}) == KEY


@pytest.mark.parametrize("text", ["", "Bearer ", f"{KEY} {KEY}", f"{KEY}\u00fc", f"Bearer {KEY}\x7f"], ids=range(5))
def test_a_key_that_is_none_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        call_headers.provider_key({call_headers.PROVIDER_KEY: text})

    assert leaks(str(refused.value), [KEY]) == []
