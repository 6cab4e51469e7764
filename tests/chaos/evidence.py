"""What is left of a run."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from tests.chaos.environment import Told
from tests.chaos.plan import Plan, number, plan
from tests.chaos.watcher import Watched

from sluice.stores.table import Row


@dataclass(frozen=True)
class Evidence:
    """The table, what the provider saw in its order, and what callers and the watcher saw.

    `faults` are DynamoDB's requests by what became of them, `swept` and `rolled` what those functions said, `seconds`
    is how long the calls took.
    """

    seed: int
    rows: Sequence[Row]
    seen: Sequence[str]
    told: Told
    watched: Watched
    faults: Counter[str]
    swept: Counter[str]
    rolled: Counter[str]
    seconds: float = 0.0

    @cached_property
    def records(self) -> Mapping[str, Row]:
        """The ledger's rows by the name of their call; of several with one name the last."""
        return {name(row): row for row in self.of("R#")}

    @cached_property
    def named(self) -> Counter[str]:
        """How many records each call has."""
        return Counter(name(row) for row in self.of("R#"))

    def of(self, prefix: str) -> Iterator[Row]:
        return (row for row in self.rows if row["pk"].startswith(prefix))

    def plan(self, name: str) -> Plan:
        return plan(self.seed, number(name))


def name(row: Row) -> str:
    return str(row["meta"]["call"])
