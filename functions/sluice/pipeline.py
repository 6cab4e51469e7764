"""One call, from admission to settlement: the table of contents.

route ▶ admit ▶ open ▶ relay ▶ settle. Until `answer` returns, a failure is an answer with its own status; after it,
failures travel in band and the stream ends without `[DONE]`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from sluice import early, relay, whole
from sluice.admission import Admission, prompt_bytes
from sluice.answer import Answer, Body
from sluice.codecs.dialects import DIALECTS
from sluice.domain.call import Call, Target
from sluice.domain.clock import Clock
from sluice.domain.errors import GatewayError, LedgerBusy, UpstreamAuth
from sluice.domain.price import Priced
from sluice.domain.principal import Principal
from sluice.domain.record import Outcome, Reservation, UsageRecord
from sluice.domain.reference import Reference
from sluice.domain.usage import Usage, UsageSource
from sluice.metering import Meter, bytes_of
from sluice.passage import Passage
from sluice.providers.openai import Provider, passed_headers
from sluice.providers.upstream import Upstream
from sluice.providers.watch import Watch
from sluice.routing.selection import Selection
from sluice.settings import Timeouts
from sluice.settlement import Keeps, Settlement, Settles
from sluice.telemetry import Telemetry

REQUEST_ID_HEADER = "x-request-id"
RELEASE_SECONDS = 0.5


class Keys(Protocol):
    """Where provider keys come from."""

    def key(self, secret_id: str) -> str: ...
    def refused(self, secret_id: str, key: str) -> str | None: ...


class Ledger(Settles, Protocol):
    def reserve(self, reservation: Reservation) -> None: ...


class Owners(Keeps, Protocol):
    """Whose stored answers are whose."""

    def tokens(self, principal: Principal, provider: str, references: Sequence[Reference]) -> int: ...


@dataclass(frozen=True, slots=True)
class Opened:
    """An answer that has begun, and all that is known of its call."""

    provider: Provider
    upstream: Upstream
    watch: Watch
    key: str | None
    settlement: Settlement


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Answers calls with what it was built with. `error_body` is the surface's shape of an error in band."""

    selection: Selection
    providers: Mapping[str, Provider]
    prices: Callable[[Target], Priced]
    admission: Admission
    keys: Keys
    ledger: Ledger
    owners: Owners
    telemetry: Telemetry
    clock: Clock

    def answer(self, call: Call, error_body: Callable[[GatewayError], dict[str, object]]) -> Answer:
        """Raises GatewayError while nothing was sent; a call that was reserved is settled then."""
        target = self.selection.target(call.request.model, call.provider)
        provider = self.providers[target.provider]
        provider.check(call.request)
        payload = provider.payload(target, call.request)
        key = self.keys.key(provider.settings.secret) if provider.settings.secret else None
        settlement = self._admit(call, target, len(payload))
        waits = timeouts(provider, call)
        watch = Watch(waits, call.deadline, self.clock.monotonic)
        opening = partial(self._begin, provider, payload, key, watch, settlement, error_body)
        try:
            if waits.early_heartbeat_seconds and call.request.is_stream:
                return early.answer(opening, watch, waits.early_heartbeat_seconds, settlement, error_body)
            return opening()
        except GatewayError as error:
            error.headers |= _target_headers(settlement)
            settlement.fail(error)
            raise
        except BaseException:
            settlement.fail(GatewayError("an internal error"))
            raise
        finally:
            if settlement.error:
                settlement.close()

    def _begin(
        self,
        provider: Provider,
        payload: bytes,
        key: str | None,
        watch: Watch,
        settlement: Settlement,
        error_body: Callable[[GatewayError], dict[str, object]],
    ) -> Answer:
        """Returns once the answer has begun. Raises GatewayError."""
        return self._relay(self._open(provider, payload, key, watch, settlement), error_body)

    def _admit(self, call: Call, target: Target, payload_bytes: int) -> Settlement:
        """Writes the reservation: not a byte leaves for a provider before that."""
        priced, request = self.prices(target), call.request
        named = request.references
        context_tokens = self.owners.tokens(call.principal, target.provider, named) if named else 0
        reservation = self.admission.reservation(call, target, priced, payload_bytes, context_tokens)
        try:
            self.ledger.reserve(reservation)
        except LedgerBusy as error:
            self._release(reservation, error)
            raise
        dialect = DIALECTS[request.operation.dialect]
        meter = Meter(
            lambda: prompt_bytes(request) + bytes_of(context_tokens), self.clock.monotonic, request.choices, dialect
        )
        return Settlement(
            call, target, reservation, meter, self.ledger, self.owners, priced.price, self.telemetry, self.clock
        )

    def _release(self, reservation: Reservation, error: LedgerBusy) -> None:
        """A reservation whose answer got lost may stand all the same: nothing was sent, so it is to cost nothing."""
        record = UsageRecord(
            Outcome.FAILED, error.status, Usage(), UsageSource.COUNTED, cost=0, attempts=(), error_code=error.code
        )
        self.ledger.settle(reservation, record, RELEASE_SECONDS)

    def _open(
        self, provider: Provider, payload: bytes, key: str | None, watch: Watch, settlement: Settlement
    ) -> Opened:
        """Asks the provider, once more with another key where it refused this one."""
        try:
            upstream = self._try(provider, payload, key, watch, settlement)
        except UpstreamAuth:
            key = self.keys.refused(provider.settings.secret, key) if provider.settings.secret and key else None
            if key is None:
                raise
            upstream = self._try(provider, payload, key, watch, settlement)
        return Opened(provider, upstream, watch, key, settlement)

    def _try(
        self, provider: Provider, payload: bytes, key: str | None, watch: Watch, settlement: Settlement
    ) -> Upstream:
        since = self.clock.monotonic()
        try:
            upstream = provider.open(settlement.call.request.operation.path, payload, key, watch)
        except GatewayError as error:
            settlement.tried(since, error.upstream_status, error)
            settlement.was_sent = watch.has_sent
            raise
        settlement.tried(since, upstream.status)
        settlement.provider_request_id = upstream.headers.get(REQUEST_ID_HEADER)
        return upstream

    def _relay(self, opened: Opened, error_body: Callable[[GatewayError], dict[str, object]]) -> Answer:
        settlement, upstream = opened.settlement, opened.upstream
        try:
            if settlement.call.request.is_stream:
                body = self._stream(opened, error_body)
            else:
                body = whole.body(upstream, opened.watch, settlement, self.clock.monotonic, opened.key or "")
        except GatewayError:
            upstream.close()
            raise
        return Answer(_headers(opened), body)

    def _stream(self, opened: Opened, error_body: Callable[[GatewayError], dict[str, object]]) -> Body:
        settings, settlement = opened.provider.settings, opened.settlement
        dialect = DIALECTS[settlement.call.request.operation.dialect]
        passage = Passage(
            settlement.meter,
            dialect,
            drops_usage=opened.provider.asks_for_usage(settlement.call.request),
            strict_done=settings.strict_done,
            key=opened.key or "",
        )
        held = relay.commit(opened.upstream, passage, opened.watch)
        heartbeat = settings.timeouts.heartbeat_seconds
        sender = relay.Relay(opened.upstream, passage, dialect, settlement, heartbeat, self.clock.monotonic, error_body)
        return sender.body(held)


def timeouts(provider: Provider, call: Call) -> Timeouts:
    """The provider's timeouts, with what the caller asked for in their place."""
    return replace(provider.settings.timeouts, **call.timeouts) if call.timeouts else provider.settings.timeouts


def _headers(opened: Opened) -> dict[str, str]:
    headers = opened.upstream.headers
    content_type = headers.get("content-type", "application/json")
    return {**passed_headers(headers), "content-type": content_type, **_target_headers(opened.settlement)}


def _target_headers(settlement: Settlement) -> dict[str, str]:
    """Who answered, or failed to."""
    return {
        "x-sluice-provider": settlement.target.provider,
        "x-sluice-model": settlement.target.model,
        "x-sluice-attempts": str(len(settlement.attempts)),
    }
