"""Recorded Responses streams told again as chat, and translated back: the same events in the same order."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests import recorded
from tests.unit.translation.response_streams import COUNTED, call, events, finished, said, types

Json = dict[str, Any]

NAMES = ("or_gpt4o_text", "or_gpt41_function_call", "or_o3mini_reasoning_summary", "or_gpt54_reasoning_encrypted")
pytestmark = pytest.mark.skipif(not recorded.names("or_"), reason=recorded.REASON)

# What OpenAI tells of itself alone: padding, and settings and results of what no other provider has.
OPENAIS_OWN = {
    *("obfuscation", "phase", "completed_at", "moderation", "tool_usage", "verbosity"),
    *("frequency_penalty", "presence_penalty", "prompt_cache_retention", "context", "mode"),
}


def told(name: str) -> list[Json]:
    """The recorded events. Of a summary in many parts only the first, as chat does not part its reasoning."""
    lines = recorded.load(name).body.decode().split("\n")
    found = [json.loads(line.removeprefix("data:")) for line in lines if line.startswith("data:")]
    return [event for event in found if not event.get("summary_index")]


def started(event: Json) -> Iterator[Json]:
    item = event["item"]
    if item["type"] == "function_call":
        yield call(0, "", id=item["call_id"], name=item["name"])


def ended(event: Json) -> Iterator[Json]:
    if event["item"]["type"] == "reasoning":
        yield said(thinking_blocks=[{"index": 0, "type": "redacted_thinking", "data": "aGlkZGVu"}])


AS_CHAT: dict[str, Callable[[Json], Iterator[Json]]] = {
    "response.output_item.added": started,
    "response.output_item.done": ended,
    "response.output_text.delta": lambda event: iter([said(content=event["delta"])]),
    "response.reasoning_summary_text.delta": lambda event: iter([said(reasoning_content=event["delta"])]),
    "response.function_call_arguments.delta": lambda event: iter([call(0, event["delta"])]),
}


def translated(recording: list[Json]) -> list[Json]:
    chunks = [chunk for event in recording if event["type"] in AS_CHAT for chunk in AS_CHAT[event["type"]](event)]
    return events([*chunks, finished(), COUNTED])


def shape(value: Any) -> Any:
    """The keys of an object and of those in it."""
    if not isinstance(value, dict):
        return None
    kept = value if value.get("type") != "reasoning" else {key: value[key] for key in value if key != "content"}
    return {key: shape(inner) for key, inner in kept.items() if key not in OPENAIS_OWN and key != "tools"}


def lacking(recorded_shape: Any, made: Any, path: str = "") -> list[str]:
    """Where the recorded keys go that ours lack. An object that is null here, or there, is not looked into."""
    if recorded_shape is None or made is None:
        return []
    missing = [f"{path}.{key}" for key in recorded_shape.keys() - made.keys()]
    inner = (lacking(recorded_shape[key], made[key], f"{path}.{key}") for key in recorded_shape.keys() & made.keys())
    return missing + [found for each in inner for found in each]


@pytest.mark.parametrize("name", NAMES)
def test_the_events_come_in_openais_order(name: str) -> None:
    recording = told(name)

    assert types(translated(recording)) == types(recording)


@pytest.mark.parametrize("name", NAMES)
def test_every_key_that_openai_sends_is_there(name: str) -> None:
    recording = told(name)

    pairs = zip(recording, translated(recording), strict=True)
    assert [lacking(shape(theirs), shape(ours), theirs["type"]) for theirs, ours in pairs] == [[] for _ in recording]


@pytest.mark.parametrize("name", NAMES)
def test_every_piece_is_told_as_it_came(name: str) -> None:
    recording = told(name)
    growing = ("delta", "text", "arguments", "output_index", "content_index", "summary_index")

    def pieces(made: list[Json]) -> list[Json]:
        grown = [event for event in made if "delta" in event or event["type"].endswith(("text.done", "arguments.done"))]
        return [{key: event[key] for key in growing if key in event} for event in grown]

    assert pieces(translated(recording)) == pieces(recording)


def test_a_key_that_is_missing_would_be_seen() -> None:
    assert lacking(shape({"item": {"id": "a", "status": "b"}}), shape({"item": {"id": "a"}})) == [".item.status"]
