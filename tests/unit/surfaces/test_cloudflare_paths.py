"""Cloudflare's own paths, alone and behind the prefix of an account and a gateway: our own paths come first."""

import json
from typing import Any

import httpx
import pytest
from tests.fakes.gateway import Context, alias, event
from tests.fakes.site import CHAT, MESSAGES, Site

from sluice.domain.call import Target
from sluice.domain.operation import OPERATIONS
from sluice.domain.route import Leg, Route
from sluice.provider_settings import Azure

PREFIX = "/v1/acct/my-gw_1"
PROVIDERS: dict[str, dict[str, Any]] = {
    "openai": {},
    "anthropic": {},
    "bedrock": {},
    "east-1": {"kind": "azure", "azure": Azure("East-1")},
    "gemini": {"kind": "compatible", "preset": "gemini"},
}
CLAUDE = {"model": "claude", "max_tokens": 9, "messages": MESSAGES}
NOVA = "amazon.nova-micro-v1:0"
CONVERSE = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
STEPS = [{"provider": "openai", "endpoint": "chat/completions", "query": CHAT}]
GOOD: dict[str, tuple[object, str]] = {
    "/openai/chat/completions": (CHAT, "openai"),
    "/openai/v1/embeddings": ({"model": "m", "input": "hi"}, "openai"),
    "/anthropic/v1/messages": (CLAUDE, "anthropic"),
    "/anthropic/v1/messages/count_tokens": (CLAUDE, "anthropic"),
    "/azure-openai/east-1/prod/chat/completions": ({"messages": MESSAGES}, "east-1"),
    f"/aws-bedrock/bedrock-runtime/us-east-1/model/{NOVA}/converse": (CONVERSE, "bedrock"),
    "/compat/chat/completions": ({**CHAT, "model": "openai/gpt-5-mini"}, "openai"),
    "/compat/v1/chat/completions": ({**CHAT, "model": f"aws-bedrock/{NOVA}"}, "bedrock"),
}


def site(prefix: str | None = PREFIX, **answers: httpx.Response | Exception) -> Site:
    return Site(PROVIDERS, answers, [alias("mini", "openai/gpt-5-mini")], prefix)


def error(answer: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer["body"])["error"]
    return found


@pytest.mark.parametrize("front", ["", PREFIX])
@pytest.mark.parametrize("path", GOOD)
def test_a_path_is_served_alone_and_behind_the_prefix(front: str, path: str) -> None:
    gateway = site()
    body, asked = GOOD[path]

    answer = gateway.ask(front + path, body)

    assert answer["statusCode"] == 200, answer["body"]
    assert gateway.asked == [asked]
    assert gateway.ledger.reserved[0].path == front + path
    assert ("cf-aig-step" in answer["headers"]) is bool(front)


@pytest.mark.parametrize("path", [PREFIX, f"{PREFIX}/", "/"])
def test_the_prefix_alone_is_the_universal_endpoint(path: str) -> None:
    answer = site().ask(path, STEPS)

    assert answer["statusCode"] == 200
    assert answer["headers"]["cf-aig-step"] == "0"


@pytest.mark.parametrize("path", [*GOOD, "", "/"])
def test_without_a_configured_prefix_nothing_stands_behind_one(path: str) -> None:
    gateway = site(prefix=None)

    answer = gateway.ask(PREFIX + path, STEPS if path in ("", "/") else GOOD[path][0])

    assert answer["statusCode"] == 404
    assert not gateway.requests


@pytest.mark.parametrize(
    "path",
    [
        "/v1/acct/other/openai/chat/completions",
        "/v1/acct/my-gw_1x/openai/chat/completions",
        "/v1/acct/my-gw_1//openai/chat/completions",
        f"{PREFIX}{PREFIX}/openai/chat/completions",
        f"{PREFIX}/v1/chat/completions",
        f"{PREFIX}/v1/models",
        f"{PREFIX}/model/{NOVA}/converse",
        f"{PREFIX}/openai/files",
        f"{PREFIX}/groq/chat/completions",
        f"{PREFIX}//",
    ],
)
def test_nothing_but_their_paths_stands_behind_it(path: str) -> None:
    gateway = site()

    answer = gateway.ask(path, CHAT)

    assert (answer["statusCode"], error(answer)["code"]) == (404, "unknown_path")
    assert not gateway.requests


