"""Answers of the Responses API as the translation makes them: what chat says, and the events that follow from it."""

from collections.abc import Iterable
from typing import Any

from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from sluice.translation.answers import chat_to_responses
from sluice.translation.translation import Asked

Json = dict[str, Any]

USAGE: Json = {
    "prompt_tokens": 12,
    "completion_tokens": 5,
    "total_tokens": 17,
    "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
COUNTED: Json = {"choices": [], "usage": USAGE}
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def asked(**body: Any) -> Asked:
    return Asked("haiku", "abc", 1_700_000_000, {"model": "haiku", "input": "hi", **body})


def said(**delta: Any) -> Json:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": None}], "usage": None}


def finished(reason: str = "stop") -> Json:
    return {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}], "usage": None}


def call(index: int, arguments: str, **named: str) -> Json:
    """A fragment of a tool call; the first one has an `id` and a `name`."""
    described = {"id": named["id"], "type": "function"} if named else {}
    function = {"arguments": arguments} | ({"name": named["name"]} if named else {})
    return said(tool_calls=[{"index": index, "function": function, **described}])


def events(chunks: Iterable[Json], **body: Any) -> list[Json]:
    """All events, each of them one that the SDK's types accept."""
    stream = chat_to_responses.Stream(asked(**body))
    made = [event for chunk in chunks for event in stream.add(chunk)] + list(stream.end())
    for event in made:
        EVENT.validate_python(event)
    return made


def types(made: Iterable[Json]) -> list[str]:
    return [event["type"] for event in made]


def output(*chunks: Json) -> list[Json]:
    found: list[Json] = events(chunks)[-1]["response"]["output"]
    return found
