"""Programs of Cloudflare's AI Gateway on the whole stack: another host and another way to sign in, and nothing else."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from tests.e2e.rig import MESSAGES, Rig, rig

TIMEOUT_SECONDS = 30
GREETING = "Hello! Lovely to hear from you."
MODEL, CLAUDE = "gpt-4o-mini-instant", "claude-haiku-4-5-instant"
NOVA = "amazon.nova-micro-v1:0"
CONFIG = """
[cloudflare]
account = "acct"
gateway = "gw"

[providers.openai]
kind = "openai"
secret = "sluice/openai"

[providers.anthropic]
kind = "anthropic"
secret = "sluice/anthropic"

[providers.bedrock]
kind = "bedrock"

[providers.east]
kind = "azure"
endpoint = "https://example.openai.azure.com"
secret = "sluice/east"
api_version = "2024-10-21"

[routes]
smart = "openai/gpt-4o-mini-instant"
"""
PREFIX = "/v1/acct/gw"
HEADERS = {
    "cf-aig-authorization": "Bearer fake-token-of-cloudflares",
    "cf-aig-metadata": '{"team": "reading", "tries": 2}',
    "cf-aig-event-id": "event-1",
    "cf-aig-request-timeout": "20000",
    "cf-aig-max-attempts": "3",
    "cf-aig-retry-delay": "10",
    "cf-aig-backoff": "constant",
    "cf-aig-cache-ttl": "3600",
    "cf-aig-collect-log": "true",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("cloudflare")
    config = folder / "cloudflare.toml"
    config.write_text(CONFIG, encoding="utf-8")
    with rig(folder, {}, config=config) as running:
        yield running


def sdk(site: Rig, path: str, **options: Any) -> openai.OpenAI:
    http = httpx2.Client(auth=site.auth(), timeout=TIMEOUT_SECONDS)
    base = f"{site.stack.url}{PREFIX}{path}"
    return openai.OpenAI(base_url=base, api_key="sk-fake-of-the-program", max_retries=0, http_client=http, **options)


def text(chunks: list[Any]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_a_program_of_cloudflares_runs_with_another_host(site: Rig) -> None:
    with sdk(site, "/openai", default_headers=HEADERS) as client:
        raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=MESSAGES, stream=True)
        chunks: list[Any] = list(raw.parse())

    assert text(chunks).startswith(GREETING)
    assert chunks[-1].choices[0].finish_reason == "stop"
    twins = {name: value for name, value in raw.headers.items() if name.startswith("cf-aig-")}
    id = raw.headers["x-request-id"]
    assert twins == {
        "cf-aig-step": "0",
        "cf-aig-provider": "openai",
        "cf-aig-model": MODEL,
        "cf-aig-cache-status": "BYPASS",
        "cf-aig-log-id": id,
        "cf-aig-request-id": id,
        "cf-aig-event-id": "event-1",
    }
    record = site.record(id)
    assert record["metadata"] == {"team": "reading", "tries": 2, "cf-aig-event-id": "event-1"}
    assert (record["path"], record["outcome"]) == (f"{PREFIX}/openai/chat/completions", "complete")


def test_what_only_cloudflare_may_know_goes_no_further(site: Rig) -> None:
    with sdk(site, "/openai", default_headers=HEADERS) as client:
        client.chat.completions.create(model=MODEL, messages=MESSAGES)

    sent = dict(site.stack.simulated["openai"].requests[-1].headers)
    lines = "\n".join(line for environment in site.stack.environments for line in environment.output)
    assert [name for name in sent if str(name).startswith(("cf-", "x-sluice"))] == []
    for word in ("fake-token-of-cloudflares", "sk-fake-of-the-program"):
        assert word not in json.dumps(site.settled_records()) + lines + repr(sent)


@pytest.mark.parametrize(
    "model", [f"openai/{MODEL}", "dynamic/smart", "smart", f"aws-bedrock/{NOVA}", f"anthropic/{CLAUDE}"]
)
def test_the_unified_path_takes_cloudflares_names(model: str, site: Rig) -> None:
    with sdk(site, "/compat", default_headers={"cf-aig-authorization": "Bearer x"}) as client:
        chunks: list[Any] = list(client.chat.completions.create(model=model, messages=MESSAGES, stream=True))

    assert len(text(chunks)) > 5
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_a_deployment_of_azures_is_reached_by_its_path(site: Rig) -> None:
    with sdk(site, f"/azure-openai/EXAMPLE/{MODEL}", default_query={"api-version": "2023-05-15"}) as client:
        chunks: list[Any] = list(client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True))

    assert text(chunks).startswith(GREETING)
    assert site.stack.simulated["azure"].requests[-1].path.endswith("api-version=2024-10-21")


def test_the_anthropic_sdk_has_its_path(site: Rig) -> None:
    http = httpx2.Client(auth=site.auth(), timeout=TIMEOUT_SECONDS)
    base = f"{site.stack.url}{PREFIX}/anthropic"

    with anthropic.Anthropic(base_url=base, api_key="fake", max_retries=0, http_client=http) as client:
        with client.messages.stream(model=CLAUDE, max_tokens=500, messages=MESSAGES) as stream:
            said = stream.get_final_message()
        counted = client.messages.count_tokens(model=CLAUDE, messages=MESSAGES)

    assert said.stop_reason == "end_turn"
    assert said.usage.output_tokens > 0
    assert counted.input_tokens > 0


def test_a_limit_of_theirs_is_an_error_of_the_sdks(site: Rig) -> None:
    with (
        sdk(site, "/openai", default_headers={"cf-aig-max-attempts": "6"}) as client,
        pytest.raises(openai.BadRequestError, match="cf-aig-max-attempts: want a whole number from 1 to 5") as refused,
    ):
        client.chat.completions.create(model=MODEL, messages=MESSAGES)

    assert refused.value.response.headers["cf-aig-request-id"] == refused.value.response.headers["x-request-id"]
