"""What a stream of typed events, or the whole answer it stands for, adds up to.

The last event of a response carries the response whole, the last of an image or of speech its usage.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from sluice.codecs import typed
from sluice.codecs.dialect import Chunk, size, text
from sluice.codecs.openai_usage import usage as reported_usage
from sluice.domain.reference import ID, Stored
from sluice.domain.usage import Usage

IMAGE_COMPLETED = "image_generation.completed"
FINAL = ("completed", "incomplete", "failed", "cancelled")
MAX_STORED = 100
# Charged by the call or by the hour, beside their tokens: https://developers.openai.com/api/docs/pricing
CHARGED_CALLS = frozenset({"web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call"})
CHARGED_CALLS |= {"shell_call"}
# What the model itself writes; other items hold what a tool found, which is in no count of output.
GENERATED = frozenset({"message", "reasoning", "function_call", "custom_tool_call"})


class TypedTally:
    """The sum of one answer."""

    __slots__ = ("_ended", "model", "said_bytes", "service_tier", "usage")

    def __init__(self, _choices: int) -> None:
        self._ended: Chunk = {}
        self.usage: Usage | None = None
        self.model: str | None = None
        self.service_tier: str | None = None
        self.said_bytes = 0

    def add(self, chunk: Chunk) -> None:
        answer = chunk.get("response") if isinstance(chunk.get("response"), dict) else chunk
        self._note(answer if isinstance(answer, dict) else {})
        self.said_bytes += size(typed.said(chunk) if "type" in chunk else _written(chunk))

    def _note(self, answer: Chunk) -> None:
        usage = reported_usage(answer.get("usage"))
        if usage:
            self.usage = replace(usage, is_priced=usage.is_priced and _has_only_tokens(answer))
        if answer.get("status") in FINAL:
            self._ended = answer
        self.model = text(answer, "model") or self.model
        self.service_tier = text(answer, "service_tier") or self.service_tier

    def add_earlier(self, chunk: Chunk) -> None:
        if self.usage is None:
            self.add(chunk)

    def adopt(self, tail: "TypedTally") -> None:
        self._ended = tail._ended or self._ended
        self.usage = tail.usage
        self.model = tail.model or self.model
        self.service_tier = tail.service_tier or self.service_tier

    @property
    def is_known(self) -> bool:
        return self.usage is not None

    @property
    def is_finished(self) -> bool:
        """Never without its last event, which says so itself."""
        return False

    @property
    def finish_reason(self) -> str | None:
        """Why a response is incomplete, else its status."""
        details = self._ended.get("incomplete_details")
        reason = text(details, "reason") if isinstance(details, dict) else None
        return reason or text(self._ended, "status")

    @property
    def stored(self) -> tuple[Stored, ...]:
        """The response, its conversation and its items; none of a failed one.

        Also where the answer says that it is not stored: items without their content may be named all the same.
        """
        answer = self._ended
        if answer.get("status") not in ("completed", "incomplete"):
            return ()
        conversation = answer.get("conversation")
        named = (answer, conversation if isinstance(conversation, dict) else {}, *_items(answer))
        found = {id: one.get("type") in GENERATED for one in named if (id := text(one, "id")) and ID.fullmatch(id)}
        return tuple(Stored(*one) for one in found.items())[:MAX_STORED]


class ImageTally(TypedTally):
    """The sum of images. Each ends with an event of its own: the stream is over when the provider closes it."""

    __slots__ = ("_missing",)

    def __init__(self, choices: int) -> None:
        super().__init__(choices)
        self._missing = choices

    def add(self, chunk: Chunk) -> None:
        super().add(chunk)
        self._missing -= chunk.get("type") == IMAGE_COMPLETED

    @property
    def is_known(self) -> bool:
        return False

    @property
    def is_finished(self) -> bool:
        return self._missing <= 0


def _items(answer: Chunk) -> Iterator[Mapping[str, Any]]:
    output = answer.get("output")
    return (item for item in output if isinstance(item, dict)) if isinstance(output, list) else iter(())


def _has_only_tokens(answer: Chunk) -> bool:
    """Whether its tokens are all that is charged; False where its items were not seen."""
    kinds = {one.get("type") for one in _items(answer)}
    return isinstance(answer.get("output"), list) and not kinds & CHARGED_CALLS


def _written(answer: Chunk) -> Iterator[str]:
    """The text of a whole response."""
    for item in _items(answer):
        parts = item.get("content")
        texts = [part.get("text") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
        yield from (one for one in (*texts, item.get("name"), item.get("arguments")) if isinstance(one, str))
