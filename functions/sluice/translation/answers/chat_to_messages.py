"""Chat completions as answers of Anthropic's Messages API.

https://platform.claude.com/docs/en/api/messages
https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sluice.domain.errors import UpstreamProtocol, UpstreamTruncated
from sluice.translation.answers.chat_content import content
from sluice.translation.answers.chat_deltas import Deltas
from sluice.translation.answers.chat_stop import stop_reason
from sluice.translation.answers.chat_usage import service_tier, usage
from sluice.translation.answers.json_value import Json, mapping, sequence, text
from sluice.translation.translation import Asked, Event


def whole(answer: Mapping[str, Any], asked: Asked) -> Json:
    """A Message, of the first choice; UpstreamProtocol where the answer holds none."""
    choice = first(answer)
    message = choice.get("message")
    if not isinstance(message, dict):
        raise UpstreamProtocol("the provider answered 200 without a message; expected choices[0].message")
    blocks = content(message, call_prefix(asked))
    reason = stop_reason(
        choice.get("finish_reason"),
        is_tool_called=any(block["type"] == "tool_use" for block in blocks),
        is_refused=bool(text(message.get("refusal"))),
    )
    used = {**usage(answer.get("usage")), **service_tier(dict(answer))}
    return {**head(asked), "content": blocks, "stop_reason": reason, "usage": used}


def head(asked: Asked) -> Json:
    """A Message as it begins."""
    return {
        "id": f"msg_{asked.id}",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def call_prefix(asked: Asked) -> str:
    return f"toolu_{asked.id}_"


def first(answer: Mapping[str, Any]) -> Json:
    """The choice that a Message has room for; empty where it is not among them."""
    choices = map(mapping, sequence(answer.get("choices")))
    return next((choice for choice in choices if choice.get("index", 0) == 0), {})


class Stream:
    """Chunks as the events of a streamed Message.

    A chat tells its usage after the reason to stop, if at all, so both wait for the end of the stream. message_start
    must have a usage and can know none: the true numbers, of the prompt too, are message_delta's.
    """

    def __init__(self, asked: Asked) -> None:
        self._head = head(asked)
        self._deltas = Deltas(call_prefix(asked))
        self._usage: Json | None = None
        self._finish_reason: Any = None
        self._is_started = False
        self._is_ended = False

    @property
    def is_over(self) -> bool:
        return self._is_ended

    def add(self, event: Event) -> Iterable[Json]:
        if isinstance(event.get("usage"), dict):
            self._usage = event["usage"]
        choice = first(event)
        if not choice or self._finish_reason is not None:
            return []
        return [*self._opened(dict(event)), *self._told(choice)]

    def end(self) -> Iterable[Json]:
        if self._finish_reason is None:
            raise UpstreamTruncated("upstream stream ended before completion")
        if self._is_ended:
            return []
        self._is_ended = True
        reason = stop_reason(
            self._finish_reason,
            is_tool_called=self._deltas.is_tool_called,
            is_refused=self._deltas.is_refused,
        )
        delta = {"stop_reason": reason, "stop_sequence": None}
        return [{"type": "message_delta", "delta": delta, "usage": usage(self._usage)}, {"type": "message_stop"}]

    def _opened(self, event: Json) -> list[Json]:
        if self._is_started:
            return []
        self._is_started = True
        message = {**self._head, "usage": {**usage(self._usage), **service_tier(event)}}
        return [{"type": "message_start", "message": message}]

    def _told(self, choice: Json) -> list[Json]:
        events = self._deltas.add(mapping(choice.get("delta")))
        self._finish_reason = choice.get("finish_reason")
        return events if self._finish_reason is None else events + self._deltas.close()
