"""What the model says in one event of ConverseStream, or in a whole answer of Converse.

An event is one object under the name of its type; a whole answer has the same blocks under `output`.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from sluice.codecs.dialect import Chunk, text
from sluice.codecs.token_count import table


def has_content(chunk: Chunk) -> bool:
    """Text, reasoning, or a piece of a tool's input."""
    return any(said(chunk))


def said(chunk: Chunk) -> Iterator[str]:
    """Every piece of generated text, names and inputs of tools included."""
    for name, value in chunk.items():
        for block in BLOCKS[name](table(value)) if name in BLOCKS else ():
            yield from _texts(block)


def _texts(block: Mapping[str, Any]) -> Iterator[str]:
    """Those of a block or of what is added to one; a server tool's result is nothing that the model said."""
    for name, value in block.items():
        if name in TEXTS:
            yield from filter(None, TEXTS[name](value))


def _said(value: Any) -> tuple[str | None]:
    return (value if isinstance(value, str) else None,)


def _thought(value: Any) -> tuple[str | None, ...]:
    reasoning = table(value)
    return text(reasoning, "text"), text(table(reasoning, "reasoningText"), "text")


def _cited(value: Any) -> Iterator[str | None]:
    return (text(part, "text") for part in _objects(table(value).get("content")))


def _called(value: Any) -> tuple[str | None, ...]:
    tool = table(value)
    given = tool.get("input")
    return text(tool, "name"), given if isinstance(given, str) or not given else json.dumps(given, ensure_ascii=False)


def _objects(found: Any) -> Iterator[Mapping[str, Any]]:
    return (one for one in found if isinstance(one, Mapping)) if isinstance(found, list) else iter(())


BLOCKS: dict[str, Callable[[Mapping[str, Any]], Iterable[Mapping[str, Any]]]] = {
    "contentBlockStart": lambda event: (table(event, "start"),),
    "contentBlockDelta": lambda event: (table(event, "delta"),),
    "output": lambda output: _objects(table(output, "message").get("content")),
}
TEXTS: dict[str, Callable[[Any], Iterable[str | None]]] = {
    "text": _said,
    "reasoningContent": _thought,
    "citationsContent": _cited,
    "toolUse": _called,
}
