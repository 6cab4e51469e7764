"""Values for schemas: each case says what the value must be, and for the wide ones, what must hold."""

import re
from typing import Any

import pytest

from sluice_devstack.simulated.schema import SchemaValue


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({"type": ["integer", "null"]}, 42),
        ({"const": "fixed"}, "fixed"),
        ({"enum": ["celsius", "fahrenheit"]}, "celsius"),
        ({"type": "integer", "minimum": 50}, 50),
        ({"type": "integer", "exclusiveMinimum": 50}, 51),
        ({"type": "integer", "maximum": -3}, -3),
        ({"type": "integer", "exclusiveMaximum": -3}, -4),
        ({"type": "integer", "minimum": 43, "multipleOf": 5}, 45),
        ({"type": "number", "minimum": 0.2, "maximum": 0.4}, pytest.approx(0.3)),
        ({"type": "string", "format": "date"}, "2026-11-20"),
        ({"type": "string", "minLength": 12}, "simulated value"),
        ({"type": "string", "maxLength": 3}, "sim"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, 42),
        ({"allOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"b": {"const": 2}}}]}, {"a": 1, "b": 2}),
        ({"properties": {"city": {"type": "string"}}}, {"city": "Lisbon"}),
        ({"required": ["free"], "type": "object"}, {"free": "free"}),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 3}, [42, 42, 42]),
        ({"type": "array", "items": {"type": "integer"}, "maxItems": 1}, [42]),
        ({"type": "array", "items": {"enum": ["a", "b"]}, "uniqueItems": True}, ["a", "b"]),
        ({"type": "array", "items": {"type": "integer"}, "uniqueItems": True}, [42, 43]),
        ({}, "simulated value"),
    ],
)
def test_a_schema_gets_a_value_that_fits(schema: dict[str, Any], value: Any) -> None:
    assert SchemaValue(schema).build() == value


@pytest.mark.parametrize("pattern", [r"^[A-Z]{2}-\d{3}$", r"^\d{4}-\d{2}$", r"^[a-z]+@[a-z]+\.com$", r"^#[0-9a-f]{6}$"])
def test_usual_patterns_are_met(pattern: str) -> None:
    value = SchemaValue({"type": "string", "pattern": pattern}).build()

    assert re.search(pattern, value)


def test_references_are_followed_into_the_document() -> None:
    schema = {"properties": {"step": {"$ref": "#/$defs/Step"}}, "$defs": {"Step": {"properties": {"n": {"const": 1}}}}}

    assert SchemaValue(schema).build() == {"step": {"n": 1}}


@pytest.mark.parametrize(
    "child",
    [
        {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
        {"type": "array", "items": {"$ref": "#"}},
    ],
    ids=["nullable", "list"],
)
def test_a_recursive_schema_ends(child: dict[str, Any]) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "child": child},
        "required": ["name", "child"],
    }

    value = SchemaValue(schema).build()

    assert value["name"] == "Ada Lovelace"
    assert depth(value) < 20


def test_words_of_the_prompt_replace_examples() -> None:
    schema = {"properties": {"location": {"type": "string"}}}

    assert SchemaValue(schema, {"location": "Boston"}).build() == {"location": "Boston"}


def depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(depth, inner), default=0)
