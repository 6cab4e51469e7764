"""Whatever the installed SDK can send is known to the simulation; what is not is what OpenAI refuses as well."""

import typing
from collections.abc import Callable, Collection
from typing import Any

import httpx
import pytest
from openai.types import (
    completion_create_params,
    embedding_create_params,
    image_generate_params,
)
from openai.types.audio import speech_create_params
from openai.types.responses import response_create_params
from tests.integration.simulator.rig import Rig

from sluice_devstack.simulated import embeddings, legacy
from sluice_devstack.simulated.images import request as images
from sluice_devstack.simulated.responses import request as responses
from sluice_devstack.simulated.speech import endpoint as speech

RETIRED = {"response_format", "style"}  # of DALL-E; GPT image models refuse them


@pytest.mark.parametrize(
    ("sent", "known", "refused"),
    [
        (response_create_params.ResponseCreateParamsStreaming, responses.PARAMETERS, set()),
        (completion_create_params.CompletionCreateParamsStreaming, legacy.PARAMETERS, set()),
        (embedding_create_params.EmbeddingCreateParams, embeddings.PARAMETERS, set()),
        (image_generate_params.ImageGenerateParamsStreaming, images.PARAMETERS, RETIRED),
        (speech_create_params.SpeechCreateParams, speech.PARAMETERS, set()),
    ],
    ids=["responses", "completions", "embeddings", "images", "speech"],
)
def test_no_parameter_of_the_sdk_is_unheard_of(sent: Any, known: Collection[str], refused: set[str]) -> None:
    assert set(typing.get_type_hints(sent)) - set(known) == refused


WRONG: list[Any] = [None, True, 5, -1, 0.5, "x", "", [], [5], ["x"], [None], [[]], [{}], {}, {"type": 5}, {"id": "x"}]
CALL = {"type": "function_call", "call_id": "call_1", "name": "x", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "call_1"}
REQUESTS: dict[str, tuple[Collection[str], dict[str, Any]]] = {
    "/responses": (responses.PARAMETERS, {"model": "gpt-4o", "input": "x"}),
    "/completions": (legacy.PARAMETERS, {"model": "babbage-002", "prompt": "x"}),
    "/embeddings": (embeddings.PARAMETERS, {"model": "text-embedding-3-small", "input": "x", "dimensions": 4}),
    "/images/generations": (images.PARAMETERS, {"model": "gpt-image-2", "prompt": "x", "size": "64x64"}),
    "/audio/speech": (speech.PARAMETERS, {"model": "tts-1", "input": "x", "voice": "alloy"}),
}
NESTED: dict[str, Callable[[Any], dict[str, Any]]] = {
    "effort": lambda value: {"reasoning": {"effort": value}},
    "format": lambda value: {"text": {"format": value}},
    "schema": lambda value: {"text": {"format": {"type": "json_schema", "name": "x", "schema": value}}},
    "tool": lambda value: {"tools": [value]},
    "a tool's parameters": lambda value: {"tools": [{"type": "function", "name": "x", "parameters": value}]},
    "the choice of a tool": lambda value: {"tools": [{"type": "function", "name": "x"}], "tool_choice": value},
    "item": lambda value: {"input": [value]},
    "item's content": lambda value: {"input": [{"role": "user", "content": value}]},
    "call": lambda value: {"input": [{"type": "function_call", "call_id": value, "name": value, "arguments": value}]},
    "output": lambda value: {"input": [CALL, {**OUTPUT, "output": value}]},
    "reasoning": lambda value: {"input": [{"type": "reasoning", "id": value, "encrypted_content": value}]},
    "reference": lambda value: {"input": [{"type": "item_reference", "id": value}]},
}


@pytest.mark.parametrize("path", REQUESTS)
@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_no_value_of_any_parameter_is_more_than_it_can_bear(path: str, value: Any, rig: Rig) -> None:
    names, body = REQUESTS[path]

    for name in names:
        assert_borne(rig.to(path, **{**body, name: value}), name)


@pytest.mark.parametrize("name", NESTED)
@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_no_value_within_a_parameter_is_either(name: str, value: Any, rig: Rig) -> None:
    body = REQUESTS["/responses"][1]

    assert_borne(rig.to("/responses", **{**body, **NESTED[name](value)}), name)


def assert_borne(answer: httpx.Response, name: str) -> None:
    """Answered, or refused with words."""
    assert answer.status_code == 200 or answer.json()["error"]["type"] == "invalid_request_error", name
