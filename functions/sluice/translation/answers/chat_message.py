"""OpenAI's message, from the content of an answer as it comes block by block."""

from typing import Any

from sluice.translation.answers import json_tool
from sluice.translation.answers.arguments import dumped
from sluice.translation.answers.json_value import Json
from sluice.translation.thinking_order import Place, placed
from sluice.translation.translation import Event


class ChatMessage:
    """Takes what an answer consists of, in order. `request` is the chat request."""

    __slots__ = ("_annotations", "_answer", "_reasoning", "_request", "_text", "_thinking_blocks", "_tool_calls")

    def __init__(self, request: Event) -> None:
        self._request = request
        self._answer: str | None = None  # of the JSON tool
        self._text = ""
        self._reasoning = ""
        self._thinking_blocks: list[Json] = []
        self._annotations: list[Json] = []
        self._tool_calls: list[Json] = []

    @property
    def is_tool_called(self) -> bool:
        return bool(self._tool_calls)

    @property
    def said(self) -> int:
        """Characters of text so far."""
        return len(self._text)

    def say(self, text: str) -> None:
        self._text += text

    def cite(self, *annotations: Json | None) -> None:
        """Citations that chat has a form for; the others are None."""
        self._annotations += [one for one in annotations if one]

    def think(self, text: str) -> None:
        self._reasoning += text

    def keep(self, thought: Json) -> None:
        """A signed or redacted thought, which the model wants back in its place."""
        said = 0 if json_tool.is_possible(self._request) else self.said
        self._thinking_blocks.append(placed(thought, Place(said, len(self._tool_calls))))

    def call(self, id: str, name: str, input: Any) -> None:
        """A call of a tool, or the answer itself where the tool stands for one."""
        arguments = dumped(input)
        if json_tool.is_answer(name, self._request):
            self._answer = self._answer or arguments
            return
        function = {"name": name, "arguments": arguments}
        self._tool_calls.append({"id": id, "type": "function", "function": function})

    def whole(self) -> Json:
        """The message; fields of which there is nothing to tell are absent."""
        content, reasoning = self._content()
        extra = {
            "reasoning_content": reasoning,
            "thinking_blocks": self._thinking_blocks,
            "annotations": self._annotations,
            "tool_calls": self._tool_calls,
        }
        told = {name: value for name, value in extra.items() if value}
        return {"role": "assistant", "content": content, "refusal": None, **told}

    def _content(self) -> tuple[str | None, str]:
        if self._answer is not None:
            return self._answer, self._reasoning + self._text
        return self._text or (None if self._tool_calls else ""), self._reasoning
