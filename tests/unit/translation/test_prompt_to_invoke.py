import json
from typing import Any

import pytest
from tests import recorded

from sluice.codecs import eventstream
from sluice.domain.errors import UnsupportedParameter
from sluice.translation.answers.invoke_to_text import piece, text
from sluice.translation.requests.prompt_to_invoke import request

needs_recordings = pytest.mark.skipif(not recorded.FOLDER.is_dir(), reason=recorded.REASON)
EXPECTED = recorded.FOLDER / "EXPECTED.json"


def legacy_cases() -> list[tuple[dict[str, str], dict[str, Any]]]:
    path = recorded.FOLDER / "cases.json"
    cases = json.loads(path.read_text())["cases"] if path.is_file() else []
    found = [zip(case["input"], case["expected"], strict=True) for case in cases if case["kind"] == "legacy"]
    return [pair for pairs in found for pair in pairs]


@needs_recordings
@pytest.mark.parametrize(("asked", "expected"), legacy_cases())
def test_a_family_has_its_body(asked: dict[str, str], expected: dict[str, Any]) -> None:
    assert request(asked["prompt"], asked["model"]) == expected


PROMPTS = [
    ("anthropic.claude-v2", ("prompt",), "\n\nHuman: hello\n\nAssistant:"),
    ("anthropic.claude-instant-v1", ("prompt",), "\n\nHuman: hello\n\nAssistant:"),
    ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", ("messages", 0, "content", 0, "text"), "hello"),
    (
        "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-v2:1",
        ("prompt",),
        "\n\nHuman: hello\n\nAssistant:",
    ),
    ("amazon.titan-text-lite-v1", ("inputText",), "hello"),
    ("amazon.titan-text-premier-v1:0", ("textGenerationConfig", "maxTokenCount"), 3072),
    ("eu.amazon.nova-micro-v1:0", ("messages", 0, "content", 0, "text"), "hello"),
    ("global.amazon.nova-2-lite-v1:0", ("inferenceConfig", "maxTokens"), 1000),
    ("meta.llama2-13b-chat-v1", ("prompt",), "[INST] hello [/INST]"),
    (
        "us.meta.llama3-2-1b-instruct-v1:0",
        ("prompt",),
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nhello<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
    ),
    (
        "us.meta.llama4-scout-17b-instruct-v1:0",
        ("prompt",),
        "<|begin_of_text|><|header_start|>user<|header_end|>\n\nhello<|eot|>"
        "<|header_start|>assistant<|header_end|>\n\n",
    ),
    ("meta.llama3-8b-instruct-v1:0", ("max_gen_len",), 1000),
    ("mistral.mixtral-8x7b-instruct-v0:1", ("prompt",), "<s>[INST] hello [/INST]"),
    ("mistral.mistral-large-2407-v1:0", ("messages",), [{"role": "user", "content": "hello"}]),
    ("cohere.command-text-v14", ("prompt",), "hello"),
    ("cohere.command-r-plus-v1:0", ("message",), "hello"),
]


@pytest.mark.parametrize(("model", "path", "expected"), PROMPTS)
def test_a_prompt_is_said_as_its_family_wants_it(model: str, path: tuple[str | int, ...], expected: object) -> None:
    found: Any = request("hello", model)
    for step in path:
        found = found[step]

    assert found == expected


@pytest.mark.parametrize("prompt", ["", "{}", "{0} %s", 'a "quote"\n', "\u2028"])
def test_a_prompt_is_not_read(prompt: str) -> None:
    assert prompt in request(prompt, "meta.llama3-8b-instruct-v1:0")["prompt"]


def test_a_body_is_made_anew_each_time() -> None:
    request("a", "amazon.titan-text-express-v1")["textGenerationConfig"]["stopSequences"].append("x")

    assert request("a", "amazon.titan-text-express-v1")["textGenerationConfig"]["stopSequences"] == []


