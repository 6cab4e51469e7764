"""The rules of one breaker, pure: from what it is, and what happened, to what it becomes.

        5 failures in 10 s, half of the calls
   closed ─────────────────────────────────▶ open ◀──────┐ the probe failed:
     ▲                                         │ its time │ open twice as long
     │            the probe was good           ▼          │
     └──────────────────────────────────── half-open ─────┘

Clocks of environments differ by seconds. Ten seconds are those of whoever is ahead; an opening or a window that lies
further in the future than any clock may be is no opening and no window.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from sluice.stores.circuits import Circuit

WINDOW_SECONDS = 10.0
FAILURES_TO_OPEN = 5
SHARE_TO_OPEN = 0.5
FIRST_OPENING_SECONDS = 5.0
LONGEST_OPENING_SECONDS = 60.0
PROBE_SECONDS = 30.0  # a probe that was lost with its environment is in nobody's way for longer
PROBE_WAIT_SECONDS = 1.0
FORGET_SECONDS = 60.0  # an opening that ended so long ago, and that nobody probed, says nothing any more
SKEW_SECONDS = 60.0  # by which a clock may be ahead


class Phase(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class Report:
    """One failure: how many calls and failures it tells of, when its own call was sent, whether that was the probe."""

    calls: int
    failures: int
    sent_at: float
    is_probe: bool


def phase(circuit: Circuit, now: float) -> Phase:
    is_nonsense = circuit.open_until > now + LONGEST_OPENING_SECONDS + SKEW_SECONDS
    if not circuit.opening_seconds or is_nonsense or now >= circuit.open_until + FORGET_SECONDS:
        return Phase.CLOSED
    return Phase.OPEN if now < circuit.open_until else Phase.HALF_OPEN


def is_probed(circuit: Circuit, now: float) -> bool:
    """Whether somebody's probe is still to tell."""
    return now < circuit.probe_until <= now + PROBE_SECONDS + SKEW_SECONDS


def wait(circuit: Circuit, now: float) -> float:
    """Seconds until it may be tried. How long a probe takes nobody knows."""
    where = phase(circuit, now)
    if where is Phase.HALF_OPEN and is_probed(circuit, now):
        return PROBE_WAIT_SECONDS
    return circuit.open_until - now if where is Phase.OPEN else 0.0


def failed(circuit: Circuit, report: Report, now: float) -> Circuit:
    """A call that was sent before the last opening ended, or before the breaker closed, tells nothing new.

    One that was sent after an opening, by an environment that knew nothing of it, is as good as a probe.
    """
    where = phase(circuit, now)
    if where is Phase.CLOSED:
        return circuit if _is_old(circuit, report, now) else _counted(circuit, report, now)
    is_awaited = is_probed(circuit, now) and not report.is_probe
    if report.sent_at < circuit.open_until or is_awaited:
        return circuit
    return opened(circuit, now, min(LONGEST_OPENING_SECONDS, 2 * circuit.opening_seconds))


def probed(circuit: Circuit, now: float) -> Circuit:
    """Half-open, and its one probe on the way."""
    return replace(circuit, probe_until=now + PROBE_SECONDS)


def unprobed(circuit: Circuit) -> Circuit:
    """Half-open, and its probe given back."""
    return replace(circuit, probe_until=0.0)


def closed(circuit: Circuit, now: float) -> Circuit:
    return Circuit(open_until=now, held=circuit.held)


def opened(circuit: Circuit, now: float, seconds: float) -> Circuit:
    return Circuit(opening_seconds=seconds, open_until=now + seconds, held=circuit.held)


def _is_old(circuit: Circuit, report: Report, now: float) -> bool:
    return not circuit.opening_seconds and report.sent_at < circuit.open_until <= now + SKEW_SECONDS


def _counted(circuit: Circuit, report: Report, now: float) -> Circuit:
    window = _window(circuit, now)
    is_new = window != circuit.window
    failures = report.failures + (0 if is_new else circuit.failures)
    calls = report.calls + (0 if is_new else circuit.calls)
    if failures >= FAILURES_TO_OPEN and failures >= SHARE_TO_OPEN * calls:
        return opened(circuit, now, FIRST_OPENING_SECONDS)
    return Circuit(window, calls, failures, open_until=circuit.open_until, held=circuit.held)


def window(now: float) -> int:
    return int(now // WINDOW_SECONDS)


def _window(circuit: Circuit, now: float) -> int:
    own = window(now)
    return circuit.window if own <= circuit.window <= own + SKEW_SECONDS // WINDOW_SECONDS else own
