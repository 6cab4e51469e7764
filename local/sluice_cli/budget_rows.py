"""The budgets of a table in their windows of now: what is spent, what calls under way hold, what records say.

A budget's row is `B#<name>#<whose>` with its window as the sort key, and no index lists them. The records name those
that they were charged to, so the windows of now are found where the records of now are; a budget without a limit of
time may have had its last call long ago. Reading them takes what `sluice logs` takes, and nothing more.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sluice_cli import aws
from sluice_cli.failure import UsageError
from sluice_cli.ledger import NO_TABLE, SHARDS, Ledger, translated
from sluice_cli.period import END_OF_TIME_MS
from sluice_cli.record import Item
from sluice_cli.site import Site
from sluice_cli.waiting import Waiting

WINDOWS = {"D": "day", "W": "week", "M": "month", "T": "total"}
FOREVER = "T"
TOLD_EVERY = 1000
HOLDING = (" h", " -")  # ends an entry of `bud` while the call runs: budget, period, reserved, worst, how


@dataclass(frozen=True, slots=True)
class Place:
    """A budget in one window, as its row's key has it."""

    key: str
    period: str

    @property
    def window(self) -> str:
        return WINDOWS.get(self.period[:1], self.period)


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """One budget in one window. Amounts are nano-dollars, `resets_at` epoch seconds, None for never.

    `used` is what is spent and what calls under way have reserved, together.
    """

    place: Place
    name: str
    of: str
    limit: int
    used: int
    reserved: int
    false_refusals: int = 0
    resets_at: int | None = None

    @property
    def spent(self) -> int:
        return self.used - self.reserved

    @property
    def left(self) -> int:
        return self.limit - self.used

    def is_of(self, policy: str) -> bool:
        """Whether the policy made it; its second budget is called `<policy>:2`."""
        return self.name == policy or self.name.startswith(f"{policy}:")


class Budgets(Ledger):
    """Budgets of one table. `now` is epoch seconds."""

    def since_ms(self) -> int:
        """When the first of the windows of now began: the week's Monday, or the first of the month."""
        today = datetime.fromtimestamp(self._now(), UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return int(min(today.replace(day=1), today - timedelta(days=today.weekday())).timestamp() * 1000)

    def charges(self, since_ms: int, waiting: Waiting | None = None) -> Counter[Place]:
        """What the records since then were charged to each budget, those that were charged nothing among them."""
        found: Counter[Place] = Counter()
        current = _periods(self._now())
        for number, item in enumerate(self._records(since_ms), 1):
            if waiting and number % TOLD_EVERY == 0:
                waiting.text = f"reading the ledger: {number:,} calls"
            for place, charge in _charges(item):
                if place.period in current:
                    found[place] += charge
        return found

    def rows(self, places: Iterable[Place]) -> list[BudgetRow]:
        """Those that are there, as they are at this moment."""
        found = ((place, self._row(f"B#{place.key}", place.period)) for place in dict.fromkeys(places))
        return [_budget_row(place, item) for place, item in found if "lim" in item]

    def _records(self, since_ms: int) -> Iterator[Item]:
        """Calls that run, then those that started since then and have ended."""
        for item in self._open():
            yield self._row(str(item["pk"]["S"]), "R")
        bounds = f"{since_ms:013d}", f"{END_OF_TIME_MS:013d}"
        for day in self.days(since_ms):
            for shard in range(SHARDS):
                yield from self._query(day, shard, bounds, None)

    def _row(self, partition: str, sort: str) -> Item:
        key = {"pk": {"S": partition}, "sk": {"S": sort}}
        with translated(self.table):
            item: Item = self._client.get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item", {})
        return item


def open_budgets(site: Site, environ: Mapping[str, str]) -> Budgets:
    """Raises UsageError where no table is named."""
    if site.table is None:
        raise UsageError(NO_TABLE)
    with translated(site.table):
        return Budgets(aws.client("dynamodb", site, environ), site.table, time.time)


def _periods(now: float) -> frozenset[str]:
    """The windows of now, as the gateway names them."""
    today = datetime.fromtimestamp(now, UTC)
    year, week, _ = today.isocalendar()
    return frozenset((f"D{today:%Y%m%d}", f"W{year}-{week:02d}", f"M{today:%Y%m}", FOREVER))


def _charges(item: Item) -> Iterator[tuple[Place, int]]:
    """What one call was charged; nothing yet while it runs, when its entries end in how the budget holds it."""
    for entry in item.get("bud", {}).get("L", ()):
        text = str(entry["S"])
        if text.endswith(HOLDING):
            key, period, *_ = text.rsplit(" ", 4)
            yield Place(key, period), 0
        else:
            key, period, charge = text.rsplit(" ", 2)
            yield Place(key, period), int(charge)


def _budget_row(place: Place, item: Item) -> BudgetRow:
    def number(name: str) -> int:
        return int(item[name]["N"]) if name in item else 0

    return BudgetRow(
        place,
        name=str(item.get("nm", {}).get("S", place.key)),
        of=str(item.get("of", {}).get("S", "")),
        limit=number("lim"),
        used=number("u"),
        reserved=number("r"),
        false_refusals=number("fr"),
        resets_at=number("rs") or None,
    )
