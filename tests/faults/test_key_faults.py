"""Virtual keys at the front door: whose call it is, what nobody may do with one, and where none is ever written."""

import copy
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest
from tests.fakes.gateway import Context, event
from tests.fakes.keyed import PREFIX, KeyedSite
from tests.fakes.site import CHAT
from tests.unit.stores.key_rows import FORMER, ID, OTHER, SHOWN
from tests.unit.stores.memory_table import throttled

from sluice.domain.policy import Action, Policy

KEYS = ("x-sluice-key", "x-api-key", "api-key")
ADA, ROOT = "arn:aws:iam::123456789012:user/ada", "arn:aws:iam::123456789012:root"
TURNS = [{"role": "user", "content": [{"text": "hi"}]}]
MESSAGES = {"model": "anthropic/claude-haiku-4-5", "max_tokens": 9, "messages": CHAT["messages"]}
STEP = {"provider": "openai", "endpoint": "chat/completions", "query": CHAT}
CLAUDE = quote("anthropic.claude-haiku-4-5-20251001-v1:0", safe="")
MADE: dict[str, object] = {  # a good call on every path that makes one
    "/v1/chat/completions": {**CHAT, "model": "mini"},
    "/v1/messages": MESSAGES,
    "/v1/messages/count_tokens": MESSAGES,
    f"/model/{CLAUDE}/converse": {"messages": TURNS},
    f"/bedrock/model/{CLAUDE}/converse": {"messages": TURNS},
    "/openai/v1/chat/completions": CHAT,
    "/anthropic/v1/messages": {**MESSAGES, "model": "claude-haiku-4-5"},
    f"/aws-bedrock/bedrock-runtime/us-east-1/model/{CLAUDE}/converse": {"messages": TURNS},
    "/azure-openai/azure/prod/chat/completions": CHAT,
    "/compat/chat/completions": {**CHAT, "model": "openai/gpt-5-mini"},
    "/": [STEP],
}
CLOUDFLARES = ("/openai/", "/anthropic/", "/azure-openai/", "/aws-bedrock/", "/compat/")
MADE |= {PREFIX + path: body for path, body in MADE.items() if path.startswith(CLOUDFLARES) or path == "/"}
READ = ("/v1/models", "/v1/models/mini", f"/api/bedrock/{CLAUDE}?p=hi")


def called(site: KeyedSite, method: str, path: str, headers: Mapping[str, str], body: object = None) -> dict[str, Any]:
    """The answer, read to its end."""
    bare, _, query = path.partition("?")
    parameters = {"queryStringParameters": dict(pair.split("=") for pair in query.split("&"))} if query else {}
    asked = event(method, bare, dict(headers), body="" if body is None else json.dumps(body), **parameters)
    answer = site.handler(asked, Context())
    if not isinstance(answer["body"], str):
        pieces = answer["body"]
        answer = {**answer, "body": b"".join(pieces).decode()}
        pieces.close()
    return answer


def test_these_are_all_the_paths_there_are() -> None:
    called_here = {"POST": tuple(MADE), "GET": tuple(path.partition("?")[0] for path in READ)}

    unmet = [
        rule
        for method, rule, _ in KeyedSite().table
        if not any(re.fullmatch(rule, path) for path in called_here[method])
    ]

    assert unmet == []


@pytest.mark.parametrize("header", KEYS)
@pytest.mark.parametrize("path", MADE)
def test_a_call_with_a_key_is_the_keys_on_every_path(path: str, header: str) -> None:
    site = KeyedSite()

    answer = called(site, "POST", path, {header: SHOWN}, MADE[path])

    (reservation,) = site.ledger.reserved
    assert answer["statusCode"] == 200
    assert (reservation.principal.id, reservation.key_id) == (f"key:{ID}", ID)
    assert (reservation.principal.role, site.rows.calls) == (ADA, ["GetItem"])


@pytest.mark.fault("A11")
@pytest.mark.parametrize("row", [{"st": "R"}, {"until": 1}, {"h": "0" * 64}], ids=["revoked", "expired", "another"])
@pytest.mark.parametrize("path", [*MADE, *READ])
def test_a_bad_key_opens_no_path_and_the_identity_behind_it_does_not_count(path: str, row: dict[str, Any]) -> None:
    site = KeyedSite(**row)

    answer = called(site, "POST" if path in MADE else "GET", path, {"x-sluice-key": SHOWN}, MADE.get(path))

    assert answer["statusCode"] == 401
    assert "the virtual key is not good" in answer["body"]
    assert (site.requests, site.ledger.reserved) == ([], [])


