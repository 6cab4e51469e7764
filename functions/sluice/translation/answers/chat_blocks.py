"""The content blocks of a Message while it is streamed.

Anthropic tells one block after the other, while chunks of a chat may go back to an earlier tool call. So one block is
open, and what belongs to it goes on at once. A block behind it waits only as long as the open one may still grow: a
tool call until its arguments are a whole object, text and thinking not at all.
https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from dataclasses import dataclass, field

from sluice.translation.answers.json_value import Json
from sluice.translation.requests.json_values import object_in


@dataclass(slots=True, eq=False)
class Block:
    """`start` is the block as it begins. `written` is its text or arguments so far, `waiting` what is not yet told."""

    start: Json
    written: str = ""
    waiting: list[Json] = field(default_factory=list)
    is_signed: bool = False
    is_closed: bool = False

    @property
    def kind(self) -> str:
        return str(self.start["type"])

    @property
    def is_whole(self) -> bool:
        if self.kind != "tool_use":
            return True
        return self.written.rstrip().endswith("}") and object_in(self.written) is not None


class Blocks:
    """Every method gives the events that are due after it."""

    __slots__ = ("_blocks", "_index")

    def __init__(self) -> None:
        self._blocks: list[Block] = []  # the first is open
        self._index = 0

    @property
    def last(self) -> Block | None:
        """The newest block that can still grow."""
        return self._blocks[-1] if self._blocks else None

    def append(self, block: Block) -> list[Json]:
        self._blocks.append(block)
        return self._opened() if len(self._blocks) == 1 else self._advanced()

    def write(self, block: Block, delta: Json, written: str = "") -> list[Json]:
        """`delta` in Anthropic's words; a block that is closed was whole and takes no more."""
        if block.is_closed:
            return []
        block.written += written
        if block is not self._blocks[0]:
            block.waiting.append(delta)
            return []
        return [self._delta(delta), *self._advanced()]

    def close(self) -> list[Json]:
        """The message is over: all that waits is told."""
        events: list[Json] = []
        while self._blocks:
            events += self._closed()
        return events

    def _advanced(self) -> list[Json]:
        events: list[Json] = []
        while len(self._blocks) > 1 and self._blocks[0].is_whole:
            events += self._closed()
        return events

    def _closed(self) -> list[Json]:
        self._blocks.pop(0).is_closed = True
        stop: Json = {"type": "content_block_stop", "index": self._index}
        self._index += 1
        return [stop, *self._opened()]

    def _opened(self) -> list[Json]:
        if not self._blocks:
            return []
        block = self._blocks[0]
        start: Json = {"type": "content_block_start", "index": self._index, "content_block": block.start}
        waiting, block.waiting = block.waiting, []
        return [start, *map(self._delta, waiting)]

    def _delta(self, delta: Json) -> Json:
        return {"type": "content_block_delta", "index": self._index, "delta": delta}
