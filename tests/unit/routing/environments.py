"""Environments that share a table in memory and, but for a skew, a clock."""

from dataclasses import dataclass
from random import Random
from typing import Any

from tests.unit.stores.calls import HandClock
from tests.unit.stores.health_table import HealthTable, rows
from tests.unit.stores.memory_table import Stored

from sluice.domain.clock import Clock
from sluice.routing.breaker import Breakers
from sluice.routing.circuit import FAILURES_TO_OPEN, WINDOW_SECONDS
from sluice.routing.pace import Pace
from sluice.routing.retry_budget import RetryBudget
from sluice.stores.circuits import NAMES, Circuits
from sluice.stores.paces import Paces
from sluice.stores.retry_tokens import RetryTokens
from sluice.stores.table import attribute

PROVIDER = "openai"
TARGET = f"{PROVIDER}/gpt-5-mini"
ODD: tuple[Any, ...] = ("x", "", True, -1, 10**30, 0.5, [1], {"a": 1})


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment, which serves one call at a time."""

    breakers: Breakers
    budget: RetryBudget
    pace: Pace

    def fail(self) -> None:
        self.breakers.called(TARGET)
        self.breakers.failed(TARGET)

    def succeed(self) -> None:
        self.breakers.called(TARGET)
        self.breakers.succeeded(TARGET)

    def leave(self) -> None:
        self.breakers.called(TARGET)
        self.breakers.undecided(TARGET)


class Region:
    """The table, the clock, and the environments there are."""

    def __init__(self) -> None:
        self.hand = HandClock()
        self.table = HealthTable()

    def environment(self, name: str, skew: float = 0.0) -> Environment:
        clock = Clock(lambda: self.hand.seconds + skew, lambda: self.hand.seconds, self.hand.sleep)
        shared = rows(self.table, clock, name)
        return Environment(
            Breakers(Circuits(shared, clock), clock),
            RetryBudget(RetryTokens(shared, clock), clock),
            Pace(Paces(shared), clock),
        )

    def environments(self, count: int) -> list[Environment]:
        return [self.environment(str(number)) for number in range(count)]

    def aware(self, count: int) -> list[Environment]:
        """Environments that all know of an opening, just made."""
        made = self.environments(count)
        self.open(made[0])
        for one in made[1:]:
            one.fail()
        return made

    def open(self, one: Environment) -> None:
        for _ in range(FAILURES_TO_OPEN):
            one.fail()

    def window_start(self) -> float:
        return (self.hand.seconds // WINDOW_SECONDS + 1) * WINDOW_SECONDS

    @staticmethod
    def odd_items(count: int) -> list[Stored]:
        """Rows of the breaker with a version of their own and other fields of any type."""
        random = Random(3)
        return [
            {"pk": {"S": f"X#{TARGET}"}, "sk": {"S": "X"}, "v": attribute(random.choice(ODD))}
            | {name: attribute(random.choice(ODD)) for name in NAMES if random.random() < 0.7}
            for _ in range(count)
        ]
