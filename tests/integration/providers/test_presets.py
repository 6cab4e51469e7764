"""What each preset's provider is sent and how its streams are taken: configuration, gateway and SDK are real.

Each provider is configured by its preset alone, and sent to loopback as the dev stack does it.
"""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import httpx2
import openai
import pytest
from tests.e2e import provider as loopback
from tests.e2e.rig import MESSAGES, Rig, rig

from sluice.presets import PRESETS

PROMPT, ANSWER = 7, 5
HELLO: dict[str, Any] = {"choices": [{"index": 0, "delta": {"content": "Hello"}, "finish_reason": None}]}
STOP: dict[str, Any] = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
USAGE = {"usage": {"prompt_tokens": PROMPT, "completion_tokens": ANSWER, "total_tokens": PROMPT + ANSWER}}
DONE = b"data: [DONE]\n\n"

# A caller's fields, and what becomes of them: another name, or None where they are not sent.
CALLER: dict[str, Any] = {
    "max_completion_tokens": 50,
    "seed": 3,
    "temperature": 0.5,
    "user": "ada",
    "prompt_cache_key": "k",
}
ADAPTED: dict[str, dict[str, str | None]] = {
    "gemini": {"prompt_cache_key": None},
    "groq": {"prompt_cache_key": None},
    "mistral": {"max_completion_tokens": "max_tokens", "seed": "random_seed", "user": None},
    "xai": {},
    "deepseek": {"max_completion_tokens": "max_tokens"},
    "openrouter": {},
    "together": {"max_completion_tokens": "max_tokens"},
    "ollama": {"max_completion_tokens": "max_tokens"},
}
NEVER_ASKED_FOR_USAGE = {"mistral"}
WITHOUT_KEY = {"ollama"}
ENDS_WITH_DONE = {"groq", "mistral", "deepseek", "together", "ollama"}
NOT_SERVED = {
    "gemini": "responses",
    "groq": "images/generations",
    "mistral": "responses",
    "xai": "audio/speech",
    "deepseek": "embeddings",
    "openrouter": "images/generations",
    "together": "responses",
    "ollama": "audio/speech",
}


def event(chunk: dict[str, Any], **more: Any) -> bytes:
    return f"data: {json.dumps({'id': 'c', 'object': 'chat.completion.chunk', **chunk, **more})}\n\n".encode()


@pytest.fixture(scope="module")
def upstream() -> Iterator[loopback.Provider]:
    with loopback.provider() as running:
        yield running


@pytest.fixture(scope="module")
def site(upstream: loopback.Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    providers = {
        name: {"kind": "compatible", "preset": name} | ({} if name in WITHOUT_KEY else {"secret": f"sluice/{name}"})
        for name in PRESETS
    }
    options = {
        "secrets": {f"sluice/{name}": {"api_key": f"fake-key-of-{name}"} for name in PRESETS},
        "environment_variables": {f"SLUICE_PROVIDER_URL_{name.upper()}": upstream.url for name in PRESETS},
    }
    with rig(tmp_path_factory.mktemp("presets"), providers, **options) as running:
        yield running


@pytest.fixture
def client(site: Rig) -> Iterator[openai.OpenAI]:
    http_client = httpx2.Client(auth=site.auth(), timeout=30)
    with openai.OpenAI(base_url=f"{site.stack.url}/v1", api_key="unused", max_retries=0, http_client=http_client) as it:
        yield it


@pytest.mark.parametrize("name", PRESETS)
def test_a_provider_gets_the_caller_s_fields_under_its_own_names(
    name: str, upstream: loopback.Provider, client: openai.OpenAI
) -> None:
    is_asked = name not in NEVER_ASKED_FOR_USAGE
    last = [event(STOP), event({"choices": []}, **USAGE)] if is_asked else [event(STOP, **USAGE)]
    model = upstream.play(f"{name}-model", loopback.stream(event(HELLO), *last, DONE))

    with client.chat.completions.create(model=f"{name}/{model}", messages=MESSAGES, stream=True, **CALLER) as chunks:
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)

    (asked,) = upstream.asked_for(model)
    names = {field: ADAPTED[name].get(field, field) for field in CALLER}
    fields = {new: CALLER[field] for field, new in names.items() if new}
    usage = {"stream_options": {"include_usage": True}} if is_asked else {}
    assert text == "Hello"
    assert asked.line == "POST /v1/chat/completions HTTP/1.1"
    assert asked.body == {"model": model, "messages": MESSAGES, "stream": True} | fields | usage
    assert asked.headers.get("authorization") == (None if name in WITHOUT_KEY else f"Bearer fake-key-of-{name}")