@pytest.mark.fault("P01")
@pytest.mark.parametrize("header", KEYS)
@pytest.mark.parametrize("path", [*MADE, *READ])
def test_a_key_is_written_nowhere_and_sent_to_nobody(path: str, header: str) -> None:
    site = KeyedSite()

    answer = called(site, "POST" if path in MADE else "GET", path, {header: SHOWN}, MADE.get(path))

    assert answer["statusCode"] == 200
    assert SHOWN[17:] not in site.written + json.dumps(answer)


@pytest.mark.fault("P02")
@pytest.mark.parametrize("path", [*MADE, *READ])
@pytest.mark.parametrize(
    "headers", [{"x-sluice-key": FORMER}, {"api-key": f"{FORMER}x"}, {"x-api-key": "slu_" + FORMER}]
)
def test_a_refused_key_is_not_repeated(path: str, headers: dict[str, str]) -> None:
    site = KeyedSite()

    answer = called(site, "POST" if path in MADE else "GET", path, headers, MADE.get(path))

    assert answer["statusCode"] == 401
    assert FORMER[17:] not in site.written + json.dumps(answer)


IN_A_STEP: list[dict[str, Any]] = [
    {"authorization": f"Bearer {SHOWN}"},
    {"headers": {"Authorization": f"Token {SHOWN}"}},
    {"headers": {"x-api-key": SHOWN}},
    {"headers": {"api-key": SHOWN}},
    {"headers": {"x-sluice-provider-authorization": f"Bearer {SHOWN}"}},
    {"headers": {"x-sluice-provider-authorization": f"Bearer {SHOWN}"}, "authorization": "Bearer sk-fake"},
]


@pytest.mark.fault("P01")
@pytest.mark.parametrize("given", IN_A_STEP, ids=range(len(IN_A_STEP)))
def test_a_virtual_key_in_the_place_of_a_providers_is_sent_to_no_provider(given: dict[str, Any]) -> None:
    site = KeyedSite()

    answer = called(site, "POST", "/", {}, [{**STEP, **given}])

    assert answer["statusCode"] == 400
    assert site.requests == []
    assert SHOWN[17:] not in site.written + json.dumps(answer)


@pytest.mark.fault("P01")
def test_a_virtual_key_as_the_providers_authorization_is_sent_to_no_provider() -> None:
    site = KeyedSite()

    answer = called(
        site,
        "POST",
        "/v1/chat/completions",
        {"x-sluice-provider-authorization": f"Bearer {SHOWN}"},
        {**CHAT, "model": "mini"},
    )

    assert (answer["statusCode"], site.requests) == (400, [])


@pytest.mark.fault("A02")
@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-for": "10.0.0.1", "x-forwarded-user": ROOT, "x-forwarded-proto": "https"},
        {"x-amzn-iam-user-arn": ROOT, "x-sluice-principal": ROOT, "cookie": f"x-sluice-key={SHOWN}"},
        {"authorization": f"Bearer {SHOWN}", "cf-aig-authorization": f"Bearer {SHOWN}"},
    ],
)
def test_no_header_and_no_field_makes_a_call_somebody_elses(headers: dict[str, str]) -> None:
    site = KeyedSite()
    body = {**CHAT, "model": "mini", "user": ROOT, "safety_identifier": ROOT, "metadata": {"user_id": ROOT}}

    called(site, "POST", "/v1/chat/completions", headers, body)

    (reservation,) = site.ledger.reserved
    assert (reservation.principal.id, reservation.key_id) == (ADA, None)


@pytest.mark.fault("A02")
def test_whoever_shows_the_key_of_somebody_else_is_told_apart_by_the_identity() -> None:
    site = KeyedSite()

    called(site, "POST", "/v1/chat/completions", {"x-sluice-key": SHOWN}, {**CHAT, "model": "mini", "user": ROOT})

    (reservation,) = site.ledger.reserved
    assert (reservation.principal.id, reservation.principal.role) == (f"key:{ID}", ADA)


ASSIGNED = {
    "key": SHOWN,
    "key_id": "otherfake234",
    "budget": {"usd": "999999", "window": "total"},
    "budgets": [{"usd": "999999", "window": "total"}],
    "max_budget": 999_999,
    "policies": [{"name": "all", "who": "*"}],
    "rate": {"requests_per_minute": 999_999},
    "tags": ["team=all"],
    "owner": "root",
    "principal": ROOT,
    "st": "A",
    "until": None,
}


