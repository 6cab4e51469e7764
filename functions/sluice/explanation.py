"""A dry run: what a call would do, told and not done.

What it tells comes from the functions that make the call itself: the same order, the same plans, the same reservation.
Nothing is sent to a provider, no secret is read, and nothing is written or charged. What is only known at the time of
a call (which target answers, what a breaker says to another environment) is not known here either.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sluice import telemetry
from sluice.admission import Admission
from sluice.answering import Answering, Prepared
from sluice.attempting import Breakers
from sluice.domain.call import Call, Target
from sluice.domain.errors import CircuitOpen, GatewayError, InvalidRequest, NotFound, PolicyBlocked
from sluice.domain.operation import BEDROCK_OPERATIONS, COUNT_MESSAGES, MESSAGES, OPERATIONS
from sluice.domain.price import Priced
from sluice.domain.principal import Principal
from sluice.domain.record import Reservation
from sluice.domain.timeouts import Timeouts
from sluice.gate import Judged
from sluice.providers.plan import Plan
from sluice.routing.candidates import Candidate

OUTCOME = "dry_run"
FIRST, NEXT, LEFT_OUT = "asked first", "asked next", "left out"
OPEN, HALF_OPEN = "open", "half-open"
PROBED = "it failed lately: one call at a time is let through to try it"
# The longest first: one is the end of another.
PATHS = sorted({*OPERATIONS, *BEDROCK_OPERATIONS, MESSAGES.path, COUNT_MESSAGES.path}, key=len, reverse=True)
REFUSALS = (CircuitOpen, InvalidRequest, NotFound, PolicyBlocked)  # what a call would be told, and a dry run tells of

Json = dict[str, Any]


class NoKeys:
    """Stands where keys come from: a dry run needs none."""

    def check(self, secret_id: str) -> None: ...

    def key(self, secret_id: str) -> str:  # noqa: ARG002 there is none to read
        return ""

    def refused(self, secret_id: str, key: str) -> str | None:  # noqa: ARG002
        return None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a call would begin with.

    `first` is the candidate that is asked first, `following` those after it. Where nobody can be asked there is a
    `refusal` in place of these.
    """

    first: Prepared | None = None
    following: Sequence[Candidate] = ()
    reservation: Reservation | None = None
    judged: Judged | None = None
    refusal: GatewayError | None = None


