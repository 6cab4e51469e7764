"""The tools of a chat, and how it lets the model choose among them, in the words of Anthropic's Messages API."""

from collections.abc import Mapping
from typing import Any

from sluice.domain.errors import InvalidRequest, UnsupportedParameter
from sluice.translation.family import Family
from sluice.translation.requests import message_value
from sluice.translation.requests.chat_blocks import cached

Tool = dict[str, Any]
CHOICES = {"auto": "auto", "required": "any", "none": "none"}
NO_PARAMETERS = {"type": "object", "properties": {}}


def tools(given: Any, family: Family) -> list[Tool]:
    listed = [] if given is None else message_value.items(given, "tools")
    return [tool(each, f"tools[{index}]", family) for index, each in enumerate(listed)]


def tool(given: Any, param: str, family: Family) -> Tool:
    of_tool = message_value.mapping(given, param)
    if of_tool.get("type") != "function":
        raise UnsupportedParameter(f"{param}.type must be function for this model", param=f"{param}.type")
    function = message_value.mapping(of_tool.get("function"), f"{param}.function")
    found: Tool = {"name": message_value.name(function.get("name"), f"{param}.function.name")}
    if function.get("description"):
        found["description"] = message_value.text(function["description"], f"{param}.function.description")
    found["input_schema"] = input_schema(function.get("parameters"), f"{param}.function.parameters")
    if function.get("strict") is True and family.has_strict_tools:
        found["strict"] = True
    return cached(cached(found, function), of_tool)


def warnings(given: Any, family: Family) -> list[str]:
    """For tools, read before, that the model is not held to."""
    functions = [each["function"] for each in given or []]
    is_loose = not family.has_strict_tools and any(function.get("strict") is True for function in functions)
    return ["strict"] if is_loose else []


def input_schema(given: Any, param: str) -> dict[str, Any]:
    """The API wants an object's schema that says so."""
    if message_value.is_nothing(given):
        return dict(NO_PARAMETERS)
    return {"type": "object", **message_value.mapping(given, param)}


def choice(body: Mapping[str, Any]) -> dict[str, Any]:
    """The caller's `tool_choice` with `parallel_tool_calls` in it; empty where neither says anything."""
    given = body.get("tool_choice")
    found = {} if given is None else chosen(given)
    if body.get("parallel_tool_calls") is not False or found.get("type") == "none":
        return found
    return {"type": "auto", **found, "disable_parallel_tool_use": True}


def chosen(given: Any) -> dict[str, Any]:
    if isinstance(given, str) and given in CHOICES:
        return {"type": CHOICES[given]}
    if isinstance(given, Mapping) and given.get("type") == "function":
        function = message_value.mapping(given.get("function"), "tool_choice.function")
        return {"type": "tool", "name": message_value.name(function.get("name"), "tool_choice.function.name")}
    raise InvalidRequest("tool_choice must be auto, required, none or one function", param="tool_choice")


def is_forced(found: Mapping[str, Any]) -> bool:
    return found.get("type") in ("any", "tool")


def relaxed(found: Mapping[str, Any]) -> dict[str, Any]:
    """The same choice, left to the model."""
    return {"type": "auto", **one_at_a_time(found)}


def one_at_a_time(found: Mapping[str, Any]) -> dict[str, Any]:
    """What a choice says of parallel calls, to be merged into another."""
    return {key: value for key, value in found.items() if key == "disable_parallel_tool_use"}
