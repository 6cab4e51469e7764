"""What a surface sends, and what closing it does."""

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass

from sluice.settlement import Settlement


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


@dataclass(frozen=True, slots=True)
class Answer:
    """What a surface sends. The body settles the call when it is closed, which the runtime does after the last byte."""

    headers: Mapping[str, str]
    body: Body
