"""The one point of enforcement, in a whole gateway: every path that leads to a provider passes it."""

import json
import re
from typing import Any

import httpx
import pytest
from tests.fakes.gateway import Context, alias, event
from tests.fakes.routed import SSE, Routed, failing, good, refusing
from tests.fakes.site import CHAT, MESSAGES, Site

from sluice.domain.errors import UpstreamTimeout
from sluice.domain.operation import OPERATIONS
from sluice.domain.policy import Action, Policy
from sluice.domain.price import Price, Rates
from sluice.provider_settings import Azure

PREFIX = "/v1/acct/gw"
PROVIDERS: dict[str, dict[str, Any]] = {
    "openai": {},
    "anthropic": {},
    "bedrock": {},
    "east-1": {"kind": "azure", "azure": Azure("east-1")},
}
NOVA = "amazon.nova-micro-v1:0"
CLAUDE = {"model": "anthropic/claude", "max_tokens": 9, "messages": MESSAGES}
CONVERSE = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
STEPS = [{"provider": "openai", "endpoint": "chat/completions", "query": CHAT}]
BODIES: dict[str, dict[str, Any]] = {
    "chat/completions": CHAT,
    "responses": {"model": "gpt-5-mini", "input": "hi"},
    "completions": {"model": "gpt-5-mini", "prompt": "hi"},
    "embeddings": {"model": "gpt-5-mini", "input": "hi"},
    "images/generations": {"model": "gpt-5-mini", "prompt": "hi"},
    "audio/speech": {"model": "gpt-5-mini", "input": "hi", "voice": "alloy"},
}
CALLS: list[tuple[str, str, object]] = [
    *(("POST", f"/v1/{path}", {**body, "model": "openai/gpt-5-mini"}) for path, body in BODIES.items()),
    *(("POST", f"{front}/openai/{path}", body) for front in ("", PREFIX) for path, body in BODIES.items()),
    ("POST", "/v1/messages", CLAUDE),
    ("POST", "/v1/messages/count_tokens", CLAUDE),
    *(("POST", f"{front}/anthropic/v1/messages", CLAUDE) for front in ("", PREFIX)),
    *(("POST", f"/model/{NOVA}/{path}", CONVERSE) for path in ("converse", "converse-stream", "invoke")),
    *(
        ("POST", f"{front}/aws-bedrock/bedrock-runtime/us-east-1/model/{NOVA}/converse", CONVERSE)
        for front in ("", PREFIX)
    ),
    *(("POST", f"{front}/azure-openai/east-1/prod/chat/completions", {"messages": MESSAGES}) for front in ("", PREFIX)),
    *(("POST", f"{front}/compat/chat/completions", {**CHAT, "model": "openai/gpt-5"}) for front in ("", PREFIX)),
    ("POST", "/", STEPS),
    ("POST", PREFIX, STEPS),
    ("GET", f"/api/bedrock/{NOVA}", None),
]
ASK = {"model": "smart", "messages": MESSAGES}
NOBODY = Policy("nobody", models=("*",), action=Action.BLOCK)
SMART = {"smart": {"targets": [{"model": "a/one"}, {"model": "b/two"}]}, "cheap": "b/small"}


def site(*policies: Policy) -> Site:
    return Site(PROVIDERS, routes=[alias("mini", "openai/gpt-5-mini")], prefix=PREFIX, policies=policies)


def asked(gateway: Site, method: str, path: str, body: object) -> dict[str, Any]:
    is_get = method == "GET"
    changes: dict[str, Any] = {"rawQueryString": "p=hi", "queryStringParameters": {"p": "hi"}} if is_get else {}
    changes |= {} if body is None else {"body": json.dumps(body)}
    return gateway.handler(event(method, path, **changes), Context())


def routed(*policies: dict[str, Any], **answers: Any) -> Routed:
    return Routed({"a": good, "b": good} | answers, routes=SMART, policies=list(policies))


def error(answer: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer["body"])["error"]
    return found


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_every_path_passes_it(method: str, path: str, body: object) -> None:
    gateway = site(NOBODY)

    answer = asked(gateway, method, path, body)

    assert answer["statusCode"] == 403, answer["body"]
    assert "nobody" in str(answer["body"])
    assert (gateway.asked, gateway.ledger.reserved) == ([], [])


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_every_one_of_them_would_reach_a_provider_without_a_policy(method: str, path: str, body: object) -> None:
    gateway = site()

    asked(gateway, method, path, body)

    assert len(gateway.asked) == 1