@dataclass(frozen=True, slots=True)
class Explaining:
    """Makes the answers to dry runs.

    `answering` has no keys. `bound` is the most that a candidate can cost, given the first one; `configuration` is the
    version in force, if known.
    """

    answering: Answering
    breakers: Breakers
    admission: Admission
    prices: Callable[[Target], Priced]
    bound: Callable[[Candidate, Prepared], int | None]
    timeouts: Callable[[Prepared], Timeouts]
    configuration: int | None = None

    def document(self, call: Call, candidates: Sequence[Candidate], outlook: Outlook) -> Json:
        """The answer. Costs are nano-dollars, None where they are unknown."""
        route, reserved = candidates[0].route, outlook.reservation
        return {
            "object": OUTCOME,
            "request_id": call.request_id,
            "principal": _principal(call.principal),
            "policy": _policy(outlook),
            "surface": call.surface,
            "operation": call.request.operation.name,
            "stream": call.request.is_stream,
            "route": {"name": route.name, "strategy": route.strategy, "sticky": route.sticky},
            "candidates": [self._candidate(one, outlook) for one in candidates],
            "refusal": _refusal(outlook.refusal),
            "cost_bound": reserved.bound if reserved else None,
            "cost_estimate": reserved.estimate if reserved else None,
            "cache": {"status": "BYPASS"},
            "configuration": self.configuration,
        }

    def _candidate(self, candidate: Candidate, outlook: Outlook) -> Json:
        prepared, priced = self._prepared(candidate), self.prices(candidate.target)
        found = prepared if isinstance(prepared, Prepared) else None
        return {
            "provider": candidate.target.provider,
            "model": candidate.target.model,
            "route": candidate.route.name,
            "step": candidate.step_index,
            "would_be": _place(candidate, outlook, takes_it=found is not None),
            "takes_it": found is not None,
            "breaker": self.breakers.state(str(candidate.target)),
            "remark": next(self._remarks(candidate, prepared, outlook), None),
            "translated_to": _translated_to(found.plan) if found else None,
            "warnings": list(found.plan.warnings) if found else [],
            "attempts": candidate.retry.attempts,
            "timeouts": asdict(self.timeouts(found)) if found else None,
            "cost_bound": self.bound(candidate, outlook.first) if outlook.first else None,
            "cost_estimate": self._estimate(found, outlook.first, priced) if found and outlook.first else None,
            "price_version": priced.version,
        }

    def _prepared(self, candidate: Candidate) -> Prepared | GatewayError:
        try:
            return self.answering.prepared(candidate)
        except GatewayError as error:
            return error

    def _estimate(self, prepared: Prepared, first: Prepared, priced: Priced) -> int | None:
        tokens = first.context_tokens if prepared.references else 0
        return self.admission.estimate(prepared.candidate.request, prepared.plan.size, tokens, priced.price)

    def _remarks(self, candidate: Candidate, prepared: Prepared | GatewayError, outlook: Outlook) -> Iterator[str]:
        """Why it would be left out, or asked with care; the first one tells most."""
        target = str(candidate.target)
        if isinstance(prepared, GatewayError):
            yield prepared.message
        if self.breakers.state(target) == OPEN:
            seconds = max(1, math.ceil(self.breakers.retry_after(target)))
            yield f"it failed too often in the last seconds and is not asked for {seconds} s"
        if _place(candidate, outlook, takes_it=True) == LEFT_OUT:
            yield f"what the call builds on is not kept for you at {candidate.target.provider}"
        if self.breakers.state(target) == HALF_OPEN:
            yield PROBED


def log_fields(call: Call, outlook: Outlook) -> Json:
    """The log line of a dry run."""
    target = outlook.first.candidate.target if outlook.first else None
    return {
        "request_id": call.request_id,
        "http_status": 200,
        "outcome": OUTCOME,
        "error_code": outlook.refusal.code if outlook.refusal else None,
        "surface": call.surface,
        telemetry.OPERATION_NAME: call.request.operation.name,
        "path": call.path,
        "route": call.request.model,
        telemetry.PROVIDER_NAME: target.provider if target else None,
        telemetry.REQUEST_MODEL: target.model if target else None,
        telemetry.REQUEST_STREAM: call.request.is_stream,
    }


def _place(candidate: Candidate, outlook: Outlook, *, takes_it: bool) -> str:
    if outlook.first and outlook.first.candidate is candidate:  # a route may name a target twice
        return FIRST
    return NEXT if candidate in outlook.following and takes_it else LEFT_OUT


def _principal(principal: Principal) -> Json:
    key = principal.key
    told = {"id": principal.id, "account": principal.account, "session": principal.session}
    return {**told, "key": {"id": key.id, "name": key.name, "tags": dict(key.tags)} if key else None}


def _policy(outlook: Outlook) -> Json:
    """What policies say, which of them match, and the budgets that the call would be held in."""
    is_blocked, judged = isinstance(outlook.refusal, PolicyBlocked), outlook.judged
    holds = outlook.reservation.holds if outlook.reservation else ()
    return {
        "decision": "block" if is_blocked else "allow",
        "policies": [policy.name for policy in judged.policies] if judged else [],
        "notes": list(judged.notes) if judged else [],
        "budgets": [
            {"name": hold.name, "limit": hold.limit, "reserved": hold.reserved, "worst": hold.worst} for hold in holds
        ],
    }


def _refusal(error: GatewayError | None) -> Json | None:
    return {"status": error.status, "code": error.code, "message": error.message} if error else None


def _translated_to(plan: Plan) -> str | None:
    """The provider's operation, None where it is asked in the caller's own dialect."""
    if plan.translation is None:
        return None
    path = plan.path.partition("?")[0]
    return next((one for one in PATHS if path == one or path.endswith(f"/{one}")), path)
