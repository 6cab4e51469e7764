"""What callers are told of rates: OpenAI's `x-ratelimit-*` headers, and the refusals.

https://platform.openai.com/docs/guides/rate-limits: `reset` is how long until the limit is as if nobody had called, and
is written as Go writes durations. OpenAI's SDKs wait as long as `retry-after-ms` says, if that is a minute at most.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sluice.domain.errors import RateLimited
from sluice.stores.gcra import MINUTE_MS
from sluice.stores.limit_row import Entry, Gauge, State

CONCURRENT_WAIT_MS = 1000  # nobody knows when a call will end
NEVER = {"x-should-retry": "false"}


@dataclass(frozen=True, slots=True)
class Reading:
    """What is left of one limit."""

    kind: str
    limit: int
    left: int
    reset_ms: int


def readings(entry: Entry, state: State, now_ms: int) -> list[Reading]:
    return [reading(gauge, state.tats.get(gauge.attribute), now_ms) for gauge in entry.gauges]


def reading(gauge: Gauge, tat: int | None, now_ms: int) -> Reading:
    return Reading(gauge.kind, gauge.pace.limit, gauge.pace.left(tat, now_ms), gauge.pace.reset_ms(tat, now_ms))


def headers(found: Iterable[Reading]) -> dict[str, str]:
    """Of each kind, the limit of which least is left."""
    least: dict[str, Reading] = {}
    for one in found:
        if one.kind not in least or one.left < least[one.kind].left:
            least[one.kind] = one
    return {name: text for one in least.values() for name, text in _headers(one).items()}


def _headers(one: Reading) -> Mapping[str, str]:
    return {
        f"x-ratelimit-limit-{one.kind}": str(one.limit),
        f"x-ratelimit-remaining-{one.kind}": str(one.left),
        f"x-ratelimit-reset-{one.kind}": duration(one.reset_ms),
    }


def never(entry: Entry) -> RateLimited | None:
    """The refusal of a call that does not fit even while nothing else is there."""
    name = entry.claim.rate.name
    for gauge in entry.gauges:
        if not gauge.pace.can_fit(gauge.things):
            needs = f"it takes about {gauge.things:,} {gauge.kind}, and {gauge.pace.limit:,} per minute are allowed"
            advice = "send a shorter prompt, or ask for fewer output tokens"
            return RateLimited(f"request too large for the rate limit {name!r}: {needs}; {advice}", headers=NEVER)
    if entry.claim.rate.concurrent is not None and entry.claim.rate.concurrent < 1:
        return RateLimited(f"the rate limit {name!r} allows no calls at all", headers=NEVER)
    return None


def refusal(entry: Entry, state: State, now_ms: int) -> RateLimited | None:
    """The refusal of a call for which there is no room now; None where there is."""
    waits = {gauge: _wait_ms(gauge, state, now_ms) for gauge in entry.gauges}
    told = headers(readings(entry, state, now_ms))
    gauge = max(waits, key=lambda one: waits[one], default=None)
    if gauge and waits[gauge]:
        return RateLimited(_words(entry, gauge, state, now_ms), headers={**told, **retry_after(waits[gauge])})
    if entry.is_full(state):
        return RateLimited(_all_open(entry), headers={**told, **retry_after(CONCURRENT_WAIT_MS)})
    return None


def _wait_ms(gauge: Gauge, state: State, now_ms: int) -> int:
    return gauge.pace.wait_ms(state.tats.get(gauge.attribute), now_ms, gauge.things)


def _words(entry: Entry, gauge: Gauge, state: State, now_ms: int) -> str:
    one = reading(gauge, state.tats.get(gauge.attribute), now_ms)
    limit = f"the rate limit {entry.claim.rate.name!r} of {one.limit:,} {one.kind} per minute"
    retry = f"try again in {duration(_wait_ms(gauge, state, now_ms))}"
    if gauge.things == 1:
        return f"{limit} is reached; {retry}"
    return f"{limit} has {one.left:,} left, and this call takes about {gauge.things:,}; {retry}"


def _all_open(entry: Entry) -> str:
    rate = entry.claim.rate
    return f"the rate limit {rate.name!r} of {rate.concurrent:,} calls at once is reached; try again when one has ended"


def retry_after(milliseconds: int) -> dict[str, str]:
    return {"retry-after": str(max(1, -(-milliseconds // 1000))), "retry-after-ms": str(milliseconds)}


def duration(milliseconds: int) -> str:
    """As Go writes it: `0s`, `120ms`, `1.5s`, `6m0s`, `1h0m2s`. https://pkg.go.dev/time#Duration.String"""
    if 0 < milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, MINUTE_MS)
    seconds = f"{rest / 1000:g}s"
    hours, minutes_left = divmod(minutes, 60)
    return f"{hours}h{minutes_left}m{seconds}" if hours else f"{minutes}m{seconds}" if minutes else seconds