def test_no_path_is_left_out() -> None:
    """A rule of the routing table that leads to no call lists models, and does nothing else."""
    tried = [(method, path) for method, path, _ in CALLS]
    untried = [one for one in site().table if not any(_takes(one.method, one.rule, *call) for call in tried)]

    assert {route.rule for route in untried} == {"/v1/models", "/v1/models/(.+)"}
    assert set(BODIES) == set(OPERATIONS)


def test_targets_that_are_blocked_are_left_out_of_a_route() -> None:
    gateway = routed({"name": "no-a", "models": ["a/*"], "action": "block"})

    answer = gateway.chat(ASK)

    assert (answer["statusCode"], gateway.asked) == (200, ["b"])


def test_each_step_of_a_universal_call_is_judged_for_itself() -> None:
    gateway = site(Policy("no-openai", models=("openai/*",), action=Action.BLOCK))
    steps = [*STEPS, {"provider": "anthropic", "endpoint": "v1/messages", "query": CLAUDE | {"model": "claude"}}]

    answer = gateway.ask("/", steps)

    assert (answer["statusCode"], gateway.asked) == (200, ["anthropic"])


def test_a_name_that_the_path_gives_to_a_provider_is_no_routes() -> None:
    """`mini` is a route that is allowed; at /openai/ it is OpenAI's own name of a model."""
    gateway = site(Policy("mini", models=("mini",)), Policy("not-openai", models=("openai/mini",), action=Action.BLOCK))

    assert gateway.ask("/openai/chat/completions", {**CHAT, "model": "mini"})["statusCode"] == 403
    assert gateway.ask("/v1/chat/completions", {**CHAT, "model": "mini"})["statusCode"] == 200


def test_a_policy_in_the_shadow_refuses_nothing_and_is_noted() -> None:
    gateway = routed({"name": "soon", "models": ["*"], "action": "block", "mode": "shadow"})

    assert gateway.chat(ASK)["statusCode"] == 200
    assert gateway.ledger.reserved[0].notes == ("shadow:soon",)


def test_a_budget_pays_for_its_own_targets_only() -> None:
    budget = {"usd": "1", "window": "day", "per": "all"}
    gateway = routed({"name": "for-b", "models": ["b/*"], "budget": budget}, a=refusing(500))

    close(gateway.chat(ASK))

    (hold,) = gateway.ledger.reserved[0].holds
    (record,) = gateway.ledger.settled
    assert hold.targets == {"b/two"}
    assert record.attempts[-1].provider == "b"
    assert record.charges == (record.cost,)


def test_a_spent_budget_leads_to_its_fallback_where_it_names_one() -> None:
    budget = {"usd": "1", "window": "day", "per": "all", "fallback": "cheap"}
    gateway = routed({"name": "tight", "models": ["smart"], "budget": budget})
    place = spend(gateway)

    answer = gateway.chat(ASK)

    assert answer["statusCode"] == 200
    assert gateway.asked[-1] == "b"
    assert json.loads(gateway.requests[-1].content)["model"] == "small"
    assert "budget_fallback" in answer["headers"]["x-sluice-warnings"]
    assert gateway.ledger.budgets.used[place] == 10**9


def test_a_budget_holds_what_its_own_targets_may_cost() -> None:
    """Not what the first one of the route may: that one is cheap, or has no price at all."""
    budget = {"usd": "1", "window": "day", "per": "all"}
    cheap = Price(Rates(1, 1, 1, 1, 1), max_output_tokens=1000)
    alone = routed({"name": "for-b", "models": ["b/*"], "budget": budget})
    close(alone.chat({**ASK, "model": "b/two"}))
    for price in (cheap, None):
        gateway = Routed(
            {"a": refusing(500), "b": good},
            {"a/one": price},
            routes=SMART,
            policies=[{"name": "for-b", "models": ["b/*"], "budget": budget}],
        )

        answer = gateway.chat(ASK)
        close(answer)

        (hold,) = gateway.ledger.reserved[0].holds
        assert answer["statusCode"] == 200
        assert hold.worst >= alone.ledger.reserved[0].holds[0].worst
        assert gateway.ledger.settled[0].charges == (gateway.ledger.settled[0].cost,)


