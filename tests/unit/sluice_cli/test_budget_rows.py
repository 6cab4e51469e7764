"""Which budgets are found, and what records were charged to them."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.unit.sluice_cli import calls
from tests.unit.sluice_cli.budget_items import DAY, HOLD, MONTH, WEEK, call, row, running
from tests.unit.sluice_cli.fake_table import FakeTable

from sluice.domain.policy import Window
from sluice.policy import budgets as rules
from sluice.stores import budgets as stored
from sluice.stores import table
from sluice_cli.budget_rows import Budgets, Place, open_budgets
from sluice_cli.failure import UsageError
from sluice_cli.site import Site

NOW = calls.STARTED_MS / 1000 + 3600
PLACE = Place(HOLD.key, DAY)


def budgets(*items: calls.Item, now: float = NOW) -> Budgets:
    return Budgets(FakeTable(*items), "ledger", lambda: now)


def at(period: str, **changes: object) -> object:
    return replace(HOLD, period=period, **changes)  # type: ignore[arg-type]


def test_what_a_call_was_charged_is_added_to_each_of_its_budgets() -> None:
    week, month, total = (replace(HOLD, period=period) for period in (WEEK, MONTH, "T"))
    found = budgets(
        call("a", (HOLD, 5), (week, 5), (month, 5), (total, 5)),
        call("b", (HOLD, 7), (week, 7), (month, 7), (total, 7)),
        call("c", (replace(HOLD, period="D20261119"), 1), (week, 1), (month, 1), (total, 1), days=1),
    )

    charged = found.charges(found.since_ms())

    assert charged == {PLACE: 12, Place(HOLD.key, WEEK): 13, Place(HOLD.key, MONTH): 13, Place(HOLD.key, "T"): 13}


def test_a_budget_is_found_by_a_call_that_still_runs() -> None:
    for hold in (HOLD, replace(HOLD, is_hot=True)):
        found = budgets(running("a", hold), row(used=5, reserved=5))

        assert found.charges(found.since_ms()) == {PLACE: 0}


def test_an_abandoned_call_was_charged_the_most() -> None:
    held = table.reserved(replace(calls.RESERVATION, holds=(HOLD,)))
    item = table.item({**held, **table.abandoned(held, 2_000_000_000)})
    found = budgets(item)

    assert found.charges(found.since_ms()) == {PLACE: HOLD.worst}


def test_calls_without_a_budget_say_nothing() -> None:
    found = budgets(calls.settled(), calls.abandoned(request_id="b"))

    assert found.charges(found.since_ms()) == {}


def test_a_row_is_read_as_the_gateway_writes_it() -> None:
    (found,) = budgets(row(used=3_000, reserved=1_000, fr=2)).rows([PLACE, PLACE])

    assert (found.name, found.of, found.limit) == (HOLD.name, HOLD.of, HOLD.limit)
    assert (found.spent, found.reserved, found.left) == (2_000, 1_000, HOLD.limit - 3_000)
    assert (found.false_refusals, found.resets_at, found.place.window) == (2, HOLD.resets_at, "day")


def test_the_attributes_are_those_that_the_gateway_writes() -> None:
    (held,) = stored.held_for(replace(calls.RESERVATION, holds=(HOLD,)))

    written = stored.taken(HOLD, held, "ledger")["ExpressionAttributeNames"].values()

    assert {"nm", "of", "lim", "rs", "u", "r"} <= set(written)
    assert "fr" in stored.refused_once_more(HOLD, "ledger")["ExpressionAttributeNames"].values()


def test_a_budget_for_good_never_resets_and_one_whose_row_is_gone_is_not_shown() -> None:
    found = budgets(row(replace(HOLD, period="T", resets_at=None)))

    (only,) = found.rows([Place(HOLD.key, "T"), Place("gone#0", DAY)])

    assert (only.resets_at, only.place.window) == (None, "total")


@pytest.mark.parametrize("moment", ["2026-11-20T12:00", "2027-01-01T00:00", "2026-12-31T23:59", "2028-02-29T05:00"])
def test_the_windows_of_now_are_those_of_the_gateway(moment: str) -> None:
    now = datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()
    holds = [replace(HOLD, period=rules.span(window, now).period) for window in Window]
    started = int(now * 1000)
    item = calls.settled(replace(calls.OUTCOME, charges=(1,) * len(holds)), started_ms=started, holds=tuple(holds))

    found = budgets(item, now=now)

    assert set(found.charges(found.since_ms())) == {Place(hold.key, hold.period) for hold in holds}
    assert found.since_ms() <= started


@pytest.mark.parametrize(
    ("now", "since"),
    [("2026-11-20T21:25", "2026-11-01"), ("2026-12-02T01:00", "2026-11-30"), ("2026-11-30T00:00", "2026-11-01")],
)
def test_calls_are_looked_for_from_the_first_of_the_windows_on(now: str, since: str) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC).timestamp()

    found = datetime.fromtimestamp(budgets(now=moment).since_ms() / 1000, UTC)

    assert f"{found:%Y-%m-%dT%H:%M}" == f"{since}T00:00"


def test_a_policy_has_all_its_budgets_and_no_other_policys() -> None:
    first, second, other = (
        budgets(row(replace(HOLD, name=name))).rows([PLACE])[0] for name in ("team", "team:2", "team-b")
    )

    assert (first.is_of("team"), second.is_of("team"), other.is_of("team")) == (True, True, False)


def test_a_table_has_to_be_named() -> None:
    with pytest.raises(UsageError, match="no table named"):
        open_budgets(Site(), {})
