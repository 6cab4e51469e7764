"""A load of agents on one budget, simulated: real holds, real estimates and bounds, a row as the ledger keeps it.

Agents send prompts of 2,000 to 120,000 tokens, which providers have read before to some share, ask for answers of 4,000
to 64,000 tokens at most, and get 50 to 3,000. An agent that is refused before nine tenths are spent comes back after a
minute; one that is refused later is gone. It ends when all are.
"""

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any

from sluice.admission import Admission
from sluice.domain.call import ModelRequest
from sluice.domain.clock import Clock
from sluice.domain.hold import Hold
from sluice.domain.policy import Budget
from sluice.domain.price import Price
from sluice.domain.usage import Usage
from sluice.policy.budgets import Demand, holds
from sluice.policy_settings import budget
from sluice.pricing import PriceTable, cost
from sluice.stores import table
from sluice.stores.typicals import Typicals

MODELS = (
    "bedrock/global.anthropic.claude-sonnet-5",
    "bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0",
    "bedrock/global.anthropic.claude-haiku-4-5-20251001-v1:0",
    "openai/gpt-5",
    "openai/gpt-5-mini",
)
LIMITS = (4096, 8192, 16_384, 32_000, 64_000)
CACHED = (0.0, 0.5, 0.7, 0.9, 0.95)  # of a prompt; each agent has its own share
TOKENS_A_SECOND = 60
THINKS_SECONDS = 3.0
COMES_BACK_SECONDS = 60.0
ROLLUP_SECONDS = 5.0  # until a settled call is in the totals
STARTED = 1_795_208_400.0
ADMISSION = Admission(512, str)


@dataclass
class BudgetRow:
    """One budget in one window, with the conditions of its reservations."""

    used: int = 0
    reserved: int = 0
    worst: int = 0

    def hold(self, one: Hold) -> bool:
        if not (0 <= self.used <= one.limit - one.reserved and 0 <= self.worst <= one.ceiling - one.worst):
            return False
        self.used, self.reserved, self.worst = (
            self.used + one.reserved,
            self.reserved + one.reserved,
            self.worst + one.worst,
        )
        return True

    def settle(self, one: Hold, charge: int) -> None:
        self.used += charge - one.reserved
        self.reserved -= one.reserved
        self.worst += charge - one.worst

    @property
    def spent(self) -> int:
        return self.used - self.reserved


@dataclass
class Totals:
    """The totals of one day by model, as a client reads them; what is added counts a moment later."""

    now: float = STARTED
    sums: dict[str, list[int]] = field(default_factory=dict)
    waiting: list[tuple[float, str, int, int]] = field(default_factory=list)

    def add(self, target: str, estimate: int, charge: int) -> None:
        heapq.heappush(self.waiting, (self.now + ROLLUP_SECONDS, target, estimate, charge))

    def batch_get_item(self, **arguments: Any) -> Mapping[str, Any]:
        while self.waiting and self.waiting[0][0] <= self.now:
            _, target, estimate, charge = heapq.heappop(self.waiting)
            sums = self.sums.setdefault(f"M#{target}", [0, 0, 0])
            sums[:] = sums[0] + 1, sums[1] + estimate, sums[2] + charge
        today = arguments["RequestItems"]["ledger"]["Keys"][0]["sk"]["S"]
        found = self.sums.get(today)
        rows = [dict(zip(("n", "ce", "ca"), found, strict=True))] if found else []
        return {"Responses": {"ledger": [table.item(one) for one in rows]}}


@dataclass(frozen=True)
class Asked:
    """One call: what is known of it before, and what it comes to."""

    target: str
    bound: int
    estimate: int
    charge: int
    seconds: float


@dataclass
class Outcome:
    """What came of a load. `overshoot` is the most that was spent above the limit, at any moment, in nano-dollars."""

    budget: Budget
    agents: int
    calls: int = 0
    refused: int = 0
    refused_falsely: int = 0
    at_once: int = 0
    spent: int = 0
    overshoot: int = 0

    @property
    def false_share(self) -> float:
        return self.refused_falsely / self.calls


