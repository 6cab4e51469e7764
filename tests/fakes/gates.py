"""The gate of a gateway in one process: the real one, with limits, guardrails and repeats in memory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sluice.domain.call import Target
from sluice.domain.claim import Claim
from sluice.domain.clock import Clock
from sluice.domain.errors import BudgetExceeded, GatewayError
from sluice.domain.hold import Hold
from sluice.domain.idempotency import Idempotent, KeptAnswer
from sluice.domain.policy import Action, Policy
from sluice.domain.price import Priced
from sluice.domain.record import Outcome, Reservation, UsageRecord
from sluice.gate import Gate
from sluice.policy.access import Access
from sluice.policy.guards import Guards, Judgement


@dataclass
class MemoryPermit:
    headers: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    used: list[int] = field(default_factory=list)

    def end(self, tokens: int) -> None:
        self.used.append(tokens)


@dataclass
class MemoryLimits:
    """Lets everybody in, and remembers as whom; `refusal` is raised instead."""

    claims: list[Claim] = field(default_factory=list)
    permits: list[MemoryPermit] = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)
    refusal: GatewayError | None = None

    def enter(self, claims: Sequence[Claim]) -> MemoryPermit:
        if self.refusal:
            raise self.refusal
        self.claims += claims
        self.permits.append(MemoryPermit(self.headers))
        return self.permits[-1]


@dataclass
class MemoryBudgets:
    """What is used and held at worst of each budget, in nano-dollars."""

    used: dict[tuple[str, str], int] = field(default_factory=dict)
    worst: dict[tuple[str, str], int] = field(default_factory=dict)

    def hold(self, holds: Sequence[Hold]) -> None:
        """All or nothing. Raises BudgetExceeded."""
        for hold in holds:
            place = hold.key, hold.period
            fits = self.used.get(place, 0) + hold.reserved <= hold.limit
            fits &= self.worst.get(place, 0) + hold.worst <= hold.ceiling
            if hold.is_enforced and not fits:
                refusal = BudgetExceeded(f"the budget {hold.name} is spent")
                refusal.budget, refusal.fallback = hold.name, hold.fallback
                raise refusal
        for hold in holds:
            self._add(hold, hold.reserved, hold.worst)

    def settle(self, holds: Sequence[Hold], charges: Sequence[int]) -> None:
        for hold, charge in zip(holds, charges, strict=True):
            self._add(hold, charge - hold.reserved, charge - hold.worst)

    def _add(self, hold: Hold, used: int, worst: int) -> None:
        place = hold.key, hold.period
        self.used[place] = self.used.get(place, 0) + used
        self.worst[place] = self.worst.get(place, 0) + worst


@dataclass
class MemoryRepeats:
    """The answers of calls that ended well, by the caller's name of them; `ended` are all."""

    kept: dict[Idempotent, KeptAnswer] = field(default_factory=dict)
    ended: list[KeptAnswer | None] = field(default_factory=list)

    def end(self, reservation: Reservation, record: UsageRecord, answer: KeptAnswer | None) -> None:
        self.ended.append(answer)
        if record.outcome is Outcome.COMPLETE and answer and reservation.idempotent:
            self.kept[reservation.idempotent] = answer


@dataclass
class NothingKnown:
    """Of what is left, until somebody says it."""

    left: int | None = None

    def least(self, holds: Sequence[Hold]) -> int | None:
        return self.left

    def look(self, holds: Sequence[Hold]) -> None: ...


class NoTypicals:
    """Nothing is known of earlier calls."""

    def cost(self, target: str, estimate: int) -> int:
        return estimate


def silent(guardrail: str, version: str, texts: Sequence[str], seconds: float, *, wants_masked: bool) -> Judgement:
    raise AssertionError("no guardrail was expected to be asked")


def gate(
    clock: Clock,
    prices: Callable[[Target], Priced],
    limits: MemoryLimits,
    kinds: Mapping[str, str],
    policies: Sequence[Policy] = (),
    access: Action = Action.ALLOW,
    patterns: Mapping[str, str] | None = None,
) -> Gate:
    guards = Guards(patterns or {}, silent)
    known = NothingKnown()
    return Gate(
        Access(policies, access), lambda: guards, lambda: limits, NoTypicals, lambda: known, prices, kinds, clock
    )
