"""Bedrock's Converse answers as OpenAI's chat completions.

A stream's text, reasoning and arguments go on fragment by fragment as they come; only the counters of tool calls,
reasoning blocks and citations are kept. The finish reason is told at messageStop, the usage at metadata after it.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
https://platform.openai.com/docs/api-reference/chat-streaming
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sluice.domain.errors import UpstreamProtocol, UpstreamTruncated
from sluice.translation.answers import converse_message, json_tool
from sluice.translation.answers.chat_message import ChatMessage
from sluice.translation.answers.converse_citation import annotation
from sluice.translation.answers.converse_finish import finish_reason
from sluice.translation.answers.converse_reasoning import Thoughts
from sluice.translation.answers.converse_tools import ToolCalls
from sluice.translation.answers.converse_usage import service_tier, usage
from sluice.translation.answers.json_value import Json, mapping, text
from sluice.translation.thinking_order import Place
from sluice.translation.translation import Asked, Event


def whole(answer: Mapping[str, Any], asked: Asked) -> Json:
    """A chat.completion; UpstreamProtocol where the answer holds no message."""
    message = ChatMessage(asked.body)
    for block in _content(answer):
        converse_message.add(message, block)
    reason = finish_reason(answer.get("stopReason"), message.is_tool_called)
    used = usage(answer.get("usage"), answer.get("additionalModelResponseFields"))
    return {
        **_head(asked, "chat.completion"),
        "choices": [{"index": 0, "message": message.whole(), "logprobs": None, "finish_reason": reason}],
        **({"usage": used} if used else {}),
        **service_tier(dict(answer)),
    }


def _content(answer: Mapping[str, Any]) -> list[Any]:
    content = mapping(mapping(mapping(answer).get("output")).get("message")).get("content")
    if not isinstance(content, list):
        raise UpstreamProtocol("the provider answered 200 without a message; expected output.message.content")
    return content


def _head(asked: Asked, kind: str) -> Json:
    return {"id": f"chatcmpl-{asked.id}", "object": kind, "created": asked.created, "model": asked.model}


class Stream:
    """ConverseStream's events as chat.completion.chunk objects.

    With `stream_options.include_usage` every chunk has a `usage`, null but in the last, as OpenAI does.
    """

    def __init__(self, asked: Asked) -> None:
        include_usage = mapping(asked.body.get("stream_options")).get("include_usage") is True
        self._head = _head(asked, "chat.completion.chunk")
        self._tail: Json = {"usage": None} if include_usage else {}
        self._preamble = json_tool.Preamble() if json_tool.is_possible(asked.body) else None
        self._tools = ToolCalls(asked.body)
        self._thoughts = Thoughts()
        self._citations = 0
        self._length = 0  # of the content so far
        self._block, self._block_start = -1, 0  # of the text that is being said
        self._additional_fields: Any = None
        self._metadata: Json | None = None
        self._is_stopped = False

    @property
    def is_over(self) -> bool:
        return self._is_stopped and self._metadata is not None

    def add(self, event: Event) -> Iterable[Json]:
        chunks: list[Json] = []
        for kind, value in event.items():
            handle = EVENTS.get(kind)
            if handle is not None and isinstance(value, dict):
                chunks += handle(self, value)
        return chunks

    def end(self) -> Iterable[Json]:
        """The metadata may be missing, the reason to stop may not."""
        if not self._is_stopped:
            raise UpstreamTruncated("upstream stream ended before completion")
        return ()

    def _start(self, _: Json) -> list[Json]:
        return [] if self._is_stopped else [self._chunk({"role": "assistant", "content": ""})]

    def _start_block(self, event: Json) -> list[Json]:
        tool_use = mapping(event.get("start")).get("toolUse")
        if self._is_stopped or not isinstance(tool_use, dict):
            return []
        deltas = self._tools.start(_block(event), tool_use)
        return self._chunks(self._aside() + deltas)

    def _add_to_block(self, event: Json) -> list[Json]:
        delta = event.get("delta")
        if self._is_stopped or not isinstance(delta, dict):
            return []
        chunks: list[Json] = []
        for kind, value in delta.items():
            handle = DELTAS.get(kind)
            if handle is not None:
                chunks += handle(self, event, value)
        return chunks

    def _stop_block(self, event: Json) -> list[Json]:
        return [] if self._is_stopped else self._chunks(self._tools.stop(_block(event)))

    def _stop(self, event: Json) -> list[Json]:
        if self._is_stopped:
            return []
        deltas = self._tools.end() + self._unanswered()
        reason = finish_reason(event.get("stopReason"), self._tools.count > 0)
        self._additional_fields = event.get("additionalModelResponseFields")
        self._is_stopped = True
        return [*self._chunks(deltas), self._chunk({}, reason), *self._usage()]

    def _end(self, metadata: Json) -> list[Json]:
        if self._metadata is not None:
            return []
        self._metadata = metadata
        return self._usage()

    def _add_text(self, event: Json, value: Any) -> list[Json]:
        if not isinstance(value, str) or not value:
            return []
        if self._preamble is None:
            if event.get("contentBlockIndex") != self._block:
                self._block, self._block_start = _block(event), self._length
            self._length += len(value)
            return [self._chunk({"content": value})]
        return self._chunks(self._judged(self._preamble, value))

    def _add_arguments(self, event: Json, value: Any) -> list[Json]:
        return self._chunks(self._tools.add(_block(event), text(mapping(value).get("input"))))

    def _add_reasoning(self, event: Json, value: Any) -> list[Json]:
        place = Place(self._length, self._tools.count)
        return self._chunks(self._thoughts.add(_block(event), mapping(value), place))

    def _add_citation(self, _: Json, value: Any) -> list[Json]:
        web = annotation(value, self._block_start, self._length)
        if web is None:
            return []
        indexed = {"index": self._citations, **web}
        self._citations += 1
        return [self._chunk({"annotations": [indexed]})]

    def _judged(self, preamble: json_tool.Preamble, value: str) -> list[Json]:
        if self._tools.is_answered:
            return [{"reasoning_content": value}]
        admitted = preamble.admit(value)
        return [{"content": admitted}] if admitted else []

    def _aside(self) -> list[Json]:
        """The JSON tool was just called: what was said before it was not the answer."""
        return self._waited("reasoning_content") if self._tools.is_answered else []

    def _unanswered(self) -> list[Json]:
        return self._waited("content")

    def _waited(self, field: str) -> list[Json]:
        waited = self._preamble.take() if self._preamble else ""
        return [{field: waited}] if waited else []

    def _usage(self) -> list[Json]:
        if not self.is_over or self._metadata is None or not self._tail:
            return []
        used = usage(self._metadata.get("usage"), self._additional_fields)
        return [{**self._head, "choices": [], "usage": used, **service_tier(self._metadata)}] if used else []

    def _chunks(self, deltas: list[Json]) -> list[Json]:
        return [self._chunk(delta) for delta in deltas]

    def _chunk(self, delta: Json, reason: str | None = None) -> Json:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return {**self._head, "choices": [choice], **self._tail}


def _block(event: Json) -> int:
    index = event.get("contentBlockIndex")
    return index if isinstance(index, int) else -1


EVENTS: dict[str, Callable[[Stream, Json], list[Json]]] = {
    "messageStart": Stream._start,
    "contentBlockStart": Stream._start_block,
    "contentBlockDelta": Stream._add_to_block,
    "contentBlockStop": Stream._stop_block,
    "messageStop": Stream._stop,
    "metadata": Stream._end,
}
DELTAS: dict[str, Callable[[Stream, Json, Any], list[Json]]] = {
    "text": Stream._add_text,
    "toolUse": Stream._add_arguments,
    "reasoningContent": Stream._add_reasoning,
    "citation": Stream._add_citation,
}
