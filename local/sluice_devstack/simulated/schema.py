"""A value for a JSON schema: deterministic, small, friendly, and valid against the part of JSON Schema that OpenAI's
structured outputs and tools use (https://platform.openai.com/docs/guides/structured-outputs#supported-schemas).

Recursion ends where it may: below a few levels only what is required is filled in. A `pattern` is met from a table of
usual forms; one that none of them fits is not met.
"""

import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

Schema = Mapping[str, Any]
DEEP = 6
DEEPEST = 24
BOUNDS = {
    "minimum": operator.ge,
    "maximum": operator.le,
    "exclusiveMinimum": operator.gt,
    "exclusiveMaximum": operator.lt,
}
FORMATS = {
    "date-time": "2026-11-20T12:00:00Z",
    "date": "2026-11-20",
    "time": "12:00:00Z",
    "duration": "PT1H",
    "email": "ada@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
EXAMPLES = {
    "answer": "simulated",
    "city": "Lisbon",
    "country": "Portugal",
    "currency": "EUR",
    "description": "Made up by the simulated OpenAI",
    "email": "ada@example.com",
    "language": "English",
    "location": "Lisbon",
    "name": "Ada Lovelace",
    "title": "A simulated title",
    "url": "https://example.com/",
}
PATTERN_CANDIDATES = (
    *EXAMPLES.values(),
    *FORMATS.values(),
    *(
        "a",
        "A",
        "1",
        "abc",
        "ABC",
        "123",
        "1.0",
        "1.2.3",
        "a1",
        "A1",
        "AB-123",
        "a_b",
        "a-b",
        "@ada",
        "#aabbcc",
        "12:30",
    ),
    *("12345", "12345-6789", "555-0100", "+15550100", "1970-01", "$1.00", "en", "EN", "en-US", "true", "/a", "ABC123"),
)


class SchemaValue:
    """Builds values for one document, whose `$ref` point into it. `words` replace examples: property name to text."""

    def __init__(self, document: Schema, words: Mapping[str, str] | None = None) -> None:
        self._document = document
        self._words = {**EXAMPLES, **(words or {})}
        self._kinds: dict[str, Callable[[Schema, str, int], Any]] = {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "number": self._number,
            "integer": self._number,
            "boolean": lambda *_: True,
            "null": lambda *_: None,
        }

    def build(self) -> Any:
        return self._value(self._document, "value", 0)

    def _value(self, schema: Any, name: str, depth: int) -> Any:
        if not isinstance(schema, Mapping):  # `true`: anything goes
            return self._words.get(name, name)
        schema = self._merged(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][-1 if depth > DEEP else 0]
        for choice in ("anyOf", "oneOf"):
            if choice in schema:
                return self._value(self._chosen(schema[choice], depth), name, depth)
        return self._kinds[_kind(schema, depth)](schema, name, depth)

    def _merged(self, schema: Schema) -> Schema:
        """`$ref` followed and `allOf` folded in."""
        seen = 0
        while "$ref" in schema and seen < DEEPEST:
            schema, seen = {**self._target(schema["$ref"]), **_without(schema, "$ref")}, seen + 1
        parts = [self._merged(part) for part in schema.get("allOf", ())]
        return _joined([*parts, _without(schema, "allOf")]) if parts else schema

    def _target(self, reference: str) -> Schema:
        found: Any = self._document
        for part in reference.lstrip("#").split("/")[1:]:
            found = found[part.replace("~1", "/").replace("~0", "~")]
        return dict(found)

    def _chosen(self, options: list[Schema], depth: int) -> Schema:
        """The first option; deep down the simplest one, so that recursion ends."""
        if depth <= DEEP:
            return options[0]
        return min(options, key=lambda option: _kind(self._merged(option), depth) in ("object", "array"))

    def _object(self, schema: Schema, _name: str, depth: int) -> dict[str, Any]:
        if depth > DEEPEST:
            return {}
        properties = schema.get("properties", {})
        required = schema.get("required", ())
        names = [name for name in properties if name in required or depth <= DEEP]
        names += [name for name in required if name not in properties]
        return {name: self._value(properties.get(name, True), name, depth + 1) for name in names}

    def _array(self, schema: Schema, name: str, depth: int) -> list[Any]:
        items: list[Any] = []
        for number in range(_size(schema, depth)):
            item = self._value(_item(schema, number), _singular(name), depth + 1)
            items.append(_distinct(item, number) if schema.get("uniqueItems") and item in items else item)
        return items

    def _string(self, schema: Schema, name: str, _depth: int) -> str:
        text = self._words.get(name, f"simulated {name.replace('_', ' ')}")
        sized = text.ljust(schema.get("minLength", 0), ".")[: schema.get("maxLength")]
        candidates = (FORMATS.get(schema.get("format", ""), sized), sized, *PATTERN_CANDIDATES)
        return next((candidate for candidate in candidates if _string_fits(candidate, schema)), sized)

    def _number(self, schema: Schema, _name: str, _depth: int) -> int | float:
        low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
        high = schema.get("maximum", schema.get("exclusiveMaximum", 0))
        step = schema.get("multipleOf", 1)
        up, down = math.ceil(low / step) * step, math.floor(high / step) * step
        candidates = (42 // step * step, up, up + step, down, down - step, (low + high) / 2)
        return next((number for number in candidates if _number_fits(number, schema)), 42)


def _string_fits(text: str, schema: Schema) -> bool:
    fits_length = schema.get("minLength", 0) <= len(text) <= schema.get("maxLength", len(text))
    return fits_length and bool(re.search(schema.get("pattern", ""), text))


def _number_fits(number: int | float, schema: Schema) -> bool:
    if schema.get("type") == "integer" and number != int(number):
        return False
    steps = number / schema.get("multipleOf", number or 1)
    return math.isclose(steps, round(steps)) and all(
        holds(number, schema[bound]) for bound, holds in BOUNDS.items() if bound in schema
    )


def _kind(schema: Schema, depth: int) -> str:
    kind = schema.get("type", "object" if "properties" in schema else "array" if "items" in schema else "string")
    if isinstance(kind, list):
        kind = "null" if depth > DEEP and "null" in kind else kind[0]
    return str(kind)


def _size(schema: Schema, depth: int) -> int:
    return int(max(schema.get("minItems", 0), min(schema.get("maxItems", DEEPEST), 0 if depth > DEEP else 2)))


def _item(schema: Schema, number: int) -> Any:
    """The schema of one item; unique items of an enum each take their own."""
    items = schema.get("items", True)
    if schema.get("uniqueItems") and isinstance(items, Mapping) and len(items.get("enum", ())) > number:
        return {"const": items["enum"][number]}
    return items


def _joined(parts: list[Schema]) -> Schema:
    whole: dict[str, Any] = {}
    for part in parts:
        properties = {**whole.get("properties", {}), **part.get("properties", {})}
        required = [*whole.get("required", ()), *part.get("required", ())]
        whole = {**whole, **part, **({"properties": properties, "required": required} if properties else {})}
    return whole


def _without(schema: Schema, key: str) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name != key}


def _singular(name: str) -> str:
    return name[:-1] if name.endswith("s") and len(name) > 3 else name


def _distinct(item: Any, number: int) -> Any:
    """Another value of the same kind; an object differs in its first property."""
    if isinstance(item, dict) and item:
        first = next(iter(item))
        return {**item, first: _distinct(item[first], number)}
    if isinstance(item, int | float) and not isinstance(item, bool):
        return item + number
    return f"{item} {number + 1}" if isinstance(item, str) else item
