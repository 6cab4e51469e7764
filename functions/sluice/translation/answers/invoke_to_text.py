"""The text in an answer of InvokeModel, whole or piece by piece, of any family.

What a model thought and the tools it called are no part of it.
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html
"""

from collections.abc import Iterator, Mapping
from typing import Any

Path = tuple[str, ...]

# Where each family keeps its text; a list on the way stands for each of its items.
EITHER: tuple[Path, ...] = (
    ("completion",),  # Claude's text completion
    ("generation",),  # Llama
    ("text",),  # Cohere
    ("generations", "text"),  # Cohere Command
    ("outputs", "text"),  # Mistral
    ("choices", "text"),
)
WHOLE: tuple[Path, ...] = (
    *EITHER,
    ("content", "text"),  # Claude
    ("output", "message", "content", "text"),  # Nova
    ("results", "outputText"),  # Titan
    ("choices", "message", "content"),
)
PIECE: tuple[Path, ...] = (
    *EITHER,
    ("delta", "text"),
    ("contentBlockDelta", "delta", "text"),
    ("outputText",),
    ("choices", "delta", "content"),
)


def text(answer: Mapping[str, Any]) -> str:
    """What a whole answer says; "" where it says nothing."""
    return "".join(found for path in WHOLE for found in _texts(answer, path))


def piece(chunk: Mapping[str, Any]) -> str:
    """What one decoded event of a stream adds; "" where it adds nothing."""
    return "".join(found for path in PIECE for found in _texts(chunk, path))


def _texts(found: Any, path: Path) -> Iterator[str]:
    for one in found if isinstance(found, list) else [found]:
        if path and isinstance(one, Mapping):
            yield from _texts(one.get(path[0]), path[1:])
        elif not path and isinstance(one, str):
            yield one
