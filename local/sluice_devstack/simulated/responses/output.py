"""What a response puts out, item by item: reasoning, a message, calls. Each knows its shapes and its own events.

Keys and their order as in recorded streams of gpt-5.4, o3-mini and gpt-4.1.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from sluice_devstack.simulated import tokens
from sluice_devstack.simulated.reply import REASONING_SPEED, obfuscation, time_of_a_token

Fields = dict[str, Any]
Step = tuple[str, Fields, float]  # the event's type without "response.", its fields, the tokens' time before it


@dataclass(frozen=True, slots=True)
class Stage:
    """Where an item stands: its place in the output, and what deltas are padded with."""

    index: int
    random: Random
    includes_obfuscation: bool

    def placed(self, item_id: str, **fields: Any) -> Fields:
        return {"item_id": item_id, "output_index": self.index, **fields}

    def delta(self, item_id: str, piece: str, **fields: Any) -> Fields:
        padding = {"obfuscation": obfuscation(self.random)} if self.includes_obfuscation else {}
        return self.placed(item_id, delta=piece, **fields, **padding)

    def added(self, item: Fields, wait: float = 0.0) -> Step:
        return "output_item.added", {"item": item, "output_index": self.index}, wait

    def done(self, item: Fields) -> Step:
        return "output_item.done", {"item": item, "output_index": self.index}, 0.0


@dataclass(frozen=True, slots=True)
class Reasoning:
    """`summaries` are empty where nobody asked for them, and so is `sealed`."""

    id: str
    tokens: int
    summaries: tuple[str, ...]
    sealed: str

    def item(self) -> Fields:
        return self._item([_summary(text) for text in self.summaries])

    def steps(self, stage: Stage) -> Iterator[Step]:
        pieces = [tokens.pieces(text) for text in self.summaries]
        wait = self.tokens / REASONING_SPEED / (1 + sum(map(len, pieces)))
        yield stage.added(self._item([]), wait)
        for number, text in enumerate(self.summaries):
            place = stage.placed(self.id, summary_index=number)
            yield "reasoning_summary_part.added", {**place, "part": _summary("")}, 0.0
            for piece in pieces[number]:
                delta = stage.delta(self.id, piece, summary_index=number)
                yield "reasoning_summary_text.delta", delta, wait
            yield "reasoning_summary_text.done", {**place, "text": text}, 0.0
            yield "reasoning_summary_part.done", {**place, "part": _summary(text)}, 0.0
        yield stage.done(self.item())

    def _item(self, summary: list[Fields]) -> Fields:
        sealed = {"encrypted_content": self.sealed} if self.sealed else {}
        return {"id": self.id, "type": "reasoning", "content": [], **sealed, "summary": summary}


def _summary(text: str) -> Fields:
    return {"type": "summary_text", "text": text}


@dataclass(frozen=True, slots=True)
class Message:
    """Text of the assistant. `extra` is what newer models say beside it."""

    id: str
    pieces: tuple[str, ...]
    status: str
    extra: Mapping[str, str]

    def item(self) -> Fields:
        return self._item(self.status, [_text("".join(self.pieces))])

    def steps(self, stage: Stage) -> Iterator[Step]:
        place, text = stage.placed(self.id, content_index=0), "".join(self.pieces)
        yield stage.added(self._item("in_progress", []))
        yield "content_part.added", {**place, "part": _text("")}, 0.0
        for piece in self.pieces:
            delta = stage.delta(self.id, piece, content_index=0, logprobs=[])
            yield "output_text.delta", delta, time_of_a_token(stage.random)
        yield "output_text.done", {**place, "logprobs": [], "text": text}, 0.0
        yield "content_part.done", {**place, "part": _text(text)}, 0.0
        yield stage.done(self.item())

    def _item(self, status: str, content: list[Fields]) -> Fields:
        return {
            "id": self.id,
            "type": "message",
            "status": status,
            "content": content,
            **self.extra,
            "role": "assistant",
        }


def _text(text: str) -> Fields:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A call that the caller is to make; its arguments come in pieces."""

    id: str
    call_id: str
    name: str
    pieces: tuple[str, ...]
    status: str

    def item(self) -> Fields:
        return self._item(self.status, "".join(self.pieces))

    def steps(self, stage: Stage) -> Iterator[Step]:
        yield stage.added(self._item("in_progress", ""), time_of_a_token(stage.random))
        for piece in self.pieces:
            delta = stage.delta(self.id, piece)
            yield "function_call_arguments.delta", delta, time_of_a_token(stage.random)
        arguments = {"arguments": "".join(self.pieces)}
        yield "function_call_arguments.done", stage.placed(self.id, **arguments), 0.0
        yield stage.done(self.item())

    def _item(self, status: str, arguments: str) -> Fields:
        return {
            "id": self.id,
            "type": "function_call",
            "status": status,
            "arguments": arguments,
            "call_id": self.call_id,
            "name": self.name,
        }


Output = Reasoning | Message | FunctionCall
