"""The tools of a Messages request, and how it lets the model choose among them, in the words of a chat."""

from collections.abc import Mapping
from typing import Any

from sluice.domain.errors import InvalidRequest, UnsupportedParameter
from sluice.translation.requests import message_value

CHOICES = {"auto": "auto", "any": "required", "none": "none"}
KNOWN = {"type", "name", "description", "input_schema", "strict", "cache_control"}


def tools(given: Any, *, extras: bool) -> tuple[list[dict[str, Any]], list[str]]:
    """Function tools, and the warnings for what they cannot say. `extras` keeps cache_control."""
    listed = message_value.items(given, "tools")
    found = [tool(each, f"tools[{index}]", extras=extras) for index, each in enumerate(listed)]
    warnings = ["tools"] if any(each.keys() - KNOWN for each in listed) else []
    is_cached = any(isinstance(each.get("cache_control"), Mapping) for each in listed)
    return found, [*warnings, *(["cache_control"] if is_cached and not extras else [])]


def tool(given: Any, param: str, *, extras: bool) -> dict[str, Any]:
    of_tool = message_value.mapping(given, param)
    refuse_hosted(of_tool.get("type"), f"{param}.type")
    function: dict[str, Any] = {"name": message_value.name(of_tool.get("name"), f"{param}.name")}
    if of_tool.get("description"):
        function["description"] = message_value.text(of_tool["description"], f"{param}.description")
    function["parameters"] = dict(message_value.mapping(of_tool.get("input_schema"), f"{param}.input_schema"))
    if isinstance(of_tool.get("strict"), bool):
        function["strict"] = of_tool["strict"]
    found = {"type": "function", "function": function}
    if extras and isinstance(of_tool.get("cache_control"), Mapping):
        found["cache_control"] = dict(of_tool["cache_control"])
    return found


def refuse_hosted(kind: Any, param: str) -> None:
    """Tools that Anthropic runs, or whose schema it holds, exist with Anthropic alone."""
    if kind not in (None, "custom"):
        message = f"{param} is {kind!r}, a tool of Anthropic's own; this model takes custom tools with an input_schema"
        raise UnsupportedParameter(message, param=param)


def choice(given: Any) -> dict[str, Any]:
    """`tool_choice` and `parallel_tool_calls`, as far as they are said."""
    of_choice = message_value.mapping(given, "tool_choice")
    found = {"tool_choice": chosen(of_choice)}
    if of_choice.get("disable_parallel_tool_use") is True:
        found["parallel_tool_calls"] = False
    return found


def chosen(of_choice: Mapping[str, Any]) -> Any:
    kind = of_choice.get("type")
    if kind == "tool":
        name = message_value.name(of_choice.get("name"), "tool_choice.name")
        return {"type": "function", "function": {"name": name}}
    if isinstance(kind, str) and kind in CHOICES:
        return CHOICES[kind]
    raise InvalidRequest("tool_choice.type must be auto, any, tool or none", param="tool_choice.type")
