"""How much a Messages request lets the model think, and the shape it wants the answer in, in the words of a chat.

`output_config.effort` says it in words. A budget of thinking tokens is read back by the table that turns an effort
into a budget (requests/chat_thinking.py): below 2,048 tokens low, below 4,096 medium, from there on high. Adaptive
thinking without an effort is high, which is the API's own default. Thinking switched off leaves the effort unsaid,
since that is how a chat says it.
https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking
https://platform.claude.com/docs/en/build-with-claude/structured-outputs
"""

from collections.abc import Mapping
from typing import Any

from sluice.domain.errors import InvalidRequest
from sluice.translation.requests import message_value

EFFORTS = ("low", "medium", "high", "xhigh", "max")
BUDGETS = ((2048, "low"), (4096, "medium"))
MODES = ("enabled", "adaptive", "disabled")


def effort(body: Mapping[str, Any]) -> str | None:
    """The chat's reasoning_effort; None where the model is to do as it does by default."""
    mode = thinking(body.get("thinking"))
    said = config(body).get("effort")
    if said is not None and said not in EFFORTS:
        raise InvalidRequest(f"output_config.effort must be one of {', '.join(EFFORTS)}", param="output_config.effort")
    if mode.get("type") == "disabled":
        return None
    if said is not None:
        return str(said)
    return by_mode(mode)


def by_mode(mode: Mapping[str, Any]) -> str | None:
    if mode.get("type") == "adaptive":
        return "high"
    if mode.get("type") == "enabled":
        budget = message_value.count(mode.get("budget_tokens"), "thinking.budget_tokens")
        return next((word for limit, word in BUDGETS if budget < limit), "high")
    return None


def thinking(given: Any) -> Mapping[str, Any]:
    if given is None:
        return {}
    mode = message_value.mapping(given, "thinking")
    if mode.get("type") not in MODES:
        raise InvalidRequest(f"thinking.type must be one of {', '.join(MODES)}", param="thinking.type")
    return mode


def response_format(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The chat's response_format. `output_format` is the name this had while it was in beta."""
    param = "output_config.format" if config(body).get("format") is not None else "output_format"
    given = config(body).get("format", body.get("output_format"))
    if given is None:
        return None
    asked = message_value.mapping(given, param)
    if asked.get("type") != "json_schema":
        raise InvalidRequest(f"{param}.type must be json_schema", param=f"{param}.type")
    schema = message_value.mapping(asked.get("schema"), f"{param}.schema")
    named = {"name": "output", "schema": dict(schema), "strict": is_strict(schema)}
    return {"type": "json_schema", "json_schema": named}


def is_strict(schema: Any) -> bool:
    """OpenAI enforces schemas alone whose objects are closed and require each of their properties."""
    if isinstance(schema, list):
        return all(map(is_strict, schema))
    if not isinstance(schema, Mapping):
        return True
    return is_closed(schema) and all(map(is_strict, schema.values()))


def is_closed(schema: Mapping[str, Any]) -> bool:
    properties = schema.get("properties")
    if schema.get("type") != "object" or not isinstance(properties, Mapping):
        return schema.get("type") != "object"
    required = schema.get("required")
    names = {name for name in required if isinstance(name, str)} if isinstance(required, list) else set()
    return schema.get("additionalProperties") is False and properties.keys() <= names


def warnings(body: Mapping[str, Any]) -> list[str]:
    """What of these fields a chat has no word for."""
    has_more = bool(config(body).keys() - {"effort", "format"})
    is_muted = thinking(body.get("thinking")).get("type") == "disabled" and config(body).get("effort") is not None
    is_hidden = thinking(body.get("thinking")).get("display") == "omitted"
    return ["output_config"] * (has_more or is_muted) + ["thinking"] * is_hidden


def said_in(body: Mapping[str, Any]) -> list[str]:
    """The fields that say how much the model is to think."""
    is_thinking = by_mode(thinking(body.get("thinking"))) is not None
    return ["thinking"] * is_thinking + ["output_config"] * (config(body).get("effort") is not None)


def config(body: Mapping[str, Any]) -> Mapping[str, Any]:
    given = body.get("output_config")
    return {} if given is None else message_value.mapping(given, "output_config")
