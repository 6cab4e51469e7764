"""Dry runs of a gateway in this process."""

import json
from typing import Any

import httpx
from tests.fakes.gateway import Context, Gateway, event
from tests.fakes.several import COMPLETION

DRY = {"x-sluice-dry-run": "true"}
HI = [{"role": "user", "content": "hi"}]
CHAT = {"model": "mini", "messages": HI}


def answering() -> Gateway:
    return Gateway(lambda _: httpx.Response(200, json=COMPLETION))


def dry(gateway: Gateway, body: object = CHAT, path: str = "/v1/chat/completions", **headers: str) -> dict[str, Any]:
    """The answer to a dry run, which has to be one."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = gateway.handler(event("POST", path, DRY | named, body=json.dumps(body)), Context())
    assert answer["statusCode"] == 200, answer["body"]
    assert answer["headers"]["content-type"] == "application/json"
    assert answer["headers"]["x-sluice-dry-run"] == "true"
    found: dict[str, Any] = json.loads(answer["body"])
    return found


def places(document: dict[str, Any]) -> list[tuple[str, str]]:
    return [(f"{one['provider']}/{one['model']}", one["would_be"]) for one in document["candidates"]]