@pytest.mark.parametrize("name", PRESETS)
def test_usage_is_recorded_whether_it_had_to_be_asked_for_or_not(
    name: str, upstream: loopback.Provider, site: Rig
) -> None:
    model = upstream.play(f"{name}-usage", loopback.stream(event(HELLO), event(STOP, **USAGE), DONE))

    answer = site.ask(f"{name}/{model}", stream_options={"include_usage": True})

    (asked,) = upstream.asked_for(model)
    found = site.record(answer.request_id)
    assert b'"usage": {"prompt_tokens": 7' in answer.body
    assert ("stream_options" in asked.body) == (name not in NEVER_ASKED_FOR_USAGE)
    assert (found["usage_source"], found["usage"]["input"], found["usage"]["output"]) == ("provider", PROMPT, ANSWER)


def test_gemini_tells_usage_with_every_chunk_and_the_last_counts(upstream: loopback.Provider, site: Rig) -> None:
    """As https://discuss.ai.google.dev/t/127400 shows it."""
    so_far = {"usage": {"prompt_tokens": PROMPT, "completion_tokens": 1, "total_tokens": PROMPT + 1}}
    sent = (event(HELLO, **so_far), event(STOP, **USAGE), DONE)
    model = upstream.play("gemini-each", loopback.stream(*sent))

    answer = site.ask(f"gemini/{model}")

    found = site.record(answer.request_id)
    assert answer.body == b"".join(sent)
    assert (found["usage"]["input"], found["usage"]["output"]) == (PROMPT, ANSWER)


@pytest.mark.parametrize(
    ("target", "nano"),
    [
        ("groq/openai/gpt-oss-20b", PROMPT * 75 + ANSWER * 300),
        ("gemini/gemini-2.5-flash", PROMPT * 300 + ANSWER * 2500),
        ("openrouter/openai/gpt-oss-20b", None),
        ("ollama/llama3.2", None),
    ],
)
def test_a_call_costs_what_the_preset_s_family_says(
    target: str, nano: int | None, upstream: loopback.Provider, site: Rig
) -> None:
    upstream.play(target.partition("/")[2], loopback.stream(event(HELLO), event(STOP, **USAGE), DONE))

    answer = site.ask(target)

    assert site.record(answer.request_id)["cost"] == nano


@pytest.mark.parametrize("name", PRESETS)
def test_a_stream_without_done_is_cut_where_the_provider_always_sends_it(
    name: str, upstream: loopback.Provider, site: Rig
) -> None:
    model = upstream.play(f"{name}-cut", loopback.stream(event(HELLO), event(STOP, **USAGE)))

    answer = site.ask(f"{name}/{model}")

    is_cut = name in ENDS_WITH_DONE
    assert answer.body.endswith(DONE) == (not is_cut)
    assert (b'"code":"upstream_stream_truncated"' in answer.body.replace(b": ", b":")) == is_cut


@pytest.mark.parametrize("name", PRESETS)
def test_what_a_provider_does_not_serve_is_refused_without_asking_it(
    name: str, upstream: loopback.Provider, site: Rig
) -> None:
    path = f"/v1/{NOT_SERVED[name]}"
    body = json.dumps({"model": f"{name}/m", "input": "hi", "prompt": "hi", "voice": "alloy"}).encode()

    answer = httpx.post(site.stack.url + path, content=body, headers=site.signed("POST", path, body), timeout=30)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "invalid_request", "model")
    assert f"{name} does not serve {NOT_SERVED[name]}; it serves " in error["message"]
    assert upstream.asked_for("m") == []


def test_every_preset_is_tried() -> None:
    assert set(ADAPTED) == set(NOT_SERVED) == set(PRESETS)
