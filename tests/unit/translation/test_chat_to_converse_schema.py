"""What strict models take of a JSON schema, and what a schema loses on the way."""

import copy
from typing import Any

import pytest

from sluice.translation.structured import strict

CLOSED = {"type": "object", "additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "object"}, CLOSED),
        ({"properties": {}}, {"properties": {}, "additionalProperties": False}),
        ({"type": ["object", "null"]}, {"type": ["object", "null"], "additionalProperties": False}),
        ({"$schema": "s", "title": "T", "type": "object"}, CLOSED),
        ({"type": "array", "items": {"type": "object"}}, {"type": "array", "items": CLOSED}),
        ({"anyOf": [{"type": "object"}, {"type": "null"}]}, {"anyOf": [CLOSED, {"type": "null"}]}),
        ({"$defs": {"title": {"type": "object"}}}, {"$defs": {"title": CLOSED}}),
        (
            {"type": "object", "properties": {"title": {"type": "string", "title": "T"}}},
            {**CLOSED, "properties": {"title": {"type": "string"}}},
        ),
        ({"enum": [{"type": "object", "title": "T"}]}, {"enum": [{"type": "object", "title": "T"}]}),
        ({"const": {"title": "T"}}, {"const": {"title": "T"}}),
        ({"type": "array", "minItems": 1}, {"type": "array", "minItems": 1}),
        (
            {"items": True, "anyOf": "x", "properties": 5},
            {"items": True, "anyOf": "x", "properties": 5, "additionalProperties": False},
        ),
    ],
)
def test_objects_are_closed_and_annotations_go(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    before = copy.deepcopy(schema)

    assert strict(schema, is_claude=True) == (expected, False)
    assert schema == before


@pytest.mark.parametrize(
    "rule",
    [
        *({"minimum": 1}, {"maximum": 1}, {"exclusiveMinimum": 1}, {"exclusiveMaximum": 1}, {"multipleOf": 2}),
        *({"maxItems": 3}, {"minItems": 2}),
    ],
)
def test_rules_that_claude_refuses_are_lost_and_told(rule: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": {"a": {"anyOf": [{"type": "array", "items": rule}]}}}

    lost, kept = strict(schema, is_claude=True), strict(schema, is_claude=False)

    assert lost.schema["properties"]["a"]["anyOf"][0]["items"] == {}
    assert lost.has_lost
    assert kept.schema["properties"]["a"]["anyOf"][0]["items"] == rule
    assert not kept.has_lost


@pytest.mark.parametrize("more", [True, {"type": "string"}])
def test_an_open_object_is_closed_and_told(more: Any) -> None:
    made = strict({"type": "object", "additionalProperties": more}, is_claude=False)

    assert made == (CLOSED, True)
