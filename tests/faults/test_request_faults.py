"""Requests that nobody would write: whatever comes in, the answer is the gateway's own, and not its breakdown."""

import json
import os
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from tests.engines import LedgerTable
from tests.fakes.gateway import PRICE, Context, Gateway, event
from tests.faults.junk import GOOD, Junk
from tests.unit.stores.calls import record, reservation

from sluice.domain.principal import Principal
from sluice.domain.record import Attempt

CASES = int(os.environ.get("SLUICE_FUZZ_CASES", "20000"))
SEED = int(os.environ.get("SLUICE_FUZZ_SEED", "20261120"))
KINDS = ("openai", "anthropic", "bedrock")
REFUSAL = {"error": {"message": "no", "type": "invalid_request_error", "param": None, "code": "no"}, "message": "no"}


def refusing(kind: str) -> Gateway:
    """A gateway whose provider takes nothing: whatever is a 5xx then is the gateway's own."""
    return Gateway(lambda _: httpx.Response(400, json=REFUSAL), kind=kind)


def whole(answer: dict[str, Any]) -> bytes:
    body = answer["body"]
    if isinstance(body, str | bytes):
        return body.encode() if isinstance(body, str) else body
    try:
        return b"".join(body)
    finally:
        body.close()


@pytest.mark.fault("R10")
@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_that_comes_in_breaks_the_gateway(kind: str) -> None:
    """SLUICE_FUZZ_CASES and SLUICE_FUZZ_SEED scale it and repeat it."""
    gateway, junk = refusing(kind), Junk(SEED)

    for number in range(CASES // len(KINDS)):
        asked = junk.event()
        answer = gateway.handler(asked, Context())
        body = whole(answer)

        assert 200 <= answer["statusCode"] < 500, (number, asked)
        assert b"Traceback" not in body, (number, asked)
        assert len(gateway.ledger.reserved) == len(gateway.ledger.settled), (number, asked)
        assert gateway.telemetry.troubles == [], (number, asked)


@pytest.mark.fault("R10")
def test_junk_is_neither_all_good_nor_all_bad() -> None:
    """What the test above stands on: some of it gets through to the provider, most of it does not."""
    gateway, junk = refusing("openai"), Junk(SEED)

    statuses = [gateway.handler(junk.event(), Context())["statusCode"] for _ in range(300)]

    assert 30 < len(gateway.requests) < 270
    assert {400, 404, 405, 415} <= set(statuses)


LARGE: dict[str, dict[str, Any]] = {
    "messages": {"messages": [{"role": "user", "content": "hi"}] * 10_000},
    "tools": {"tools": [{"type": "function", "function": {"name": f"f{number}"}} for number in range(10_000)]},
    "the most tokens": {"max_tokens": 2**31 - 1},
}


@pytest.mark.fault("R08")
@pytest.mark.parametrize("change", LARGE.values(), ids=LARGE)
def test_a_request_that_is_large_and_lawful_has_an_exact_bound(change: dict[str, Any]) -> None:
    gateway = refusing("openai")

    answer = gateway.chat({**GOOD[0][1], **change})

    assert answer["statusCode"] in (400, 413)
    for reserved in gateway.ledger.reserved:
        assert isinstance(reserved.bound, int)
        assert reserved.bound >= change.get("max_tokens", 1000) * (PRICE.rates.output // 1000)


ODD: tuple[tuple[str, str], ...] = (
    ("/v1/chat/completions", "//v1/chat/completions"),
    ("/v1/chat/completions", "/v1//chat/completions"),
    ("/v1/chat/completions", "/v1/chat/completions/"),
    ("/v1/chat/completions", "/v1/../v1/chat/completions"),
    ("/v1/chat/completions", "/./v1/chat/completions"),
    ("/v1/chat/completions", "/v1/chat%2fcompletions"),
    ("/v1/chat/completions", "/v1/chat%2Fcompletions"),
    ("/v1/chat/completions", "/%761/chat/completions"),
    ("/v1/chat/completions", "/v1/chat/completions;x=y"),
    ("/v1/chat/completions", "/v1/chat/completions%00"),
    ("/v1/chat/completions", "/v1/chat/completions\n"),
    ("/v1/chat/completions", "/V1/CHAT/COMPLETIONS"),
    ("/v1/chat/completions", "/v1/chat\\completions"),
    ("/v1/chat/completions", "v1/chat/completions"),
    ("/v1/chat/completions", "/v1/chat/completions?x"),
    ("/v1/chat/completions", "http://a/v1/chat/completions"),
    ("/v1/messages", "/v1/messages/"),
    ("/v1/messages", "/v1/messages/../admin"),
    ("/v1/responses", "/v1/responses/resp_1"),
    ("/v1/embeddings", "/openai/v1/../embeddings"),
)


@pytest.fixture
def gateway() -> Gateway:
    return refusing("openai")


@pytest.mark.fault("R11")
@pytest.mark.parametrize(("path", "odd"), ODD, ids=[odd for _, odd in ODD])
def test_a_path_that_is_nearly_one_of_ours_is_none(path: str, odd: str, gateway: Gateway) -> None:
    body = json.dumps(dict(GOOD)[path])

    served = gateway.handler(event("POST", path, body=body), Context())
    confused = gateway.handler(event("POST", odd, body=body), Context())

    assert served["statusCode"] == 400
    assert confused["statusCode"] == 404
    assert len(gateway.requests) == 1


@pytest.mark.fault("R11")
@pytest.mark.parametrize(
    "path", [path for path, _ in GOOD] + [odd for _, odd in ODD] + ["/v1/models", "/v1/models/mini"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "HEAD"])
def test_without_an_identity_no_path_does_anything(method: str, path: str, gateway: Gateway) -> None:
    context = {"http": {"method": method, "path": path}, "stage": "$default"}
    forged = {"host": "x/#@y", "x-forwarded-host": "y", "x-original-url": "/v1/models", "authorization": "Bearer x"}

    answer = gateway.handler(event(method, path, forged, body="{}", requestContext=context), Context())

    assert answer["statusCode"] in (403, 404, 405)
    assert (gateway.requests, gateway.ledger.reserved) == ([], [])


@pytest.mark.fault("R11")
@pytest.mark.parametrize("header", ["x-http-method-override", "x-http-method", "x-method-override", "x-original-url"])
@pytest.mark.parametrize("host", ["x/#@y", "127.0.0.1:1", "provider.invalid", "a b"])
def test_no_header_chooses_the_method_the_path_or_the_host(header: str, host: str, gateway: Gateway) -> None:
    path, body = GOOD[0]
    value = "/v1/models" if header == "x-original-url" else "GET"
    headers = {"host": host, "x-forwarded-host": host, "forwarded": f"host={host}", header: value}

    gateway.handler(event("POST", path, headers, body=json.dumps(body)), Context())

    assert [str(request.url) for request in gateway.requests] == ["https://provider.invalid/v1/chat/completions"]
    assert {request.headers["host"] for request in gateway.requests} == {"provider.invalid"}
    assert header not in gateway.requests[0].headers


QUERIES = (
    "' OR '1'='1",
    '"; DROP TABLE ledger; --',
    "#st = :x",
    ":e",
    "attribute_not_exists(pk)",
    "R#11111111-2222-4333-8444-555555555555",
    "SET #b = :used REMOVE opk, osk ADD n :n",
    "${jndi:ldap://127.0.0.1/a}",
    "{{7*7}}",
    '{"S": "R"}',
    "a\u0000b",
    "\u202e#\u2028:",
)


@pytest.mark.fault("R12")
def test_text_that_is_a_query_is_stored_as_text_and_changes_no_other_row(ledger_table: LedgerTable) -> None:
    ledger, before = ledger_table.ledger(), reservation(request_id="untouched")
    ledger.reserve(before)
    untouched = ledger.read("untouched")

    for query in QUERIES:
        principal = Principal(query, query, query)
        changes = {"route": query, "model": query, "provider": query, "path": query, "surface": query}
        call = reservation(request_id=f"id {query}", principal=principal, metadata={query: query}, **changes)
        ledger.reserve(call)
        tried = (Attempt(query, query, 200, query, 1),)
        assert ledger.settle(call, record(attempts=tried, model_answered=query, finish_reason=query))
        row = ledger.read(call.request_id) or {}

        assert row["st"] == "S"
        assert (row["rt"], row["md"], row["pv"], row["meta"]) == (query, query, query, {query: query})

    assert ledger.read("untouched") == untouched


@pytest.mark.fault("R12")
@pytest.mark.parametrize("query", QUERIES)
def test_a_query_in_the_place_of_a_name_reaches_no_url(query: str, gateway: Gateway) -> None:
    answers = [
        gateway.chat({**GOOD[0][1], "model": query}),
        gateway.chat({**GOOD[0][1], "model": f"openai/{query}"}),
        gateway.handler(event("GET", f"/v1/models/{quote(query)}"), Context()),
        gateway.handler(event("POST", f"/model/{quote(query, safe='')}/converse", body="{}"), Context()),
    ]

    assert {answer["statusCode"] for answer in answers} <= {400, 404}
    assert {str(request.url) for request in gateway.requests} <= {"https://provider.invalid/v1/chat/completions"}
