"""How long an environment may wait for a table that only advises it.

A purse of time: waiting is paid from it, and it is full again a second after it was empty. So one failure of a provider
costs its call a quarter of a second of waiting at most, and a table that hangs is asked seldom, not by every call.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sluice.domain.clock import Clock

PATIENCE_SECONDS = 0.25
REFILL_SECONDS = 1.0  # from empty to full
LEAST_SECONDS = 0.05  # with less, asking is not tried


class Patience:
    """The purse of one environment."""

    def __init__(self, clock: Clock, seconds: float = PATIENCE_SECONDS) -> None:
        self._clock = clock
        self._most = seconds
        self._left = seconds
        self._filled_at = clock.monotonic()

    def seconds(self) -> float:
        """What may be waited now; 0 where that is too little to ask at all."""
        now = self._clock.monotonic()
        refill = (now - self._filled_at) / REFILL_SECONDS * self._most
        self._left, self._filled_at = min(self._most, self._left + refill), now
        return self._left if self._left >= LEAST_SECONDS else 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Takes the time that passes meanwhile."""
        started = self._clock.monotonic()
        try:
            yield
        finally:
            self._filled_at = self._clock.monotonic()
            self._left = max(0.0, self._left - (self._filled_at - started))

    def end(self) -> None:
        """The table has failed: there is nothing to wait for, for a while."""
        self._left, self._filled_at = 0.0, self._clock.monotonic()
