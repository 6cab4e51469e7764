"""Environments that claim rates of one table in memory, by clocks that a test holds."""

from random import Random
from typing import Any

import pytest
from tests.fakes.memory_dynamodb import MemoryDynamoDB
from tests.unit.stores.calls import HandClock

from sluice.domain.claim import Claim
from sluice.domain.errors import RateLimited
from sluice.domain.policy import Rate
from sluice.stores.limit_row import key
from sluice.stores.limits import Limits, Permit

TABLE = "ledger"
CALL = "11111111-2222-4333-8444-555555555555"
LEASE_SECONDS = 960
REQUESTS = Rate("team", requests_per_minute=7)
TOKENS = Rate("team", tokens_per_minute=6000)
STREAMS = Rate("team", concurrent=2)
ALL = Rate("team", requests_per_minute=60, tokens_per_minute=6000, concurrent=2)


class Site:
    """One environment. Another one of the same table is made by `beside`."""

    def __init__(self, tells: bool = True, seed: int = 1) -> None:
        self.hand = HandClock()
        self.table = MemoryDynamoDB(tells)
        self.limits = Limits(self.table, TABLE, self.hand.clock, Random(seed))

    def beside(self, seconds: float = 0.0) -> "Site":
        """Its clock is ahead by so many seconds."""
        other = Site(seed=2)
        other.hand.seconds = self.hand.seconds + seconds
        other.table = self.table
        other.limits = Limits(self.table, TABLE, other.hand.clock, Random(2))
        return other

    def claim(self, rate: Rate, tokens: int = 10, of: str = "ada", call: str = CALL, is_enforced: bool = True) -> Claim:
        return Claim(rate, of, call, int(self.hand.seconds) + LEASE_SECONDS, tokens, is_enforced)

    def enter(self, rate: Rate, tokens: int = 10, **changes: Any) -> Permit:
        return self.limits.enter([self.claim(rate, tokens, **changes)])

    def row(self, rate: Rate, of: str = "ada") -> dict[str, Any]:
        return self.table.row(key(rate.name, of)["pk"], "L")


def let_in(site: Site, rate: Rate, times: int, tokens: int = 10) -> int:
    """How many of so many calls."""
    count = 0
    for _ in range(times):
        try:
            site.enter(rate, tokens)
        except RateLimited:
            continue
        count += 1
    return count


def refused(site: Site, rate: Rate, tokens: int = 10) -> RateLimited:
    with pytest.raises(RateLimited) as caught:
        site.enter(rate, tokens)
    return caught.value
