"""A Messages request as Anthropic reads it, and the same as a chat request, which the simulated models understand."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sluice_devstack.simulated.chat.request import ChatRequest

Body = dict[str, Any]
CHOICES = {"auto": "auto", "any": "required", "none": "none"}
CACHE_CONTROL = "cache_control"
FORCING = ("any", "tool")
SAID = {"image": "image_url", "document": "file"}
CALLING = ("tool_use", "tool_result")


@dataclass(frozen=True, slots=True)
class MessagesRequest:
    body: Body

    @property
    def is_stream(self) -> bool:
        return self.body.get("stream") is True

    @property
    def max_tokens(self) -> int:
        return int(self.body["max_tokens"])

    @property
    def stops(self) -> list[str]:
        return list(self.body.get("stop_sequences") or [])

    @property
    def thinks(self) -> bool:
        return kind_of(self.body.get("thinking")) in ("enabled", "adaptive")

    @property
    def shows_thoughts(self) -> bool:
        return (self.body.get("thinking") or {}).get("display") != "omitted"

    @property
    def is_forced(self) -> bool:
        return kind_of(self.body.get("tool_choice")) in FORCING

    @property
    def items(self) -> list[Body]:
        """Everything that may stand before a cache point, in the order the cache has it."""
        turns = [part for message in self.body["messages"] for part in parts(message["content"])]
        return [*(self.body.get("tools") or []), *parts(self.body.get("system") or []), *turns]

    @property
    def cache_points(self) -> dict[int, Body]:
        """How many items stand before each point, and what it says; one for the whole request stands at its end."""
        items = self.items
        points = {number + 1: item[CACHE_CONTROL] for number, item in enumerate(items) if item.get(CACHE_CONTROL)}
        return points | ({len(items): self.body[CACHE_CONTROL]} if self.body.get(CACHE_CONTROL) else {})

    @property
    def chat(self) -> ChatRequest:
        """Without a limit and without stops: where the words end is this dialect's to say."""
        system = " ".join(str(part.get("text") or "") for part in parts(self.body.get("system") or []))
        turns = [turn for message in self.body["messages"] for turn in _turns(message)]
        choice = self.body.get("tool_choice") or {}
        given = {
            "tools": _tools(self.body),
            "tool_choice": _choice(choice),
            "response_format": _format(self.body),
            "parallel_tool_calls": False if choice.get("disable_parallel_tool_use") else None,
        }
        opening = [{"role": "system", "content": system}] if system else []
        known = {name: value for name, value in given.items() if value is not None}
        return ChatRequest({"model": self.body["model"], "messages": [*opening, *turns], **known})


def kind_of(value: Any) -> str:
    """The `type` of an object; "" where there is none."""
    return str(value.get("type") or "") if isinstance(value, dict) else ""


def parts(content: Any) -> list[Body]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []


def _turns(message: Body) -> Iterator[Body]:
    """Results of tools stand last, so that they are what is answered."""
    blocks = parts(message["content"])
    others = [part for part in blocks if part["type"] not in CALLING]
    said = [{"type": SAID.get(part["type"], "text"), "text": part.get("text")} for part in others]
    calls = [_call(part) for part in blocks if part["type"] == "tool_use"]
    if said or calls:
        yield {"role": message["role"], "content": said, **({"tool_calls": calls} if calls else {})}
    for part in blocks:
        if part["type"] == "tool_result":
            results = parts(part.get("content") or "")
            yield {"role": "tool", "content": " ".join(str(one.get("text") or "") for one in results)}


def _call(part: Body) -> Body:
    function = {"name": part["name"], "arguments": json.dumps(part["input"])}
    return {"id": part["id"], "type": "function", "function": function}


def _tools(body: Body) -> list[Body] | None:
    offered = [tool for tool in body.get("tools") or [] if "input_schema" in tool]
    functions = [{"name": tool["name"], "parameters": tool["input_schema"]} for tool in offered]
    return [{"type": "function", "function": function} for function in functions] or None


def _choice(choice: Body) -> Any:
    if choice.get("type") == "tool":
        return {"type": "function", "function": {"name": choice["name"]}}
    return CHOICES.get(str(choice.get("type")))


def _format(body: Body) -> Body | None:
    wanted: Body = (body.get("output_config") or {}).get("format") or {}
    return {"type": "json_schema", "json_schema": {"schema": wanted["schema"]}} if wanted else None
