"""Where the thinking of an answer stood among its text and its calls.

A model that thinks between its calls signs each thought in its place, and refuses a history that has another order. A
chat message tells thoughts, text and calls apart, so a block of thinking that was not the first thing says what came
before it: `{"after": {"content": characters, "tool_calls": calls}}`. Callers hand it back unread.
https://platform.claude.com/docs/en/build-with-claude/extended-thinking
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

AFTER = "after"
Block = TypeVar("Block")


class Place(NamedTuple):
    """How much was told before."""

    content: int = 0
    tool_calls: int = 0


class Stretch(NamedTuple):
    """Part of an answer in plain order: these thoughts, then this text, then these calls."""

    thoughts: slice
    content: slice
    tool_calls: slice


def placed(block: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """The block, with its place where it is not the first thing of the answer."""
    return {**block, AFTER: place._asdict()} if any(place) else dict(block)


def place(block: object) -> Place:
    """What `placed` wrote; the beginning for any other block."""
    told = block.get(AFTER) if isinstance(block, Mapping) else None
    counts = [told.get(name) if isinstance(told, Mapping) else None for name in Place._fields]
    return Place(*(count if isinstance(count, int) and count > 0 else 0 for count in counts))


def stretches(places: Sequence[Place], content: int, tool_calls: int) -> Iterator[Stretch]:
    """The answer in order, whole: `places` of its thoughts, the length of its text, the number of its calls."""
    starts: list[tuple[int, int, int]] = [(0, 0, 0)]
    for index, found in enumerate(places):
        said, called = (max(before, count) for before, count in zip(starts[-1][1:], found, strict=True))
        start = (index, min(said, content), min(called, tool_calls))
        if start[1:] != starts[-1][1:]:
            starts.append(start)
    for (thought, said, called), (thoughts, text, calls) in pairwise([*starts, (len(places), content, tool_calls)]):
        yield Stretch(slice(thought, thoughts), slice(said, text), slice(called, calls))


def calls_last(
    blocks: Iterable[Block], is_thought: Callable[[Block], bool], is_call: Callable[[Block], bool]
) -> list[Block]:
    """The blocks of one turn that was several messages: calls end it, or go before the thought that came after them."""
    stretch, has_call = 0, False
    found: list[tuple[int, bool, Block]] = []
    for block in blocks:
        stretch, has_call = (stretch + 1, False) if has_call and is_thought(block) else (stretch, has_call)
        has_call = has_call or is_call(block)
        found.append((stretch, is_call(block), block))
    return [block for _, _, block in sorted(found, key=lambda one: one[:2])]
