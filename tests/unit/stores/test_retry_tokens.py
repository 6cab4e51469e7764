"""Retry budgets as rows of the table."""

from typing import Any

import pytest
from tests.unit.stores.calls import HandClock
from tests.unit.stores.health_table import HealthTable, rows
from tests.unit.stores.memory_table import lost

from sluice.stores.health import HealthUnknown
from sluice.stores.retry_tokens import CAPACITY_TENTHS, KEPT_SECONDS, RetryTokens, Tokens
from sluice.stores.table import attribute

PLACE = ("Q#openai", "Q")


class Site:
    def __init__(self) -> None:
        self.hand = HandClock()
        self.table = HealthTable()
        self.tokens = RetryTokens(rows(self.table, self.hand.clock), self.hand.clock)


@pytest.fixture
def site() -> Site:
    return Site()


def test_a_provider_without_a_row_has_all(site: Site) -> None:
    assert site.tokens.read("openai") == Tokens(CAPACITY_TENTHS)


def test_what_is_left_reads_back(site: Site) -> None:
    written, stored = site.tokens.swap("openai", Tokens(), Tokens(35))

    assert written
    assert stored == site.tokens.read("openai") == Tokens(35)
    assert site.table.items[PLACE] == {
        "pk": {"S": PLACE[0]},
        "sk": {"S": "Q"},
        "t": {"N": "35"},
        "exp": {"N": str(int(site.hand.seconds) + KEPT_SECONDS)},
        "v": {"S": "one-0"},
    }


def test_providers_have_a_budget_each(site: Site) -> None:
    site.tokens.swap("openai", Tokens(), Tokens(0))

    assert site.tokens.read("azure-east") == Tokens(CAPACITY_TENTHS)


def test_an_hour_without_a_write_fills_it(site: Site) -> None:
    site.tokens.swap("openai", Tokens(), Tokens(0))

    site.hand.seconds += KEPT_SECONDS - 1
    before = site.tokens.read("openai")
    site.hand.seconds += 1
    after = site.tokens.read("openai")

    assert (before.tenths, after.tenths) == (0, CAPACITY_TENTHS)
    assert site.tokens.swap("openai", after, Tokens(90))[0]


@pytest.mark.fault("D03")
def test_a_retry_that_may_have_been_taken_is_unknown(site: Site) -> None:
    def write_over() -> None:
        if site.table.requests == ["PutItem"]:
            site.table.pause = lambda: None
            other = RetryTokens(rows(site.table, site.hand.clock, "other"), site.hand.clock)
            other.swap("openai", other.read("openai"), Tokens(80))

    site.table.pause, site.table.after = write_over, [lost()]

    with pytest.raises(HealthUnknown):
        site.tokens.swap("openai", Tokens(), Tokens(90))


@pytest.mark.parametrize("value", [None, "50", True, 5.5, -1, CAPACITY_TENTHS + 1, 10**30, [], {}], ids=repr)
def test_a_row_that_is_not_sound_holds_nothing_and_can_be_replaced(site: Site, value: Any) -> None:
    site.tokens.swap("openai", Tokens(), Tokens(50))
    site.table.items[PLACE].pop("t")
    if value is not None:
        site.table.items[PLACE]["t"] = attribute(value)

    found = site.tokens.read("openai")

    assert found == Tokens(0)
    assert site.tokens.swap("openai", found, Tokens(7)) == (True, Tokens(7))


def test_a_row_that_does_not_say_when_it_ends_does_not_end(site: Site) -> None:
    site.tokens.swap("openai", Tokens(), Tokens(50))
    site.table.items[PLACE]["exp"] = {"S": "0"}

    assert site.tokens.read("openai") == Tokens(50)
