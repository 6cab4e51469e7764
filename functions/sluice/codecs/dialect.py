"""What a gateway must know of a dialect to let its streams through and meter them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from sluice.codecs import sse
from sluice.domain.reference import Stored
from sluice.domain.usage import Usage

Chunk = Mapping[str, Any]


class Tally(Protocol):
    """What the chunks of one answer add up to."""

    usage: Usage | None
    model: str | None
    service_tier: str | None
    said_bytes: int

    def add(self, chunk: Chunk) -> None:
        """One chunk, or one whole answer; the last usage that can be believed wins."""

    def add_earlier(self, chunk: Chunk) -> None:
        """A chunk that came before those added so far: fills what is not known yet."""

    def adopt(self, tail: Any) -> None:
        """The end of the stream read on its own: enough where the provider reported usage."""

    @property
    def is_known(self) -> bool:
        """Whether earlier chunks can add nothing that matters."""

    @property
    def is_finished(self) -> bool:
        """Whether the answer said how it ended, whatever else is missing."""

    @property
    def finish_reason(self) -> str | None: ...

    @property
    def stored(self) -> tuple[Stored, ...]:
        """What the provider keeps of what it answered."""


class Dialect(NamedTuple):
    """One dialect's rules.

    `is_marked(block, drops_usage)` tells, without parsing, whether a block of events may hold one that matters.
    `is_end` and `is_error` judge an event and the chunk it carries, `is_final` whether nothing follows that error.
    `is_extra` knows the chunk that only we asked for, `is_foreign` an event that would tell readers of another dialect
    that all is over. `end` is what a stream that finished without its terminal gets. `error_event(body, last,
    replaces)` is our error in band, behind `last`, the last block that was sent, or in its place.
    """

    tally: Callable[[int], Tally]
    is_marked: Callable[[bytes, bool], bool]
    is_error: Callable[[sse.Event, Chunk | None], bool]
    is_final: Callable[[sse.Event, Chunk | None], bool]
    is_end: Callable[[sse.Event, Chunk | None], bool]
    is_extra: Callable[[Chunk], bool]
    is_foreign: Callable[[sse.Event], bool]
    has_content: Callable[[Chunk], bool]
    end: bytes
    error_event: Callable[[Mapping[str, Any], bytes, bool], bytes]


def text(chunk: Chunk, name: str) -> str | None:
    """The value if it is text: what a provider sends may be anything."""
    value = chunk.get(name)
    return value if isinstance(value, str) else None


def size(texts: Iterator[str]) -> int:
    """UTF-8 bytes of what was said."""
    return sum(len(one.encode("utf-8", "replace")) for one in texts)
