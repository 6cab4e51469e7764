"""Room that one call takes in one budget, from its reservation to its settlement."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hold:
    """All amounts are nano-dollars, all times epoch seconds.

    `key` and `period` name the budget's row: whose it is (`<budget>#<12 hex digits>`, of whom `of` tells) and in which
    window. `reserved` is what the call probably costs and `worst` the most it can cost; both are held. The call is
    admitted while everything reserved stays within `limit`, and everything held at its worst within `ceiling`, which is
    the limit and the overshoot that the budget states. `targets` are the `provider/model` whose calls it pays for.
    `name` is told to callers. One that is not enforced counts and refuses nothing. `resets_at` is when the window ends,
    None for never; `expires` when the row may go.
    """

    key: str
    period: str
    name: str
    of: str
    limit: int
    ceiling: int
    reserved: int
    worst: int
    targets: frozenset[str]
    is_hot: bool = False
    is_enforced: bool = True
    is_strict: bool = False
    resets_at: int | None = None
    expires: int | None = None
    fallback: str | None = None

    @property
    def can_fit(self) -> bool:
        """Whether it fits into the budget while nothing else is in it."""
        return self.reserved <= self.limit and self.worst <= self.ceiling
