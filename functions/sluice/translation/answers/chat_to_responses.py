"""An answer of chat.completions as one of the Responses API.

https://platform.openai.com/docs/api-reference/responses-streaming: the items of the answer follow each other, every
piece belongs to the one that is open, and one of another kind closes it. chat tells the reasoning of a turn before its
text, and that before its calls, unless a block of thinking says its place; each block is an item. The last event waits
for the usage, which chat tells after the end. A whole answer is what the stream of the same pieces ends with.
"""

from collections.abc import Iterator
from itertools import chain
from typing import TypeVar

from sluice.domain.errors import UpstreamProtocol, UpstreamTruncated
from sluice.translation import thinking_order
from sluice.translation.answers.json_value import Json, mapping, sequence, text
from sluice.translation.answers.response_items import Events, FunctionCall, Item, Message, Reasoning
from sluice.translation.answers.response_object import INCOMPLETE, Outcome, response, usage
from sluice.translation.translation import Asked, Event

Growing = TypeVar("Growing", Reasoning, Message)


def whole(answer: Event, asked: Asked) -> Json:
    """The response object of a chat.completion. Raises UpstreamProtocol where it is none."""
    choice = _first(answer.get("choices"))
    message = choice.get("message")
    if not isinstance(message, dict):
        raise UpstreamProtocol("the provider's answer holds no message")
    stream = Stream(asked)
    chunks: list[Event] = [{"choices": [{"delta": delta}]} for delta in _deltas(message)]
    chunks.append({"choices": [{"finish_reason": text(choice.get("finish_reason")) or "stop"}]})
    chunks.append({"choices": [], "usage": answer.get("usage"), "service_tier": answer.get("service_tier")})
    events = [*chain.from_iterable(map(stream.add, chunks)), *stream.end()]
    told: Json = events[-1]["response"]
    return told