@pytest.mark.parametrize(
    "model",
    [
        "gpt-4o",
        "amazon.titan-embed-text-v2:0",
        "amazon.nova-canvas-v1:0",
        "amazon.nova-sonic-v1:0",
        "amazon.nova-2-multimodal-embeddings-v1:0",
        "cohere.embed-english-v3",
        "notanthropic.claude-3",
        "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abc",
        "",
    ],
)
def test_an_unknown_family_is_refused_and_the_known_are_named(model: str) -> None:
    with pytest.raises(UnsupportedParameter) as refused:
        request("hello", model)

    assert refused.value.param == "model"
    for name in ("Claude messages", "Claude text completion", "Titan", "Nova", "Llama", "Mistral", "Cohere"):
        assert name in refused.value.message


@needs_recordings
@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("ij_claude21_text_completion", " Here's a silly joke about opentelemetry"),
        ("ij_claude3_messages", "Why did the distributed trace cross the road?"),
        ("ij_titan_text", " comment\nHello!"),
        ("cj_nova_two_tools", "<thinking> To provide"),
        ("cj_claude_haiku45_thinking_turn2", "8 \u00d7 2 = 16"),
    ],
)
def test_the_text_of_a_recorded_answer(name: str, begins: str) -> None:
    assert text(json.loads(recorded.load(name).body)).startswith(begins)


@needs_recordings
@pytest.mark.parametrize("name", recorded.names("is_"))
def test_the_pieces_of_a_recorded_stream_are_its_text(name: str) -> None:
    expected = json.loads(EXPECTED.read_text())[name]
    frames = eventstream.raw_frames(recorded.load(name).body)

    said = "".join(piece(value) for _, value in map(eventstream.read_model, frames) if value is not None)

    assert said == expected.get("text", expected.get("content"))


@pytest.mark.parametrize(
    "answer",
    [
        {"completion": "hi", "stop_reason": "stop_sequence"},
        {
            "content": [
                {"type": "thinking", "thinking": "so"},
                {"type": "text", "text": "h"},
                {"type": "text", "text": "i"},
            ]
        },
        {"output": {"message": {"content": [{"text": "h"}, {"toolUse": {"name": "x"}}, {"text": "i"}]}}},
        {"results": [{"outputText": "hi", "tokenCount": 1}], "inputTextTokenCount": 1},
        {"generation": "hi", "stop_reason": "stop"},
        {"outputs": [{"text": "hi", "stop_reason": "stop"}]},
        {"text": "hi", "chat_history": [{"role": "USER", "message": "hello"}]},
        {"generations": [{"text": "hi"}], "prompt": "hello"},
        {"choices": [{"message": {"role": "assistant", "content": "hi"}}]},
    ],
)
def test_the_text_of_every_family(answer: dict[str, Any]) -> None:
    assert text(answer) == "hi"


@pytest.mark.parametrize(
    "chunk",
    [
        {"completion": "hi", "stop_reason": None},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
        {"contentBlockDelta": {"delta": {"text": "hi"}, "contentBlockIndex": 0}},
        {"outputText": "hi", "index": 0.0},
        {"generation": "hi", "stop_reason": None},
        {"outputs": [{"text": "hi", "stop_reason": None}]},
        {"text": "hi", "is_finished": False},
        {"choices": [{"delta": {"content": "hi"}}]},
    ],
)
def test_the_text_of_one_event_of_every_family(chunk: dict[str, Any]) -> None:
    assert piece(chunk) == "hi"


@pytest.mark.parametrize(
    "chunk",
    [
        {},
        {"type": "message_start", "message": {"content": []}},
        {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "so"}},
        {"is_finished": True, "finish_reason": "COMPLETE", "response": {"text": "all again"}},
        {"completion": None, "delta": "x", "choices": [None, 5], "outputs": {"text": 5}},
        {"outputText": ["a", {"b": 1}][1:]},
    ],
)
def test_nothing_said_is_no_text(chunk: dict[str, Any]) -> None:
    assert piece(chunk) == ""
    assert text(chunk) == ""
