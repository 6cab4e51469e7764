"""The limiter of several environments beside buckets of fractions that leak: who is let in, and how long others wait.

SLUICE_EXAMPLES says how many runs; a run is up to fifty steps.
"""

import os
from collections.abc import Mapping
from fractions import Fraction
from random import Random

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule
from tests.fakes.memory_dynamodb import MemoryDynamoDB, lost, throttled

from sluice.domain.claim import Claim
from sluice.domain.clock import Clock
from sluice.domain.errors import RateLimited
from sluice.domain.policy import Rate
from sluice.stores.limits import Limits, Permit

EXAMPLES = int(os.environ.get("SLUICE_EXAMPLES", "40"))
START_MS = 1_795_208_400_000
MINUTE_MS = 60_000
ENVIRONMENTS = 3
LEASE_SECONDS = 900
LIMITS = st.none() | st.integers(1, 12) | st.sampled_from([60, 997])
TOKENS = st.none() | st.integers(20, 200) | st.sampled_from([6000, 100_003])
GAPS = st.integers(0, 30) | st.integers(0, 20_000) | st.sampled_from([MINUTE_MS, 10 * MINUTE_MS, 1_000_000])
FAULTS = st.sampled_from([None, None, None, "throttled", "lost"])


class Bucket:
    """What was let in and has not leaked out yet. Below nothing is how long it has been empty, in things."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.level = Fraction(0)

    def pass_time(self, milliseconds: int) -> None:
        self.level -= self.leaked(milliseconds)

    def leaked(self, milliseconds: int) -> Fraction:
        return Fraction(self.limit * milliseconds, MINUTE_MS)

    def wait_ms(self, things: int) -> int:
        """Until so many fit."""
        return max(0, ((max(Fraction(0), self.level) + things - self.limit) / self.limit * MINUTE_MS).__ceil__())

    def take(self, things: int) -> None:
        self.level = max(Fraction(0), self.level) + things


class Open:
    """A call that was let in: how full the buckets were right after it, and when that was."""

    def __init__(self, permit: Permit, tokens: int, levels: Mapping[str, Fraction], now_ms: int, lease: int) -> None:
        self.permit = permit
        self.tokens = tokens
        self.levels = dict(levels)
        self.now_ms = now_ms
        self.lease = lease
        self.let_in: list[tuple[int, int]] = []


class Limiter(RuleBasedStateMachine):
    permits: Bundle[Open] = Bundle("permits")

    @initialize(requests=LIMITS, tokens=TOKENS, concurrent=st.none() | st.integers(1, 4))
    def begin(self, requests: int | None, tokens: int | None, concurrent: int | None) -> None:
        self.rate = Rate("team", requests, tokens, concurrent)
        self.now_ms = START_MS
        self.table = MemoryDynamoDB()
        clock = Clock(now=lambda: self.now_ms / 1000, monotonic=lambda: 0.0, sleep=lambda _: None)
        self.environments = [Limits(self.table, "ledger", clock, Random(seed)) for seed in range(ENVIRONMENTS)]
        limits = {"requests": requests, "tokens": tokens}
        self.buckets = {kind: Bucket(limit) for kind, limit in limits.items() if limit is not None}
        self.open: list[Open] = []
        self.admitted: list[tuple[int, int]] = []

    @rule(gap=GAPS)
    def pass_time(self, gap: int) -> None:
        self.now_ms += gap
        for bucket in self.buckets.values():
            bucket.pass_time(gap)

    @rule(
        target=permits,
        environment=st.integers(0, ENVIRONMENTS - 1),
        share=st.integers(0, 120),
        is_enforced=st.booleans(),
        fault=FAULTS,
    )
    def enter(self, environment: int, share: int, is_enforced: bool, fault: str | None) -> Open:
        """`share` is how much of the minute's tokens it claims, in percent."""
        tokens = (self.rate.tokens_per_minute or 100) * share // 100
        wait_ms = self._wait_ms({"requests": 1, "tokens": tokens})
        lease = self.now_ms // 1000 + LEASE_SECONDS
        self._fail(fault)
        claim = Claim(self.rate, "ada", f"{len(self.admitted)}-call", lease, tokens, is_enforced)
        try:
            permit = self.environments[environment].enter([claim])
        except RateLimited as refusal:
            assert is_enforced
            assert wait_ms != 0
            self._check_words(refusal, wait_ms)
            permit = Permit(notes=("shadow:team",))
        self.table.before, self.table.after = [], []
        if permit.notes:
            assert wait_ms != 0
            return Open(Permit(), 0, {}, self.now_ms, 0)
        assert wait_ms == 0
        return self._taken(permit, tokens, lease)

    def _taken(self, permit: Permit, tokens: int, lease: int) -> Open:
        if "requests" in self.buckets:
            self.buckets["requests"].take(1)
        if "tokens" in self.buckets:
            self.buckets["tokens"].take(tokens)
        self.admitted.append((self.now_ms, 1))
        made = Open(permit, tokens, {kind: one.level for kind, one in self.buckets.items()}, self.now_ms, lease)
        self.open = [one for one in self.open if one.lease >= self.now_ms // 1000 or not self._is_full()]
        self.open.append(made)
        self._check_headers(permit)
        return made

    @rule(one=consumes(permits), share=st.integers(0, 300), fault=FAULTS)
    def end(self, one: Open, share: int, fault: str | None) -> None:
        """`share` is what it used of what it claimed, in percent."""
        used = one.tokens * share // 100
        is_known = self.rate.concurrent is not None
        if not is_known and fault == "throttled":
            fault = None  # it is not tried again then, and the model would have to know
        self._fail(fault)
        one.permit.end(used)
        self.table.before, self.table.after = [], []
        was_open = one in self.open
        self.open = [other for other in self.open if other is not one]
        if "tokens" in one.levels and (was_open or not is_known):
            self._correct(one, used)

    def _correct(self, one: Open, used: int) -> None:
        """More counts in full; of less, what of the claim has not leaked out."""
        bucket = self.buckets["tokens"]
        left = max(Fraction(0), one.levels["tokens"] - bucket.leaked(self.now_ms - one.now_ms))
        bucket.level += used - one.tokens if used >= one.tokens else -min(Fraction(one.tokens - used), left)

    @rule()
    def expire(self) -> None:
        """DynamoDB deletes rows that have expired."""
        now = self.now_ms // 1000
        for place, item in list(self.table.items.items()):
            if int(item["exp"]["N"]) < now:
                del self.table.items[place]
                self.open = []

    @invariant()
    def no_more_than_so_many_are_open(self) -> None:
        if hasattr(self, "open") and self.rate.concurrent is not None:
            assert len(self._running()) <= self.rate.concurrent

    def teardown(self) -> None:
        """Between any two admissions at most the burst and the rate were let in."""
        limit = getattr(self, "rate", Rate("none")).requests_per_minute
        if limit is None:
            return
        for first, (begun, _) in enumerate(self.admitted):
            for count, (moment, _) in enumerate(self.admitted[first:], 1):
                assert count <= limit + Fraction(limit * (moment - begun), MINUTE_MS)

    def _fail(self, fault: str | None) -> None:
        """A lost answer can be made good only where a call is open; else it would count twice."""
        if fault == "throttled":
            self.table.before = [throttled(), throttled()]
        if fault == "lost" and self.rate.concurrent is not None:
            self.table.after = [lost()]

    def _running(self) -> list[Open]:
        return [one for one in self.open if one.lease >= self.now_ms // 1000]

    def _is_full(self) -> bool:
        return self.rate.concurrent is not None and len(self.open) >= self.rate.concurrent

    def _wait_ms(self, things: Mapping[str, int]) -> int | None:
        """Until the call fits; None where it never will."""
        if any(things[kind] > bucket.limit for kind, bucket in self.buckets.items()):
            return None
        wait_ms = max((bucket.wait_ms(things[kind]) for kind, bucket in self.buckets.items()), default=0)
        is_full = self.rate.concurrent is not None and len(self._running()) >= self.rate.concurrent
        return wait_ms or (1000 if is_full else 0)

    def _check_words(self, refusal: RateLimited, wait_ms: int | None) -> None:
        if wait_ms is None:
            assert refusal.headers == {"x-should-retry": "false"}
            return
        assert refusal.headers["retry-after-ms"] == str(wait_ms)
        assert refusal.headers["retry-after"] == str(max(1, -(-wait_ms // 1000)))

    def _check_headers(self, permit: Permit) -> None:
        for kind, bucket in self.buckets.items():
            if permit.headers:
                assert permit.headers[f"x-ratelimit-remaining-{kind}"] == str((bucket.limit - bucket.level).__floor__())


TestLimiter = Limiter.TestCase
TestLimiter.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
