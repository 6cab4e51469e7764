"""So many things in a minute, exactly: the generic cell rate algorithm.

All that is kept of a limit is one moment, its TAT (theoretical arrival time): when everything that was let in will have
flowed off at the limit's pace. One more is let in while the TAT stays within a minute of now, so a minute's whole
amount may come at once. Moments are counted in units of 1/limit of a millisecond since the epoch: one thing then takes
60,000 of them whatever the limit is, and nothing is ever rounded.

What holds: between any two admissions at most limit + limit * minutes between them are let in, by the clocks of those
who let them in. Where environments' clocks differ, the one that is ahead counts: the difference is granted once, since
the TAT never goes back for it.
https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
"""

from dataclasses import dataclass

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class PerMinute:
    """A limit, and the arithmetic of its TAT. A TAT of None is one of long ago."""

    limit: int

    def moment(self, now_ms: int) -> int:
        """This millisecond of the epoch in the limit's own units."""
        return now_ms * self.limit

    def cost(self, things: int) -> int:
        """The time that they take to flow off."""
        return things * MINUTE_MS

    def can_fit(self, things: int) -> bool:
        """Whether they fit while nothing else is there."""
        return things <= self.limit

    def is_idle(self, tat: int | None, now_ms: int) -> bool:
        return tat is None or tat < self.moment(now_ms)

    def latest(self, now_ms: int, things: int) -> int:
        """The latest TAT beside which they fit."""
        return self.moment(now_ms) + self.cost(self.limit - things)

    def has_room(self, tat: int | None, now_ms: int, things: int) -> bool:
        return max(tat or 0, self.moment(now_ms)) <= self.latest(now_ms, things)

    def left(self, tat: int | None, now_ms: int) -> int:
        """How many things fit now."""
        return max(0, self.cost(self.limit) - self._ahead(tat, now_ms)) // MINUTE_MS

    def wait_ms(self, tat: int | None, now_ms: int, things: int) -> int:
        """How long until they fit, in whole milliseconds: the first at which they do."""
        late = max(tat or 0, self.moment(now_ms)) - self.latest(now_ms, things)
        return max(0, -(-late // self.limit))

    def reset_ms(self, tat: int | None, now_ms: int) -> int:
        """How long until everything has flowed off."""
        return -(-self._ahead(tat, now_ms) // self.limit)

    def correction(self, after: int, now_ms: int, claimed: int, used: int) -> int:
        """What to add to the TAT of now, where a claim left it at `after` and has used other than it claimed.

        More is added in full, beyond the limit too: it is a debt, and nobody is let in until it has flowed off. Of
        less, only what has not flowed off yet is given back: time that is over cannot be spent again.
        """
        if used >= claimed:
            return self.cost(used - claimed)
        return -min(self.cost(claimed - used), self._ahead(after, now_ms))

    def _ahead(self, tat: int | None, now_ms: int) -> int:
        """By how much the TAT is later than now."""
        return max(0, (tat or 0) - self.moment(now_ms))
