import json

import pytest
from tests.fakes.gateway import Context, Gateway, event


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/chat/completions", "/v1/chat/completions"),
        ("/completions", "/v1/completions"),
        ("/v1/chat/completions/", "/v1/chat/completions"),
        ("/v1/v1/responses", "/v1/responses"),
        ("/v1/chat/completion", "/v1/chat/completions"),
        ("/models", "/v1/models"),
    ],
)
def test_an_unknown_path_is_told_which_one_was_meant(path: str, meant: str) -> None:
    answer = Gateway(lambda _: pytest.fail("nothing may leave")).handler(event("POST", path), Context())

    assert answer["statusCode"] == 404
    assert f"did you mean {meant}?" in json.loads(answer["body"])["error"]["message"]


@pytest.mark.parametrize("path", ["//", "/v1/files", "/openai/v1/batches", "/openai/organization/admin_api_keys"])
def test_a_path_like_none_is_told_where_to_look(path: str) -> None:
    answer = Gateway(lambda _: pytest.fail("nothing may leave")).handler(event("GET", path), Context())

    assert answer["statusCode"] == 404
    assert "docs/api.md lists what is served" in json.loads(answer["body"])["error"]["message"]
