"""The reasoning of a ConverseStream as deltas of `reasoning_content` and `thinking_blocks`.

`reasoning_content` is for reading. `thinking_blocks` is what the caller has to send back for the model to think on:
whole, signed by the provider, and in the order of the blocks.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ReasoningContentBlockDelta.html
"""

from dataclasses import dataclass
from typing import Any

from sluice.translation.answers.json_value import Json
from sluice.translation.thinking_order import Place, placed


def signed(thinking: str, signature: str) -> Json:
    return {"type": "thinking", "thinking": thinking, "signature": signature}


def redacted(data: str) -> Json:
    """`data` is base64, as Converse has it."""
    return {"type": "redacted_thinking", "data": data}


@dataclass(slots=True)
class Thought:
    """A reasoning block: its number among them, where it stands, and the text not yet told in a thinking block."""

    index: int
    place: Place
    text: str = ""

    def take(self) -> str:
        text, self.text = self.text, ""
        return text


class Thoughts:
    __slots__ = ("_thoughts",)

    def __init__(self) -> None:
        self._thoughts: dict[int, Thought] = {}

    def add(self, block: int, content: Json, place: Place) -> list[Json]:
        """The deltas that a reasoningContent delta becomes; `place` is where the answer is now."""
        thought = self._thoughts.get(block)
        if thought is None:
            thought = self._thoughts[block] = Thought(len(self._thoughts), place)
        members = [(MEMBERS[key], content[key]) for key in MEMBERS if key in content]
        return [tell(thought, value) for tell, value in members if isinstance(value, str) and value]


def _text(thought: Thought, text: str) -> Json:
    thought.text += text
    return {"reasoning_content": text}


def _signature(thought: Thought, signature: str) -> Json:
    return _thinking_block(thought, signed(thought.take(), signature))


def _redacted(thought: Thought, data: str) -> Json:
    return _thinking_block(thought, redacted(data))


def _thinking_block(thought: Thought, block: Json) -> Json:
    # without an index in every object of a list, the OpenAI SDK's accumulator raises
    return {"thinking_blocks": [{"index": thought.index, **placed(block, thought.place)}]}


MEMBERS: dict[str, Any] = {"text": _text, "signature": _signature, "redactedContent": _redacted}
