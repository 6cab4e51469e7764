"""What the chunks of a chat completion, or of a legacy one, add up to."""

from collections.abc import Mapping
from typing import Any

from sluice.codecs import chat
from sluice.codecs.dialect import Chunk, size, text
from sluice.codecs.openai_usage import usage as reported_usage
from sluice.domain.reference import Stored
from sluice.domain.usage import Usage


class ChatTally:
    """The sum of an answer of so many choices."""

    __slots__ = ("_choices", "finished", "model", "said_bytes", "service_tier", "started", "usage")

    def __init__(self, choices: int) -> None:
        self._choices = choices
        self.usage: Usage | None = None
        self.model: str | None = None
        self.service_tier: str | None = None
        self.said_bytes = 0
        self.started: set[int] = set()
        self.finished: dict[int, str] = {}

    def add(self, chunk: Chunk) -> None:
        self.usage = reported_usage(chunk.get("usage")) or self.usage
        self.model = text(chunk, "model") or self.model
        self.service_tier = text(chunk, "service_tier") or self.service_tier
        for choice in chat.choices(chunk):
            self._add_choice(choice)

    def _add_choice(self, choice: Mapping[str, Any]) -> None:
        index = choice.get("index")
        index = index if isinstance(index, int) else 0
        self.started.add(index)
        self.said_bytes += size(chat.said(choice))
        if isinstance(choice.get("finish_reason"), str):
            self.finished[index] = choice["finish_reason"]

    def add_earlier(self, chunk: Chunk) -> None:
        earlier = ChatTally(self._choices)
        earlier.add(chunk)
        self.usage = self.usage or earlier.usage
        self.model = self.model or earlier.model
        self.service_tier = self.service_tier or earlier.service_tier
        self.finished = earlier.finished | self.finished

    def adopt(self, tail: "ChatTally") -> None:
        self.usage = tail.usage
        self.model = tail.model or self.model
        self.service_tier = tail.service_tier or self.service_tier
        self.finished |= tail.finished

    @property
    def is_known(self) -> bool:
        return self.usage is not None and len(self.finished) >= self._choices

    @property
    def is_finished(self) -> bool:
        """Every choice said how it ended."""
        is_each = bool(self.started) and self.started <= self.finished.keys()
        return is_each and len(self.finished) >= self._choices

    @property
    def finish_reason(self) -> str | None:
        """The reasons of all choices, each once, in order."""
        return ",".join(dict.fromkeys(reason for _, reason in sorted(self.finished.items()))) or None

    @property
    def stored(self) -> tuple[Stored, ...]:
        """None: a stored completion cannot be continued."""
        return ()
