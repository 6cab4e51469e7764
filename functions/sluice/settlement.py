"""The end of one call: exactly one record, whatever way it ended.

A generator's `finally` does not run if it was never started, so settling belongs to an object that anyone may
`close()`, any number of times. The log line comes first: it is the second write-ahead log.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from sluice import telemetry
from sluice.domain.call import Call, ModelRequest, Step, Target
from sluice.domain.clock import Clock
from sluice.domain.errors import GatewayError, UpstreamError
from sluice.domain.price import Price, Priced
from sluice.domain.record import Attempt, Outcome, Reservation, UsageRecord
from sluice.domain.reference import Stored
from sluice.domain.usage import Usage, UsageSource
from sluice.metering import Meter
from sluice.pricing import cost

if TYPE_CHECKING:
    from sluice.domain.hold import Hold
    from sluice.domain.idempotency import KeptAnswer

SETTLE_SECONDS = 1.0


class Settles(Protocol):
    def settle(self, reservation: Reservation, record: UsageRecord, budget_seconds: float = SETTLE_SECONDS) -> bool: ...


class Keeps(Protocol):
    """Remembers whose stored answers are whose."""

    def keep(self, call: Call, provider: str, stored: Sequence[Stored], usage: Usage) -> None: ...


@dataclass(slots=True)
class Settlement:
    """Everything that is known of a reserved call, until it is settled.

    Target, meter and price are those of the attempt under way; `ended` is told when all is over, and those in `after`
    what came of it. `kept` is the answer as it was given, where it may be given again.
    """

    call: Call
    target: Target
    reservation: Reservation
    meter: Meter
    ledger: Settles
    owners: Keeps
    price: Price | None
    telemetry: "telemetry.Telemetry"
    clock: Clock
    attempts: list[Attempt] = field(default_factory=list)
    http_status: int = 200
    bytes_out: int = 0
    provider_request_id: str | None = None
    was_sent: bool = False
    is_complete: bool = False
    error: GatewayError | None = None
    is_closed: bool = False
    step: int = 0
    attempt_started: float = 0.0
    price_version: str | None = None
    ended: Callable[["Settlement"], None] | None = None
    after: list[Callable[[UsageRecord], None]] = field(default_factory=list)
    kept: "Callable[[], KeptAnswer | None] | None" = None

    def begin(self, target: Target, request: ModelRequest, priced: Priced, meter: Meter) -> None:
        """An attempt begins: what an earlier one has read and sent is no longer of this call."""
        if request is not self.call.request:
            self.call = replace(self.call, steps=(Step(request),))
        self.target, self.price, self.meter = target, priced.price, meter
        self.price_version = priced.version
        self.provider_request_id, self.was_sent = None, False
        self.attempt_started = self.clock.monotonic()

    def fail(self, error: GatewayError) -> None:
        """The call ended in an error before its answer began, which is then the answer. The first one counts."""
        if self.error is None:
            self.error, self.http_status = error, error.status
        error.is_recorded = True

    def fail_in_band(self, error: GatewayError) -> None:
        """The call ended in an error after status 200 was sent."""
        self.error = self.error or error

    def tried(self, http_status: int | None, error: GatewayError | None = None) -> None:
        """The attempt is over, or its answer is committed."""
        milliseconds = round((self.clock.monotonic() - self.attempt_started) * 1000)
        code = error.code if error else None
        lost = self._lost(http_status, error) if error else None
        self.attempts.append(Attempt(self.target.provider, self.target.model, http_status, code, milliseconds, lost))

    def _lost(self, http_status: int | None, error: GatewayError) -> int | None:
        """What a failed attempt may have cost: what it says it used, else what its answer or its prompt tells."""
        if isinstance(error, UpstreamError) and error.used:
            return self._cost(error.used)
        if http_status == 200 or (http_status is None and self.was_sent):
            self.meter.end()
            return self._cost(self.meter.usage)
        return None

    def close(self) -> None:
        """Settles, once."""
        if self.is_closed:
            return
        self.is_closed = True
        self.meter.end()
        record = self.record()
        try:
            fields = _fields(self.call, self.reservation.route, self.target, record)
            self.telemetry.call({**fields, **_remarks(self.reservation), "nonce": self.reservation.nonce})
        finally:
            is_settled = self.ledger.settle(self.reservation, record)
            self._keep_stored(record.usage)
            if self.ended:
                self.ended(self)
            for tell in self.after:
                tell(record)
        if not is_settled:
            self.telemetry.trouble(telemetry.UNSETTLED, {"request_id": self.call.request_id})

    def _keep_stored(self, usage: Usage) -> None:
        """What the provider stored of this call may be built on by its principal, and by nobody else.

        An id that the caller chose is not kept: it may be another's (vLLM takes `request_id` for its response's id).
        """
        body = self.call.request.body
        chosen = {value for value in body.values() if isinstance(value, str)}
        stored = [one for one in self.meter.tally.stored if one.id not in chosen]
        if stored and body.get("store") is not False:
            self.owners.keep(self.call, self.target.provider, stored, usage)

    @property
    def has_spent(self) -> bool:
        """Whether an attempt that failed may have been charged out of a strict budget: it was the last one then."""
        return self.reservation.is_strict and any(one.cost for one in self.attempts)

    def record(self) -> UsageRecord:
        usage, source = self._used()
        spent = self._cost(usage)
        return UsageRecord(
            outcome=self._outcome(),
            http_status=self.http_status,
            usage=usage,
            usage_source=source,
            cost=spent,
            attempts=self._attempts(),
            model_answered=self.meter.tally.model,
            finish_reason=self.meter.tally.finish_reason,
            error_code=self.error.code if self.error else None,
            provider_request_id=self.provider_request_id,
            time_to_first_chunk_ms=self._since(self.meter.first_content_at),
            duration_ms=self._since(self.clock.monotonic()) or 0,
            bytes_out=self.bytes_out,
            price_version=self.price_version,
            operation=self.call.request.operation.name,
            is_stream=self.call.request.is_stream,
            charges=tuple(self._charge(hold, spent) for hold in self.reservation.holds),
        )

    def _charge(self, hold: "Hold", spent: int | None) -> int:
        """What a budget pays: its targets' attempts, the lost ones too; what it held at worst where that is unknown,
        or, in a strict one, where nobody says what a lost attempt was charged.
        """
        lost = sum(one.cost or 0 for one in self.attempts[:-1] if f"{one.provider}/{one.model}" in hold.targets)
        if str(self.target) not in hold.targets:
            return lost
        if hold.is_strict and self._is_lost:
            return hold.worst
        own = spent
        return hold.worst if own is None else lost + own

    @property
    def _is_lost(self) -> bool:
        """Whether the last attempt went without an answer: what it was charged nobody says."""
        is_told = isinstance(self.error, UpstreamError) and self.error.used
        return self.was_sent and bool(self.attempts) and self.attempts[-1].http_status is None and not is_told

    def _attempts(self) -> tuple[Attempt, ...]:
        """What the last one may have cost is the record's own cost."""
        return (*self.attempts[:-1], *(replace(one, cost=None) for one in self.attempts[-1:]))

    def _used(self) -> tuple[Usage, UsageSource]:
        """What the provider reported, else what was delivered.

        A call it refused used nothing; one that got lost may have used its prompt, and is booked so.
        """
        if isinstance(self.error, UpstreamError) and self.error.used:
            return self.error.used, UsageSource.PROVIDER
        last = self.attempts[-1].http_status if self.attempts else None
        if last == 200:
            return self.meter.usage, self.meter.usage_source
        if last is None and self.was_sent:
            return self.meter.usage, UsageSource.ESTIMATED
        return Usage(), UsageSource.COUNTED

    def _cost(self, usage: Usage) -> int | None:
        tier = self.meter.tally.service_tier or self.call.request.service_tier
        price = self.price if self.call.request.operation.is_priced else None
        return 0 if usage == Usage() else cost(usage, price, tier)

    def _outcome(self) -> Outcome:
        if self.is_complete:
            return Outcome.COMPLETE
        return Outcome.INCOMPLETE if self.bytes_out else Outcome.FAILED

    def _since(self, moment: float | None) -> int | None:
        return None if moment is None else round((moment - self.call.started) * 1000)


