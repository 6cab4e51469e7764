"""The blocks a message is made of: each whole, and as the events of a stream."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sluice_devstack.simulated.completion import Call

Json = dict[str, Any]


def signature(thinking: str) -> str:
    """What proves that thoughts were not altered on their way back."""
    digest = hashlib.sha256(f"simulated {thinking}".encode("utf-8", "replace")).hexdigest()
    return f"SIM{digest}=="


@dataclass(frozen=True, slots=True)
class Text:
    pieces: tuple[str, ...]

    @property
    def tokens(self) -> int:
        return len(self.pieces)

    @property
    def start(self) -> Json:
        return {"type": "text", "text": ""}

    @property
    def whole(self) -> Json:
        return {"type": "text", "text": "".join(self.pieces)}

    def deltas(self) -> Iterator[Json]:
        yield from ({"type": "text_delta", "text": piece} for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Thinking:
    """Thoughts; where they are not shown they are thought, signed and paid for all the same."""

    pieces: tuple[str, ...]
    is_shown: bool

    @property
    def tokens(self) -> int:
        return len(self.pieces)

    @property
    def start(self) -> Json:
        return {"type": "thinking", "thinking": "", "signature": ""}

    @property
    def whole(self) -> Json:
        shown = "".join(self.pieces) if self.is_shown else ""
        return {"type": "thinking", "thinking": shown, "signature": signature(shown)}

    def deltas(self) -> Iterator[Json]:
        if self.is_shown:
            yield from ({"type": "thinking_delta", "thinking": piece} for piece in self.pieces)
        yield {"type": "signature_delta", "signature": self.whole["signature"]}


@dataclass(frozen=True, slots=True)
class ToolUse:
    id: str
    call: Call

    @property
    def tokens(self) -> int:
        return self.call.tokens

    @property
    def start(self) -> Json:
        return {"type": "tool_use", "id": self.id, "name": self.call.name, "input": {}}

    @property
    def whole(self) -> Json:
        return {**self.start, "input": _object("".join(self.call.pieces))}

    def deltas(self) -> Iterator[Json]:
        yield from ({"type": "input_json_delta", "partial_json": piece} for piece in ("", *self.call.pieces))


Block = Text | Thinking | ToolUse


def _object(arguments: str) -> Json:
    """Arguments that the tokens did not suffice for are none."""
    try:
        return dict(json.loads(arguments))
    except ValueError:
        return {}
