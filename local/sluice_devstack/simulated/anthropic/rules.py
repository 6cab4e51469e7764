"""What the Messages API asks of a request: the first broken rule is the answer, worded as Anthropic words it.

https://platform.claude.com/docs/en/api/messages
"""

import json
import re
from collections.abc import Collection, Iterator
from typing import Any

from sluice_devstack.simulated.anthropic.refusals import invalid
from sluice_devstack.simulated.anthropic.request import FORCING, Body, kind_of, parts
from sluice_devstack.simulated.anthropic.turns import complaints_of_turns
from sluice_devstack.simulated.rules import is_a

KNOWN = frozenset(
    {
        *("model", "messages", "max_tokens", "system", "stream", "metadata", "stop_sequences", "temperature", "top_k"),
        *("top_p", "tools", "tool_choice", "thinking", "output_config", "service_tier", "container", "mcp_servers"),
        *("context_management", "inference_geo", "speed", "cache_control"),
    }
)
COUNTED = frozenset({"model", "messages", "system", "tools", "tool_choice", "thinking", "output_config"})
COUNTED |= {"cache_control", "mcp_servers", "context_management"}
TYPES: dict[str, tuple[type | tuple[type, ...], str]] = {
    "model": (str, "string"),
    "messages": (list, "list"),
    "max_tokens": (int, "integer"),
    "stream": (bool, "boolean"),
    "system": ((str, list), "string or list"),
    "tools": (list, "list"),
    "tool_choice": (dict, "dictionary"),
    "thinking": (dict, "dictionary"),
    "output_config": (dict, "dictionary"),
    "stop_sequences": (list, "list"),
    "temperature": ((int, float), "number"),
    "top_p": ((int, float), "number"),
}
RANGES = {"temperature": (0, 1), "top_p": (0, 1)}
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
LEAST_BUDGET = 1024
MAX_CACHE_POINTS = 4
TTLS = ("5m", "1h")
THINKING_KINDS = ("enabled", "disabled", "adaptive")
CHOICE_KINDS = ("auto", "any", "tool", "none")


def parse(payload: bytes, required: Collection[str], known: Collection[str]) -> Body:
    """The body; raises Refused for what is answered with 400."""
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise invalid("The request body is not valid JSON") from error
    if not isinstance(body, dict):
        raise invalid("Input should be a valid dictionary")
    complaint = next(_complaints(body, required, known), None)
    if complaint is not None:
        raise invalid(complaint)
    return body


def _complaints(body: Body, required: Collection[str], known: Collection[str]) -> Iterator[str]:
    """In order; those that follow rely on the ones before."""
    yield from (f"{name}: Field required" for name in required if body.get(name) is None)
    yield from (f"{name}: Extra inputs are not permitted" for name in body if name not in known)
    yield from _wrong_types(body)
    yield from _wrong_numbers(body)
    yield from complaints_of_turns(body["messages"])
    yield from _wrong_tools(body.get("tools") or [])
    yield from _wrong_choice(body)
    yield from _wrong_format((body.get("output_config") or {}).get("format"))
    yield from _wrong_thinking(body)
    yield from _wrong_cache(body)


def _wrong_types(body: Body) -> Iterator[str]:
    for name, (kind, expected) in TYPES.items():
        if body.get(name) is not None and not is_a(body[name], kind):
            yield f"{name}: Input should be a valid {expected}"


def _wrong_numbers(body: Body) -> Iterator[str]:
    if body.get("max_tokens") is not None and body["max_tokens"] < 1:
        yield "max_tokens: Input should be greater than or equal to 1"
    for name, (least, most) in RANGES.items():
        if body.get(name) is not None and not least <= body[name] <= most:
            yield f"{name}: range: {least}..{most}"
    stops = body.get("stop_sequences") or []
    if not all(isinstance(stop, str) and stop.strip() for stop in stops):
        yield "stop_sequences: each stop sequence must contain non-whitespace"


def _wrong_tools(tools: list[Any]) -> Iterator[str]:
    for number, tool in enumerate(tools):
        if not isinstance(tool, dict):
            yield f"tools.{number}: Input should be a valid dictionary"
        elif kind_of(tool) in ("", "custom"):
            yield from _wrong_tool(tool, f"tools.{number}.custom")
    names = [str(tool.get("name")) for tool in tools]
    if len(set(names)) < len(names):
        yield "tools: Tool names must be unique."


def _wrong_tool(tool: Body, place: str) -> Iterator[str]:
    if not TOOL_NAME.fullmatch(str(tool.get("name") or "")):
        yield f"{place}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
    if not isinstance(tool.get("input_schema"), dict):
        yield f"{place}.input_schema: Field required"
    elif tool["input_schema"].get("type") != "object":
        yield f"{place}.input_schema.type: Input should be 'object'"


def _wrong_choice(body: Body) -> Iterator[str]:
    choice = body.get("tool_choice")
    if choice is None:
        return
    names = [tool.get("name") for tool in body.get("tools") or []]
    if choice.get("type") not in CHOICE_KINDS:
        yield f"tool_choice: Input tag '{choice.get('type')}' does not match any of the expected tags"
    if not names:
        yield "tool_choice: tool_choice may only be specified while providing tools."
    if choice.get("type") == "tool" and choice.get("name") not in names:
        yield f"Tool '{choice.get('name')}' not found in provided tools"


def _wrong_format(wanted: Any) -> Iterator[str]:
    if wanted is None:
        return
    if kind_of(wanted) != "json_schema":
        yield f"output_config.format: Input tag '{kind_of(wanted)}' is not the expected one: 'json_schema'"
    if not isinstance(wanted.get("schema"), dict):
        yield "output_config.format.schema: Input should be a valid dictionary"


def _wrong_thinking(body: Body) -> Iterator[str]:
    thinking = body.get("thinking")
    if thinking is None:
        return
    if kind_of(thinking) not in THINKING_KINDS:
        yield f"thinking: Input tag '{kind_of(thinking)}' does not match any of the expected tags"
    if kind_of(thinking) == "disabled":
        return
    if kind_of(thinking) == "enabled":
        yield from _wrong_budget(thinking.get("budget_tokens"), body.get("max_tokens"))
    if body.get("temperature") not in (None, 1):
        yield "`temperature` may only be set to 1 when thinking is enabled."
    if kind_of(body.get("tool_choice")) in FORCING:
        yield "Thinking may not be enabled when tool_choice forces tool use."


def _wrong_budget(budget: Any, most: int | None) -> Iterator[str]:
    if not is_a(budget, int):
        yield "thinking.enabled.budget_tokens: Field required"
    if budget < LEAST_BUDGET:
        yield f"thinking.enabled.budget_tokens: Input should be greater than or equal to {LEAST_BUDGET}"
    if most is not None and budget >= most:
        yield "`max_tokens` must be greater than `thinking.budget_tokens`."


def _wrong_cache(body: Body) -> Iterator[str]:
    turns = [part for message in body["messages"] for part in parts(message["content"])]
    items = [*(body.get("tools") or []), *parts(body.get("system") or []), *turns]
    points = [item["cache_control"] for item in (*items, body) if item.get("cache_control")]
    if any(kind_of(point) != "ephemeral" or point.get("ttl", "5m") not in TTLS for point in points):
        yield "cache_control: Input should be of type 'ephemeral', with a ttl of '5m' or '1h'"
    count = len(points)
    if count > MAX_CACHE_POINTS:
        yield f"A maximum of {MAX_CACHE_POINTS} blocks with cache_control may be provided. Found {count}."
