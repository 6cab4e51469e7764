"""Events that hold anything at all: the translation answers, or fails as the gateway fails."""

import json
import random
from contextlib import nullcontext, suppress
from typing import Any

import pytest
from tests.unit.translation import converse_streams as streams

from sluice.domain.errors import GatewayError, UpstreamTruncated
from sluice.translation.answers.converse_to_chat import Stream, whole

SEEDS = range(60)
EVENTS_OF_A_STREAM = 60
STRUCTURE = """
    messageStart contentBlockStart contentBlockDelta contentBlockStop messageStop metadata contentBlockIndex delta start
    text toolUse toolUseId name type input reasoningContent reasoningText signature redactedContent citation location
    web url title domain stopReason usage inputTokens cacheReadInputTokens additionalModelResponseFields serviceTier
    output message content citationsContent citations p output_tokens_details thinking_tokens
"""
KEYS = STRUCTURE.split()
LEAVES = (
    None,
    True,
    False,
    0,
    1,
    -7,
    1.5,
    1e400,
    "",
    "a",
    "{",
    "json_tool_call",
    "tool_use",
    "server_tool_use",
    "end_turn",
)
BODIES: tuple[dict[str, Any], ...] = (
    {},
    streams.WITH_USAGE,
    {**streams.SCHEMA, **streams.WITH_USAGE},
    {"stream_options": [], "response_format": "json", "tools": {"function": 1}},
    {**streams.SCHEMA, "tools": [None, {"function": None}]},
)
VALID = [
    streams.START,
    streams.text("Hé"),
    streams.tool(1, "t", "f"),
    streams.tool(2, "u", "json_tool_call"),
    streams.fragment(1, '{"a":'),
    streams.stop_block(1),
    streams.delta(3, "reasoningContent", {"text": "hm"}),
    streams.delta(3, "reasoningContent", {"signature": "SIG"}),
    streams.delta(3, "citation", {"location": {"web": {"url": "https://example.test"}}}),
    *streams.ending("tool_use"),
]


def anything(dice: random.Random, depth: int) -> Any:
    shape = dice.choice(("leaf", "list", "object", "object")) if depth else "leaf"
    if shape == "leaf":
        return dice.choice(LEAVES)
    if shape == "list":
        return [anything(dice, depth - 1) for _ in range(dice.randrange(3))]
    return {dice.choice(KEYS): anything(dice, depth - 1) for _ in range(dice.randrange(4))}


def spoilt(dice: random.Random, value: Any) -> Any:
    """The value with one place inside it replaced by anything."""
    if not isinstance(value, dict) or not value or dice.random() < 0.25:
        return anything(dice, 2)
    key = dice.choice(list(value))
    return {**value, key: spoilt(dice, value[key])}


def event(dice: random.Random) -> dict[str, Any]:
    made: Any = dice.choice(VALID) if dice.random() < 0.4 else spoilt(dice, dice.choice(VALID))
    return made if isinstance(made, dict) else {"messageStart": made}


def is_finished(sent: list[dict[str, Any]]) -> bool:
    return any(choice["finish_reason"] for chunk in sent for choice in chunk["choices"])


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_stream_of_anything_gives_chunks_or_a_failure_of_ours(seed: int, body: dict[str, Any]) -> None:
    dice = random.Random(seed)
    stream = Stream(streams.asked(body))
    sent: list[dict[str, Any]] = []

    for _ in range(EVENTS_OF_A_STREAM):
        with suppress(GatewayError):
            sent += stream.add(event(dice))

    assert all(json.dumps(chunk, allow_nan=False) for chunk in sent)
    assert all(chunk["object"] == "chat.completion.chunk" for chunk in sent)
    with nullcontext() if is_finished(sent) else pytest.raises(UpstreamTruncated):
        stream.end()


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("seed", SEEDS)
def test_an_answer_of_anything_is_a_completion_or_a_failure_of_ours(seed: int, body: dict[str, Any]) -> None:
    dice = random.Random(seed)
    content = [anything(dice, 4) for _ in range(20)]
    valid = {"output": {"message": {"content": content}}, "stopReason": "end_turn", "usage": streams.USAGE}

    for given in (valid, spoilt(dice, valid), {"output": anything(dice, 3)}):
        with suppress(GatewayError):
            told = whole(given, streams.asked(body))
            assert told["choices"][0]["message"]["role"] == "assistant"