class Load:
    """So many agents on one budget. `totals` may be shared: what is learned of a model is everybody's."""

    def __init__(
        self, seed: int, agents: int, totals: Totals, models: Sequence[str] = MODELS, **of_budget: Any
    ) -> None:
        self.random = Random(seed)
        self.budget = budget(of_budget, "load", "load")
        self.row = BudgetRow()
        self.outcome = Outcome(self.budget, agents)
        self.totals = totals
        self.typicals = Typicals(totals, "ledger", Clock(now=lambda: totals.now, monotonic=lambda: totals.now))
        self.models = [self.random.choice(models) for _ in range(agents)]
        self.shares = [self.random.choice(CACHED) for _ in range(agents)]
        self.moments: list[tuple[float, int, tuple[Hold, Asked] | None]] = []
        self.open = 0

    def run(self) -> Outcome:
        for agent in range(len(self.models)):
            self._later(agent, self.random.uniform(0, 10), None)
        while self.moments:
            self.totals.now, agent, ending = heapq.heappop(self.moments)
            if ending:
                self._end(agent, *ending)
            else:
                self._begin(agent)
        assert (self.row.reserved, self.row.used, self.row.worst) == (0, self.row.spent, self.row.spent)
        self.outcome.spent = self.row.spent
        return self.outcome

    def _later(self, agent: int, seconds: float, ending: tuple[Hold, Asked] | None) -> None:
        heapq.heappush(self.moments, (self.totals.now + seconds, agent, ending))

    def _begin(self, agent: int) -> None:
        asked, target = self._asked(agent), self.models[agent]
        demand = Demand(self.budget, "all", frozenset({target}))
        typical = self.typicals
        (hold,) = holds([demand], asked.bound, asked.estimate, lambda one: typical.cost(target, one), self.totals.now)
        self.outcome.calls += 1
        if self.row.hold(hold):
            self.open += 1
            self.outcome.at_once = max(self.outcome.at_once, self.open)
            self._later(agent, asked.seconds, (hold, asked))
        else:
            self._refused(agent)

    def _refused(self, agent: int) -> None:
        is_false = self.row.spent * 10 < self.budget.limit * 9
        self.outcome.refused += 1
        self.outcome.refused_falsely += is_false
        if is_false:
            self._later(agent, COMES_BACK_SECONDS * self.random.uniform(0.5, 1.5), None)

    def _end(self, agent: int, hold: Hold, asked: Asked) -> None:
        self.row.settle(hold, asked.charge)
        self.totals.add(asked.target, asked.estimate, asked.charge)
        self.open -= 1
        self.outcome.overshoot = max(self.outcome.overshoot, self.row.spent - self.budget.limit)
        self._later(agent, self.random.expovariate(1 / THINKS_SECONDS), None)

    def _asked(self, agent: int) -> Asked:
        target, most = self.models[agent], self.random.choice(LIMITS)
        prompt, said = self._between(2_000, 120_000), min(most, self._between(50, 3_000))
        size = int(prompt * self.random.uniform(3.6, 4.6))  # bytes of JSON
        written = prompt // 20 if "claude" in target else 0
        read = min(int(prompt * self.shares[agent]), prompt - written)
        usage = Usage(input=prompt - written - read, cache_read=read, cache_write_5m=written, output=said)
        charge = cost(usage, price(target))
        bound = ADMISSION.bound(request(most), size, price(target))
        estimate = ADMISSION.estimate(request(most), size, 0, price(target))
        assert charge is not None
        assert bound is not None
        assert estimate is not None
        assert charge <= bound
        return Asked(target, bound, estimate, charge, 1 + said / TOKENS_A_SECOND * self.random.uniform(0.7, 1.5))

    def _between(self, least: int, most: int) -> int:
        """As often between 2,000 and 4,000 as between 4,000 and 8,000."""
        return int(math.exp(self.random.uniform(math.log(least), math.log(most))))


@cache
def request(most: int) -> ModelRequest:
    """What it says is told beside it, as a size."""
    return ModelRequest({"max_tokens": most, "messages": [{"role": "user", "content": ""}]})


@cache
def price(target: str) -> Price:
    found = PRICES.price(*target.split("/", 1))
    assert found is not None
    return found


PRICES = PriceTable.load()