class Stream:
    """The events of one answer, from its chunks."""

    __slots__ = ("_asked", "_called", "_finish", "_is_over", "_open", "_output", "_sequence", "_tier", "_usage")

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._sequence = 0
        self._output: list[Json] = []  # items that are done
        self._open: Item | None = None
        self._called: set[int] = set()
        self._finish: str | None = None
        self._usage: Json | None = None
        self._tier: str | None = None
        self._is_over = False

    @property
    def is_over(self) -> bool:
        return self._is_over

    def add(self, event: Event) -> Iterator[Json]:
        return map(self._numbered, self._told(event))

    def end(self) -> Iterator[Json]:
        if self._finish is None:
            raise UpstreamTruncated("upstream stream ended before completion")
        return map(self._numbered, () if self._is_over else self._completed())

    def _numbered(self, event: Json) -> Json:
        numbered = {"type": event["type"], "sequence_number": self._sequence, **event}
        self._sequence += 1
        return numbered

    def _told(self, chunk: Event) -> Events:
        if self._is_over:
            return
        if not self._sequence:
            yield from self._begun()
        self._note(chunk)
        choice = _first(chunk.get("choices"))
        if self._finish is None:
            yield from self._chosen(choice)
        if self._finish is not None and not choice and self._usage:
            yield from self._completed()

    def _begun(self) -> Events:
        for name in ("created", "in_progress"):
            begun = response(self._asked, Outcome("in_progress", service_tier=self._tier), [])
            yield {"type": f"response.{name}", "response": begun}

    def _note(self, chunk: Event) -> None:
        self._usage = usage(chunk.get("usage")) or self._usage
        self._tier = text(chunk.get("service_tier")) or self._tier

    def _chosen(self, choice: Json) -> Events:
        yield from self._pieces(mapping(choice.get("delta")))
        if finish := text(choice.get("finish_reason")):
            self._finish = finish
            yield from self._close("incomplete" if finish in INCOMPLETE else "completed")

    def _pieces(self, delta: Json) -> Events:
        if thought := text(delta.get("reasoning_content")):
            yield from self._think(thought)
        for block in _tables(delta, "thinking_blocks"):
            yield from self._sign(block)
        for key, kind in (("content", "output_text"), ("refusal", "refusal")):
            if said := text(delta.get(key)):
                yield from self._say(kind, said)
        for annotation in _tables(delta, "annotations"):
            yield from self._cite(annotation)
        for place, call in enumerate(_tables(delta, "tool_calls")):
            yield from self._call(call, place)

    def _think(self, thought: str) -> Events:
        item = self._current(Reasoning)
        yield from self._turn_to(item)
        yield from item.think(thought)

    def _sign(self, block: Json) -> Events:
        item = self._current(Reasoning)
        yield from self._turn_to(item)
        yield from item.sign(block)
        yield from self._close("completed")

    def _say(self, kind: str, said: str) -> Events:
        item = self._current(Message)
        yield from self._turn_to(item)
        yield from item.say(kind, said)

    def _cite(self, annotation: Json) -> Events:
        citation = mapping(annotation.get("url_citation"))
        if not citation:
            return
        item = self._current(Message)
        yield from self._turn_to(item)
        yield from item.cite(citation)

    def _call(self, call: Json, place: int) -> Events:
        index = call.get("index")
        ordinal = index if isinstance(index, int) else place
        function = mapping(call.get("function"))
        item = self._open
        if not isinstance(item, FunctionCall) or item.ordinal != ordinal:
            item = self._new_call(ordinal, call, function)
        yield from self._turn_to(item)
        if arguments := text(function.get("arguments")):
            yield from item.grow(arguments)

    def _new_call(self, ordinal: int, call: Json, function: Json) -> FunctionCall:
        if ordinal in self._called:
            raise UpstreamProtocol("the provider went on with a tool call that it had left")
        self._called.add(ordinal)
        call_id = text(call.get("id")) or f"call_{self._asked.id}_{ordinal}"
        return FunctionCall(self._asked.id, self._next, ordinal, call_id, text(function.get("name")))

    def _current(self, kind: type[Growing]) -> Growing:
        return self._open if isinstance(self._open, kind) else kind(self._asked.id, self._next)

    @property
    def _next(self) -> int:
        """The index of the item that would follow the open one."""
        return len(self._output) + (self._open is not None)

    def _turn_to(self, item: Item) -> Events:
        if item is not self._open:
            yield from self._close("completed")
            self._open = item
            yield item.opened()

    def _close(self, status: str) -> Events:
        if (item := self._open) is not None:
            yield from item.closed(status)
            self._output.append(item.value())
            self._open = None

    def _completed(self) -> Events:
        self._is_over = True
        reason = INCOMPLETE.get(self._finish or "")
        status = "completed" if reason is None else "incomplete"
        outcome = Outcome(status, reason, self._usage, self._tier or "default")
        yield {"type": f"response.{status}", "response": response(self._asked, outcome, self._output)}


def _deltas(message: Json) -> Iterator[Json]:
    """A whole message as the pieces of a stream."""
    blocks = list(_tables(message, "thinking_blocks"))
    signed = "".join(text(block.get("thinking")) for block in blocks)
    calls = [{**call, "index": ordinal} for ordinal, call in enumerate(_tables(message, "tool_calls"))]
    content = text(message.get("content"))
    unsigned = text(message.get("reasoning_content")).removeprefix(signed)
    said = {"refusal": message.get("refusal"), "annotations": message.get("annotations")}
    places = [thinking_order.place(block) for block in blocks]
    for stretch in thinking_order.stretches(places, len(content), len(calls)):
        yield {"thinking_blocks": blocks[stretch.thoughts]}
        yield {"reasoning_content": unsigned}
        yield {"content": content[stretch.content]}
        yield said
        yield from ({"tool_calls": [call]} for call in calls[stretch.tool_calls])
        unsigned, said = "", {}


def _first(choices: object) -> Json:
    return mapping(next(iter(sequence(choices)), None))


def _tables(delta: Json, key: str) -> Iterator[Json]:
    return (value for value in sequence(delta.get(key)) if isinstance(value, dict))
