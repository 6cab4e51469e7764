"""A circuit breaker for each target, one for all environments. Its rules are in `circuit.py`, its rows in `stores`.

Strategy: an environment that has seen no failure of a target knows nothing of its breaker and asks nothing. One that
has, looks at most once a second, until the breaker is closed and its own failure is ten seconds old; while it knows of
an opening it does not look at all. Where the table does not say, the same rules go on with what this environment knows.
One call at a time: whoever was allowed sends at once, and says what became of it.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Protocol

from sluice.domain.clock import Clock
from sluice.routing import circuit as rules
from sluice.routing.circuit import Phase, Report
from sluice.stores.circuits import Circuit
from sluice.stores.health import HealthUnknown

COPY_SECONDS = 1.0
WATCH_SECONDS = 10.0
MOST_TARGETS = 256  # remembered by one environment
SWAPS = 3  # tries to get one failure written among those of others


class BreakerStore(Protocol):
    """The shared breakers. Each method raises HealthUnknown where the table does not say."""

    def read(self, target: str) -> Circuit: ...

    def swap(self, target: str, previous: Circuit, new: Circuit) -> tuple[bool, Circuit]:
        """Whether `new` took the place of `previous`, and what is there now."""
        ...


@dataclass(slots=True)
class Known:
    """What this environment knows of one target: a copy of its breaker, and what it has not told yet."""

    circuit: Circuit = field(default_factory=Circuit)
    read_at: float | None = None  # monotonic; None where it was never read
    watched_until: float = 0.0  # monotonic
    window: int = 0
    calls: int = 0
    failures: int = 0
    sent_at: float = 0.0
    is_probing: bool = False


class Breakers:
    """The breakers of all targets, as one environment sees them. No method raises."""

    def __init__(self, store: BreakerStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: OrderedDict[str, Known] = OrderedDict()

    def called(self, target: str) -> None:
        """One call is being sent to this target. No I/O."""
        known = self._of(target)
        known.sent_at = self._clock.now()
        self._turn(known)
        known.calls += 1

    def allows(self, target: str) -> bool:
        """False while it is open; True for the one probe of a half-open one. Ask right before you send."""
        known = self._known.get(target)
        if known is None or not self._is_watched(known):
            return True
        self._refresh(target, known)
        where = rules.phase(known.circuit, self._clock.now())
        return where is Phase.CLOSED or (where is Phase.HALF_OPEN and self._gets_probe(target, known))

    def failed(self, target: str) -> None:
        """A failure that counts: an answer of 5xx, a timeout, a connection or a protocol that broke."""
        known = self._of(target)
        self._turn(known)
        known.failures += 1
        known.watched_until = self._clock.monotonic() + WATCH_SECONDS
        self._tell(target, known)
        known.is_probing = False

    def succeeded(self, target: str) -> None:
        """An attempt committed, or the provider gave an answer that is the caller's to mend. A probe's closes."""
        known = self._known.get(target)
        if known is not None and known.is_probing:
            known.is_probing = False
            self._write(target, known, rules.closed(known.circuit, self._clock.now()))

    def undecided(self, target: str) -> None:
        """The attempt said nothing of the target's health (429, a caller that left): its probe is given back."""
        known = self._known.get(target)
        if known is not None and known.is_probing:
            known.is_probing = False
            self._write(target, known, rules.unprobed(known.circuit))

    def retry_after(self, target: str) -> float:
        """Seconds until it may be tried again, as far as is known here; 0 where it is closed. No I/O."""
        return rules.wait(self._copy(target), self._clock.now())

    def state(self, target: str) -> str:
        """`closed`, `open` or `half-open`, as far as is known here. No I/O."""
        return str(rules.phase(self._copy(target), self._clock.now()))

    def _copy(self, target: str) -> Circuit:
        known = self._known.get(target)
        return known.circuit if known else Circuit()

    def _of(self, target: str) -> Known:
        known = self._known.setdefault(target, Known())
        self._known.move_to_end(target)
        while len(self._known) > MOST_TARGETS:
            self._known.popitem(last=False)
        return known

    def _turn(self, known: Known) -> None:
        """What was not told of earlier windows is not told any more."""
        window = rules.window(self._clock.now())
        if known.window != window:
            known.window, known.calls, known.failures = window, 0, 0

    def _is_watched(self, known: Known) -> bool:
        is_closed = rules.phase(known.circuit, self._clock.now()) is Phase.CLOSED
        return not is_closed or self._clock.monotonic() < known.watched_until

    def _refresh(self, target: str, known: Known) -> None:
        is_fresh = known.read_at is not None and self._clock.monotonic() < known.read_at + COPY_SECONDS
        if is_fresh or known.is_probing or rules.phase(known.circuit, self._clock.now()) is Phase.OPEN:
            return
        try:
            self._keep(known, self._store.read(target))
        except HealthUnknown:
            known.read_at = self._clock.monotonic()

    def _gets_probe(self, target: str, known: Known) -> bool:
        """Takes the probe, or has it still: then the call it was taken for was never sent."""
        now = self._clock.now()
        if known.is_probing and rules.is_probed(known.circuit, now):
            return True
        known.is_probing = not rules.is_probed(known.circuit, now) and self._write(
            target, known, rules.probed(known.circuit, now)
        )
        return known.is_probing

    def _tell(self, target: str, known: Known) -> None:
        """Adds what is untold to the shared breaker; what others wrote meanwhile is read on the way."""
        for _ in range(SWAPS):
            now = self._clock.now()
            report = Report(known.calls, known.failures, known.sent_at, known.is_probing)
            new = rules.failed(known.circuit, report, now)
            if new == known.circuit or self._write(target, known, new):
                known.calls = known.failures = 0
                return

    def _write(self, target: str, known: Known, new: Circuit) -> bool:
        """Whether this is now what is known: written, or kept here because the table does not say."""
        try:
            is_written, found = self._store.swap(target, known.circuit, new)
        except HealthUnknown:
            is_written, found = True, new
        self._keep(known, found)
        return is_written

    def _keep(self, known: Known, found: Circuit) -> None:
        known.circuit, known.read_at = found, self._clock.monotonic()
