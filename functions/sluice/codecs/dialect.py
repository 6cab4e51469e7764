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


Read = tuple[sse.Event, Chunk | None]


class Splits(Protocol):
    """Cuts a byte stream behind its last whole event; `damage` is what keeps it from reading on."""

    @property
    def has_tail(self) -> bool: ...
    @property
    def tail(self) -> bytes: ...
    @property
    def damage(self) -> Exception | None: ...
    def feed(self, data: bytes) -> bytes: ...
    def close(self) -> bytes: ...


class Decodes(Protocol):
    """Reads a byte stream event by event."""

    @property
    def has_tail(self) -> bool: ...
    @property
    def damage(self) -> Exception | None: ...
    def feed(self, data: bytes) -> Iterator[Read]: ...
    def close(self) -> Iterator[Read]: ...


class Framing(NamedTuple):
    """How events become bytes: server-sent events, or Amazon's frames.

    `raw_events` are the bytes of each event of a block of whole ones, `read` tells what one says. `heartbeat` keeps a
    silent stream alive, b"" where nothing may stand between events.
    """

    content_type: str
    splitter: Callable[[], Splits]
    raw_events: Callable[[bytes], Iterator[bytes]]
    read: Callable[[bytes], Read]
    decoder: Callable[[], Decodes]
    heartbeat: bytes


class Dialect(NamedTuple):
    """One dialect's rules.

    `is_marked(block, drops_usage)` tells, without parsing, whether a block of events may hold one that matters.
    `is_end` and `is_error` judge an event and the chunk it carries, `is_final` whether nothing follows that error.
    `is_extra` knows the chunk that only we asked for, `is_foreign` an event that would tell readers of another dialect
    that all is over. `end` is what a stream that finished without its terminal gets. `encode` makes bytes of an event
    of ours, `terminal` stands behind the last of them. `error_event(body, last, replaces)` is our error in band, behind
    `last`, the last block that was sent, or in its place. `note_headers(tally, headers)` reads what is counted in an
    answer's head. `whole_has` is what every whole answer has: an object without it is none.
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
    framing: Framing
    encode: Callable[[Mapping[str, Any]], bytes]
    terminal: bytes = b""
    note_headers: Callable[[Any, Mapping[str, str]], None] | None = None
    whole_has: str | None = None


def text(chunk: Chunk, name: str) -> str | None:
    """The value if it is text: what a provider sends may be anything."""
    value = chunk.get(name)
    return value if isinstance(value, str) else None


def size(texts: Iterator[str]) -> int:
    """UTF-8 bytes of what was said."""
    return sum(len(one.encode("utf-8", "replace")) for one in texts)
