"""A dry run is asked for by a header, and answered in JSON on every surface."""

import json
from typing import Any

import pytest
from tests.fakes.dry_runs import CHAT, DRY, HI, answering, dry, places
from tests.fakes.several import Several


@pytest.mark.parametrize(
    ("path", "body", "surface", "operation"),
    [
        ("/v1/chat/completions", {**CHAT, "stream": True}, "openai", "chat"),
        ("/v1/responses", {"model": "mini", "input": "hi", "stream": True}, "openai", "chat"),
        ("/v1/embeddings", {"model": "mini", "input": "hi"}, "openai", "embeddings"),
        ("/v1/messages", {"model": "mini", "messages": HI, "max_tokens": 5, "stream": True}, "anthropic", "chat"),
    ],
)
def test_every_surface_answers_in_json(path: str, body: dict[str, Any], surface: str, operation: str) -> None:
    gateway = answering()

    told = dry(gateway, body, path)

    assert (told["surface"], told["operation"], told["candidates"][0]["takes_it"]) == (surface, operation, True)
    assert gateway.requests == []


@pytest.mark.parametrize("operation", ["converse", "converse-stream", "invoke-with-response-stream", "count-tokens"])
def test_the_bedrock_surface_answers_in_json_too(operation: str) -> None:
    gateway = Several("openai/a")
    body = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}

    told = dry(gateway, body, f"/model/amazon.nova-micro-v1:0/{operation}")

    assert told["surface"] == "bedrock"
    assert places(told) == [("bedrock/amazon.nova-micro-v1:0", "asked first")]
    assert gateway.requests == []


def test_the_universal_endpoint_tells_of_all_its_steps() -> None:
    converse = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
    steps = [
        {"provider": "openai", "endpoint": "chat/completions", "query": {"model": "gpt-5-mini", "messages": HI}},
        {"provider": "bedrock", "endpoint": "model/amazon.nova-micro-v1:0/converse", "query": converse},
    ]

    told = dry(Several("openai/a"), steps, "/")

    assert places(told) == [("openai/gpt-5-mini", "asked first"), ("bedrock/amazon.nova-micro-v1:0", "asked next")]
    assert [one["step"] for one in told["candidates"]] == [0, 1]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({**CHAT, "model": "gtp"}, 404, "model_not_found"),
        ({"model": "mini"}, 400, "invalid_request"),
        ("{", 400, "invalid_json"),
    ],
)
def test_what_is_no_call_is_refused_as_ever(body: object, status: int, code: str) -> None:
    answer = answering().chat(body, headers={"content-type": "application/json", **DRY})

    assert (answer["statusCode"], json.loads(answer["body"])["error"]["code"]) == (status, code)


def test_it_is_true_or_false_and_nothing_else() -> None:
    answer = answering().chat(headers={"content-type": "application/json", "x-sluice-dry-run": "maybe"})

    assert answer["statusCode"] == 400
    assert "want true or false" in json.loads(answer["body"])["error"]["message"]


def test_false_makes_the_call() -> None:
    gateway = answering()

    gateway.chat(headers={"content-type": "application/json", "x-sluice-dry-run": "false"})

    assert len(gateway.requests) == 1
