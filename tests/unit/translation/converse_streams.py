"""ConverseStream events, recorded and made, through the translation, and what a caller adds up from its chunks."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.eventstream import EventStreamBuffer
from tests import recorded

from sluice.translation.answers.converse_to_chat import Stream
from sluice.translation.translation import Asked

Json = dict[str, Any]

WITH_USAGE: Json = {"stream_options": {"include_usage": True}}
SCHEMA: Json = {"response_format": {"type": "json_schema", "json_schema": {"name": "city", "schema": {}}}}
USAGE = {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}
START: Json = {"messageStart": {"role": "assistant"}}


def asked(body: Mapping[str, Any] | None = None) -> Asked:
    return Asked(model="haiku", id="1f2e", created=1_700_000_000, body=body or {})


def delta(block: int, member: str, value: Any) -> Json:
    return {"contentBlockDelta": {"contentBlockIndex": block, "delta": {member: value}}}


def text(value: str, block: int = 0) -> Json:
    return delta(block, "text", value)


def tool(block: int, call_id: str, name: str, **more: str) -> Json:
    tool_use = {"toolUseId": call_id, "name": name, **more}
    return {"contentBlockStart": {"contentBlockIndex": block, "start": {"toolUse": tool_use}}}


def fragment(block: int, value: str) -> Json:
    return delta(block, "toolUse", {"input": value})


def stop_block(block: int) -> Json:
    return {"contentBlockStop": {"contentBlockIndex": block}}


def ending(reason: str, usage: Mapping[str, int] = USAGE, **stop: Any) -> list[Json]:
    metadata = {"usage": dict(usage), "metrics": {"latencyMs": 1}}
    return [{"messageStop": {"stopReason": reason, **stop}}, {"metadata": metadata}]


def chunks(events: Iterable[Json], body: Mapping[str, Any] | None = None) -> list[Json]:
    """Everything a caller gets of a stream that ends well."""
    stream = Stream(asked(body))
    return [*(chunk for event in events for chunk in stream.add(event)), *stream.end()]


def deltas(events: Iterable[Json], body: Mapping[str, Any] | None = None) -> list[Json]:
    return [chunk["choices"][0]["delta"] for chunk in chunks(events, body) if chunk["choices"]]


def recorded_events(name: str) -> list[Json]:
    """The decoded events of a recording, each under the name of its type."""
    buffer: Any = EventStreamBuffer()
    buffer.add_data(recorded.load(name).body)
    return [{event.headers[":event-type"]: json.loads(event.payload)} for event in buffer]


def added_up(sent: Iterable[Json]) -> Json:
    """Text, reasoning, tool calls, thinking blocks, finish reason and usage, summed as a caller would."""
    sums: Json = {"content": "", "reasoning_content": "", "tool_calls": {}, "thinking_blocks": {}, "usage": None}
    for chunk in sent:
        sums["usage"] = chunk.get("usage") or sums["usage"]
        for choice in chunk["choices"]:
            _add(sums, choice)
    return {**sums, "tool_calls": list(sums["tool_calls"].values())}


def _add(sums: Json, choice: Json) -> None:
    sums["finish_reason"] = choice["finish_reason"] or sums.get("finish_reason")
    for field in ("content", "reasoning_content"):
        sums[field] += choice["delta"].get(field, "")
    for part in choice["delta"].get("thinking_blocks", ()):
        sums["thinking_blocks"].setdefault(part["index"], []).append(part)
    for part in choice["delta"].get("tool_calls", ()):
        _add_call(sums["tool_calls"], part)


def _add_call(calls: Json, part: Json) -> None:
    function = part["function"]
    call = calls.setdefault(part["index"], {"index": part["index"], "arguments": ""})
    call.update({name: value for name, value in (("id", part.get("id")), ("name", function.get("name"))) if value})
    call["arguments"] += function["arguments"]