@pytest.mark.parametrize(
    ("prefix", "path", "body"),
    [
        ("/v1/chat/completions", "/v1/chat/completions", {**CHAT, "model": "mini"}),
        ("/v1/messages/count_tokens", "/v1/messages/count_tokens", {**CLAUDE, "model": "anthropic/claude"}),
        ("/v1/images/generations", "/v1/images/generations", {"model": "mini", "prompt": "a cat"}),
    ],
)
def test_our_own_path_wins_where_a_pair_has_its_name(prefix: str, path: str, body: dict[str, Any]) -> None:
    gateway = site(prefix)

    own, behind = gateway.ask(path, body), gateway.ask(f"{prefix}/openai/chat/completions", CHAT)

    assert (own["statusCode"], behind["statusCode"]) == (200, 200)
    assert [one.surface for one in gateway.ledger.reserved] == [
        "anthropic" if "messages" in path else "openai",
        "openai",
    ]


@pytest.mark.parametrize("path", [*GOOD, ""])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_another_method_is_refused(method: str, path: str) -> None:
    answer = site().handler(event(method, PREFIX + path), Context())

    assert (answer["statusCode"], answer["headers"]["allow"]) == (405, "POST")


@pytest.mark.fault("A02")
@pytest.mark.parametrize("front", ["", PREFIX])
@pytest.mark.parametrize("path", GOOD)
def test_without_an_identity_no_path_is_served(front: str, path: str) -> None:
    gateway = site()
    context = {"http": {"method": "POST", "path": path}, "authorizer": None, "stage": "$default"}

    answer = gateway.post(front + path, GOOD[path][0], requestContext=context)

    assert answer["statusCode"] == 403
    assert not gateway.requests


@pytest.mark.parametrize("front", ["", PREFIX])
def test_errors_have_the_shape_of_the_paths_own_dialect(front: str) -> None:
    gateway = site()

    anthropic = gateway.ask(f"{front}/anthropic/v1/messages", {})
    bedrock = gateway.ask(f"{front}/aws-bedrock/bedrock-runtime/eu-west-1/model/{NOVA}/converse", CONVERSE)
    openai = gateway.ask(f"{front}/compat/chat/completions", {})

    assert json.loads(anthropic["body"])["type"] == "error"
    assert bedrock["headers"]["x-amzn-errortype"] == "ResourceNotFoundException"
    assert error(openai)["param"] == "model"


@pytest.mark.parametrize("path", OPERATIONS)
def test_every_operation_is_served_at_a_deployment(path: str) -> None:
    gateway = site()
    body = {"messages": MESSAGES, "input": "hi", "prompt": "hi"}

    answer = gateway.ask(f"/azure-openai/EAST-1/my%2Eprod/{path}", body)

    (request,) = gateway.requests
    assert answer["statusCode"] == 200, answer["body"]
    assert request.url.path == f"/openai/v1/{path}"
    assert json.loads(request.content)["model"] == "my.prod"
    assert gateway.ledger.reserved[0].model == "my.prod"


def test_the_version_in_the_query_is_the_configurations_business() -> None:
    gateway = site()
    query = {"rawQueryString": "api-version=1999-01-01", "queryStringParameters": {"api-version": "1999-01-01"}}

    answer = gateway.post("/azure-openai/east-1/prod/chat/completions", {"messages": MESSAGES}, **query)
    answer["body"].close()

    assert gateway.requests[0].url.query == b""


def test_a_model_in_the_body_is_not_the_deployment() -> None:
    gateway = site()

    gateway.ask("/azure-openai/east-1/prod/chat/completions", {**CHAT, "model": "openai/other"})

    assert json.loads(gateway.requests[0].content)["model"] == "prod"


@pytest.mark.parametrize("resource", ["west", "openai", "..", "east-1.openai.azure.com", "%2e%2e"])
def test_a_resource_that_is_not_configured_is_refused_and_the_configured_ones_are_named(resource: str) -> None:
    gateway = site()

    answer = gateway.ask(f"/azure-openai/{resource}/prod/chat/completions", {"messages": MESSAGES})

    assert (answer["statusCode"], error(answer)["code"]) == (404, "model_not_found")
    assert "resources: East-1" in error(answer)["message"]
    assert not gateway.requests


