"""A call whose configuration nobody knows is refused in its own dialect, and reaches nobody."""

import json

import httpx
import pytest
from tests.fakes.gateway import Context, Gateway, event

BODY = {"model": "mini", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/model/mini/converse"])
def test_it_is_refused_with_503(path: str) -> None:
    gateway = Gateway(lambda _: httpx.Response(500))

    answer = gateway.handler(event("POST", path, body=json.dumps(BODY), sluice_undecided=True), Context())

    assert answer["statusCode"] == 503
    assert "which configuration is in force" in answer["body"]
    assert answer["headers"]["retry-after"] == "1"
    assert (gateway.requests, gateway.ledger.reserved) == ([], [])
