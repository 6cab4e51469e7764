"""All that the first call needs is loaded before the first /next: a call imports nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.gateway import event
from tests.fakes.raw_provider import Peer, raw_provider

from sluice_devstack.aws import EmbeddedAws
from sluice_devstack.template import Template

ROOT = Path(__file__).resolve().parents[3]
STREAM = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
WHOLE = json.dumps({"choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}]}).encode()


def streams(peer: Peer) -> None:
    peer.request()
    peer.head()
    peer.chunk(STREAM)
    peer.end()


def answers(peer: Peer) -> None:
    peer.request()
    peer.send(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(WHOLE), WHOLE)
    )


@pytest.mark.parametrize(("script", "is_stream"), [(streams, True), (answers, False)])
def test_the_first_call_imports_nothing(script: Any, is_stream: bool) -> None:
    body = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hi"}], "stream": is_stream}
    called = event("POST", "/v1/chat/completions", body=json.dumps(body))

    with raw_provider(script) as provider, embedded() as aws:
        process = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("first_call.py")), json.dumps(called)],
            env=variables(aws, provider.url),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )

    told = json.loads(process.stderr.strip().splitlines()[-1])
    assert (told["status"], told["pieces"]) == (200, 1)
    assert told["late"] == []
    assert '"sluice.call"' in process.stdout


def embedded() -> EmbeddedAws:
    return EmbeddedAws(Template.load(ROOT), {"sluice/openai": {"api_key": "sk-fake-first-call"}})


def variables(aws: EmbeddedAws, provider_url: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "functions"),
        "SLUICE_TABLE": aws.table,
        "SLUICE_PROVIDER_URL_OPENAI": provider_url,
        "AWS_ENDPOINT_URL_DYNAMODB": aws.dynamodb_url,
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": aws.secrets_url,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "fake-secret-access-key",
        "AWS_LAMBDA_FUNCTION_NAME": "gateway",
        "POWERTOOLS_SERVICE_NAME": "sluice",
        "POWERTOOLS_METRICS_NAMESPACE": "Sluice",
    }
