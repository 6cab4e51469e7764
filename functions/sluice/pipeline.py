"""One call, from admission to settlement: the table of contents.

route ▶ admit ▶ open ▶ relay ▶ settle. Until `answer` returns, a failure is an answer with its own status; after it,
failures travel in band and the stream ends without `[DONE]`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from sluice import early, relay, whole
from sluice.admission import Admission, prompt_bytes
from sluice.answer import Answer, Body
from sluice.codecs.dialect import Dialect
from sluice.codecs.dialects import dialect
from sluice.domain.call import Call, Target
from sluice.domain.clock import Clock
from sluice.domain.errors import GatewayError, LedgerBusy, UpstreamAuth
from sluice.domain.price import Priced
from sluice.domain.principal import Principal
from sluice.domain.record import Outcome, Reservation, UsageRecord
from sluice.domain.reference import Reference
from sluice.domain.usage import Usage, UsageSource
from sluice.metering import Meter, bytes_of
from sluice.passage import Passage, reported
from sluice.providers.plan import Plan, Provider
from sluice.providers.upstream import Answered
from sluice.providers.watch import Watch
from sluice.routing.selection import Selection
from sluice.settings import Timeouts
from sluice.settlement import Keeps, Settlement, Settles
from sluice.telemetry import Telemetry
from sluice.translated import Translated
from sluice.translation.translation import Asked

JSON = "application/json"
RELEASE_SECONDS = 0.5
NOT_OF_AN_ID = re.compile(r"[^A-Za-z0-9-]+")


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
    plan: Plan
    upstream: Answered
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
        plan = provider.plan(target, call.request)
        key = self.keys.key(provider.settings.secret) if provider.settings.secret else None
        settlement = self._admit(call, target, plan)
        waits = timeouts(provider, call)
        watch = Watch(waits, call.deadline, self.clock.monotonic)
        opening = partial(self._begin, provider, plan, key, watch, settlement, error_body)
        spoken, early_seconds = dialect(call.request.operation.dialect), waits.early_heartbeat_seconds
        try:
            if early_seconds and call.request.is_stream and spoken.framing.heartbeat:
                return early.answer(opening, watch, early_seconds, settlement, error_body, spoken)
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
        plan: Plan,
        key: str | None,
        watch: Watch,
        settlement: Settlement,
        error_body: Callable[[GatewayError], dict[str, object]],
    ) -> Answer:
        """Returns once the answer has begun. Raises GatewayError."""
        return self._relay(self._open(provider, plan, key, watch, settlement), error_body)

    def _admit(self, call: Call, target: Target, plan: Plan) -> Settlement:
        """Writes the reservation: not a byte leaves for a provider before that."""
        priced, request = self.prices(target), call.request
        named = () if plan.translation else request.references  # what is translated names nothing that is stored
        context_tokens = self.owners.tokens(call.principal, target.provider, named) if named else 0
        reservation = self.admission.reservation(call, target, priced, plan.size, context_tokens)
        try:
            self.ledger.reserve(reservation)
        except LedgerBusy as error:
            self._release(reservation, error)
            raise
        meter = Meter(
            lambda: prompt_bytes(request) + bytes_of(context_tokens),
            self.clock.monotonic,
            request.choices,
            plan.dialect,
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

    def _open(self, provider: Provider, plan: Plan, key: str | None, watch: Watch, settlement: Settlement) -> Opened:
        """Asks the provider, once more with another key where it refused this one."""
        try:
            upstream = self._try(provider, plan, key, watch, settlement)
        except UpstreamAuth:
            key = self.keys.refused(provider.settings.secret, key) if provider.settings.secret and key else None
            if key is None:
                raise
            upstream = self._try(provider, plan, key, watch, settlement)
        return Opened(provider, plan, upstream, watch, key, settlement)

    def _try(self, provider: Provider, plan: Plan, key: str | None, watch: Watch, settlement: Settlement) -> Answered:
        since = self.clock.monotonic()
        try:
            upstream = provider.open(plan, key, watch)
        except GatewayError as error:
            settlement.tried(since, error.upstream_status, error)
            settlement.was_sent = watch.has_sent
            raise
        settlement.tried(since, upstream.status)
        settlement.provider_request_id = provider.request_id(upstream.headers)
        settlement.meter.see_headers(upstream.headers)
        return upstream

    def _relay(self, opened: Opened, error_body: Callable[[GatewayError], dict[str, object]]) -> Answer:
        settlement, upstream = opened.settlement, opened.upstream
        try:
            body = self._stream(opened, error_body) if settlement.call.request.is_stream else self._whole(opened)
        except GatewayError:
            upstream.close()
            raise
        return Answer(_headers(opened), body)

    def _whole(self, opened: Opened) -> Body:
        settlement, translation = opened.settlement, opened.plan.translation
        if translation is None:
            has, key = opened.plan.dialect.whole_has, opened.key or ""
            return whole.body(opened.upstream, opened.watch, settlement, self.clock.monotonic, key, has)
        asked = self._asked(settlement)
        return whole.translated(
            opened.upstream, opened.watch, settlement, lambda answer: translation.whole(answer, asked)
        )

    def _stream(self, opened: Opened, error_body: Callable[[GatewayError], dict[str, object]]) -> Body:
        settings, settlement, plan = opened.provider.settings, opened.settlement, opened.plan
        caller = dialect(settlement.call.request.operation.dialect)
        way = self._way(opened, caller)
        held = relay.commit(opened.upstream, way, opened.watch, plan.dialect.framing.content_type)
        heartbeat = settings.timeouts.heartbeat_seconds
        sender = relay.Relay(opened.upstream, way, caller, settlement, heartbeat, self.clock.monotonic, error_body)
        return sender.body(held)

    def _way(self, opened: Opened, caller: Dialect) -> relay.Way:
        """Unaltered where both speak the same dialect."""
        plan, settlement, key = opened.plan, opened.settlement, opened.key or ""
        if plan.translation is None or plan.translation.stream is None:
            return Passage(
                settlement.meter,
                plan.dialect,
                drops_usage=plan.drops_usage,
                strict_done=opened.provider.settings.strict_done,
                key=key,
                failure=plan.failure,
            )
        translator = plan.translation.stream(self._asked(settlement))
        return Translated(settlement.meter, plan.dialect, caller, translator, plan.failure or reported, key)

    def _asked(self, settlement: Settlement) -> Asked:
        """What an answer's translators must know of its call; the provider's own id makes theirs, as far as one may."""
        request, call = settlement.call.request, settlement.call
        id = NOT_OF_AN_ID.sub("", settlement.provider_request_id or "")[:64] or call.request_id
        return Asked(request.model, id, int(self.clock.now()), request.body)


def timeouts(provider: Provider, call: Call) -> Timeouts:
    """The provider's timeouts, with what the caller asked for in their place."""
    return replace(provider.settings.timeouts, **call.timeouts) if call.timeouts else provider.settings.timeouts


def _headers(opened: Opened) -> dict[str, str]:
    plan, headers, settlement = opened.plan, opened.upstream.headers, opened.settlement
    content_type = headers.get("content-type", JSON) if plan.translation is None else _made_type(settlement.call)
    warnings = {"x-sluice-warnings": ",".join(plan.warnings)} if plan.warnings else {}
    shown = opened.provider.passed(headers)
    return {**shown, "content-type": content_type, **warnings, **_target_headers(settlement)}


def _made_type(call: Call) -> str:
    """The content type of an answer that is made here."""
    return dialect(call.request.operation.dialect).framing.content_type if call.request.is_stream else JSON


def _target_headers(settlement: Settlement) -> dict[str, str]:
    """Who answered, or failed to."""
    named = settlement.provider_request_id
    return {
        "x-sluice-provider": settlement.target.provider,
        "x-sluice-model": settlement.target.model,
        "x-sluice-attempts": str(len(settlement.attempts)),
        **({"x-sluice-provider-request-id": named} if named else {}),
    }
