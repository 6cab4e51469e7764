"""When the pieces of a stream arrived, and whether they came one by one.

Whoever reads a stream waits for each piece; what lay in a buffer is there at once. So the waits are counted, not the
times between the pieces: a slow terminal stretches those of a buffered answer too.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

WAITED_SECONDS = 0.001
MIN_WAITS = 5
BLOCKS = "▁▂▃▄▅▆▇█"
ASCII_BLOCKS = "_.-:=+*#"
MAX_WIDTH = 72


@dataclass(frozen=True, slots=True)
class Arrival:
    """A piece was there at `at` (seconds), after its reader had `waited` for it."""

    at: float
    waited: float


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Of one answer, whose request left at `sent_at`."""

    sent_at: float
    pieces: tuple[Arrival, ...]

    @property
    def time_to_first(self) -> float:
        return self.pieces[0].at - self.sent_at

    @property
    def gaps(self) -> list[float]:
        return [later.at - earlier.at for earlier, later in pairwise(self.pieces)]

    @property
    def waits(self) -> int:
        return sum(piece.waited > WAITED_SECONDS for piece in self.pieces)

    @property
    def complaint(self) -> str:
        """Why this was no stream; empty if it was one."""
        if self.waits >= MIN_WAITS:
            return ""
        came = f"{len(self.pieces)} pieces of text came in {self.waits} goes"
        return f"the tokens did not arrive one by one: {came}, at least {MIN_WAITS} were expected"

    @property
    def summary(self) -> str:
        gaps = [gap * 1000 for gap in self.gaps]
        spread = f"min {min(gaps):.0f}  median {median(gaps):.0f}  max {max(gaps):.0f} ms"
        whole = self.pieces[-1].at - self.pieces[0].at
        return f"first token after {self.time_to_first * 1000:.0f} ms, then {len(gaps)} gaps in {whole:.2f} s: {spread}"


def timed(pieces: Iterable[str], clock: Callable[[], float]) -> Iterator[tuple[str, Arrival]]:
    """Each piece with its arrival; what the reader does between two pieces is no waiting."""
    asked_at = clock()
    for piece in pieces:
        at = clock()
        yield piece, Arrival(at, at - asked_at)
        asked_at = clock()


def sparkline(values: Sequence[float], ramp: str, width: int = MAX_WIDTH) -> str:
    """One character per value, the highest of its neighbours where there are more values than room."""
    most = max(values, default=0.0) or 1.0
    return "".join(ramp[min(len(ramp) - 1, int(value / most * len(ramp)))] for value in _fitted(values, width))


def _fitted(values: Sequence[float], width: int) -> list[float]:
    if len(values) <= width:
        return list(values)
    edges = [len(values) * column // width for column in range(width + 1)]
    return [max(values[start:end]) for start, end in pairwise(edges)]
