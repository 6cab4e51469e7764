"""A function for tests of the dev stack: what it does is in the path."""

import json
import os
import time
from collections.abc import Iterator
from typing import Any

if os.environ.get("FAIL_AT") == "import":
    raise ValueError("told to fail at import")

TEXT = {"content-type": "text/plain"}


def stream(_: dict[str, Any]) -> Iterator[bytes]:
    yield from (b"one", b"two", b"three")


def broken(_: dict[str, Any]) -> Iterator[bytes]:
    yield b"half"
    raise ValueError("broke off")


def slow(_: dict[str, Any]) -> Iterator[bytes]:
    yield b"half"
    time.sleep(60)


def environ(_: dict[str, Any]) -> Iterator[bytes]:
    yield json.dumps(dict(os.environ)).encode()


def principal(event: dict[str, Any]) -> Iterator[bytes]:
    yield event["requestContext"]["authorizer"]["iam"]["userArn"].encode()


def logged(event: dict[str, Any]) -> Iterator[bytes]:
    log = {
        "message": "sluice.call",
        "request_id": event["requestContext"]["requestId"],
        "outcome": "complete",
        "route": "smart",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5-mini",
        "ttft_ms": 312,
        "gen_ai.usage.input_tokens": 17,
        "gen_ai.usage.output_tokens": 42,
        "cost_nano_dollars": 28_000,
    }
    yield b"ok"
    print(json.dumps(log), flush=True)


BODIES = {f"/{body.__name__}": body for body in (stream, broken, slow, environ, principal, logged)}


def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    if event["rawPath"] not in BODIES:
        raise KeyError(event["rawPath"])
    return {"statusCode": 200, "headers": TEXT, "body": BODIES[event["rawPath"]](event)}
