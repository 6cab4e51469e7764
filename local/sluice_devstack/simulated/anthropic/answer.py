"""A message of the simulated Anthropic before it leaves: its events one by one, or whole.

Shapes: https://platform.claude.com/docs/en/build-with-claude/streaming.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from sluice_devstack.simulated.anthropic.blocks import Block, Text, Thinking
from sluice_devstack.simulated.completion import OK_PIECES
from sluice_devstack.simulated.reply import (
    EVENT_STREAM,
    JSON,
    REASONING_SPEED,
    Event,
    letters,
    pretty,
    sse,
    time_of_a_token,
)

HOUR, MINUTES = "1h", "5m"


@dataclass(frozen=True, slots=True)
class Cache:
    """Tokens of the prompt that were read from the cache, and written to it to stay so long."""

    read: int = 0
    written: int = 0
    ttl: str = MINUTES


@dataclass(frozen=True, slots=True)
class Message:
    """What is said, why it ended, and what it used."""

    blocks: tuple[Block, ...]
    stop_reason: str
    prompt_tokens: int
    stop_sequence: str | None = None
    cache: Cache = field(default_factory=Cache)

    @property
    def output_tokens(self) -> int:
        return sum(block.tokens for block in self.blocks)

    @property
    def ending(self) -> dict[str, Any]:
        return {"stop_reason": self.stop_reason, "stop_sequence": self.stop_sequence}

    @property
    def prompt_usage(self) -> dict[str, int]:
        return {
            "input_tokens": self.prompt_tokens - self.cache.read - self.cache.written,
            "cache_creation_input_tokens": self.cache.written,
            "cache_read_input_tokens": self.cache.read,
        }

    @property
    def usage(self) -> dict[str, Any]:
        """As a message that is over has it."""
        thought = sum(block.tokens for block in self.blocks if isinstance(block, Thinking))
        details = {"output_tokens_details": {"thinking_tokens": thought}} if thought else {}
        return {**self.prompt_usage, "output_tokens": self.output_tokens, **details}

    @property
    def cache_creation(self) -> dict[str, int]:
        written = {MINUTES: 0, HOUR: 0, self.cache.ttl: self.cache.written}
        return {f"ephemeral_{ttl}_input_tokens": count for ttl, count in written.items()}


OK = Message((Text(OK_PIECES),), "end_turn", prompt_tokens=11)


@dataclass(frozen=True, slots=True)
class Answer:
    """A message as `POST /v1/messages` sends it."""

    message: Message
    model: str
    random: Random
    is_stream: bool
    service_tier: str = "standard"

    @property
    def input_tokens(self) -> int:
        return self.message.prompt_tokens

    @property
    def output_tokens(self) -> int:
        return self.message.output_tokens

    @property
    def content_type(self) -> str:
        return EVENT_STREAM if self.is_stream else JSON

    def events(self) -> Iterator[Event]:
        if not self.is_stream:
            return iter([Event(pretty(self._whole()))])
        return (Event(sse(document, document["type"]), tokens) for document, tokens in self._documents())

    def _whole(self) -> dict[str, Any]:
        content = [block.whole for block in self.message.blocks]
        usage = {**self.message.usage, **self._served}
        return {**self._opening, "content": content, **self.message.ending, "usage": usage}

    @property
    def _opening(self) -> dict[str, Any]:
        id = f"msg_01{letters(self.random, 22)}"
        return {"id": id, "type": "message", "role": "assistant", "model": self.model}

    @property
    def _served(self) -> dict[str, Any]:
        """What only the first event of a stream tells."""
        return {"cache_creation": self.message.cache_creation, "service_tier": self.service_tier}

    def _documents(self) -> Iterator[tuple[dict[str, Any], float]]:
        opening = {**self._opening, "content": [], "stop_reason": None, "stop_sequence": None}
        usage = {**self.message.prompt_usage, **self._served, "output_tokens": 1}
        yield {"type": "message_start", "message": {**opening, "usage": usage}}, 0.0
        for index, block in enumerate(self.message.blocks):
            yield {"type": "content_block_start", "index": index, "content_block": block.start}, 0.0
            if index == 0:
                yield {"type": "ping"}, 0.0
            for delta in block.deltas():
                yield {"type": "content_block_delta", "index": index, "delta": delta}, self._time(block)
            yield {"type": "content_block_stop", "index": index}, 0.0
        yield {"type": "message_delta", "delta": self.message.ending, "usage": self.message.usage}, 0.0
        yield {"type": "message_stop"}, 0.0

    def _time(self, block: Block) -> float:
        time = time_of_a_token(self.random)
        return time / REASONING_SPEED if isinstance(block, Thinking) else time
