"""Each kind of provider has its simulation in the stack, and the function's role may call Bedrock as the template says."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from tests.integration.devstack.test_stack import call

from sluice_devstack import DevStack, StackOptions

CONFIG = """
[providers.openai]
kind = "openai"
secret = "sluice/openai"
[providers.claude-direct]
kind = "anthropic"
secret = "sluice/anthropic"
[providers.aws]
kind = "bedrock"
region = "us-east-1"
[providers.azure-east]
kind = "azure"
endpoint = "https://east.openai.azure.com"
secret = "sluice/azure"
[[routes.mini.targets]]
model = "azure-east/prod-mini"
base_model = "gpt-4o-mini-instant"
"""
MODELS = ("amazon.nova-micro-v1:0", "us.anthropic.claude-sonnet-4-5-20250929-v1:0")


@pytest.fixture(scope="module")
def stack(host: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevStack]:
    folder = tmp_path_factory.mktemp("kinds")
    config = folder / "gateway.toml"
    config.write_text(CONFIG)
    response = {"status": 200, "headers": {"Content-Type": "application/json"}, "body_file": "cj_one.body.json"}
    (folder / "cj_one.json").write_text(json.dumps({"response": response}))
    (folder / "cj_one.body.json").write_text('{"stopReason": "max_tokens"}')
    with DevStack(StackOptions(config=config, host=host, sweeper_seconds=None, recordings=folder)) as running:
        yield running


@pytest.fixture(scope="module")
def environ(stack: DevStack) -> dict[str, str]:
    found: dict[str, str] = json.loads(call(stack, "/environ")[1])
    return found


@pytest.fixture
def bedrock(environ: dict[str, str]) -> Iterator[Any]:
    """As the function would call it, with the credentials of its role."""
    client = boto3.client(
        "bedrock-runtime",
        region_name=environ["AWS_REGION"],
        endpoint_url=environ["SLUICE_PROVIDER_URL_AWS"],
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=environ["AWS_SESSION_TOKEN"],
        config=Config(retries={"total_max_attempts": 1}),
    )
    yield client
    client.close()


def test_the_function_is_led_to_each_of_them(stack: DevStack, environ: dict[str, str]) -> None:
    names = {"openai": "OPENAI", "anthropic": "CLAUDE_DIRECT", "bedrock": "AWS", "azure": "AZURE_EAST"}

    led = {kind: environ[f"SLUICE_PROVIDER_URL_{name}"] for kind, name in names.items()}

    assert led == stack.simulated_urls
    assert len(set(led.values())) == 4
    assert stack.simulated_url == led["openai"]


@pytest.mark.parametrize("model", MODELS)
def test_the_functions_role_may_call_the_models(stack: DevStack, bedrock: Any, model: str) -> None:
    messages: Any = [{"role": "user", "content": [{"text": "Say: hi"}]}]

    answer = bedrock.converse(modelId=f"{model}-instant", messages=messages)

    assert answer["output"]["message"]["content"][0]["text"].startswith("hi")
    assert json.loads(stack.simulated["bedrock"].requests[-1].body) == {"messages": messages}


def test_the_simulated_bedrock_replays_from_the_folder_of_the_options(bedrock: Any) -> None:
    messages: Any = [{"role": "user", "content": [{"text": "hi"}]}]

    assert bedrock.converse(modelId="replay.cj_one", messages=messages)["stopReason"] == "max_tokens"


def test_the_simulated_anthropic_takes_the_fake_key(stack: DevStack) -> None:
    headers = {"anthropic-version": "2023-06-01"}
    statuses = [
        httpx.get(f"{stack.simulated_urls['anthropic']}/models", headers={**headers, "x-api-key": key}).status_code
        for key in ("sk-fake-sluice-dev", "sk-fake-unknown")
    ]

    assert statuses == [200, 401]


def test_the_simulated_azure_has_the_deployments_that_routes_tell_of(stack: DevStack) -> None:
    body = {"messages": [{"role": "user", "content": "Hello!"}]}
    url = stack.simulated_urls["azure"] + "/openai/deployments/{}/chat/completions?api-version=2024-10-21"
    headers = {"api-key": "sk-fake-sluice-dev"}

    answers = [httpx.post(url.format(name), json=body, headers=headers) for name in ("prod-mini", "other")]

    assert [answer.status_code for answer in answers] == [200, 404]
    assert answers[1].json()["error"]["code"] == "DeploymentNotFound"
