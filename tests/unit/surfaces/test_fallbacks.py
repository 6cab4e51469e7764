"""OpenRouter's `models` on every surface that has a body with a model: read, never sent, tried in order."""

import json
from typing import Any

import httpx
import pytest
from tests.fakes.site import MESSAGES, Site

NOT_FOUND = httpx.Response(404, json={"error": {"message": "no such model", "type": "invalid_request_error"}})
CHAT: dict[str, Any] = {"messages": MESSAGES}
GOOD: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": CHAT,
    "/v1/responses": {"input": "hi"},
    "/v1/messages": {"max_tokens": 9, **CHAT},
}


@pytest.mark.parametrize("path", GOOD)
def test_the_next_model_of_the_list_is_tried_and_the_list_is_not_sent(path: str) -> None:
    gateway = Site({"openai": {}, "second": {}, "anthropic": {}}, {"openai": NOT_FOUND})
    models = ["openai/a", "second/b", "anthropic/c"]

    answer = gateway.ask(path, {**GOOD[path], "models": models})

    assert answer["statusCode"] == 200
    assert gateway.asked == ["openai", "second"]
    assert answer["headers"]["x-sluice-step"] == "1"
    assert [json.loads(request.content).get("models") for request in gateway.requests] == [None, None]


def test_the_model_is_the_first_of_the_list_and_none_is_tried_twice() -> None:
    gateway = Site({"openai": {}, "second": {}}, {"openai": NOT_FOUND, "second": NOT_FOUND})

    gateway.ask("/v1/chat/completions", {"model": "second/b", "models": ["openai/a", "second/b"], **CHAT})

    assert gateway.asked == ["second", "openai"]


@pytest.mark.parametrize("models", [[], "openai/a", 5, [5], [""], ["a"] * 17, {"a": 1}])
@pytest.mark.parametrize("path", GOOD)
def test_a_list_that_is_none_is_refused_and_nothing_leaves(path: str, models: object) -> None:
    gateway = Site({"openai": {}})

    answer = gateway.ask(path, {**GOOD[path], "model": "openai/a", "models": models})

    assert answer["statusCode"] == 400
    assert json.loads(answer["body"])["error"]["param"] == "models"
    assert not gateway.requests
