"""`sluice usage` from the totals of days: what they answer equals what the records would."""

from collections.abc import Sequence

import pytest
from tests.unit.sluice_cli import calls
from tests.unit.sluice_cli.fake_table import FakeTable
from tests.unit.sluice_cli.totals_rows import beginning, ended, rows

from sluice.stores import totals as gateway
from sluice_cli import totals, usage_sums
from sluice_cli.ledger import Ledger
from sluice_cli.period import Period
from sluice_cli.usage_sums import Sums, Usage

DAY_MS = 86_400_000
TODAY = calls.STARTED_MS // DAY_MS * DAY_MS
WEEK = Period(TODAY - 6 * DAY_MS)
NOW = calls.STARTED_MS / 1000 + 3600
ITEMS = [
    ended("a"),
    ended("b", cost=None),
    ended("c", days=1, provider="azure"),
    ended("d", days=1, model="gpt-4.1-mini"),
    calls.abandoned(request_id="e", route="other"),
]


def ledger(*items: calls.Item) -> Ledger:
    return Ledger(FakeTable(*items), "ledger", lambda: NOW)


def without_times(found: Usage) -> dict[usage_sums.Group, Sums]:
    for sums in (*found.groups.values(), found.total):
        sums.durations, sums.first_chunks = [], []
    return found.groups


@pytest.mark.parametrize(
    "by",
    [["day"], ["model"], ["day", "model"], ["principal", "day"], ["provider"], ["day", "route"]],
)
def test_they_say_what_the_records_say(by: Sequence[str]) -> None:
    table = ledger(*ITEMS, *rows(ITEMS), beginning("20261101"))
    counted = usage_sums.usage(table.backwards(WEEK.since_ms), by)

    found = totals.usage(table, WEEK, by)

    assert found
    assert (found.source, counted.source) == ("totals", "records")
    assert without_times(found) == without_times(counted)
    assert list(found.groups) == list(counted.groups)
    assert found.total == counted.total


@pytest.mark.parametrize(
    ("by", "period"),
    [
        (["surface"], WEEK),
        (["model", "principal"], WEEK),
        (["day"], Period(TODAY + 1)),
        (["day"], Period(TODAY, TODAY + 1)),
        (["day"], Period(TODAY - 40 * DAY_MS)),
    ],
)
def test_what_they_do_not_know_is_left_to_the_records(by: Sequence[str], period: Period) -> None:
    assert totals.usage(ledger(beginning("20261101")), period, by) is None
    assert totals.usage(ledger(), WEEK, ["day"]) is None


def test_a_day_that_began_before_totals_were_kept_is_not_read_from_them() -> None:
    assert totals.usage(ledger(beginning("20261116")), WEEK, ["day"]) is None
    assert totals.usage(ledger(beginning("20261114")), WEEK, ["day"]) is not None


@pytest.mark.parametrize("value", ["openai", "é" * 450, "é" * 451, "x" * 5000])
def test_a_long_value_is_cut_as_the_gateway_cuts_it(value: str) -> None:
    assert totals.kept(value) == gateway.kept(value)
    assert tuple(gateway.FIGURES) == totals.FIGURES
    assert set(totals.LETTERS.values()) == set(gateway.DIMENSIONS)
