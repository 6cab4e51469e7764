"""What is asked of a model, whatever the body was: a chat request for the words of the answer, and the rest of it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sluice_devstack.simulated.bedrock.model_id import ModelId

Chat = dict[str, Any]
Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Guardrail:
    id: str
    version: str
    traces: bool


@dataclass(frozen=True, slots=True)
class Question:
    """`cached` holds the prefixes that end at a cache point, the shortest first; `citation` a document to cite."""

    model: ModelId
    chat: Chat
    thinks: bool = False
    citation: Item | None = None
    cached: tuple[str, ...] = ()
    guardrail: Guardrail | None = None


def prefixes(items: Sequence[Item], ends: Iterable[int], mark: str) -> tuple[str, ...]:
    """What stands before each of the ends, as text that is the same whenever it is said again."""
    plain = [{name: value for name, value in item.items() if name != mark} for item in items]
    return tuple(json.dumps([item for item in plain[:end] if item], sort_keys=True) for end in ends)


def of_prompt(prompt: str, model: ModelId, max_tokens: Any = None, stops: Any = None) -> Question:
    """A question in plain words, as the families before chat have it."""
    chat: Chat = {"model": model.asked, "messages": [{"role": "user", "content": prompt}]}
    return Question(
        model, chat | ({"max_tokens": max_tokens} if max_tokens else {}) | ({"stop": stops} if stops else {})
    )