@pytest.mark.fault("A11")
@pytest.mark.parametrize("name", ASSIGNED)
def test_no_field_of_a_call_changes_a_key_or_what_it_may_do(name: str) -> None:
    site = KeyedSite(models=["mini", "openai/*"])
    before = copy.deepcopy(site.rows.items)

    called(
        site, "POST", "/v1/chat/completions", {"x-sluice-key": SHOWN}, {**CHAT, "model": "mini", name: ASSIGNED[name]}
    )
    refused = called(
        site, "POST", "/v1/chat/completions", {"x-sluice-key": SHOWN}, {**CHAT, "model": "big", name: ASSIGNED[name]}
    )

    assert site.rows.items == before
    assert set(site.rows.calls) <= {"GetItem"}
    assert refused["statusCode"] == 403
    assert all(one.principal.id == f"key:{ID}" for one in site.ledger.reserved)


ADMIN = (  # what other gateways have, and what one would guess
    *(f"/v1/{name}" for name in ("keys", f"keys/{ID}", "budgets", "policies", "usage", "records", "config", "users")),
    *("/keys", "/key/generate", "/key/update", "/key/info", "/key/delete", "/key/list", "/spend/logs", "/global/spend"),
    *("/user/new", "/team/new", "/team/update", "/config/update", "/admin", "/admin/keys", "/metrics", "/health"),
    *("/v1/organization/usage/completions", "/v1/organization/admin_api_keys", "/v1/organizations/usage_report"),
    *("/v1/models/../keys", "/v1/responses/resp_1", "/v1/files", "/v1/batches", f"/K%23{ID}/K", "/routes", "/debug"),
)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
CALLERS: dict[str, dict[str, str]] = {
    "an identity": {},
    "a key": {"x-sluice-key": SHOWN},
    "another key": {"x-api-key": OTHER},
}


@pytest.mark.fault("A11")
@pytest.mark.parametrize("headers", CALLERS.values(), ids=CALLERS)
def test_nobody_reads_or_changes_keys_budgets_or_usage_by_the_url(headers: dict[str, str]) -> None:
    site = KeyedSite()
    site.put(OTHER)
    before = copy.deepcopy(site.rows.items)

    answers = {(method, path): called(site, method, path, headers, {}) for path in ADMIN for method in METHODS}

    assert {answer["statusCode"] for answer in answers.values()} <= {404, 405}
    assert site.rows.items == before
    assert (site.requests, site.ledger.reserved) == ([], [])
    assert all(OTHER[4:16] not in answer["body"] for answer in answers.values())


def names(answer: Mapping[str, Any]) -> list[str]:
    return [one["id"] for one in json.loads(answer["body"])["data"]]


def test_models_are_those_that_the_key_may_use() -> None:
    site = KeyedSite(models=["mini", "anthropic/*"])

    of_all = names(called(site, "GET", "/v1/models", {}))
    of_key = names(called(site, "GET", "/v1/models", {"x-sluice-key": SHOWN}))
    of_anthropics = names(called(site, "GET", "/v1/models", {"x-api-key": SHOWN, "anthropic-version": "2023-06-01"}))
    found = [
        called(site, "GET", f"/v1/models/{name}", {"x-sluice-key": SHOWN}) for name in ("mini", "openai/gpt-5", "x")
    ]

    assert of_all == ["mini", "big", "openai/gpt-5", "anthropic/claude-haiku-4-5"]
    assert of_key == of_anthropics == ["mini", "big", "anthropic/claude-haiku-4-5"]
    assert [one["statusCode"] for one in found] == [200, 404, 404]
    assert [json.loads(one["body"])["error"]["code"] for one in found[1:]] == ["model_not_found"] * 2


def test_models_that_a_policy_blocks_are_not_listed() -> None:
    site = KeyedSite([Policy("no-claude", models=("anthropic/*",), action=Action.BLOCK)])

    assert names(called(site, "GET", "/v1/models", {})) == ["mini", "openai/gpt-5"]


def test_a_table_that_is_away_lets_no_key_in() -> None:
    site = KeyedSite()
    site.rows.before = [throttled() for _ in range(1000)]

    answer = called(site, "POST", "/v1/chat/completions", {"x-sluice-key": SHOWN}, {**CHAT, "model": "mini"})

    assert (answer["statusCode"], json.loads(answer["body"])["error"]["code"]) == (503, "ledger_busy")
    assert site.requests == []
