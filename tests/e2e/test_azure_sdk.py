"""The official OpenAI SDK on Azure OpenAI, through the whole stack: a classic resource with a key and, at the v1 API, one
with a token."""

import asyncio
import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from tests import recorded
from tests.e2e.provider import Provider, document, provider
from tests.e2e.rig import MESSAGES, Rig, rig
from tests.e2e.test_recordings import ask, assert_used, events_of, said_usage, streamed

from sluice_cli.record import Record
from sluice_devstack.simulator import Received
from sluice_devstack.upstreams import FAKE_KEY, FAKE_TOKEN

TIMEOUT_SECONDS = 30
GREETING = "Hello! Lovely to hear from you."
EAST, WEST = "azure-east", "azure-west"
RESOURCES = (EAST, WEST)
MODEL = "gpt-4o-mini-instant"
VERSION = "2024-10-21"
CONFIG = """
[providers.azure-east]
kind = "azure"
endpoint = "https://east.openai.azure.com"
secret = "sluice/east"
api_version = "2024-10-21"

[providers.azure-west]
kind = "azure"
endpoint = "https://west.openai.azure.com"
secret = "sluice/west"
auth = "entra"

[providers.azure-old]
kind = "azure"
endpoint = "https://old.openai.azure.com"
secret = "sluice/east"
api_version = "2024-06-01"

[providers.azure-none]
kind = "azure"
endpoint = "https://none.openai.azure.com"
secret = "sluice/east"
api_version = "2024-10-22"

[providers.azure-locked]
kind = "azure"
endpoint = "https://locked.openai.azure.com"
secret = "sluice/locked"

[providers.azure-here]
kind = "azure"
endpoint = "{here}"
secret = "sluice/here"
api_version = "2024-12-01-preview"

[[routes.chat.targets]]
model = "azure-east/prod-chat"
base_model = "gpt-5-mini"
"""
HERE_KEY = "fake-azure-key-here"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture(scope="module")
def site(upstream: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("azure")
    config = folder / "azure.toml"
    config.write_text(CONFIG.replace("{here}", upstream.url.removesuffix("/v1")), encoding="utf-8")
    misplaced = {"entra_token": FAKE_TOKEN}  # its provider has no auth = "entra", so it goes as a key
    secrets = {"sluice/here": {"api_key": HERE_KEY}, "sluice/locked": misplaced}
    with rig(folder, {}, config=config, secrets=secrets) as running:
        yield running


@pytest.fixture
def sdk(site: Rig) -> Iterator[openai.OpenAI]:
    http = httpx2.Client(auth=site.auth(), timeout=TIMEOUT_SECONDS)
    with openai.OpenAI(base_url=f"{site.stack.url}/v1", api_key="unused", max_retries=0, http_client=http) as client:
        yield client


def last(site: Rig) -> Received:
    """What the simulated Azure was asked last."""
    return site.stack.simulated["azure"].requests[-1]


def record(site: Rig, response: Any) -> Record:
    return site.record(response.headers["x-request-id"])


def text(chunks: list[Any]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


@pytest.mark.parametrize("resource", RESOURCES)
@pytest.mark.parametrize("wants_usage", [True, False])
def test_text_streams_behind_the_filters_first_word(
    resource: str, wants_usage: bool, sdk: openai.OpenAI, site: Rig
) -> None:
    options: Any = {"stream_options": {"include_usage": True}} if wants_usage else {}

    raw = sdk.chat.completions.with_raw_response.create(
        model=f"{resource}/{MODEL}", messages=MESSAGES, stream=True, **options
    )
    chunks: list[Any] = list(raw.parse())

    assert chunks[0].prompt_filter_results[0]["content_filter_results"]["hate"]["severity"] == "safe"
    assert text(chunks).startswith(GREETING)
    assert (chunks[-1].usage is not None) is wants_usage
    assert raw.headers["x-sluice-provider"] == resource
    assert "x-ms-region" not in raw.headers
    found = record(site, raw)
    assert (found["outcome"], found["usage_source"], found["finish_reason"]) == ("complete", "provider", "stop")
    assert found["model_answered"] == "gpt-4o-mini-2024-07-18"
    assert found["usage"]["output"] == sum(bool(text([chunk])) for chunk in chunks)


def test_each_resource_is_asked_at_its_own_address_with_its_own_secret(sdk: openai.OpenAI, site: Rig) -> None:
    asked = {}
    for resource in RESOURCES:
        sdk.chat.completions.create(model=f"{resource}/{MODEL}", messages=MESSAGES)
        asked[resource] = last(site)

    paths = {resource: one.path for resource, one in asked.items()}
    classic = f"/openai/deployments/{MODEL}/chat/completions?api-version={VERSION}"
    assert paths == {EAST: classic, WEST: "/openai/v1/chat/completions"}
    assert (asked[EAST].headers["api-key"], asked[EAST].headers.get("authorization")) == (FAKE_KEY, None)
    assert (asked[WEST].headers["authorization"], asked[WEST].headers.get("api-key")) == (f"Bearer {FAKE_TOKEN}", None)
    assert json.loads(asked[WEST].body)["model"] == MODEL


@pytest.mark.parametrize("resource", RESOURCES)
def test_every_operation_is_answered(resource: str, sdk: openai.OpenAI) -> None:
    chat: Any = sdk.chat.completions.create(model=f"{resource}/{MODEL}", messages=MESSAGES)
    response = sdk.responses.create(model=f"{resource}/{MODEL}", input="Hello!")
    legacy = sdk.completions.create(model=f"{resource}/gpt-3.5-turbo-instruct-instant", prompt="Hello!")
    vectors = sdk.embeddings.create(model=f"{resource}/text-embedding-3-small-instant", input="Hello!")
    image = sdk.images.generate(model=f"{resource}/gpt-image-1-mini-instant", prompt="A cat")
    sound = sdk.audio.speech.create(
        model=f"{resource}/gpt-4o-mini-tts-instant", voice="alloy", input="Hi", response_format="pcm"
    )

    assert chat.choices[0].message.content.startswith(GREETING)
    assert chat.choices[0].content_filter_results["hate"]["severity"] == "safe"
    assert response.output_text.startswith(GREETING)
    assert legacy.choices[0].text
    assert len(vectors.data[0].embedding) == 1536
    assert image.data
    assert sound.content


def test_the_asynchronous_client_streams_too(site: Rig) -> None:
    async def streamed_text() -> str:
        http = httpx2.AsyncClient(auth=site.auth(), timeout=TIMEOUT_SECONDS)
        client = openai.AsyncOpenAI(base_url=f"{site.stack.url}/v1", api_key="unused", max_retries=0, http_client=http)
        async with client:
            stream = await client.chat.completions.create(model=f"{EAST}/{MODEL}", messages=MESSAGES, stream=True)
            return text([chunk async for chunk in stream])

    assert asyncio.run(streamed_text()).startswith(GREETING)


def test_a_filter_that_speaks_late_is_heard(sdk: openai.OpenAI, site: Rig) -> None:
    raw = sdk.chat.completions.with_raw_response.create(model=f"{EAST}/{MODEL}-async", messages=MESSAGES, stream=True)

    chunks: list[Any] = list(raw.parse())

    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices[0].content_filter_offsets["check_offset"] == 44
    assert record(site, raw)["finish_reason"] == "stop"


@pytest.mark.parametrize("stream", [False, True])
def test_a_prompt_that_the_filter_refuses_raises_with_all_it_said(stream: bool, sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.chat.completions.create(model=f"{EAST}/f-filter", messages=MESSAGES, stream=stream)

    body: Any = caught.value.body
    assert (caught.value.code, caught.value.param) == ("content_filter", "prompt")
    assert body["innererror"]["code"] == "ResponsibleAIPolicyViolation"


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [
        (f"{EAST}/no-such-deployment", 404, "DeploymentNotFound"),
        (f"{WEST}/no-such-deployment", 404, "DeploymentNotFound"),
        (f"azure-none/{MODEL}", 400, "BadRequest"),
        (f"azure-locked/{MODEL}", 502, "provider_authentication_error"),
    ],
)
def test_a_refusal_has_its_own_status_and_code(model: str, status: int, code: str, sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        sdk.chat.completions.create(model=model, messages=MESSAGES)

    assert (caught.value.status_code, caught.value.code) == (status, code)


def test_an_older_version_is_not_asked_for_usage_and_its_tokens_are_counted(sdk: openai.OpenAI, site: Rig) -> None:
    raw = sdk.chat.completions.with_raw_response.create(model=f"azure-old/{MODEL}", messages=MESSAGES, stream=True)

    chunks: list[Any] = list(raw.parse())

    assert text(chunks).startswith(GREETING)
    assert record(site, raw)["usage_source"] == "counted"


@pytest.mark.parametrize("model", ["chat", f"{EAST}/prod-chat"])
def test_a_deployment_costs_what_the_model_behind_it_costs(model: str, sdk: openai.OpenAI, site: Rig) -> None:
    raw = sdk.chat.completions.with_raw_response.create(model=model, messages=MESSAGES)

    found = record(site, raw)

    assert found["cost"]
    assert f"/deployments/prod-chat/chat/completions?api-version={VERSION}" in last(site).path


@pytest.mark.parametrize("resource", [*RESOURCES, "azure-old"])
def test_anthropics_sdk_is_answered_too(resource: str, site: Rig) -> None:
    http = httpx2.Client(auth=site.auth(), timeout=TIMEOUT_SECONDS)
    asked: Any = {"model": f"{resource}/{MODEL}", "max_tokens": 1000, "messages": MESSAGES}
    with anthropic.Anthropic(base_url=site.stack.url, api_key="unused", max_retries=0, http_client=http) as client:
        with client.messages.stream(**asked) as stream:
            message = stream.get_final_message()

    block: Any = message.content[0]
    assert block.text.startswith(GREETING)
    assert message.stop_reason == "end_turn"
    assert (message.usage.output_tokens > 0) is (resource in RESOURCES)  # an older version tells no usage


def of_resource(site: Rig, resource: str) -> openai.OpenAI:
    """A program as Cloudflare documents it: it says a version and sends a key of its own."""
    return openai.OpenAI(
        base_url=f"{site.stack.url}/azure-openai/{resource}/{MODEL}",
        api_key="unused",
        default_query={"api-version": "2023-05-15"},
        default_headers={"api-key": "unused-too"},
        max_retries=0,
        http_client=httpx2.Client(auth=site.auth(), timeout=TIMEOUT_SECONDS),
    )


@pytest.mark.parametrize(("resource", "named"), [("east", EAST), ("WEST", WEST)])
def test_a_resource_is_found_by_its_path_and_what_is_configured_counts(resource: str, named: str, site: Rig) -> None:
    with of_resource(site, resource) as client:
        raw = client.chat.completions.with_raw_response.create(model="any", messages=MESSAGES, stream=True)
        chunks: list[Any] = list(raw.parse())

    assert text(chunks).startswith(GREETING)
    assert (raw.headers["x-sluice-provider"], raw.headers["x-sluice-model"]) == (named, MODEL)
    assert record(site, raw)["usage_source"] == "provider"
    assert "2023-05-15" not in last(site).path
    assert "unused" not in str(last(site).headers)


def test_a_resource_that_is_not_configured_is_not_found_and_nothing_is_sent(site: Rig) -> None:
    before = len(site.stack.simulated["azure"].requests)

    with of_resource(site, "another") as client, pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="any", messages=MESSAGES)

    assert "'another'" in caught.value.message
    assert len(site.stack.simulated["azure"].requests) == before


@pytest.mark.skipif(not recorded.FOLDER.is_dir(), reason=recorded.REASON)
@pytest.mark.parametrize("name", recorded.names("oc_azure_"))
@pytest.mark.parametrize("piece_bytes", [97, 1_000_000])
def test_a_recorded_stream_comes_out_as_it_went_in(name: str, piece_bytes: int, site: Rig, upstream: Provider) -> None:
    recording = recorded.load(name)
    upstream.play(name, streamed(recording, piece_bytes))

    got = ask(site, "/v1/chat/completions", {**recording.request, "model": f"azure-here/{name}"})

    assert (got.status, got.end) == (200, "ended")
    assert sha256(got.body).hexdigest() == sha256(recording.body).hexdigest()
    asked = upstream.asked_for(name)[-1]
    path = f"/openai/deployments/{name}/chat/completions?api-version=2024-12-01-preview"
    assert (asked.line, asked.headers["api-key"]) == (f"POST {path} HTTP/1.1", HERE_KEY)
    assert asked.body == {**recording.request, "model": name}
    assert_used(site.record(got.request_id), said_usage(events_of(recording.body)))


@pytest.mark.skipif(not recorded.FOLDER.is_dir(), reason=recorded.REASON)
@pytest.mark.parametrize("name", ["oj_azure_basic", "err_azure_404_deployment"])
def test_a_recorded_document_comes_out_as_it_went_in(name: str, site: Rig, upstream: Provider) -> None:
    recording = recorded.load(name)
    upstream.play(name, document(recording.body, recording.status))

    got = ask(site, "/v1/chat/completions", {"model": f"azure-here/{name}", "messages": MESSAGES})

    assert (got.status, sha256(got.body).hexdigest()) == (recording.status, sha256(recording.body).hexdigest())
