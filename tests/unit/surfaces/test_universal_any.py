"""Whatever a step and its headers are: the answer is one of the surface's, and never a defect of the gateway."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as any_of
from tests.fakes.site import CHAT, Site

TEXTS = any_of.text(max_size=12)
JSON: Any = any_of.recursive(
    any_of.none() | any_of.booleans() | any_of.integers(-9, 10**6) | any_of.floats(allow_nan=False) | TEXTS,
    lambda inner: any_of.lists(inner, max_size=3) | any_of.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
PROVIDERS = any_of.sampled_from(["openai", "anthropic", "aws-bedrock", "azure-openai", "compat", "dynamic/x", "grok"])
ENDPOINTS = any_of.sampled_from(
    [
        "chat/completions",
        "v1/messages",
        "model/a/converse",
        "east/d/responses",
        "bedrock-runtime/us-east-1/model/a/invoke",
    ]
)
NAMES = any_of.sampled_from(
    ["provider", "endpoint", "query", "headers", "authorization", "config", "cf-aig-metadata", "cf-aig-custom-cost"]
)
STEPS = any_of.fixed_dictionaries(
    {"provider": PROVIDERS | JSON, "endpoint": ENDPOINTS | JSON, "query": any_of.just(CHAT) | JSON},
    optional={
        "headers": any_of.dictionaries(NAMES | TEXTS, TEXTS | JSON, max_size=3) | JSON,
        "config": any_of.dictionaries(any_of.sampled_from(["maxAttempts", "backoff", "x"]), JSON, max_size=3) | JSON,
        "authorization": JSON,
    },
)


@settings(max_examples=150, deadline=None)
@given(any_of.lists(STEPS | JSON, max_size=3))
def test_no_list_of_steps_is_a_defect(steps: list[Any]) -> None:
    gateway = Site({"openai": {}, "anthropic": {}, "bedrock": {}, "east": {"kind": "azure"}})

    answer = gateway.ask("/", steps)

    assert answer["statusCode"] in (200, 400, 404)
    assert gateway.telemetry.troubles == []
    assert all("!" <= letter <= "~" for letter in answer["headers"].get("x-sluice-warnings", ""))


@settings(max_examples=150, deadline=None)
@given(any_of.dictionaries(any_of.sampled_from(["cf-aig-metadata", "cf-aig-custom-cost", "cf-aig-backoff",
       "cf-aig-cache-ttl", "cf-aig-event-id", "x-sluice-route", "x-sluice-allowed-models", "x-sluice-cache-ttl",
       "x-sluice-provider-authorization"]), TEXTS, max_size=3))  # fmt: skip
def test_no_header_is_a_defect(headers: dict[str, str]) -> None:
    gateway = Site({"openai": {}})

    answer = gateway.ask("/openai/chat/completions", CHAT, headers)

    assert answer["statusCode"] in (200, 400, 404)
    assert gateway.telemetry.troubles == []
