"""Rows that environments share: swapped by version, added to, and never waited for."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest
from tests.unit.stores.calls import HandClock
from tests.unit.stores.health_table import NAME, HealthTable, rows
from tests.unit.stores.memory_table import failure, lost, throttled

from sluice.stores.health import HealthRows, HealthUnknown, Held
from sluice.stores.patience import PATIENCE_SECONDS, REFILL_SECONDS

KEY = {"pk": "X#openai/m", "sk": "X"}
PLACE = ("X#openai/m", "X")
REFUSED = failure("AccessDeniedException")
ODD_VERSIONS: list[dict[str, Any]] = [
    {"N": "3"},
    {"N": "1.2345678901234567890123"},
    {"NULL": True},
    {"BOOL": False},
    {"L": [{"S": "x"}]},
    {"M": {}},
    {"B": b"\0"},
    {"SS": ["a", "b"]},
    {"S": ""},
]


class Site:
    def __init__(self, tells: bool = True) -> None:
        self.hand = HandClock()
        self.table = HealthTable(tells)
        self.rows = rows(self.table, self.hand.clock)

    def stored(self) -> dict[str, Any]:
        return self.rows.read(KEY).row


@pytest.fixture
def site() -> Site:
    return Site()


def test_what_is_not_there_is_an_empty_row_without_a_version(site: Site) -> None:
    assert site.rows.read(KEY) == Held({}, None)


def test_a_row_is_written_where_there_was_none_and_read_back(site: Site) -> None:
    swap = site.rows.swap(KEY, Held(), {"a": 1, "b": "x"})

    assert swap.is_written
    assert swap.held == site.rows.read(KEY)
    assert swap.held.row == {**KEY, "a": 1, "b": "x", "v": "one-0"}


def test_a_swap_replaces_the_whole_row(site: Site) -> None:
    first = site.rows.swap(KEY, Held(), {"a": 1, "b": "x"})

    site.rows.swap(KEY, first.held, {"a": 2})

    assert site.stored() == {**KEY, "a": 2, "v": "one-1"}


@pytest.mark.parametrize("tells", [True, False])
def test_what_another_wrote_meanwhile_stands_and_is_told(tells: bool) -> None:
    site = Site(tells)
    other = rows(site.table, site.hand.clock, "other")
    first = site.rows.swap(KEY, Held(), {"a": 1})
    theirs = other.swap(KEY, first.held, {"a": 2})

    mine = site.rows.swap(KEY, first.held, {"a": 3})

    assert (mine.is_written, mine.is_certain) == (False, True)
    assert mine.held == theirs.held == site.rows.read(KEY)


def test_a_row_made_anew_has_none_of_its_old_versions(site: Site) -> None:
    old = site.rows.swap(KEY, Held(), {"a": 1})
    site.table.items.clear()
    rows(site.table, site.hand.clock, "other").swap(KEY, Held(), {"a": 2})

    late = site.rows.swap(KEY, old.held, {"a": 3})

    assert not late.is_written
    assert site.stored()["a"] == 2


def test_a_row_that_vanished_is_not_what_was_read(site: Site) -> None:
    old = site.rows.swap(KEY, Held(), {"a": 1})
    site.table.items.clear()

    late = site.rows.swap(KEY, old.held, {"a": 2})

    assert (late.is_written, late.held) == (False, Held())


@pytest.mark.parametrize("version", ODD_VERSIONS, ids=str)
def test_a_version_of_any_type_can_be_replaced(site: Site, version: dict[str, Any]) -> None:
    site.table.items[PLACE] = {"pk": {"S": KEY["pk"]}, "sk": {"S": "X"}, "v": version}

    swap = site.rows.swap(KEY, site.rows.read(KEY), {"a": 1})

    assert swap.is_written
    assert site.stored()["v"] == "one-0"


@pytest.mark.fault("D03")
def test_a_write_whose_answer_was_lost_knows_its_own(site: Site) -> None:
    site.table.after = [lost()]

    swap = site.rows.swap(KEY, Held(), {"a": 1})

    assert site.table.requests == ["PutItem", "PutItem"]
    assert (swap.is_written, swap.is_certain) == (True, True)
    assert swap.held == site.rows.read(KEY)


@pytest.mark.fault("D03")
def test_a_lost_write_that_another_wrote_over_is_not_certain(site: Site) -> None:
    other = rows(site.table, site.hand.clock, "other")

    def write_over() -> None:
        if site.table.requests == ["PutItem"]:
            site.table.pause = lambda: None
            other.swap(KEY, other.read(KEY), {"a": 2})

    site.table.pause, site.table.after = write_over, [lost()]

    swap = site.rows.swap(KEY, Held(), {"a": 1})

    assert (swap.is_written, swap.is_certain) == (False, False)
    assert swap.held.row["a"] == 2


@pytest.mark.fault("D02")
@pytest.mark.parametrize("error", [throttled(), lost(), failure("InternalServerError", 500)], ids=lambda one: str(one))
def test_a_failure_that_passes_is_tried_again(site: Site, error: Exception) -> None:
    site.table.before = [error]

    assert site.rows.swap(KEY, Held(), {"a": 1}).is_written


@pytest.mark.fault("D02")
def test_a_table_that_goes_on_failing_costs_a_quarter_of_a_second_at_most(site: Site) -> None:
    site.table.before = [throttled()] * 1000

    with pytest.raises(HealthUnknown):
        site.rows.read(KEY)

    assert 0 < sum(site.hand.slept) <= PATIENCE_SECONDS


@pytest.mark.fault("D02")
def test_a_table_that_refuses_is_asked_once_and_then_left_alone(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.table.before = [REFUSED] * 10

    with caplog.at_level(logging.ERROR):
        for _ in range(5):
            with pytest.raises(HealthUnknown):
                site.rows.read(KEY)

    assert site.table.requests == ["GetItem"]
    assert [record.getMessage() for record in caplog.records] == [
        f"health.unknown: table {NAME}, AccessDeniedException; each environment goes by itself"
    ]


def test_a_table_that_failed_is_asked_again_later(site: Site) -> None:
    site.table.before = [REFUSED]
    with pytest.raises(HealthUnknown):
        site.rows.read(KEY)

    site.hand.seconds += REFILL_SECONDS

    assert site.rows.read(KEY) == Held()


def test_each_request_is_limited_by_what_is_left() -> None:
    hand, table, limits = HandClock(), HealthTable(), []

    @contextmanager
    def within(seconds: float) -> Iterator[None]:
        limits.append(seconds)
        hand.seconds += 0.1
        yield

    limited = HealthRows(table, NAME, hand.clock, Random(1), lambda: "nonce", within)

    limited.read(KEY)
    limited.read(KEY)

    assert limits == [pytest.approx(PATIENCE_SECONDS, abs=1e-3), pytest.approx(PATIENCE_SECONDS - 0.1, abs=1e-3)]


def test_sums_are_added_in_the_table(site: Site) -> None:
    other = rows(site.table, site.hand.clock, "other")

    site.rows.add(KEY, {"s": 100, "n": 1}, 9)
    other.add(KEY, {"s": 50, "n": 2}, 10)

    assert site.stored() == {**KEY, "s": 150, "n": 3, "exp": 10}


@pytest.mark.fault("D03")
def test_sums_whose_answer_was_lost_are_not_added_again(site: Site) -> None:
    site.table.after = [lost()]

    with pytest.raises(HealthUnknown):
        site.rows.add(KEY, {"s": 100, "n": 1}, 9)

    assert site.table.requests == ["UpdateItem"]
    site.hand.seconds += REFILL_SECONDS
    assert site.stored()["n"] == 1


def test_a_row_that_nothing_can_be_added_to_is_no_failure_of_the_table(site: Site) -> None:
    site.table.items[PLACE] = {"pk": {"S": KEY["pk"]}, "sk": {"S": "X"}, "s": {"S": "x"}}

    with pytest.raises(HealthUnknown, match="ValidationException"):
        site.rows.add(KEY, {"s": 100, "n": 1}, 9)

    assert site.stored()["s"] == "x"


def test_many_rows_are_read_with_one_request(site: Site) -> None:
    keys = [{"pk": f"Y#{number}", "sk": "1"} for number in range(120)]
    for key in keys:
        site.rows.add(key, {"s": 1, "n": 1}, 9)

    found = site.rows.read_many([*keys, {"pk": "Y#none", "sk": "1"}])

    assert [row["pk"] for row in found] == [key["pk"] for key in keys[:100]]
    assert site.table.requests.count("BatchGetItem") == 1
