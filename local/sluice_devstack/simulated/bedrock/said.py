"""What a model says to one request, before it has a wire format: blocks in order, why it stopped, what it used."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sluice_devstack.simulated import tokens
from sluice_devstack.simulated.completion import Call


@dataclass(frozen=True, slots=True)
class Text:
    """Words in pieces of a token each; `citation` is where they come from."""

    pieces: tuple[str, ...]
    citation: Mapping[str, Any] | None = None

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def tokens(self) -> int:
        return len(self.pieces)


@dataclass(frozen=True, slots=True)
class Reasoning:
    """Thoughts; only some families sign them."""

    pieces: tuple[str, ...]
    signature: str | None

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def tokens(self) -> int:
        return len(self.pieces)


@dataclass(frozen=True, slots=True)
class ToolUse:
    id: str
    call: Call

    @property
    def input(self) -> str:
        """JSON; half of it where the tokens ran out."""
        return "".join(self.call.pieces)

    @property
    def tokens(self) -> int:
        return self.call.tokens


Block = Text | Reasoning | ToolUse


@dataclass(frozen=True, slots=True)
class Usage:
    """`input_tokens` are those that were neither read from the cache nor written to it."""

    input_tokens: int
    output_tokens: int
    cache_read: int = 0
    cache_write: int = 0

    @property
    def total(self) -> int:
        return self.input_tokens + self.cache_read + self.cache_write + self.output_tokens


@dataclass(frozen=True, slots=True)
class Said:
    """`stop_reason` as Converse has it; `trace` of a guardrail, where one is on."""

    blocks: tuple[Block, ...]
    stop_reason: str
    usage: Usage
    has_cache: bool = False
    stop_sequence: str | None = None
    trace: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_blocked(self) -> bool:
        return self.stop_reason == "guardrail_intervened"

    @property
    def text(self) -> str:
        return "".join(block.text for block in self.blocks if isinstance(block, Text))


def words(text: str) -> Text:
    return Text(tuple(tokens.pieces(text)))


OK = Said((Text(("héllo", " wörld", " 日本語", " 😀", " end.")),), "end_turn", Usage(input_tokens=11, output_tokens=5))
