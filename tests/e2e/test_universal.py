"""The universal endpoint on the whole stack: the array that a program of Cloudflare's posts, and who answers it."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from botocore.eventstream import EventStreamBuffer
from tests import canaries
from tests.e2e.rig import MESSAGES, Rig, rig

from sluice_devstack.upstreams import FAKE_KEY

TIMEOUT_SECONDS = 30
MODEL, CLAUDE, NOVA = "gpt-4o-mini-instant", "claude-haiku-4-5-instant", "amazon.nova-micro-v1:0"
KEY_OF_THE_PROGRAM = "sk-fake-of-the-program"
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

[providers.theirs]
kind = "openai"
secret = "sluice/openai"
caller_keys = true
"""
CONVERSE = {"messages": [{"role": "user", "content": [{"text": "Hello!"}]}]}
BEDROCK = f"bedrock-runtime/us-east-1/model/{NOVA}"


def chat(model: str, **query: Any) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {KEY_OF_THE_PROGRAM}", "Content-Type": "application/json"}
    asked = {"model": model, "messages": MESSAGES, **query}
    return {"provider": "openai", "endpoint": "chat/completions", "headers": headers, "query": asked}


def failing(name: str, **query: Any) -> dict[str, Any]:
    """A step that fails twice. Each has a model of its own: a breaker may open."""
    config = {"maxAttempts": 2, "retryDelay": 10, "backoff": "constant"}
    return {**chat(f"f-503-{name}", **query), "config": config}


def message(**query: Any) -> dict[str, Any]:
    asked = {"model": CLAUDE, "max_tokens": 50, "messages": MESSAGES, **query}
    return {"provider": "anthropic", "endpoint": "v1/messages", "query": asked}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("universal")
    config = folder / "universal.toml"
    config.write_text(CONFIG, encoding="utf-8")
    with rig(folder, {}, config=config) as running:
        yield running


@pytest.fixture
def http(site: Rig) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.stack.url, auth=site.auth(), timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/v1/acct/gw", "/v1/acct/gw/"])
def test_the_universal_array_falls_back_to_another_dialect(path: str, site: Rig, http: httpx.Client) -> None:
    converse = {"provider": "aws-bedrock", "endpoint": f"{BEDROCK}/converse", "query": CONVERSE}

    answer = http.post(path, json=[failing(f"a{len(path)}"), converse])

    assert answer.status_code == 200, answer.text
    assert answer.json()["output"]["message"]["role"] == "assistant"
    assert (answer.headers["cf-aig-step"], answer.headers["cf-aig-provider"]) == ("1", "bedrock")
    assert answer.headers["x-sluice-warnings"] == "authorization"
    record = site.record(answer.headers["x-request-id"])
    assert [(one["provider"], one["http_status"]) for one in record["attempts"]] == [
        ("openai", 503),
        ("openai", 503),
        ("bedrock", 200),
    ]
    assert (record["surface"], record["outcome"], record["provider"]) == ("universal", "complete", "bedrock")


def test_the_first_step_that_works_answers_alone(site: Rig, http: httpx.Client) -> None:
    before = len(site.stack.simulated["anthropic"].requests)

    answer = http.post("/", json=[chat(MODEL), message()])

    assert answer.json()["object"] == "chat.completion"
    assert answer.headers["cf-aig-step"] == "0"
    assert len(site.stack.simulated["anthropic"].requests) == before


def test_a_stream_comes_in_the_dialect_of_the_step_that_answers(http: httpx.Client) -> None:
    answer = http.post("/", json=[failing("b", stream=True), message(stream=True)])

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cf-aig-step"] == "1"
    assert "event: message_stop" in answer.text
    assert "chat.completion.chunk" not in answer.text


def test_an_event_stream_of_bedrocks_may_be_the_answer(http: httpx.Client) -> None:
    converse = {"provider": "aws-bedrock", "endpoint": f"{BEDROCK}/converse-stream", "query": CONVERSE}
    frames: Any = EventStreamBuffer()

    answer = http.post("/", json=[failing("c"), converse])
    frames.add_data(answer.content)

    kinds = [frame.headers.get(":event-type") for frame in frames]
    assert (kinds[0], "messageStop" in kinds) == ("messageStart", True)
    assert answer.headers["cf-aig-step"] == "1"


def test_where_every_step_fails_the_last_one_says_so_in_its_own_shape(site: Rig, http: httpx.Client) -> None:
    answer = http.post("/", json=[failing("d"), message(model="nothing")])

    assert answer.status_code == 404
    assert answer.json()["type"] == "error"
    assert answer.headers["cf-aig-step"] == "1"
    assert site.record(answer.headers["x-request-id"])["outcome"] == "failed"


def test_the_programs_own_keys_go_nowhere(site: Rig, http: httpx.Client) -> None:
    answer = http.post("/", json=[failing("e"), message()])

    sent = [repr(dict(one.headers)) for kind in ("openai", "anthropic") for one in site.stack.simulated[kind].requests]
    lines = [line for environment in site.stack.environments for line in environment.output]
    heard = [json.dumps(site.settled_records()), answer.text, repr(answer.headers), *sent, *lines]
    assert answer.status_code == 200
    assert KEY_OF_THE_PROGRAM not in "\n".join(heard)


def test_a_step_that_is_wrong_is_named_before_anything_is_asked(site: Rig, http: httpx.Client) -> None:
    before = len(site.stack.simulated["openai"].requests)

    answer = http.post("/", json=[chat(MODEL), message(max_tokens=None)])

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "[1].max_tokens")
    assert len(site.stack.simulated["openai"].requests) == before


@pytest.mark.parametrize("key", [FAKE_KEY, canaries.KEY], ids=["right", "wrong"])
def test_a_key_of_the_callers_own_is_used_and_seen_by_the_provider_alone(
    key: str, site: Rig, http: httpx.Client
) -> None:
    asked = {**chat(MODEL), "provider": "theirs", "headers": {}, "authorization": f"Bearer {key}"}

    answers = [
        http.post("/", json=[asked]),
        http.post(
            "/v1/chat/completions",
            json={**asked["query"], "model": f"theirs/{MODEL}"},
            headers={"x-sluice-provider-authorization": f"Bearer {key}"},
        ),
    ]

    sent = [one.headers["authorization"] for one in list(site.stack.simulated["openai"].requests)[-2:]]
    lines = [line for environment in site.stack.environments for line in environment.output]
    heard = [*(one.text + repr(one.headers) for one in answers), json.dumps(site.settled_records()), *lines]
    assert sent == [f"Bearer {key}"] * 2
    assert [one.status_code for one in answers] == [200 if key == FAKE_KEY else 502] * 2
    assert canaries.leaks("\n".join(heard), [canaries.KEY]) == []
    if key != FAKE_KEY:
        assert "refused the key in x-sluice-provider-authorization" in answers[1].json()["error"]["message"]
