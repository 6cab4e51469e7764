"""The one point of enforcement: whatever path a call came by, policies, guards, rates and budgets are asked here.

A call is judged for each target that it may lead to; targets that nobody allows are left out, and a call without any is
refused. Then it claims its rates, and its budgets are held in the reservation. Nothing has left for a provider by then.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from sluice.domain.call import Call, ModelRequest, Target
from sluice.domain.clock import Clock
from sluice.domain.errors import PolicyBlocked
from sluice.domain.policy import Estimate, Guard, Policy, Rate
from sluice.domain.price import Priced
from sluice.domain.principal import Principal
from sluice.domain.record import Reservation
from sluice.policy.access import Verdict
from sluice.routing.candidates import Candidate

if TYPE_CHECKING:
    from sluice.domain.claim import Claim
    from sluice.domain.hold import Hold
    from sluice.policy.budgets import Demand
    from sluice.policy.guards import Guarded

REMAINING, NANO = "x-sluice-budget-remaining", 10**9
GUARD_SECONDS = 4.0  # of a call's time at most, before anything is asked of a provider
Metadata = Mapping[str, str | int | float | bool]


class Access(Protocol):
    def verdict(self, principal: Principal, metadata: Metadata, names: Sequence[str]) -> Verdict: ...


class Guards(Protocol):
    def check(self, request: ModelRequest, guards: Sequence[tuple[Guard, bool]], seconds: float) -> "Guarded": ...


class Permit(Protocol):
    """What a call was let in with."""

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def notes(self) -> tuple[str, ...]: ...

    def end(self, tokens: int) -> None: ...


class Limits(Protocol):
    def enter(self, claims: "Sequence[Claim]") -> Permit: ...


class Remaining(Protocol):
    """What is left of budgets, as far as is known here."""

    def least(self, holds: "Sequence[Hold]") -> int | None: ...

    def look(self, holds: "Sequence[Hold]") -> None: ...


class Typicals(Protocol):
    def cost(self, target: str, estimate: int) -> int: ...


class Unlimited:
    """The permit of a call that no rate is for."""

    headers: Mapping[str, str] = {}
    notes: tuple[str, ...] = ()

    def end(self, tokens: int) -> None: ...


class Amounts(NamedTuple):
    """What a call may cost at one target (`provider/model`), nano-dollars: at most, and probably; None if unknown."""

    target: str
    bound: int | None
    estimate: int | None


@dataclass(frozen=True, slots=True)
class Judged:
    """A call as it may go on: what it may try, and what was said of each.

    `warnings` name the fields that were added to its request, `notes` what is remarked without refusing.
    """

    candidates: tuple[Candidate, ...]
    verdicts: tuple[Verdict, ...]
    demands: "tuple[Demand, ...]" = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Each that matches any of the targets, once."""
        return tuple({policy.name: policy for verdict in self.verdicts for policy in verdict.policies}.values())


