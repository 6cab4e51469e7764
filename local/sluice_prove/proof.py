"""One gateway through the faults, row after row."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sluice_prove.answer import Answer
from sluice_prove.caller import Caller
from sluice_prove.catalogue import CASES, Case, Target
from sluice_prove.judge import Judged, Seen, judge, skipped
from sluice_prove.provider import FaultProvider

SPARE_SECONDS = 15.0  # of patience, behind all that a row may take
SHORTEST_SECRET = 8
NO_MODEL = "no model for this"
CONTROL = CASES[0]
PROVIDERS = (Target.CHAT, Target.BEDROCK)


@dataclass(frozen=True, slots=True)
class Gateway:
    """What the prover is told of a gateway. `models` says by which name it calls a target, `{fault}` being the row's;
    rows of other targets are skipped. `timeout_seconds` is what it was given for first byte and silence."""

    models: Mapping[Target, str]
    timeout_seconds: float
    stall_seconds: float
    own_secrets: frozenset[str] = field(default_factory=frozenset)

    def model(self, case: Case) -> str | None:
        named = self.models.get(case.target)
        return None if named is None else named.replace("{fault}", case.fault)

    @property
    def patience_seconds(self) -> float:
        return self.stall_seconds + SPARE_SECONDS


@dataclass(frozen=True, slots=True)
class Proof:
    """Calls, and what the provider saw of them, judged."""

    gateway: Gateway
    caller: Caller
    provider: FaultProvider

    def rows(self, cases: Iterable[Case]) -> Iterator[Judged]:
        return map(self.row, cases)

    def row(self, case: Case) -> Judged:
        """Raises Unreachable where nobody listens at the gateway's address."""
        model = self.gateway.model(case)
        if model is None:
            return skipped(case, f"{NO_MODEL}: {case.target}")
        before = self._seen(case)
        answer = self.caller.call(model, case.is_stream, self.gateway.patience_seconds)
        seen = self._seen(case).since(before)
        if case.target in PROVIDERS and not seen.attempts:
            return skipped(case, f"the gateway answered {answer.status} and did not ask the provider")
        return judge(case, answer, seen, self.gateway.timeout_seconds)

    def control(self) -> Answer | None:
        """Calls for an answer without a fault; what came of it unless the provider was asked."""
        asked = len(self.provider.asked_for(CONTROL.fault))
        model = self.gateway.model(CONTROL) or CONTROL.fault
        answer = self.caller.call(model, CONTROL.is_stream, self.gateway.patience_seconds)
        return None if len(self.provider.asked_for(CONTROL.fault)) > asked else answer

    def _seen(self, case: Case) -> Seen:
        """All that has come for the case until now."""
        asked = self.provider.asked_for(case.fault)
        keys = {one.key for one in asked if len(one.key) >= SHORTEST_SECRET}
        return Seen(
            attempts=len(asked),
            leaks=self.provider.leaks,
            secrets=frozenset(keys - self.gateway.own_secrets),
            canary=self.provider.canary,
            leak_place=self.provider.leak_place,
        )
