"""What the model says in one event of ConverseStream, or in a whole answer of Converse.

An event is one object under the name of its type; a whole answer has the same blocks under `output`.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sluice.codecs.dialect import Chunk, text
from sluice.codecs.token_count import table


def has_content(chunk: Chunk) -> bool:
    """Text, reasoning, or a piece of a tool's input."""
    return any(said(chunk))


def said(chunk: Chunk) -> Iterator[str]:
    """Every piece of generated text, names and inputs of tools included."""
    yield from _texts(table(chunk, "contentBlockStart", "start"))
    yield from _texts(table(chunk, "contentBlockDelta", "delta"))
    for block in _objects(table(chunk, "output", "message").get("content")):
        yield from _texts(block)


def _texts(block: Mapping[str, Any]) -> Iterator[str]:
    """Those of a block or of what is added to one; a server tool's result is nothing that the model said."""
    reasoning = table(block, "reasoningContent")
    found = [text(block, "text"), text(reasoning, "text"), text(table(reasoning, "reasoningText"), "text")]
    found += [text(part, "text") for part in _objects(table(block, "citationsContent").get("content"))]
    yield from (one for one in found if one)
    yield from _called(table(block, "toolUse"))


def _called(tool: Mapping[str, Any]) -> Iterator[str]:
    name, given = text(tool, "name"), tool.get("input")
    if name:
        yield name
    if given:
        yield given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)


def _objects(found: Any) -> Iterator[Mapping[str, Any]]:
    return (one for one in found if isinstance(one, Mapping)) if isinstance(found, list) else iter(())
