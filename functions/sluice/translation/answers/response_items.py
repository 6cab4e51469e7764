"""The items of a Responses answer while they are written, each telling its events.

https://platform.openai.com/docs/api-reference/responses-streaming: an item is added, grows, and is done, and so is each
part of it. The events lack their `sequence_number`, which counts over all items. Whoever writes an item opens it before
its first piece and closes it once, with the status that it then gets.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

from sluice.translation.answers.json_value import Json, text
from sluice.translation.answers.response_parts import Part
from sluice.translation.sealed_thinking import is_whole, sealed

Events = Iterator[Json]


class Item(ABC):
    """One entry of `output`, at `index`."""

    PREFIX: ClassVar[str]

    def __init__(self, answer_id: str, index: int) -> None:
        self.index = index
        self.id = f"{self.PREFIX}_{answer_id}_{index}"
        self.status = "in_progress"

    @abstractmethod
    def value(self) -> Json:
        """The item as far as it is written."""

    @abstractmethod
    def finished(self) -> Events:
        """What ends the item's last part."""

    def opened(self) -> Json:
        return {"type": "response.output_item.added", "output_index": self.index, "item": self.value()}

    def closed(self, status: str) -> Events:
        self.status = status
        yield from self.finished()
        yield {"type": "response.output_item.done", "output_index": self.index, "item": self.value()}

    def _place(self) -> Json:
        return {"item_id": self.id, "output_index": self.index}


class Message(Item):
    """What the model says: parts of text, or of a refusal."""

    PREFIX = "msg"

    def __init__(self, answer_id: str, index: int) -> None:
        super().__init__(answer_id, index)
        self._parts: list[Part] = []
        self._is_part_open = False

    def value(self) -> Json:
        content = [part.value() for part in self._parts]
        return {"id": self.id, "type": "message", "status": self.status, "content": content, "role": "assistant"}

    def say(self, kind: str, said: str) -> Events:
        yield from self._turn_to(kind)
        yield self._parts[-1].said(said)

    def cite(self, citation: Json) -> Events:
        yield from self._turn_to("output_text")
        yield self._parts[-1].cited(citation)

    def finished(self) -> Events:
        if self._is_part_open:
            yield from self._parts[-1].closed()
        self._is_part_open = False

    def _turn_to(self, kind: str) -> Events:
        if self._is_part_open and self._parts[-1].kind == kind:
            return
        yield from self.finished()
        part = Part(kind, {**self._place(), "content_index": len(self._parts)})
        yield part.opened()
        self._parts.append(part)
        self._is_part_open = True


class FunctionCall(Item):
    """A call that the caller has to make. `ordinal` is its number among the calls, in chat's words its index."""

    PREFIX = "fc"

    def __init__(self, answer_id: str, index: int, ordinal: int, call_id: str, name: str) -> None:
        super().__init__(answer_id, index)
        self.ordinal = ordinal
        self._call_id = call_id
        self._name = name
        self._arguments: list[str] = []

    def value(self) -> Json:
        described = {"id": self.id, "type": "function_call", "status": self.status}
        return described | {"arguments": "".join(self._arguments), "call_id": self._call_id, "name": self._name}

    def grow(self, arguments: str) -> Events:
        self._arguments.append(arguments)
        yield {"type": "response.function_call_arguments.delta", **self._place(), "delta": arguments}

    def finished(self) -> Events:
        if self.status == "completed" and not self._arguments:
            yield from self.grow("{}")
        arguments = "".join(self._arguments)
        yield {"type": "response.function_call_arguments.done", **self._place(), "arguments": arguments}


class Reasoning(Item):
    """What the model thought: its text is the summary, its signature travels in `encrypted_content`.

    The signature is told without being asked for (`include`), as nothing else brings it to the next turn.
    """

    PREFIX = "rs"

    def __init__(self, answer_id: str, index: int) -> None:
        super().__init__(answer_id, index)
        self._text: list[str] = []
        self._sealed: str | None = None

    def value(self) -> Json:
        summary = [self._part()] if self._text else []
        return {"id": self.id, "type": "reasoning", "encrypted_content": self._sealed, "summary": summary}

    def think(self, thought: str) -> Events:
        if not self._text:
            yield self._event("part.added", part={"type": "summary_text", "text": ""})
        self._text.append(thought)
        yield self._event("text.delta", delta=thought)

    def sign(self, block: Json) -> Events:
        """Takes the block that the thoughts make; its text is told only if its pieces were not."""
        thought = text(block.get("thinking"))
        if thought and not self._text:
            yield from self.think(thought)
        if is_whole(block):
            self._sealed = sealed([block])

    def finished(self) -> Events:
        if self._text:
            yield self._event("text.done", text="".join(self._text))
            yield self._event("part.done", part=self._part())

    def _part(self) -> Json:
        return {"type": "summary_text", "text": "".join(self._text)}

    def _event(self, name: str, **told: Any) -> Json:
        return {"type": f"response.reasoning_summary_{name}", **self._place(), "summary_index": 0, **told}
