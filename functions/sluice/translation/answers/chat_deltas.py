"""The deltas of a chat's chunks, told as content blocks."""

from collections.abc import Callable
from typing import Any

from sluice.translation.answers.chat_blocks import Block, Blocks
from sluice.translation.answers.chat_content import citation, is_function, thinking
from sluice.translation.answers.json_value import Json, mapping, sequence, text


class Deltas:
    """`call_prefix` makes ids for calls that came without. Every method gives the events that are due after it."""

    def __init__(self, call_prefix: str) -> None:
        self._blocks = Blocks()
        self._calls: dict[int, Block] = {}
        self._call_prefix = call_prefix
        self._thought = ""  # since the last signature
        self.is_refused = False

    @property
    def is_tool_called(self) -> bool:
        return bool(self._calls)

    def add(self, delta: Json) -> list[Json]:
        keys = [key for key in FIELDS if key in delta and SAME.get(key) not in delta]
        return [event for key in keys for event in FIELDS[key](self, delta[key])]

    def close(self) -> list[Json]:
        return self._blocks.close()

    def _text(self, value: Any) -> list[Json]:
        said = text(value)
        return self._grown("text", said, {"type": "text_delta", "text": said}) if said else []

    def _refusal(self, value: Any) -> list[Json]:
        self.is_refused = self.is_refused or bool(text(value))
        return self._text(value)

    def _reasoning(self, value: Any) -> list[Json]:
        thought = text(value)
        self._thought += thought
        return self._grown("thinking", thought, {"type": "thinking_delta", "thinking": thought}) if thought else []

    def _grown(self, kind: str, written: str, delta: Json) -> list[Json]:
        """More of the last block, where it is of this kind and not signed yet, else a block of its own."""
        last = self._blocks.last
        if last is not None and last.kind == kind and not last.is_signed:
            return self._blocks.write(last, delta, written)
        return self._appended(EMPTY[kind], [delta], written)[1]

    def _appended(self, start: Json, deltas: list[Json], written: str = "") -> tuple[Block, list[Json]]:
        block = Block(dict(start), written, deltas)
        return block, self._blocks.append(block)

    def _thinking_blocks(self, value: Any) -> list[Json]:
        blocks = [block for block in map(thinking, sequence(value)) if block]
        return [event for block in blocks for event in THOUGHTS[block["type"]](self, block)]

    def _redacted(self, block: Json) -> list[Json]:
        return self._appended(block, [])[1]

    def _signed(self, given: Json) -> list[Json]:
        """A whole thinking block. Its text was mostly told before, so that the signature is what is new."""
        thought, self._thought = self._thought, ""
        signature = {"type": "signature_delta", "signature": given["signature"]}
        last = self._blocks.last
        if last is not None and last.kind == "thinking" and not last.is_signed:
            last.is_signed = True
            return self._blocks.write(last, signature)
        if thought and thought == given["thinking"]:
            return []  # told, and closed by what came between
        delta = {"type": "thinking_delta", "thinking": given["thinking"]}
        block, events = self._appended(EMPTY["thinking"], [delta, signature] if given["thinking"] else [signature])
        block.is_signed = True
        return events

    def _annotations(self, value: Any) -> list[Json]:
        found = [each for each in (citation(annotation, "") for annotation in sequence(value)) if each]
        deltas = [{"type": "citations_delta", "citation": each} for each in found]
        return [event for delta in deltas for event in self._grown("text", "", delta)]

    def _tool_calls(self, value: Any) -> list[Json]:
        return [event for call in map(mapping, sequence(value)) for event in self._tool_call(call)]

    def _tool_call(self, call: Json) -> list[Json]:
        place = self._place(call)
        function = mapping(call.get("function"))
        if place in self._calls:
            return self._argued(self._calls[place], text(function.get("arguments")))
        if not is_function(call):
            return []
        call_id = text(call.get("id")) or f"{self._call_prefix}{place}"
        start = {"type": "tool_use", "id": call_id, "name": text(function.get("name")), "input": {}}
        self._calls[place], events = self._appended(start, [])
        return events + self._argued(self._calls[place], text(function.get("arguments")))

    def _argued(self, block: Block, arguments: str) -> list[Json]:
        delta = {"type": "input_json_delta", "partial_json": arguments}
        return self._blocks.write(block, delta, arguments) if arguments else []

    def _place(self, call: Json) -> int:
        """The call's index. A provider that leaves it out names each new call, and goes on with the last."""
        index = call.get("index")
        if isinstance(index, int):
            return index
        return len(self._calls) if text(call.get("id")) else max(self._calls, default=0)


EMPTY: dict[str, Json] = {
    "text": {"type": "text", "text": ""},
    "thinking": {"type": "thinking", "thinking": "", "signature": ""},
}
FIELDS: dict[str, Callable[[Deltas, Any], list[Json]]] = {
    "reasoning_content": Deltas._reasoning,
    "reasoning": Deltas._reasoning,
    "thinking_blocks": Deltas._thinking_blocks,
    "content": Deltas._text,
    "refusal": Deltas._refusal,
    "annotations": Deltas._annotations,
    "tool_calls": Deltas._tool_calls,
}
SAME = {"reasoning": "reasoning_content"}  # some providers tell their reasoning under both names
THOUGHTS: dict[str, Callable[[Deltas, Json], list[Json]]] = {
    "thinking": Deltas._signed,
    "redacted_thinking": Deltas._redacted,
}
