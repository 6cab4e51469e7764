"""What the developer sees when the real gateway is in trouble."""

import json
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import httpx
import pytest

from sluice_cli.local_stack import site
from sluice_client import FunctionUrlAuth
from sluice_devstack import DevStack, StackOptions
from sluice_devstack.stack import ROOT

HOST = ROOT / "build" / "host"
CONFIG = '[providers.openai]\nkind = "openai"\nsecret = "sluice/openai"\n'
BODY = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
MALFORMED = 'secret.malformed: sluice/openai must be {"api_key": "..."} or {"api_keys": ["..."]}'

pytestmark = pytest.mark.skipif(not (HOST / "task").is_dir(), reason="build/host is not there: make host")


@pytest.fixture
def echoed() -> "Queue[str]":
    return Queue()


@pytest.fixture
def stack(tmp_path: Path, echoed: "Queue[str]") -> Iterator[DevStack]:
    config = tmp_path / "gateway.toml"
    config.write_text(CONFIG)
    secrets = {"sluice/openai": {"key": "sk-fake-misnamed"}}
    with DevStack(StackOptions(config=config, secrets=secrets, echo=echoed.put, sweeper_seconds=None)) as running:
        yield running


def test_a_malformed_secret_is_told_beside_the_call_and_never_shown(stack: DevStack, echoed: "Queue[str]") -> None:
    auth = FunctionUrlAuth(stack.region, site(stack).credentials)

    with httpx.Client(auth=auth, trust_env=False, timeout=30) as client:
        answer = client.post(f"{stack.url}/v1/chat/completions", json=BODY)

    assert (answer.status_code, json.loads(answer.content)["error"]["code"]) == (503, "secret_unavailable")
    lines = [echoed.get(timeout=20)]
    while "POST /v1/chat/completions" not in " ".join(lines) or "gateway's log" not in " ".join(lines):
        lines.append(echoed.get(timeout=20))
    assert f"gateway's log: {MALFORMED}" in lines
    assert "sk-fake-misnamed" not in " ".join(lines)
