"""Which of the offered tools a prompt suggests, and with which arguments: by the words of the tool's name.

Strategy: a tool is called when `tool_choice` says so or when a telling word of its name stands in the prompt; once
per place the prompt names ("in Paris and Rome"), unless `parallel_tool_calls` is false. Arguments fit the schema.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sluice_devstack.simulated.chat.request import ChatRequest
from sluice_devstack.simulated.schema import SchemaValue

WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
COMMON_WORDS = re.compile(
    "a|and|the|get|set|find|search|current|fetch|list|call|run|make|do|tool|function|my|of|for|to|in"
)
PLACE = r"[A-Z][\w'-]+(?: [A-Z][\w'-]+)*(?:, [A-Z]{2}\b)?"
PLACES = re.compile(rf"\b(?:in|at|for|of|from|near|to)\s+({PLACE}(?:(?:,\s*|,?\s+and\s+|\s*&\s*){PLACE})*)")
BETWEEN_PLACES = re.compile(r",?\s+and\s+|,(?!\s*[A-Z]{2}\b)\s*|\s*&\s*")
MAX_CALLS = 8


@dataclass(frozen=True, slots=True)
class ToolCall:
    name: str
    arguments: str


def tool_calls(request: ChatRequest) -> list[ToolCall]:
    """The calls in the order the model makes them; empty when it answers in words."""
    calls = [
        ToolCall(name, json.dumps(SchemaValue(parameters, words).build(), ensure_ascii=False))
        for name, parameters in _chosen(request).items()
        for words in _occasions(request.prompt, parameters)
    ]
    return calls[: 1 if request.body.get("parallel_tool_calls") is False else MAX_CALLS]


def is_forced(request: ChatRequest) -> bool:
    """A named tool was demanded; OpenAI then ends with finish_reason `stop`."""
    return isinstance(request.body.get("tool_choice"), dict) and bool(_named(request.body["tool_choice"]))


def _chosen(request: ChatRequest) -> dict[str, Mapping[str, Any]]:
    offered = _offered(request.body.get("tools") or [])
    choice: Any = request.body.get("tool_choice") or "auto"
    if choice == "none" or not offered:
        return {}
    if is_forced(request):
        return {name: parameters for name, parameters in offered.items() if name == _named(choice)}
    if request.tool_results:
        return {}
    wanted = {name: parameters for name, parameters in offered.items() if _is_suggested(name, request.prompt)}
    first = dict(list(offered.items())[:1])
    return wanted or (first if choice == "required" else {})


def _offered(tools: list[dict[str, Any]]) -> dict[str, Mapping[str, Any]]:
    functions = [tool["function"] for tool in tools if tool.get("type") == "function" and tool.get("function")]
    return {str(function["name"]): function.get("parameters") or {"type": "object"} for function in functions}


def _named(choice: Mapping[str, Any]) -> str:
    return str((choice.get("function") or {}).get("name") or "")


def _is_suggested(name: str, prompt: str) -> bool:
    words = {word.lower() for word in WORD.findall(name)}
    telling = {word for word in words if not COMMON_WORDS.fullmatch(word)}
    return name in prompt or bool(telling & {word.lower() for word in re.findall(r"\w+", prompt)})


def _occasions(prompt: str, parameters: Mapping[str, Any]) -> list[dict[str, str]]:
    """One set of words per call: the n-th place of the prompt for the first text the tool wants."""
    text = _first_text(parameters)
    places = [place for group in PLACES.findall(prompt) for place in BETWEEN_PLACES.split(group) if place]
    return [{text: place} for place in dict.fromkeys(places)] if text and places else [{}]


def _first_text(parameters: Mapping[str, Any]) -> str | None:
    properties = parameters.get("properties") or {}
    texts = [name for name, schema in properties.items() if _is_free_text(schema)]
    required = [name for name in texts if name in parameters.get("required", ())]
    return next(iter(required or texts), None)


def _is_free_text(schema: Any) -> bool:
    return isinstance(schema, Mapping) and schema.get("type") == "string" and "enum" not in schema
