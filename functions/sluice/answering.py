"""One attempt: one target is asked, and its answer begins.

Nothing is sent to the caller until `answer` returns; what fails before that raises, and another attempt may follow.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from sluice import relay, whole
from sluice.answer import Answer, Body
from sluice.codecs.dialect import Dialect
from sluice.codecs.dialects import dialect
from sluice.domain.call import Call
from sluice.domain.clock import Clock
from sluice.domain.errors import GatewayError, InvalidRequest, UpstreamAuth
from sluice.domain.operation import Operation
from sluice.domain.reference import Reference
from sluice.passage import Passage, reported
from sluice.providers.plan import Plan, Provider
from sluice.providers.upstream import Answered
from sluice.providers.watch import Watch
from sluice.routing.candidates import Candidate
from sluice.settlement import Settlement
from sluice.translated import Translated
from sluice.translation.translation import Asked

JSON = "application/json"
NOT_OF_AN_ID = re.compile(r"[^A-Za-z0-9-]+")
CALLERS_KEY_REFUSED = "the provider refused the key in x-sluice-provider-authorization"

ErrorBodies = Callable[[Operation], Callable[[GatewayError], dict[str, object]]]


class Keys(Protocol):
    """Where provider keys come from."""

    def check(self, secret_id: str) -> None: ...
    def key(self, secret_id: str) -> str: ...
    def refused(self, secret_id: str, key: str) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Prepared:
    """A candidate that can be asked: its plan is made, and there is a key for it.

    `context_tokens` are those of the stored answers that it builds on.
    """

    candidate: Candidate
    provider: Provider
    plan: Plan
    context_tokens: int = 0

    @property
    def references(self) -> tuple[Reference, ...]:
        """The stored answers that are named to the provider; what is translated names none."""
        return () if self.plan.translation else self.candidate.request.references


@dataclass(frozen=True, slots=True)
class Opened:
    """An answer that has begun, and all that is known of its attempt."""

    prepared: Prepared
    upstream: Answered
    watch: Watch
    key: str | None
    settlement: Settlement

    @property
    def plan(self) -> Plan:
        return self.prepared.plan

    @property
    def provider(self) -> Provider:
        return self.prepared.provider


@dataclass(frozen=True, slots=True)
class Answering:
    """Asks targets. `error_bodies` are the surface's shapes of an error in band."""

    providers: Mapping[str, Provider]
    keys: Keys
    clock: Clock

    def prepared(self, candidate: Candidate) -> Prepared:
        """Raises InvalidRequest for what this target cannot be asked, SecretUnavailable; nothing is sent."""
        provider = self.providers[candidate.target.provider]
        plan = provider.plan(candidate.target, candidate.request)
        self._check_key(provider, candidate.step.key)
        return Prepared(candidate, provider, plan)

    def _check_key(self, provider: Provider, callers: str | None) -> None:
        """Takes no key: each attempt takes its own, or keys would not be taken in turns."""
        secret = provider.settings.secret
        if callers is None:
            if secret:
                self.keys.check(secret)
        elif not provider.settings.caller_keys:
            words = f"the provider {provider.settings.name} takes no keys from callers; its caller_keys is not set"
            raise InvalidRequest(f"{words}. Leave out x-sluice-provider-authorization")

    def _key(self, provider: Provider, callers: str | None) -> str | None:
        secret = provider.settings.secret
        return callers or (self.keys.key(secret) if secret else None)

    def answer(
        self, prepared: Prepared, watch: Watch, settlement: Settlement, error_bodies: ErrorBodies, *, is_last: bool
    ) -> Answer:
        """Returns once the answer is committed. Raises GatewayError; the attempt is noted in either case."""
        try:
            opened = self._open(prepared, watch, settlement)
        except GatewayError as error:
            settlement.was_sent = watch.has_sent
            settlement.tried(error.upstream_status, error)
            raise
        try:
            body = self._body(opened, error_bodies(prepared.candidate.request.operation), is_last=is_last)
        except GatewayError as error:
            opened.upstream.close()
            settlement.tried(opened.upstream.status, error)
            raise
        except BaseException:
            opened.upstream.close()
            raise
        settlement.tried(opened.upstream.status)
        return Answer(_headers(opened), body)

    def _open(self, prepared: Prepared, watch: Watch, settlement: Settlement) -> Opened:
        """Asks the provider, once more with another key where it refused this one."""
        key, secret = self._key(prepared.provider, prepared.candidate.step.key), prepared.provider.settings.secret
        try:
            return self._opened(prepared, key, watch, settlement)
        except UpstreamAuth as error:
            if prepared.candidate.step.key is not None:
                error.message = CALLERS_KEY_REFUSED
                raise
            other = self.keys.refused(secret, key) if secret and key else None
            if other is None:
                raise
            settlement.tried(error.upstream_status, error)
            settlement.attempt_started = self.clock.monotonic()
            return self._opened(prepared, other, watch, settlement)

    def _opened(self, prepared: Prepared, key: str | None, watch: Watch, settlement: Settlement) -> Opened:
        upstream = prepared.provider.open(prepared.plan, key, watch)
        settlement.provider_request_id = prepared.provider.request_id(upstream.headers)
        settlement.meter.see_headers(upstream.headers)
        return Opened(prepared, upstream, watch, key, settlement)

    def _body(self, opened: Opened, error_body: Callable[[GatewayError], dict[str, object]], *, is_last: bool) -> Body:
        if opened.prepared.candidate.request.is_stream:
            return self._stream(opened, error_body, is_last=is_last)
        return self._whole(opened)

    def _whole(self, opened: Opened) -> Body:
        settlement, translation = opened.settlement, opened.plan.translation
        if translation is None:
            has, key = opened.plan.dialect.whole_has, opened.key or ""
            return whole.body(opened.upstream, opened.watch, settlement, self.clock.monotonic, key, has)
        asked = self._asked(settlement)
        return whole.translated(
            opened.upstream, opened.watch, settlement, lambda answer: translation.whole(answer, asked)
        )

    def _stream(
        self, opened: Opened, error_body: Callable[[GatewayError], dict[str, object]], *, is_last: bool
    ) -> Body:
        settings, settlement, plan = opened.provider.settings, opened.settlement, opened.plan
        caller = dialect(settlement.call.request.operation.dialect)
        way = self._way(opened, caller)
        has_content = None if is_last else (lambda: settlement.meter.has_content)
        held = relay.commit(opened.upstream, way, opened.watch, plan.dialect.framing.content_type, has_content)
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


def _headers(opened: Opened) -> dict[str, str]:
    plan, headers, settlement = opened.plan, opened.upstream.headers, opened.settlement
    content_type = headers.get("content-type", JSON) if plan.translation is None else _made_type(settlement.call)
    warnings = {"x-sluice-warnings": ",".join(plan.warnings)} if plan.warnings else {}
    shown = opened.provider.passed(headers)
    return {**shown, "content-type": content_type, **warnings, **target_headers(settlement)}


def _made_type(call: Call) -> str:
    """The content type of an answer that is made here."""
    return dialect(call.request.operation.dialect).framing.content_type if call.request.is_stream else JSON


def target_headers(settlement: Settlement) -> dict[str, str]:
    """Who answered, or failed to."""
    named = settlement.provider_request_id
    return {
        "x-sluice-provider": settlement.target.provider,
        "x-sluice-model": settlement.target.model,
        "x-sluice-attempts": str(len(settlement.attempts)),
        "x-sluice-step": str(settlement.step),
        **({"x-sluice-provider-request-id": named} if named else {}),
    }
