"""A guardrail that a caller names is applied whichever way the call takes to Bedrock, or the call is refused."""

import json
from typing import Any

import httpx
import pytest
from tests.fakes.gateway import Gateway

from sluice.domain.call import Target

CLAUDE, NOVA, OSS = "anthropic.claude-haiku-4-5-20251001-v1:0", "amazon.nova-micro-v1:0", "openai.gpt-oss-120b-1:0"
CONFIG = {"guardrailIdentifier": "g1", "guardrailVersion": "2", "trace": "enabled"}
HEADERS = {
    "x-amzn-bedrock-guardrailidentifier": "g1",
    "x-amzn-bedrock-guardrailversion": "2",
    "x-amzn-bedrock-trace": "ENABLED",
}
HI: Any = [{"role": "user", "content": "hi"}]
ASKED: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": HI},
    "/v1/responses": {"input": "hi"},
    "/v1/messages": {"messages": HI, "max_tokens": 9},
}
WAYS = [
    ("/v1/chat/completions", CLAUDE, "converse"),
    ("/v1/chat/completions", OSS, "/openai/v1/chat/completions"),
    ("/v1/responses", NOVA, "converse"),
    ("/v1/responses", OSS, "/openai/v1/responses"),
    ("/v1/messages", CLAUDE, "invoke"),
    ("/v1/messages", NOVA, "converse"),
    ("/v1/messages", OSS, "/openai/v1/chat/completions"),
]


def sent(path: str, model: str, body: dict[str, Any], headers: dict[str, str]) -> httpx.Request:
    """What left for Bedrock; gpt-oss is reached by its endpoint in OpenAI's dialect."""
    target = Target("bedrock", OSS, api="openai")
    site = Gateway(lambda _: httpx.Response(400), kind="bedrock", targets={str(target): target})
    site.post(
        path,
        {"model": f"bedrock/{model}", **ASKED[path], **body},
        headers={"content-type": "application/json", **headers},
    )
    (request,) = site.requests
    return request


@pytest.mark.parametrize("told", [({"guardrailConfig": CONFIG}, {}), ({}, HEADERS)], ids=["in the body", "in headers"])
@pytest.mark.parametrize(("path", "model", "way"), WAYS)
def test_it_is_applied_on_every_way_to_bedrock(path: str, model: str, way: str, told: tuple[Any, Any]) -> None:
    request = sent(path, model, *told)

    body = json.loads(request.content)
    assert request.url.path.endswith(way)
    if way == "converse":
        assert body["guardrailConfig"] == CONFIG
    else:
        assert "guardrailConfig" not in body
        assert {name: request.headers[name] for name in HEADERS} == HEADERS


@pytest.mark.parametrize("told", [({"guardrailConfig": CONFIG}, {}), ({}, HEADERS)], ids=["in the body", "in headers"])
@pytest.mark.parametrize("kind", ["openai", "anthropic"])
@pytest.mark.parametrize("path", ASKED)
def test_a_provider_without_guardrails_is_not_asked(kind: str, path: str, told: tuple[Any, Any]) -> None:
    site = Gateway(lambda _: httpx.Response(500), kind=kind)

    answer = site.post(
        path, {"model": "mini", **ASKED[path], **told[0]}, headers={"content-type": "application/json", **told[1]}
    )

    assert answer["statusCode"] == 400
    assert json.loads(answer["body"])["error"]["param"] == "guardrailConfig"
    assert site.requests == []


@pytest.mark.parametrize(
    "config", ["g1", {}, {"guardrailIdentifier": "g1"}, {"guardrailIdentifier": 1, "guardrailVersion": "1"}]
)
def test_half_a_guardrail_is_refused(config: Any) -> None:
    site = Gateway(lambda _: httpx.Response(500), kind="bedrock")

    answer = site.post("/v1/messages", {"model": f"bedrock/{NOVA}", **ASKED["/v1/messages"], "guardrailConfig": config})

    assert (answer["statusCode"], site.requests) == (400, [])
