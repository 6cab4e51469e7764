"""An answer held to a JSON schema: Bedrock's own way, or one forced tool whose input is the answer.

https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html
"""

import json
from typing import Any, NamedTuple

from sluice.domain.errors import UnsupportedParameter
from sluice.translation.family import JsonSchema
from sluice.translation.requests.draft import Draft
from sluice.translation.requests.json_values import Value
from sluice.translation.structured import JSON_TOOL, strict

FIELD = "response_format"
FORMATS = ("text", "json_object", "json_schema")
DESCRIPTION = "Gives the answer. Its input is the whole answer."


class JsonTool(NamedTuple):
    """The tool that stands in for a native answer in JSON."""

    schema: dict[str, Any]
    description: str

    @property
    def spec(self) -> dict[str, Any]:
        schema = {"json": self.schema}
        return {"toolSpec": {"name": JSON_TOOL, "description": self.description, "inputSchema": schema}}


def output(draft: Draft) -> JsonTool | None:
    """Writes `outputConfig`, or answers the tool that is to be forced. Raises InvalidRequest."""
    wanted = draft.field(FIELD)
    if wanted.is_absent:
        return None
    kind = wanted.field("type").one_of(FORMATS)
    if kind == "json_object":
        draft.warn(FIELD)
    if kind != "json_schema":
        return None
    if draft.family.json_schema is JsonSchema.NONE:
        raise UnsupportedParameter(f"{draft.family.name} cannot be held to a schema; ask for text", param=FIELD)
    if not _is_native(draft):
        return _tool(wanted.field("json_schema"))
    _write(wanted.field("json_schema"), draft)
    return None


def _is_native(draft: Draft) -> bool:
    ways = {JsonSchema.NATIVE: True, JsonSchema.THINKING: draft.is_claude_thinking}
    return ways.get(draft.family.json_schema, False)


def _write(wanted: Value, draft: Draft) -> None:
    made = strict(wanted.field("schema").object(), is_claude=draft.family.is_claude)
    if made.has_lost:
        draft.warn(FIELD)
    schema = {"schema": json.dumps(made.schema, ensure_ascii=False, separators=(",", ":")), **_labels(wanted)}
    draft.body["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}


def _labels(wanted: Value) -> dict[str, str]:
    fields = {name: wanted.field(name) for name in ("name", "description")}
    return {name: field.text() for name, field in fields.items() if not field.is_absent and field.text()}


def _tool(wanted: Value) -> JsonTool:
    schema = wanted.field("schema")
    if schema.object().get("type") != "object":
        schema.wrong("a schema whose type is object")
    return JsonTool(dict(schema.object()), _labels(wanted).get("description", DESCRIPTION))
