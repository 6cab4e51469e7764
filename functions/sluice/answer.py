"""What a surface sends, and what closing it does."""

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from sluice.settlement import Settlement


class Pieces(Protocol):
    """The body of an answer: iterate it once, and close it, any number of times."""

    def __iter__(self) -> Iterator[bytes]: ...

    def close(self) -> None: ...


class Body:
    """What the caller gets. Iterate it once; `close()`, any number of times, settles the call, started or not."""

    def __init__(
        self, pieces: Generator[bytes, None, None], let_go: Callable[[], None], settlement: Settlement
    ) -> None:
        self._pieces = pieces
        self._let_go = let_go
        self._settlement = settlement

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        self._pieces.close()
        self._let_go()
        self._settlement.close()


class Keeping:
    """A body whose bytes are kept as they pass, None once they are more than `most`."""

    def __init__(self, body: Pieces, most: int) -> None:
        self._body = body
        self._most = most
        self.kept: bytearray | None = bytearray()

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._body:
            if self.kept is not None:
                self.kept += piece
                if len(self.kept) > self._most:
                    self.kept = None
            yield piece

    def close(self) -> None:
        self._body.close()


class Kept:
    """The body of an answer that was given before. Nothing is settled."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What a surface sends. The body settles the call when it is closed, which the runtime does after the last byte."""

    headers: Mapping[str, str]
    body: Pieces