def test_a_model_without_a_price_does_not_hide_behind_one_that_has() -> None:
    budget = {"usd": "1", "window": "day", "per": "all"}
    gateway = Routed(
        {"a": refusing(404), "c": good}, {"c/x": None}, routes={}, policies=[{"name": "all", "budget": budget}]
    )

    answer = gateway.chat({"model": "a/one", "models": ["c/x"], "messages": MESSAGES})

    assert (answer["statusCode"], error(answer)["code"]) == (403, "budget_unpriced")
    assert gateway.asked == []


def test_a_fallback_that_may_not_be_taken_leaves_the_budgets_own_refusal() -> None:
    budget = {"usd": "1", "window": "day", "per": "all", "fallback": "cheap"}
    gateway = routed(
        {"name": "tight", "models": ["smart"], "budget": budget},
        {"name": "no-cheap", "models": ["cheap"], "action": "block"},
    )
    spend(gateway)

    answer = gateway.chat(ASK)

    assert (answer["statusCode"], error(answer)["code"]) == (429, "budget_exceeded")


def test_a_repeat_of_a_call_that_went_by_a_fallback_gets_its_answer() -> None:
    budget = {"usd": "1", "window": "day", "per": "all", "fallback": "cheap"}
    gateway = routed({"name": "tight", "models": ["smart"], "budget": budget})
    spend(gateway)
    named = {"headers": {"content-type": "application/json", "idempotency-key": "mine"}}

    first = close(gateway.chat(ASK, **named))
    again = gateway.chat(ASK, **named)

    assert again["headers"]["idempotent-replayed"] == "true"
    assert close(again) == first


def test_a_strict_budget_is_charged_the_most_where_nobody_says_what_a_lost_attempt_cost() -> None:
    budget = {"usd": "1", "window": "day", "per": "all", "estimate": "strict"}
    gateway = routed({"name": "exact", "budget": budget}, a=failing(UpstreamTimeout("late"), is_sent=True))

    assert gateway.chat(ASK)["statusCode"] == 504

    (record,) = gateway.ledger.settled
    assert record.charges == (gateway.ledger.reserved[0].holds[0].worst,)


def test_a_target_goes_by_the_model_behind_it_too() -> None:
    routes = {"mine": {"targets": [{"model": "a/profile", "base_model": "claude-opus-5"}]}}
    gateway = Routed(
        {"a": good}, routes=routes, policies=[{"name": "no-opus", "models": ["a/*opus*"], "action": "block"}]
    )

    assert gateway.chat({"model": "mine", "messages": MESSAGES})["statusCode"] == 403


def test_a_callers_own_provider_key_goes_nowhere_else() -> None:
    budget = {"usd": "1", "window": "day", "per": "all", "fallback": "cheap"}
    keys = {
        name: {"kind": "compatible", "base_url": f"https://{name}.invalid/v1", "caller_keys": True} for name in "ab"
    }
    routes = {"smart": "a/one", "cheap": "b/small"}
    policies = [{"name": "tight", "models": ["smart"], "budget": budget}]
    gateway = Routed({"a": good, "b": good}, routes=routes, policies=policies, providers=keys)
    spend(gateway)
    own = {"content-type": "application/json", "x-sluice-provider-authorization": "Bearer sk-fake-own"}

    answer = gateway.chat(ASK, headers=own)

    assert (answer["statusCode"], error(answer)["code"]) == (429, "budget_exceeded")
    assert gateway.asked == ["a"]


def test_a_spent_budget_without_a_fallback_refuses_and_gives_the_rate_back() -> None:
    budget = {"usd": "1", "window": "day", "per": "all"}
    rate = {"requests_per_minute": 5}
    gateway = routed({"name": "tight", "models": ["smart"], "budget": budget, "rate": rate})
    spend(gateway)
    asked_before = len(gateway.asked)

    answer = gateway.chat(ASK)

    assert (answer["statusCode"], error(answer)["code"]) == (429, "budget_exceeded")
    assert gateway.telemetry.budgets_refused == [("tight", False)]
    assert len(gateway.asked) == asked_before
    assert gateway.limits.permits[-1].used == [0]