@pytest.mark.parametrize("deployment", ["%2e%2e", "a%2f..%2fb", "a%3fb", "a b"])
def test_a_deployment_that_is_no_model_is_refused(deployment: str) -> None:
    gateway = site()

    answer = gateway.ask(f"/azure-openai/east-1/{deployment}/chat/completions", {"messages": MESSAGES})

    assert answer["statusCode"] == 404
    assert not gateway.requests


@pytest.mark.parametrize(
    ("model", "asked", "sent"),
    [
        ("mini", "openai", "gpt-5-mini"),
        ("dynamic/mini", "openai", "gpt-5-mini"),
        ("openai/gpt-5-mini", "openai", "gpt-5-mini"),
        ("google-ai-studio/gemini-2.5-flash", "gemini", "gemini-2.5-flash"),
        ("gemini/gemini-2.5-flash", "gemini", "gemini-2.5-flash"),
        ("azure-openai/prod", "east-1", "prod"),
    ],
)
def test_a_model_of_the_unified_path_names_its_provider_as_they_do(model: str, asked: str, sent: str) -> None:
    gateway = site()

    answer = gateway.ask("/compat/chat/completions", {**CHAT, "model": model})

    assert answer["statusCode"] == 200
    assert gateway.asked == [asked]
    assert json.loads(gateway.requests[0].content)["model"] == sent


def test_a_list_of_models_there_names_their_providers_as_they_do() -> None:
    gateway = site(gemini=httpx.Response(404))

    gateway.ask("/compat/chat/completions", {"models": ["google-ai-studio/g", "dynamic/mini"], "messages": MESSAGES})

    assert gateway.asked == ["gemini", "openai"]


@pytest.mark.parametrize(
    "model", ["workers-ai/@cf/meta/llama", "grok/grok-4", "dynamic/none", "cloudflare/auto", 5, None]
)
def test_a_model_of_the_unified_path_that_nobody_has_is_refused(model: object) -> None:
    gateway = site()

    answer = gateway.ask("/compat/chat/completions", {**CHAT, "model": model})

    assert answer["statusCode"] in (400, 404)
    assert error(answer)["param"] == "model"
    assert not gateway.requests


def test_without_a_provider_named_anthropic_its_path_says_so() -> None:
    answer = Site({"claude": {"kind": "anthropic"}}).ask("/anthropic/v1/messages", CLAUDE)

    assert answer["statusCode"] == 404
    assert "no provider is named 'anthropic'" in error(answer)["message"]


def test_another_gateways_id_is_refused() -> None:
    gateway = site()

    right = gateway.ask("/openai/chat/completions", CHAT, {"cf-aig-gateway-id": "my-gw_1"})
    wrong = gateway.ask("/openai/chat/completions", CHAT, {"cf-aig-gateway-id": "another"})

    assert (right["statusCode"], wrong["statusCode"]) == (200, 400)
    assert "this gateway is my-gw_1" in error(wrong)["message"]


@pytest.mark.parametrize(
    ("headers", "asked"),
    [
        ({"cf-aig-allowed-providers": "google-ai-studio"}, "gemini"),
        ({"cf-aig-allowed-providers": "gemini, x"}, "gemini"),
        ({"cf-aig-allowed-models": "google-ai-studio/*"}, "gemini"),
        ({"cf-aig-allowed-models": "g-1"}, "gemini"),
        ({"cf-aig-allowed-models": "*"}, "openai"),  # of models, and of the route itself
        ({"x-sluice-allowed-models": "open*/a.b"}, "openai"),
        ({"x-sluice-allowed-models": "both"}, "openai"),
    ],
)
def test_only_what_is_allowed_is_asked(headers: dict[str, str], asked: str) -> None:
    both = Route("both", (Leg(Target("openai", "a.b")), Leg(Target("gemini", "g-1"))))
    gateway = Site(PROVIDERS, {}, [both])

    gateway.ask("/v1/chat/completions", {**CHAT, "model": "both"}, headers)

    assert gateway.asked == [asked]


@pytest.mark.parametrize("allowed", ["openai/*b*c", "*/", "aXb", "gemini/*"])
def test_where_nothing_is_allowed_nothing_is_asked(allowed: str) -> None:
    gateway = Site(PROVIDERS)

    answer = gateway.ask("/v1/chat/completions", {**CHAT, "model": "openai/a.b"}, {"cf-aig-allowed-models": allowed})

    assert (answer["statusCode"], gateway.asked) == (404, [])
