"""The content of a whole Anthropic Message as OpenAI's message."""

from collections.abc import Callable
from typing import Any

from sluice.domain.errors import UpstreamProtocol
from sluice.translation.answers import json_tool
from sluice.translation.answers.arguments import dumped
from sluice.translation.answers.json_value import Json, mapping, sequence, text
from sluice.translation.answers.messages_citation import annotation
from sluice.translation.thinking_order import Place, placed
from sluice.translation.translation import Event


class Reply:
    """Takes the content blocks in order; blocks of tools that Anthropic ran are its own affair."""

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
        of_type = mapping(block)
        handle = BLOCKS.get(text(of_type.get("type")))
        if handle is not None:
            handle(self, of_type)

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

    def _add_text(self, block: Json) -> None:
        start = len(self._text)
        self._text += text(block.get("text"))
        found = (annotation(each, start, len(self._text)) for each in sequence(block.get("citations")))
        self._annotations += [web for web in found if web]

    def _add_thinking(self, block: Json) -> None:
        self._reasoning += text(block.get("thinking"))
        if text(block.get("signature")):
            self._keep(thinking(text(block.get("thinking")), block["signature"]))

    def _add_redacted(self, block: Json) -> None:
        self._keep(redacted(text(block.get("data"))))

    def _keep(self, thought: Json) -> None:
        said = 0 if json_tool.is_possible(self._request) else len(self._text)
        self._thinking_blocks.append(placed(thought, Place(said, len(self._tool_calls))))

    def _add_tool_use(self, block: Json) -> None:
        call_id, name = named(block)
        arguments = dumped(block.get("input"))
        if json_tool.is_answer(name, self._request):
            self._answer = self._answer or arguments
            return
        function = {"name": name, "arguments": arguments}
        self._tool_calls.append({"id": call_id, "type": "function", "function": function})


def thinking(written: str, signature: str) -> Json:
    return {"type": "thinking", "thinking": written, "signature": signature}


def redacted(data: str) -> Json:
    return {"type": "redacted_thinking", "data": data}


def named(tool_use: Json) -> tuple[str, str]:
    """The call's id and the tool's name; UpstreamProtocol for a call that could not be answered without."""
    call_id, name = text(tool_use.get("id")), text(tool_use.get("name"))
    if not (call_id and name):
        raise UpstreamProtocol("the provider sent a tool_use block without an id and a name")
    return call_id, name


BLOCKS: dict[str, Callable[[Reply, Json], None]] = {
    "text": Reply._add_text,
    "thinking": Reply._add_thinking,
    "redacted_thinking": Reply._add_redacted,
    "tool_use": Reply._add_tool_use,
}
