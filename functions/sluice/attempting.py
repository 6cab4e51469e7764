"""All attempts of one call, until one commits: the same target again, the next one, or the end.

Whether there is another attempt is decided here alone. Providers are asked once where they succeed; retries come out of
a budget that all environments share, and a target whose breaker is open is left out.
"""

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Protocol

from sluice.answer import Answer
from sluice.answering import Answering, ErrorBodies, Prepared
from sluice.domain.call import Target
from sluice.domain.clock import Clock
from sluice.domain.errors import CircuitOpen, GatewayError, UpstreamError, UpstreamTimeout
from sluice.domain.price import Priced
from sluice.domain.route import Strategy
from sluice.domain.timeouts import Timeouts
from sluice.metering import Meter
from sluice.providers.watch import Watch
from sluice.routing import attempts
from sluice.routing.attempts import Health, Meaning
from sluice.routing.candidates import Candidate
from sluice.settlement import Settlement

SPARE_SECONDS = 1.0  # of the call's time that a wait has to leave for the attempt after it
TICK_SECONDS = 0.25
BUSY = frozenset({429, 503})


class Breakers(Protocol):
    """Which targets may be asked, by `provider/model`."""

    def called(self, target: str) -> None: ...
    def allows(self, target: str) -> bool: ...
    def failed(self, target: str) -> None: ...
    def succeeded(self, target: str) -> None: ...
    def undecided(self, target: str) -> None: ...
    def retry_after(self, target: str) -> float: ...
    def state(self, target: str) -> str: ...


class RetryBudget(Protocol):
    """Whether a provider may be asked once more than there are calls."""

    def called(self, provider: str) -> None: ...
    def may_retry(self, provider: str) -> bool: ...


class Pace(Protocol):
    """How soon targets begin their answers."""

    def saw(self, target: str, milliseconds: float) -> None: ...
    def flush(self) -> None: ...


class Queue:
    """The candidates that were not tried yet. What cannot be asked of one is not an attempt: the next one is."""

    def __init__(self, candidates: Sequence[Candidate], prepare: Callable[[Candidate], Prepared]) -> None:
        self.candidates = deque(candidates)
        self._prepare = prepare

    def __len__(self) -> int:
        return len(self.candidates)

    def next(self) -> Prepared:
        """Raises what the last one was refused for."""
        while True:
            try:
                return self._prepare(self.candidates.popleft())
            except GatewayError as error:
                if not self or attempts.meaning_of_preparing(error) is Meaning.END:
                    raise

    def keep(self, found: Candidate) -> None:
        """Without those elsewhere that build on the same stored answers: these are at that one's provider."""
        named, provider = found.request.references, found.target.provider
        self.candidates = deque(
            one for one in self.candidates if one.target.provider == provider or one.request.references != named
        )


@dataclass(frozen=True, slots=True)
class Attempting:
    """Makes attempts with what it was built with."""

    answering: Answering
    breakers: Breakers
    budget: RetryBudget
    pace: Pace
    prices: Callable[[Target], Priced]
    random: Random
    clock: Clock

    def queue(self, candidates: Sequence[Candidate], prepare: Callable[[Candidate], Prepared]) -> Queue:
        """Those whose breakers are not known to be open. Raises CircuitOpen where all are."""
        closed = [one for one in candidates if self.breakers.state(str(one.target)) != "open"]
        if not closed:
            raise self._open(candidates)
        return Queue(closed, prepare)

    def answer(
        self,
        first: Prepared,
        queue: Queue,
        watch: Watch,
        settlement: Settlement,
        error_bodies: ErrorBodies,
        meter: Callable[[Prepared], Meter],
        timeouts: Callable[[Prepared], Timeouts],
    ) -> Answer:
        """The first answer that commits. Raises the failure of the last attempt, where none does."""
        called: set[str] = set()
        tried: set[str] = set()
        failure: GatewayError | None = None
        prepared = first
        while True:
            tried.add(str(prepared.candidate.target))
            run = Run(self, prepared, queue, watch, settlement, error_bodies, meter, timeouts(prepared), called)
            try:
                return run.answer()
            except GatewayError as error:
                failure = failure if failure and isinstance(error, CircuitOpen) else error
                if settlement.has_spent or not (queue and run.falls_back(error)):
                    raise self._final(failure, settlement) from None
            following = self._following(queue, tried)
            if following is None:
                raise self._final(failure, settlement) from None
            prepared = following

    def _following(self, queue: Queue, tried: set[str]) -> Prepared | None:
        """The next that may be asked, None where none is left. One that was tried before, as a caller may name it many
        times, costs a retry.
        """
        while queue:
            try:
                prepared = queue.next()
            except GatewayError:
                return None
            candidate = prepared.candidate
            if str(candidate.target) not in tried or self.budget.may_retry(candidate.purse):
                return prepared
        return None

    def ended(self, candidate: Candidate, settlement: Settlement) -> None:
        """All is over and settled: what was learned of the target is kept."""
        target, error = settlement.target, settlement.error
        if settlement.bytes_out and error and self._health(candidate, error) is Health.FAILING:
            self.breakers.failed(str(target))  # it broke off in the middle
        if candidate.route.strategy is not Strategy.LATENCY:
            return
        first = settlement.meter.first_content_at
        if first is not None:
            self.pace.saw(str(target), (first - settlement.attempt_started) * 1000)
        self.pace.flush()

    def failed(self, candidate: Candidate, error: GatewayError, settlement: Settlement) -> None:
        """Tells the breaker, and that a target was waited for in vain."""
        target = str(candidate.target)
        tell = {Health.FAILING: self.breakers.failed, Health.WELL: self.breakers.succeeded}
        health = self._health(candidate, error)
        tell.get(health, self.breakers.undecided)(target)
        is_waited_for = isinstance(error, UpstreamTimeout) and health is Health.FAILING
        if is_waited_for and candidate.route.strategy is Strategy.LATENCY:
            self.pace.saw(target, (self.clock.monotonic() - settlement.attempt_started) * 1000)

    def _health(self, candidate: Candidate, error: GatewayError) -> Health:
        """A caller who waits less than is configured says nothing of the target: breakers and paces are everybody's."""
        is_hurried = isinstance(error, UpstreamTimeout) and self._is_hurried(candidate)
        return Health.UNKNOWN if is_hurried else attempts.health(error)

    def _is_hurried(self, candidate: Candidate) -> bool:
        timeouts = self.answering.providers[candidate.target.provider].settings.timeouts
        usual = replace(timeouts, **candidate.leg.timeouts)
        return any(seconds < getattr(usual, name) for name, seconds in candidate.step.timeouts.items())

    def circuit_open(self, target: Target) -> CircuitOpen:
        seconds = max(1, math.ceil(self.breakers.retry_after(str(target))))
        words = f"{target} failed too often in the last seconds and is not asked now; nothing was sent to it"
        return CircuitOpen(words, headers={"retry-after": str(seconds)})

    def _open(self, candidates: Sequence[Candidate]) -> CircuitOpen:
        return self.circuit_open(min((one.target for one in candidates), key=self._retry_after))

    def _retry_after(self, target: Target) -> float:
        return self.breakers.retry_after(str(target))

    def _final(self, error: GatewayError, settlement: Settlement) -> GatewayError:
        """What the caller is told: whether trying again may help, and when."""
        if len(settlement.attempts) > 1:
            error.headers.setdefault("x-should-retry", "false")
        is_upstreams = isinstance(error, UpstreamError)
        if is_upstreams and error.status in BUSY and "retry-after" not in error.headers:
            seconds = max(1, math.ceil(self._retry_after(settlement.target)))
            error.headers["retry-after"] = str(seconds)
        return error


