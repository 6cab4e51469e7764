"""The content of a whole Converse answer as OpenAI's message."""

from typing import Any

from sluice.translation.answers import json_tool
from sluice.translation.answers.arguments import dumped
from sluice.translation.answers.converse_citation import annotation
from sluice.translation.answers.converse_reasoning import redacted, signed
from sluice.translation.answers.converse_tools import is_callers, named
from sluice.translation.answers.json_value import Json, mapping, sequence, text
from sluice.translation.thinking_order import Place, placed
from sluice.translation.translation import Event


class Message:
    """Takes the content blocks in order."""

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

    def add(self, block: Any) -> None:
        for key, value in mapping(block).items():
            if key in BLOCKS:
                BLOCKS[key](self, value)

    def whole(self) -> Json:
        """OpenAI's message; fields of which there is nothing to tell are absent."""
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

    def _add_text(self, value: Any) -> None:
        self._text += text(value)

    def _add_cited(self, value: Any) -> None:
        cited = mapping(value)
        self._text += "".join(text(mapping(part).get("text")) for part in sequence(cited.get("content")))
        found = (annotation(citation) for citation in sequence(cited.get("citations")))
        self._annotations += [web for web in found if web]

    def _add_reasoning(self, value: Any) -> None:
        block = mapping(value)
        thought = mapping(block.get("reasoningText"))
        thinking, signature, data = (
            text(part) for part in (thought.get("text"), thought.get("signature"), block.get("redactedContent"))
        )
        self._reasoning += thinking
        said = 0 if json_tool.is_possible(self._request) else len(self._text)
        place = Place(said, len(self._tool_calls))
        if signature:
            self._thinking_blocks.append(placed(signed(thinking, signature), place))
        if data:
            self._thinking_blocks.append(placed(redacted(data), place))

    def _add_tool_use(self, value: Any) -> None:
        tool_use = mapping(value)
        if not is_callers(tool_use):
            return
        call_id, name = named(tool_use)
        arguments = dumped(tool_use.get("input"))
        if json_tool.is_answer(name, self._request):
            self._answer = self._answer or arguments
            return
        function = {"name": name, "arguments": arguments}
        self._tool_calls.append({"id": call_id, "type": "function", "function": function})


BLOCKS: dict[str, Any] = {
    "text": Message._add_text,
    "citationsContent": Message._add_cited,
    "reasoningContent": Message._add_reasoning,
    "toolUse": Message._add_tool_use,
}
