"""A Converse request in the making: what was asked, of which family, and what had to be left out."""

from collections.abc import Mapping
from typing import Any

from sluice.translation.family import Family
from sluice.translation.requests.call_ids import CallIds
from sluice.translation.requests.converse_tool_ids import tool_id
from sluice.translation.requests.json_values import Value
from sluice.translation.translation import Translated


class Draft:
    """Each translator reads `asked`, writes its part of `body` and names in `warn` what was dropped or changed."""

    __slots__ = ("asked", "body", "call_ids", "family", "warnings")

    def __init__(self, asked: Mapping[str, Any], family: Family) -> None:
        self.asked = asked
        self.family = family
        self.body: dict[str, Any] = {}
        self.call_ids = CallIds(lambda asked: tool_id(asked, family))
        self.warnings: list[str] = []

    def field(self, name: str) -> Value:
        return Value(self.asked.get(name), name)

    def warn(self, name: str) -> None:
        if name not in self.warnings:
            self.warnings.append(name)

    def add_model_fields(self, fields: Mapping[str, Any]) -> None:
        """Fields of the model's own; one that is there already, which the caller wrote, stays."""
        self.body["additionalModelRequestFields"] = {**fields, **self.model_fields}

    @property
    def model_fields(self) -> Mapping[str, Any]:
        found: dict[str, Any] = self.body.get("additionalModelRequestFields", {})
        return found

    @property
    def is_claude_thinking(self) -> bool:
        """Extended thinking is on, whether it was asked for by effort or by the model's own field."""
        thinking = self.model_fields.get("thinking")
        kind = thinking.get("type") if isinstance(thinking, dict) else None
        return self.family.is_claude and kind in ("enabled", "adaptive")

    def done(self) -> Translated:
        return Translated(self.body, tuple(self.warnings))
