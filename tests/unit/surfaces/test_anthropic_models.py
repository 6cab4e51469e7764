"""The list of models as Anthropic's SDK reads it."""

import json
from typing import Any

import httpx
import pytest
from anthropic.types import ModelInfo
from tests.fakes.gateway import Context, Gateway, event


def got(path: str, **headers: str) -> Any:
    site = Gateway(lambda _: httpx.Response(500))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return json.loads(site.handler(event("GET", path, headers=named), Context())["body"])


def test_who_says_that_he_is_anthropics_gets_its_page() -> None:
    page = got("/v1/models", anthropic_version="2023-06-01")

    assert [ModelInfo.model_validate(one, strict=False).id for one in page["data"]] == ["mini", "openai/gpt-5-mini"]
    assert (page["has_more"], page["first_id"], page["last_id"]) == (False, "mini", "openai/gpt-5-mini")


def test_one_model() -> None:
    found = ModelInfo.model_validate(got("/v1/models/mini", anthropic_version="2023-06-01"))
    assert (found.type, found.id, found.created_at.year) == ("model", "mini", 2026)


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/mini"])
def test_everybody_else_gets_openais(path: str) -> None:
    assert got(path)["object"] in ("list", "model")
