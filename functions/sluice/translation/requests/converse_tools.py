"""Tools and the choice among them.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolConfiguration.html
"""

from typing import Any

from sluice.domain.errors import InvalidRequest, UnsupportedParameter
from sluice.translation.requests.converse_cache import points
from sluice.translation.requests.converse_output import JsonTool
from sluice.translation.requests.draft import Draft
from sluice.translation.requests.json_values import Value
from sluice.translation.requests.tool_names import tool_name
from sluice.translation.structured import JSON_TOOL, strict

CHOICES = {"auto": "auto", "required": "any"}
ANY: dict[str, Any] = {"any": {}}
AUTO: dict[str, Any] = {"auto": {}}
NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}}


def offered(draft: Draft) -> list[Value]:
    """The tools that the model may call: none where the caller chose so. Raises InvalidRequest."""
    tools = draft.field("tools")
    found = [] if tools.is_absent or draft.asked.get("tool_choice") == "none" else list(tools.items())
    if found and not draft.family.takes_tools:
        raise UnsupportedParameter(f"{draft.family.name} calls no tools; leave them out", param="tools")
    return found


def tools(draft: Draft, found: list[Value], json_tool: JsonTool | None) -> None:
    """Writes `toolConfig`, where there is a tool."""
    specs = [block for tool in found for block in _spec(tool, draft)]
    choice = _choice(draft, found)
    if json_tool is not None and choice in (None, AUTO):
        choice = {"tool": {"name": JSON_TOOL}} if not specs else ANY
        specs.append(json_tool.spec)
    if not specs:
        return
    draft.body["toolConfig"] = {"tools": specs}
    chosen = _allowed(draft, choice, "response_format" if json_tool is not None else "tool_choice")
    if chosen is not None:
        draft.body["toolConfig"]["toolChoice"] = chosen
    _parallel(draft, found)


def _spec(tool: Value, draft: Draft) -> list[dict[str, Any]]:
    """The tool and its cache point."""
    if tool.field("type").raw != "function":
        path = tool.field("type").path
        raise UnsupportedParameter(f"{path}: Converse knows functions only; want function", param=path)
    function = tool.field("function")
    spec: dict[str, Any] = {"name": tool_name(function.field("name"))}
    if spec["name"] == JSON_TOOL:
        function.field("name").wrong(f"another name than {JSON_TOOL}")
    description = function.field("description")
    if not description.is_absent and description.text().strip():
        spec["description"] = description.text()
    schema, is_strict = _parameters(function, draft)
    spec["inputSchema"] = {"json": schema}
    if is_strict:
        spec["strict"] = True
    marked = tool if not tool.field("cache_control").is_absent else function
    return [{"toolSpec": spec}, *points(marked, "tools", draft)]


def _parameters(function: Value, draft: Draft) -> tuple[dict[str, Any], bool]:
    """The schema of a tool's input, and whether the model is held to it."""
    parameters, demanded = function.field("parameters"), function.field("strict")
    schema = NO_PARAMETERS if not parameters.raw and parameters.raw != "" else parameters.object()
    schema = {**({} if "type" in schema else {"type": "object"}), **schema}
    if demanded.is_absent or not demanded.switch():
        return schema, False
    if not draft.family.has_strict_tools:
        draft.warn("strict")
        return schema, False
    made = strict(schema, is_claude=draft.family.is_claude)
    if made.has_lost:
        draft.warn("tools")
    return made.schema, True


def _choice(draft: Draft, found: list[Value]) -> dict[str, Any] | None:
    choice = draft.field("tool_choice")
    if choice.is_absent or choice.raw == "none":
        return None
    if isinstance(choice.raw, str):
        kind = CHOICES[choice.one_of(tuple(CHOICES))]
        if not found and kind != "auto":
            raise InvalidRequest("tool_choice wants tools; send tools", param="tool_choice")
        return {kind: {}} if found else None
    if choice.field("type").raw != "function":
        raise UnsupportedParameter(
            "tool_choice: want auto, none, required or a function", param=choice.field("type").path
        )
    name = choice.field("function").field("name")
    if name.text() not in {tool.field("function").field("name").raw for tool in found}:
        name.wrong("the name of one of tools")
    return {"tool": {"name": name.text()}}


def _allowed(draft: Draft, choice: dict[str, Any] | None, asked_by: str) -> dict[str, Any] | None:
    """The choice, or the nearest that the family takes now: thinking Claude is never forced."""
    if choice is None:
        return None
    choices = draft.family.choices - {"any", "tool"} if draft.is_claude_thinking else draft.family.choices
    kind = next(iter(choice))
    if kind in choices:
        return choice
    if kind == "auto":
        return None
    is_as_good = kind == "tool" and "any" in choices and len(draft.body["toolConfig"]["tools"]) == 1
    if not is_as_good:
        draft.warn(asked_by)
    if kind == "tool" and "any" in choices:
        return ANY
    return AUTO if "auto" in choices else None


def _parallel(draft: Draft, found: list[Value]) -> None:
    parallel = draft.field("parallel_tool_calls")
    if not found or parallel.is_absent or parallel.switch():
        return
    if not draft.family.splits_calls:
        draft.warn("parallel_tool_calls")
        return
    # Converse refuses the field's `type` beside a choice of its own.
    kind = {} if "toolChoice" in draft.body["toolConfig"] else {"type": "auto"}
    draft.add_model_fields({"tool_choice": {**kind, "disable_parallel_tool_use": True}})
