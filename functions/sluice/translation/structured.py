"""Answers held to a JSON schema: what strict models take of one, and the tool that stands in elsewhere.

https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

JSON_TOOL = "json_tool_call"  # where a family has no native way, this tool is forced; its input is the answer

ANNOTATIONS = frozenset({"title", "$schema"})
REFUSED_BY_CLAUDE = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "maxItems"})
NAMED_SCHEMAS = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
SCHEMA_LISTS = frozenset({"anyOf", "allOf", "oneOf", "prefixItems"})
SCHEMAS = frozenset({"items", "not", "if", "then", "else", "contains", "additionalProperties", "propertyNames"})


class Strict(NamedTuple):
    """A schema as strict models take it. `has_lost` says that it allows or checks something else than before."""

    schema: dict[str, Any]
    has_lost: bool


def strict(schema: Mapping[str, Any], *, is_claude: bool) -> Strict:
    """Objects closed, annotations gone, and what Claude refuses left out. `schema` stays as it is."""
    parts = {
        key: _part(key, value, is_claude) for key, value in schema.items() if not _is_refused(key, value, is_claude)
    }
    kept = {key: part.value for key, part in parts.items() if key not in ANNOTATIONS}
    is_thinner = len(parts) < len(schema)
    is_other = any(part.has_lost for part in parts.values())
    if _is_object(schema):
        is_other = is_other or schema.get("additionalProperties", False) is not False
        kept["additionalProperties"] = False
    return Strict(kept, is_thinner or is_other)


class _Part(NamedTuple):
    value: Any
    has_lost: bool = False


def _part(key: str, value: Any, is_claude: bool) -> _Part:
    if key in SCHEMAS and isinstance(value, dict):
        return _Part(*strict(value, is_claude=is_claude))
    if key in NAMED_SCHEMAS and isinstance(value, dict):
        parts = {name: _nested(one, is_claude) for name, one in value.items()}
        return _Part({name: part.value for name, part in parts.items()}, any(part.has_lost for part in parts.values()))
    if key in SCHEMA_LISTS and isinstance(value, list):
        items = [_nested(one, is_claude) for one in value]
        return _Part([part.value for part in items], any(part.has_lost for part in items))
    return _Part(value)


def _nested(value: Any, is_claude: bool) -> _Part:
    return _Part(*strict(value, is_claude=is_claude)) if isinstance(value, dict) else _Part(value)


def _is_object(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in schema


def _is_refused(key: str, value: Any, is_claude: bool) -> bool:
    if not is_claude:
        return False
    return key in REFUSED_BY_CLAUDE or (key == "minItems" and value not in (0, 1))
