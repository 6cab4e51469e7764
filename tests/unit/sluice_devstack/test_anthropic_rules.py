"""The rules of the simulated Anthropic refuse or accept; no JSON makes them stumble."""

import copy
import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from sluice_devstack.simulated.anthropic import rules
from sluice_devstack.simulated.anthropic.blocks import signature
from sluice_devstack.simulated.anthropic.request import MessagesRequest
from sluice_devstack.simulated.anthropic.speaker import Speaker
from sluice_devstack.simulated.refusal import Refused

REQUIRED = ("model", "messages", "max_tokens")
ODD: tuple[Any, ...] = (None, True, 0, -1, 1.5, "", "x", [], {}, [[]], [None], {"type": []}, {"type": "text"})
POINT = {"type": "ephemeral", "ttl": "1h"}
FULL: dict[str, Any] = {
    "model": "claude-haiku-4-5",
    "max_tokens": 3000,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": POINT}],
    "stop_sequences": ["END"],
    "temperature": 1,
    "tools": [
        {"name": "get_weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}},
        {"type": "web_search_20250305", "name": "web_search"},
    ],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 1024, "display": "summarized"},
    "output_config": {"format": {"type": "json_schema", "schema": {"type": "object", "properties": {}}}},
    "cache_control": {"type": "ephemeral"},
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}},
                {"type": "text", "text": "What is the weather in Paris?"},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "so", "signature": signature("so")},
                {"type": "redacted_thinking", "data": "AA=="},
                {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Paris"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "rain"}]},
                {"type": "text", "text": "And tomorrow?"},
            ],
        },
    ],
}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a document."""
    if path:
        yield path
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield from places(inner, (*path, step))


def changed(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    document = copy.deepcopy(FULL)
    holder: Any = document
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return document


def parsed(document: Any) -> dict[str, Any]:
    return rules.parse(json.dumps(document).encode(), REQUIRED, rules.KNOWN)


def test_a_full_request_is_accepted_and_answered() -> None:
    message = Speaker(Random(1)).say(MessagesRequest(parsed(FULL)))

    assert [block.whole["type"] for block in message.blocks] == ["thinking", "text"]
    assert message.cache.written > 0
    assert message.stop_reason == "end_turn"


@pytest.mark.parametrize("path", list(places(FULL)), ids=lambda path: ".".join(map(str, path)))
def test_any_value_anywhere_is_accepted_or_refused(path: tuple[Any, ...]) -> None:
    outcomes = set()
    for value in ODD:
        try:
            Speaker(Random(1)).say(MessagesRequest(parsed(changed(path, value))))
            outcomes.add(200)
        except Refused as refused:
            outcomes.add(refused.refusal.status)

    assert outcomes <= {200, 400}


@pytest.mark.parametrize(
    "path", [path for path in places(FULL) if len(path) > 1], ids=lambda path: ".".join(map(str, path))
)
def test_any_place_may_be_missing(path: tuple[Any, ...]) -> None:
    document = copy.deepcopy(FULL)
    holder: Any = document
    for step in path[:-1]:
        holder = holder[step]
    del holder[path[-1]]

    try:
        answered = Speaker(Random(1)).say(MessagesRequest(parsed(document))).output_tokens > 0
    except Refused as refused:
        answered = refused.refusal.status == 400

    assert answered


def test_a_prefix_is_read_as_far_as_it_is_known() -> None:
    speaker = Speaker(Random(1))
    asked = {"model": "claude-x", "max_tokens": 500, "messages": [{"role": "user", "content": "Hello!"}]}
    first = [{"type": "text", "text": "One. " * 40, "cache_control": {"type": "ephemeral"}}]
    second = [*first, {"type": "text", "text": "Two. " * 40, "cache_control": POINT}]

    written = speaker.say(MessagesRequest({**asked, "system": first})).cache
    both = speaker.say(MessagesRequest({**asked, "system": second})).cache

    assert (written.read, written.written > 0, written.ttl) == (0, True, "5m")
    assert (both.read, both.written > 0, both.ttl) == (written.written, True, "1h")


@pytest.mark.parametrize(("max_tokens", "reason"), [(1, "max_tokens"), (30, "max_tokens"), (4000, "tool_use")])
def test_a_call_may_be_cut_short(max_tokens: int, reason: str) -> None:
    tools = [FULL["tools"][0]]
    question = [{"role": "user", "content": "What is the weather in Paris, Rome and Lisbon?"}]
    request = MessagesRequest({"model": "m", "max_tokens": max_tokens, "messages": question, "tools": tools})

    message = Speaker(Random(1)).say(request)

    assert message.stop_reason == reason
    assert message.blocks[0].whole["type"] == "text"
    assert message.output_tokens <= max_tokens
