"""Answers of Anthropic's Messages API as OpenAI's chat completions.

https://platform.claude.com/docs/en/build-with-claude/streaming
https://platform.openai.com/docs/api-reference/chat-streaming
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sluice.domain.errors import UpstreamProtocol, UpstreamTruncated
from sluice.translation.answers import messages_reply
from sluice.translation.answers.chat_message import ChatMessage
from sluice.translation.answers.json_value import Json, mapping, text
from sluice.translation.answers.messages_blocks import Blocks
from sluice.translation.answers.messages_finish import finish_reason
from sluice.translation.answers.messages_usage import newer, service_tier, usage
from sluice.translation.translation import Asked, Event


def whole(answer: Mapping[str, Any], asked: Asked) -> Json:
    """A chat.completion; UpstreamProtocol where the answer is no message."""
    content = answer.get("content")
    if not isinstance(content, list):
        raise UpstreamProtocol("the provider answered 200 without a message; expected its content")
    reply = ChatMessage(asked.body)
    for block in content:
        messages_reply.add(reply, block)
    reason = finish_reason(answer.get("stop_reason"), reply.is_tool_called)
    reported = mapping(answer.get("usage"))
    return {
        **head(asked, "chat.completion"),
        "choices": [{"index": 0, "message": reply.whole(), "logprobs": None, "finish_reason": reason}],
        **({"usage": usage(reported)} if reported else {}),
        **service_tier(reported),
    }


def head(asked: Asked, kind: str) -> Json:
    return {"id": f"chatcmpl-{asked.id}", "object": kind, "created": asked.created, "model": asked.model}


class Stream:
    """The events of a streamed Message as chat.completion.chunk objects.

    The reason to stop is told at message_delta, the usage at message_stop, which alone is a proper end.
    """

    def __init__(self, asked: Asked) -> None:
        include_usage = mapping(asked.body.get("stream_options")).get("include_usage") is True
        self._head = head(asked, "chat.completion.chunk")
        self._tail: Json = {"usage": None} if include_usage else {}
        self._blocks = Blocks(asked.body)
        self._usage: Json = {}
        self._is_started = False
        self._is_stopped = False
        self._is_over = False

    @property
    def is_over(self) -> bool:
        return self._is_over

    def add(self, event: Event) -> Iterable[Json]:
        handle = EVENTS.get(text(event.get("type")))
        return [] if handle is None or self._is_over else handle(self, dict(event))

    def end(self) -> Iterable[Json]:
        if not self._is_over:
            raise UpstreamTruncated("upstream stream ended before completion")
        return ()

    def _start(self, event: Json) -> list[Json]:
        self._usage = newer(self._usage, mapping(mapping(event.get("message")).get("usage")))
        return self._opened()

    def _opened(self) -> list[Json]:
        if self._is_started:
            return []
        self._is_started = True
        return [self._chunk({"role": "assistant", "content": ""})]

    def _start_block(self, event: Json) -> list[Json]:
        return self._told(self._blocks.start(place(event), mapping(event.get("content_block"))))

    def _add_to_block(self, event: Json) -> list[Json]:
        return self._told(self._blocks.add(place(event), mapping(event.get("delta"))))

    def _stop_block(self, event: Json) -> list[Json]:
        return self._told(self._blocks.stop(place(event)))

    def _delta(self, event: Json) -> list[Json]:
        """message_delta: the usage so far, and once the reason to stop."""
        self._usage = newer(self._usage, mapping(event.get("usage")))
        stop_reason = mapping(event.get("delta")).get("stop_reason")
        return [] if stop_reason is None else self._finished(stop_reason)

    def _finished(self, stop_reason: Any) -> list[Json]:
        if self._is_stopped:
            return []
        told = self._told(self._blocks.end())
        self._is_stopped = True
        return [*told, self._chunk({}, finish_reason(stop_reason, self._blocks.is_tool_called))]

    def _stop(self, _: Json) -> list[Json]:
        told = self._finished("end_turn")
        self._is_over = True
        if not self._tail or not self._usage:
            return told
        return [*told, {**self._head, "choices": [], "usage": usage(self._usage), **service_tier(self._usage)}]

    def _told(self, deltas: list[Json]) -> list[Json]:
        if self._is_stopped:
            return []
        return [*self._opened(), *(self._chunk(delta) for delta in deltas)]

    def _chunk(self, delta: Json, reason: str | None = None) -> Json:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return {**self._head, "choices": [choice], **self._tail}


def place(event: Json) -> int:
    index = event.get("index")
    return index if isinstance(index, int) else -1


EVENTS: dict[str, Callable[[Stream, Json], list[Json]]] = {
    "message_start": Stream._start,
    "content_block_start": Stream._start_block,
    "content_block_delta": Stream._add_to_block,
    "content_block_stop": Stream._stop_block,
    "message_delta": Stream._delta,
    "message_stop": Stream._stop,
}