@dataclass(frozen=True, slots=True)
class Run:
    """The attempts at one target. `called` are the purses of retries that know of the call."""

    tools: Attempting
    prepared: Prepared
    queue: Queue
    watch: Watch
    settlement: Settlement
    error_bodies: ErrorBodies
    meter: Callable[[Prepared], Meter]
    timeouts: Timeouts
    called: set[str]

    @property
    def target(self) -> Target:
        return self.prepared.candidate.target

    def answer(self) -> Answer:
        """The first answer that commits. Raises the failure of the last attempt; before any CircuitOpen, or what the
        call's time ended in.
        """
        failure: GatewayError | None = None
        number = 1
        while True:
            self.watch.restart(self.timeouts)
            self.watch.left()  # no time, no attempt: the target would be blamed for it
            if not self.tools.breakers.allows(str(self.target)):
                raise failure or self.tools.circuit_open(self.target)
            try:
                return self._attempt()
            except GatewayError as error:
                failure = error
                self.tools.failed(self.prepared.candidate, error, self.settlement)
                wait = self._wait(error, number)
            except BaseException:
                self.tools.breakers.undecided(str(self.target))
                raise
            if wait is None:
                raise failure
            self._pause(wait)
            number += 1

    def falls_back(self, error: GatewayError) -> bool:
        """Whether the next target may be asked."""
        return attempts.falls_back(error, self.prepared.candidate.route.fallback_statuses)

    def _attempt(self) -> Answer:
        candidate, settlement = self.prepared.candidate, self.settlement
        settlement.step = candidate.step_index if settlement.call.counts_steps else candidate.place
        settlement.ended = partial(self.tools.ended, candidate)
        priced = self.tools.prices(self.target)
        settlement.begin(self.target, candidate.request, priced, self.meter(self.prepared))
        self._called()
        answer = self.tools.answering.answer(
            self.prepared, self.watch, self.settlement, self.error_bodies, is_last=not self.queue
        )
        self.tools.breakers.succeeded(str(self.target))
        return answer

    def _called(self) -> None:
        """Each attempt counts for its target's breaker, each call once for its provider's retries."""
        self.tools.breakers.called(str(self.target))
        purse = self.prepared.candidate.purse
        if purse not in self.called:
            self.called.add(purse)
            self.tools.budget.called(purse)

    def _wait(self, error: GatewayError, number: int) -> float | None:
        """Seconds until this target is asked again; None where it is not. One that says when is not waited for while
        another is left.
        """
        retry = self.prepared.candidate.retry
        if number >= attempts.most(error, retry) or self.settlement.has_spent:
            return None
        asked = attempts.retry_after(error.headers, self.tools.clock.now())
        if self.queue and (asked is not None or error.status == attempts.THROTTLED):
            return None
        wait = attempts.wait_seconds(retry, number, asked, self.tools.random)
        if wait is None or wait + SPARE_SECONDS > self.watch.remaining:
            return None
        if self.tools.breakers.state(str(self.target)) == "open":
            return None  # it would not be asked anyhow
        return wait if self.tools.budget.may_retry(self.prepared.candidate.purse) else None

    def _pause(self, seconds: float) -> None:
        """In ticks, so that a caller who has gone is not waited for. Raises DeadlineReached, UpstreamTimeout."""
        until = self.tools.clock.monotonic() + seconds
        while (left := until - self.tools.clock.monotonic()) > 0:
            self.tools.clock.sleep(min(left, TICK_SECONDS))
            if self.watch.remaining <= 0:
                self.watch.left()