def _remarks(reservation: Reservation) -> dict[str, Any]:
    """The virtual key of a call, and what policies and guards remarked; most calls have neither."""
    key = {"key": reservation.key_id} if reservation.key_id else {}
    return {**key, "notes": list(reservation.notes)} if reservation.notes else key


def _fields(call: Call, route: str, target: Target, record: UsageRecord) -> dict[str, Any]:
    """The log line of a settled call."""
    return {
        "request_id": call.request_id,
        "http_status": record.http_status,
        "outcome": record.outcome.value,
        "error_code": record.error_code,
        "surface": call.surface,
        telemetry.OPERATION_NAME: call.request.operation.name,
        "path": call.path,
        "route": route,
        telemetry.PROVIDER_NAME: target.provider,
        telemetry.REQUEST_MODEL: target.model,
        telemetry.RESPONSE_MODEL: record.model_answered,
        telemetry.REQUEST_STREAM: call.request.is_stream,
        telemetry.FINISH_REASONS: record.finish_reason,
        telemetry.INPUT_TOKENS: record.usage.prompt,
        telemetry.CACHED_TOKENS: record.usage.cache_read,
        telemetry.CACHE_WRITE_TOKENS: record.usage.cache_write_5m + record.usage.cache_write_1h,
        telemetry.OUTPUT_TOKENS: record.usage.output,
        telemetry.REASONING_TOKENS: record.usage.reasoning,
        "usage_source": record.usage_source.value,
        "cost_nano_dollars": record.cost,
        "ttft_ms": record.time_to_first_chunk_ms,
        "duration_ms": record.duration_ms,
        "attempts": len(record.attempts),
    }
