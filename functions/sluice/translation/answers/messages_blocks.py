"""The content blocks of a streamed Anthropic Message, as deltas of OpenAI's chunks.

Text, thinking and arguments go on as they come. A thinking block is told once more when it ends, whole and signed,
since the caller has to send it back so. Blocks of tools that Anthropic ran are its own affair: neither they nor their
deltas are known here.
https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sluice.translation.answers import json_tool
from sluice.translation.answers.arguments import dumped
from sluice.translation.answers.json_value import Json, mapping, text
from sluice.translation.answers.messages_citation import annotation
from sluice.translation.answers.messages_reply import named, redacted, thinking
from sluice.translation.thinking_order import Place, placed
from sluice.translation.translation import Event


@dataclass(slots=True)
class Block:
    """A block that is being told. `index` is its place among those of its kind, or where its text starts."""

    kind: str
    index: int
    written: str = ""
    signature: str = ""
    is_answer: bool = False
    given: Any = None  # a tool's input, where the start has it all


class Blocks:
    def __init__(self, request: Event) -> None:
        self._request = request
        self._blocks: dict[int, Block] = {}
        self._preamble = json_tool.Preamble() if json_tool.is_possible(request) else None
        self._thoughts = self._calls = self._annotations = self._length = 0
        self._is_answered = False

    @property
    def is_tool_called(self) -> bool:
        return self._calls > 0

    def start(self, index: int, given: Json) -> list[Json]:
        handle = STARTS.get(text(given.get("type")))
        return [] if handle is None else handle(self, index, given)

    def add(self, index: int, delta: Json) -> list[Json]:
        block, handle = self._blocks.get(index), DELTAS.get(text(delta.get("type")))
        if block is None or handle is None or block.kind != KINDS[text(delta.get("type"))]:
            return []
        return handle(self, block, delta)

    def stop(self, index: int) -> list[Json]:
        block = self._blocks.pop(index, None)
        return [] if block is None or block.kind not in STOPS else STOPS[block.kind](self, block)

    def end(self) -> list[Json]:
        """What is still to tell when the message ends, blocks that were never stopped among it."""
        told = [delta for index in list(self._blocks) for delta in self.stop(index)]
        return told + self._waited("content")

    def _start_text(self, index: int, given: Json) -> list[Json]:
        self._blocks[index] = Block("text", self._length)
        return self._add_text(self._blocks[index], given)

    def _start_thinking(self, index: int, given: Json) -> list[Json]:
        self._blocks[index] = Block("thinking", self._thoughts, signature=text(given.get("signature")))
        self._thoughts += 1
        return self._add_thinking(self._blocks[index], given)

    def _redacted(self, index: int, given: Json) -> list[Json]:
        del index
        self._thoughts += 1
        return self._thought(self._thoughts - 1, redacted(text(given.get("data"))))

    def _thought(self, index: int, told: Json) -> list[Json]:
        return [{"thinking_blocks": [{"index": index, **placed(told, Place(self._length, self._calls))}]}]

    def _start_tool(self, index: int, given: Json) -> list[Json]:
        call_id, name = named(given)
        if json_tool.is_answer(name, self._request):
            return self._answer(index, given)
        self._blocks[index] = block = Block("tool_use", self._calls, given=given.get("input"))
        self._calls += 1
        function = {"name": name, "arguments": ""}
        return [{"tool_calls": [{"index": block.index, "id": call_id, "type": "function", "function": function}]}]

    def _answer(self, index: int, given: Json) -> list[Json]:
        """The JSON tool's input is the content; a second one after the first would not be JSON."""
        if not self._is_answered:
            self._blocks[index] = Block("tool_use", 0, is_answer=True, given=given.get("input"))
        self._is_answered = True
        return self._waited("reasoning_content")

    def _add_text(self, block: Block, delta: Json) -> list[Json]:
        del block
        written = text(delta.get("text"))
        if self._is_answered:
            return [{"reasoning_content": written}] if written else []
        admitted = written if self._preamble is None else self._preamble.admit(written)
        self._length += len(admitted)
        return [{"content": admitted}] if admitted else []

    def _add_thinking(self, block: Block, delta: Json) -> list[Json]:
        written = text(delta.get("thinking"))
        block.written += written
        return [{"reasoning_content": written}] if written else []

    def _add_signature(self, block: Block, delta: Json) -> list[Json]:
        block.signature += text(delta.get("signature"))
        return []

    def _add_input(self, block: Block, delta: Json) -> list[Json]:
        part = text(delta.get("partial_json"))
        block.written = block.written or part
        return [self._argued(block, part)] if part else []

    def _add_citation(self, block: Block, delta: Json) -> list[Json]:
        found = annotation(delta.get("citation"), block.index, self._length)
        if found is None:
            return []
        self._annotations += 1
        return [{"annotations": [{"index": self._annotations - 1, **found}]}]

    def _stop_thinking(self, block: Block) -> list[Json]:
        if not block.signature:
            return []
        return self._thought(block.index, thinking(block.written, block.signature))

    def _stop_tool(self, block: Block) -> list[Json]:
        """A tool without arguments is told none; OpenAI's callers parse them all the same."""
        return [] if block.written else [self._argued(block, dumped(mapping(block.given)))]

    def _argued(self, block: Block, part: str) -> Json:
        if block.is_answer:
            return {"content": part}
        return {"tool_calls": [{"index": block.index, "function": {"arguments": part}}]}

    def _waited(self, field: str) -> list[Json]:
        waited = self._preamble.take() if self._preamble else ""
        return [{field: waited}] if waited else []


STARTS: dict[str, Callable[[Blocks, int, Json], list[Json]]] = {
    "text": Blocks._start_text,
    "thinking": Blocks._start_thinking,
    "redacted_thinking": Blocks._redacted,
    "tool_use": Blocks._start_tool,
}
DELTAS: dict[str, Callable[[Blocks, Block, Json], list[Json]]] = {
    "text_delta": Blocks._add_text,
    "thinking_delta": Blocks._add_thinking,
    "signature_delta": Blocks._add_signature,
    "input_json_delta": Blocks._add_input,
    "citations_delta": Blocks._add_citation,
}
KINDS = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "thinking",
    "input_json_delta": "tool_use",
    "citations_delta": "text",
}
STOPS: dict[str, Callable[[Blocks, Block], list[Json]]] = {
    "thinking": Blocks._stop_thinking,
    "tool_use": Blocks._stop_tool,
}
