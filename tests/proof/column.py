"""What one gateway has to show: the figures of its column, and whether they are spotless."""

from collections.abc import Sequence
from dataclasses import dataclass, field

FALSE_REFUSALS = 0.02  # of the streams; a reservation is an estimate, and this is its price
NANO = 10**9


@dataclass(frozen=True, slots=True)
class Budget:
    """One lane's budget, all in nano-dollars: `spent` is the most that was, `stated` how far beyond the limit it may
    go, `used` the most that was spent and reserved (None where a gateway reserves nothing)."""

    name: str
    limit: int
    spent: int
    stated: int = 0
    used: int | None = None

    @property
    def over(self) -> int:
        """Beyond the limit; under a strict budget what is reserved counts too."""
        reached = self.spent if self.stated or self.used is None else max(self.spent, self.used)
        return max(0, reached - self.limit)

    @property
    def is_kept(self) -> bool:
        return self.over <= self.stated


@dataclass(frozen=True, slots=True)
class Column:
    """`streams` are fewer than `planned` where time ran out. `notes` say what a reader has to know of the figures; `absent` why there are none."""

    title: str
    streams: int = 0
    planned: int = 0
    seconds: float = 0.0
    whole: int = 0
    told: int = 0
    refused: int = 0
    false_ends: int = 0
    lost: int = 0
    books: str = ""  # what else is wrong with them; empty where nothing is
    budgets: Sequence[Budget] = field(default_factory=tuple)
    false_refusals: int = 0
    leaks: int = 0
    kills: int = 0
    notes: Sequence[str] = field(default_factory=tuple)
    absent: str = ""

    @property
    def is_spotless(self) -> bool:
        clean = not (self.false_ends or self.lost or self.books or self.leaks)
        kept = bool(self.budgets) and all(one.is_kept for one in self.budgets)
        few = self.false_refusals <= FALSE_REFUSALS * self.streams
        return bool(self.streams) and clean and kept and few

    def share(self, count: int) -> str:
        """A count, with its share where it is any."""
        return f"{count:,} ({count / self.streams:.1%})" if count and self.streams else f"{count:,}"


def dollars(nano: int) -> str:
    return f"${nano / NANO:.4f}"
