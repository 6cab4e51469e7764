"""The tools of a Responses request, as those of chat.

https://platform.openai.com/docs/api-reference/responses/create (tools, tool_choice). Functions are the caller's to run
and go to any model; hosted tools are run by OpenAI, and no other provider has them.
"""

from collections.abc import Mapping
from typing import Any

from sluice.domain.errors import UnsupportedParameter
from sluice.translation.requests.json_values import Value
from sluice.translation.requests.responses_fields import kept

WORDS = ("auto", "none", "required")
MODES = ("auto", "required")
FUNCTION = "function"


def chosen(body: Mapping[str, Any]) -> dict[str, Any]:
    """chat's `tools` and `tool_choice`; of the tools only those that `allowed_tools` leaves, if it is the choice."""
    offered, choice = Value(body.get("tools"), "tools"), Value(body.get("tool_choice"), "tool_choice")
    tools = [] if offered.is_absent else [_tool(tool) for tool in offered.items()]
    if isinstance(choice.raw, dict) and choice.raw.get("type") == "allowed_tools":
        return _allowed(tools, choice)
    return ({"tools": tools} if tools else {}) | ({} if choice.is_absent else {"tool_choice": _choice(choice)})


def _choice(choice: Value) -> str | dict[str, Any]:
    if isinstance(choice.raw, str) and choice.raw in WORDS:
        return choice.raw
    if isinstance(choice.raw, str) or choice.object().get("type") != FUNCTION:
        words = f"tool_choice: want one of {', '.join(WORDS)}, or a {FUNCTION}, or allowed_tools that are functions"
        raise UnsupportedParameter(words, param=choice.path)
    return {"type": FUNCTION, FUNCTION: {"name": choice.field("name").text()}}


def _allowed(offered: list[dict[str, Any]], choice: Value) -> dict[str, Any]:
    mode, allowed = choice.field("mode").one_of(MODES), choice.field("tools")
    names = {_function_name(tool) for tool in allowed.items()}
    if not names or names - {tool[FUNCTION]["name"] for tool in offered}:
        allowed.wrong("at least one, each of them in tools")
    left = [tool for tool in offered if tool[FUNCTION]["name"] in names]
    return {"tools": left, "tool_choice": mode}


def _tool(tool: Value) -> dict[str, Any]:
    described = {"name": _function_name(tool), **kept(tool.raw, "description", "parameters", "strict")}
    return {"type": FUNCTION, FUNCTION: described, **kept(tool.raw, "cache_control")}


def _function_name(tool: Value) -> str:
    kind = tool.field("type")
    if kind.text() != FUNCTION:
        words = f"{kind.path}: only functions, which the caller runs, are possible on this model; want {FUNCTION}"
        raise UnsupportedParameter(words, param=kind.path)
    return tool.field("name").text()