@dataclass(frozen=True, slots=True)
class Gate:
    """Judges calls by the policies of one configuration. `kinds` are those of providers, by name.

    Guards, limits, typicals and what remains are made when the first call needs them.
    """

    access: Access
    guards: Callable[[], Guards]
    limits: Callable[[], Limits]
    typicals: Callable[[], Typicals]
    remaining: Callable[[], Remaining]
    prices: Callable[[Target], Priced]
    kinds: Mapping[str, str]
    clock: Clock

    def judge(self, call: Call, candidates: Sequence[Candidate], *, is_guarded: bool = True) -> Judged:
        """Raises PolicyBlocked, ContentBlocked, and Unavailable where a guardrail does not say.

        `is_guarded`: prompts are looked at, which a dry run leaves out.
        """
        found = [(one, self.access.verdict(call.principal, call.metadata, names(one))) for one in candidates]
        allowed = [(one, verdict) for one, verdict in found if verdict.refusal is None]
        if not allowed:
            raise PolicyBlocked(found[0][1].refusal or "no policy allows it", param="model")
        judged = Judged(tuple(one for one, _ in allowed), tuple(verdict for _, verdict in allowed))
        judged = replace(judged, notes=_once(note for _, verdict in found for note in verdict.notes))
        if not (judged.policies or call.principal.key):
            return judged
        return self._limited(self._guarded(judged) if is_guarded else judged, call.principal)

    def enter(self, call: Call, judged: Judged, reservation: Reservation) -> Permit:
        """Raises RateLimited, LedgerBusy and Unavailable."""
        claims = [
            self._claim(rate, call, reservation, is_enforced=is_enforced)
            for rate, is_enforced in self._rates(call.principal, judged)
        ]
        return self.limits().enter(claims) if claims else Unlimited()

    def holds(self, judged: Judged, amounts: "Callable[[], Sequence[Amounts]]", now: float) -> "tuple[Hold, ...]":
        """What the call holds of each budget, by what its own targets may cost. Raises BudgetUnpriced."""
        if not judged.demands:
            return ()
        from sluice.policy import budgets  # only a call that has budgets pays for it

        known, held = amounts(), list["Hold"]()
        for demand in judged.demands:
            own = [one for one in known if one.target in demand.targets]
            bound, estimate = _most([one.bound for one in own]), _most([one.estimate for one in own])
            held += budgets.holds([demand], bound, estimate, partial(self._typical, own), now)
        return tuple(held)

    def _typical(self, own: "Sequence[Amounts]", _estimate: int) -> int:
        """The most that calls like this one have cost at any of these targets."""
        return max(self.typicals().cost(one.target, one.estimate or 0) for one in own)

    def left(self, holds: "Sequence[Hold]") -> dict[str, str]:
        """The header that tells what is left of the tightest budget, in dollars, where this is known. No I/O."""
        least = self.remaining().least(holds) if holds else None
        return {} if least is None else {REMAINING: f"{least // NANO}.{least % NANO:09d}"}

    def look(self, holds: "Sequence[Hold]") -> None:
        """After a call: reads what is left, for the header of the next one."""
        if holds:
            self.remaining().look(holds)

    def _guarded(self, judged: Judged) -> Judged:
        """With the requests as guards let them leave. One request of several candidates is looked at once."""
        seen: dict[tuple[int, tuple[tuple[Guard, bool], ...]], Guarded] = {}
        candidates: list[Candidate] = []
        for candidate, verdict in zip(judged.candidates, judged.verdicts, strict=True):
            guards = tuple((policy.guard, policy.is_enforced) for policy in verdict.policies if policy.guard)
            if not guards:
                candidates.append(candidate)
                continue
            place = id(candidate.request), guards
            if place not in seen:
                seen[place] = self.guards().check(candidate.request, guards, GUARD_SECONDS)
            candidates.append(replace(candidate, request=seen[place].request))
        notes = _once((*judged.notes, *(note for guarded in seen.values() for note in guarded.notes)))
        return replace(judged, candidates=tuple(candidates), notes=notes)

    def _limited(self, judged: Judged, principal: Principal) -> Judged:
        """With all budgets, and a limit of the answer's length where a strict one needs it."""
        budgets = [budget for policy in judged.policies for budget in policy.budgets]
        if not (budgets or (principal.key and principal.key.budgets)):
            return judged
        from sluice.policy import budgets as rules

        found = [(str(one.target), verdict) for one, verdict in zip(judged.candidates, judged.verdicts, strict=True)]
        demands = rules.demands(principal, found)
        strict = [one for one in demands if one.is_enforced and one.budget.estimate is Estimate.STRICT]
        limited = [self._with_limit(candidate, strict) for candidate in judged.candidates]
        names = _once(name for _, name in limited if name)
        return replace(judged, candidates=tuple(one for one, _ in limited), demands=demands, warnings=names)

    def _with_limit(self, candidate: Candidate, strict: "Sequence[Demand]") -> tuple[Candidate, str | None]:
        wanted = [one.budget.max_output_tokens for one in strict if str(candidate.target) in one.targets]
        if not wanted:
            return candidate, None
        from sluice.policy.strict import limited

        price = self.prices(candidate.target).price
        most = min([*wanted, price.max_output_tokens] if price and price.max_output_tokens else wanted)
        request, name = limited(candidate.request, most, self.kinds[candidate.target.provider])
        return replace(candidate, request=request), name

    def _rates(self, principal: Principal, judged: Judged) -> Sequence[tuple[Rate, bool]]:
        own = [(principal.key.rate, True)] if principal.key and principal.key.rate else []
        return [*((policy.rate, policy.is_enforced) for policy in judged.policies if policy.rate), *own]

    def _claim(self, rate: Rate, call: Call, reservation: Reservation, *, is_enforced: bool) -> "Claim":
        from sluice.domain.claim import Claim
        from sluice.policy.groups import group

        of = group(call.principal, rate.per)
        return Claim(rate, of, call.request_id, reservation.lease, reservation.tokens, is_enforced)


def names(candidate: Candidate) -> tuple[str, ...]:
    """What a policy may call it: its route's name and `provider/model`, where a path names the provider only this.

    A target whose id does not tell its model (an inference profile, a deployment) goes by the model behind it too.
    """
    target, base = str(candidate.target), candidate.target.base_model
    own = (target, f"{candidate.target.provider}/{base}") if base else (target,)
    return own if candidate.step.provider is not None else tuple(dict.fromkeys((candidate.route.name, *own)))


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def _most(amounts: Sequence[int | None]) -> int | None:
    """Any of them may come true, so None if one is unknown."""
    known = [one for one in amounts if one is not None]
    return max(known, default=0) if len(known) == len(amounts) else None