def spend(gateway: Routed) -> tuple[str, str]:
    """Uses the first budget up."""
    close(gateway.chat(ASK))
    hold = gateway.ledger.reserved[-1].holds[0]
    place = hold.key, hold.period
    gateway.ledger.budgets.used[place] = gateway.ledger.budgets.worst[place] = hold.limit
    return place


def close(answer: dict[str, Any]) -> bytes:
    """Reads an answer to its end, as the runtime does."""
    body = answer["body"]
    if isinstance(body, str):
        return body.encode()
    content = b"".join(body)
    body.close()
    return content


def test_a_strict_budget_gives_an_answer_a_limit_and_says_so() -> None:
    budget = {"usd": "1", "window": "day", "per": "all", "estimate": "strict", "max_output_tokens": 77}
    gateway = routed({"name": "exact", "budget": budget})

    answer = gateway.chat(ASK)

    assert json.loads(gateway.requests[0].content)["max_tokens"] == 77
    assert answer["headers"]["x-sluice-warnings"] == "max_tokens"
    (hold,) = gateway.ledger.reserved[0].holds
    assert hold.reserved == hold.worst == gateway.ledger.reserved[0].bound


def test_an_attempt_that_may_have_been_charged_is_the_last_one_under_a_strict_budget() -> None:
    budget = {"usd": "1", "window": "day", "per": "all", "estimate": "strict"}
    gateway = routed({"name": "exact", "budget": budget}, a=broken)

    answer = gateway.chat(ASK | {"stream": True})

    assert answer["statusCode"] == 502
    assert gateway.asked == ["a"]
    (record,) = gateway.ledger.settled
    assert record.charges == (record.cost,)
    assert record.cost


def broken(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, headers=SSE, content=b'data: {"choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n')


def test_rates_are_claimed_in_the_name_of_the_caller() -> None:
    gateway = routed({"name": "rated", "rate": {"requests_per_minute": 5, "tokens_per_minute": 1000}})
    gateway.limits.headers = {"x-ratelimit-limit-requests": "5"}

    answer = gateway.chat(ASK)
    close(answer)

    (claim,) = gateway.limits.claims
    assert (claim.rate.requests_per_minute, claim.of) == (5, gateway.ledger.reserved[0].principal.id)
    assert claim.tokens == gateway.ledger.reserved[0].tokens > 0
    assert answer["headers"]["x-ratelimit-limit-requests"] == "5"
    assert gateway.limits.permits[0].used == [15]


def test_a_repeat_gets_the_same_answer_and_nobody_is_asked() -> None:
    gateway = routed()
    named = {"headers": {"content-type": "application/json", "idempotency-key": "mine"}}

    first = close(gateway.chat(ASK, **named))
    again = gateway.chat(ASK, **named)

    assert close(again) == first
    assert again["headers"]["idempotent-replayed"] == "true"
    assert len(gateway.asked) == len(gateway.ledger.settled) == 1


def test_a_call_that_failed_may_be_made_again_under_its_name() -> None:
    gateway = routed(a=refusing(400), b=refusing(400))
    named = {"headers": {"content-type": "application/json", "idempotency-key": "mine"}}

    assert gateway.chat(ASK, **named)["statusCode"] == 400
    assert gateway.ledger.repeats.ended == [None]


def test_a_dry_run_tells_what_policies_say() -> None:
    budget = {"usd": "1", "window": "day", "per": "all"}
    gateway = routed(
        {"name": "mine", "models": ["smart"], "budget": budget}, {"name": "no-b", "models": ["b/*"], "action": "block"}
    )
    dry = {"headers": {"content-type": "application/json", "x-sluice-dry-run": "true"}}

    allowed = json.loads(gateway.chat(ASK, **dry)["body"])["policy"]
    blocked = json.loads(gateway.chat(ASK | {"model": "cheap"}, **dry)["body"])

    assert (allowed["decision"], allowed["policies"]) == ("allow", ["mine"])
    assert [budget["name"] for budget in allowed["budgets"]] == ["mine"]
    assert (blocked["policy"]["decision"], blocked["refusal"]["code"]) == ("block", "policy_blocked")
    assert gateway.asked == []


def _takes(method: str, rule: str, tried: str, path: str) -> bool:
    return method == tried and re.fullmatch(rule, path) is not None
