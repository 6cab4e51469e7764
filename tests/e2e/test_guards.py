"""Guards at work: what the provider gets, what the caller is told, and what the record remarks."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.e2e.rig import Rig, rig

REGION = "us-east-1"
INSTANT, NOVA = "openai/gpt-4o-mini-instant", "bedrock/amazon.nova-micro-v1:0-instant"
CARD = "4111 1111 1111 1111"
CONFIG = """
[providers.openai]
kind = "openai"
secret = "sluice/openai"

[providers.bedrock]
kind = "bedrock"

[[policies]]
name = "masked"
models = ["openai/*"]
guard = { patterns = ["card", "ticket"], action = "mask" }

[[policies]]
name = "no-keys"
guard = { patterns = ["key"], action = "block" }

[[policies]]
name = "guarded"
models = ["bedrock/*"]
guard = { guardrail = "abc123", action = "mask" }

[[policies]]
name = "watched"
mode = "shadow"
guard = { patterns = ["email"], action = "block" }

[patterns]
ticket = "\\\\bT-[0-9]{1,8}\\\\b"
"""


@dataclass(frozen=True, slots=True)
class Guarded:
    rig: Rig

    def notes(self, request_id: str) -> list[str]:
        key = {"pk": {"S": f"R#{request_id}"}, "sk": {"S": "R"}}
        item = self.rig.dynamodb("GetItem", Key=key, ConsistentRead=True)["Item"]
        return [each["S"] for each in item.get("nt", {"L": []})["L"]]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guards")
    config = folder / "guards.toml"
    config.write_text(CONFIG, encoding="utf-8")
    guardrail = f"arn:aws:bedrock:{REGION}:123456789012:guardrail/abc123"
    providers = {"openai": {"kind": "openai"}, "bedrock": {"kind": "bedrock"}}
    with rig(folder, providers, config=config, parameters={"BedrockGuardrails": guardrail}) as running:
        yield Guarded(running)


def turns(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def test_what_is_masked_never_reaches_the_provider(guarded: Guarded) -> None:
    answer = guarded.rig.ask(INSTANT, messages=turns(f"Say: {CARD} of T-12, to ann@example.com"), stream=False)

    said = json.loads(answer.body)["choices"][0]["message"]["content"]
    assert answer.status == 200
    assert "[card] of [ticket], to ann@example.com" in said
    guarded.rig.record(answer.request_id)
    assert guarded.notes(answer.request_id) == ["card x1 masked", "ticket x1 masked", "shadow:email x1"]


@pytest.mark.parametrize("model", [INSTANT, NOVA])
def test_what_is_blocked_is_told_without_the_text(guarded: Guarded, model: str) -> None:
    answer = guarded.rig.ask(model, messages=turns("Use sk-fake0123456789abcdefghijklmnop"), stream=True)

    assert (answer.status, answer.error["code"]) == (400, "content_blocked")
    assert "'key'" in answer.error["message"]
    assert "sk-fake" not in answer.body.decode()


def test_a_guardrail_masks_before_the_model_is_asked(guarded: Guarded) -> None:
    answer = guarded.rig.ask(NOVA, messages=turns("Say: to ann@example.com"), stream=False)

    assert answer.status == 200
    assert "{EMAIL}" in json.loads(answer.body)["choices"][0]["message"]["content"]
    guarded.rig.record(answer.request_id)
    assert guarded.notes(answer.request_id) == ["guardrail:abc123 masked"]  # and nothing is left to be watched


def test_a_guardrail_blocks_before_the_model_is_asked(guarded: Guarded) -> None:
    answer = guarded.rig.ask(NOVA, messages=turns("A forbidden thing"), stream=True)

    assert (answer.status, answer.error["code"]) == (400, "content_blocked")
    assert "guardrail abc123" in answer.error["message"]
