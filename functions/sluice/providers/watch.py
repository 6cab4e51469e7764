"""How long a call may wait: every timeout and the deadline, decided in one place.

The transport asks before every wait that is not a tick and on every silent tick, and says when it heard something.
A wait belongs to a phase (connecting, waiting for the first event, idle between events); the total and the deadline
hold in all of them. All times are seconds of the monotonic clock.
"""

from collections.abc import Callable

from sluice.domain.errors import DeadlineReached, GatewayError, UpstreamTimeout
from sluice.domain.timeouts import Timeouts

DEADLINE_MARGIN_SECONDS = 2.0


class Watch:
    """Watches one call. `deadline` is when Lambda ends the invocation; the call is cut a margin before it.

    `has_sent` says whether a byte of the request was given to a connection.
    """

    __slots__ = (
        "_first_limit",
        "_hard_limit",
        "_has_begun",
        "_heard",
        "_monotonic",
        "_started",
        "_sure_until",
        "_timeouts",
        "_total_limit",
        "has_sent",
    )

    def __init__(self, timeouts: Timeouts, deadline: float, monotonic: Callable[[], float]) -> None:
        self._started = monotonic()
        self._monotonic = monotonic
        self._hard_limit = deadline - DEADLINE_MARGIN_SECONDS
        self.restart(timeouts)

    def restart(self, timeouts: Timeouts) -> None:
        """Another attempt begins: it has its own time to the first event; the total goes on."""
        self._timeouts = timeouts
        self._heard = self._monotonic()
        self._total_limit = self._started + timeouts.total_timeout_seconds
        self._first_limit = self._heard + timeouts.first_byte_timeout_seconds
        self._sure_until = min(self._hard_limit, self._total_limit, self._first_limit)
        self._has_begun = False
        self.has_sent = False

    @property
    def remaining(self) -> float:
        """Seconds that the call may still take, whatever its attempts do."""
        return min(self._hard_limit, self._total_limit) - self._monotonic()

    def connecting(self) -> float:
        """Seconds a connection attempt may take. Raises when nothing is left."""
        return min(self._timeouts.connect_timeout_seconds, self.left())

    def begin(self) -> None:
        """The first valid event came: from here on it is silence that is limited."""
        self._has_begun = True
        self._sure_until = min(self._hard_limit, self._total_limit)

    def cancel(self) -> None:
        """Nobody waits any more: the next tick ends the call."""
        self._hard_limit = self._sure_until = self._monotonic()

    def heard(self) -> None:
        """The provider sent something; a steady drip does not outlast the limits either."""
        self._heard = self._monotonic()
        if self._heard >= self._sure_until:
            self.left()

    def left(self) -> float:
        """Seconds until the next limit. Raises UpstreamTimeout or DeadlineReached when it has passed."""
        now = self._monotonic()
        limit, error = min(self._limits(), key=lambda pair: pair[0])
        if limit <= now:
            raise error()
        return limit - now

    def _limits(self) -> tuple[tuple[float, Callable[[], GatewayError]], ...]:
        return ((self._hard_limit, _deadline), (self._total_limit, self._total), self._phase())

    def _phase(self) -> tuple[float, Callable[[], GatewayError]]:
        if self._has_begun:
            return self._heard + self._timeouts.idle_timeout_seconds, self._idle
        return self._first_limit, self._first

    def _first(self) -> GatewayError:
        seconds = self._timeouts.first_byte_timeout_seconds
        return UpstreamTimeout(f"the provider sent nothing to answer with within {seconds:g} s")

    def _idle(self) -> GatewayError:
        return UpstreamTimeout(f"the provider was silent for {self._timeouts.idle_timeout_seconds:g} s mid-stream")

    def _total(self) -> GatewayError:
        return UpstreamTimeout(f"the call took longer than {self._timeouts.total_timeout_seconds:g} s")


def _deadline() -> GatewayError:
    return DeadlineReached("the invocation's time is over; raise the function's timeout or ask for less")
