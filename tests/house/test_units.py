"""What docs/costs.md says of units, measured on each exact engine: by path, by batch, and by open calls."""

import math
from typing import Any

import pytest
from tests.engines import LedgerTable
from tests.house.metered import Metered, item_bytes
from tests.unit.stores import key_rows
from tests.unit.stores.calls import HOLD, LEASE, hold

import costs_ledger as costs
from sluice.domain.claim import Claim
from sluice.domain.clock import Clock
from sluice.domain.idempotency import Idempotent
from sluice.domain.policy import Rate
from sluice.stores import keys
from sluice.stores.typicals import Typicals

KEY = {"key_id": key_rows.ID}
THREE = (hold(), hold(key="team#0123456789ab", period="D20261120"), hold(key="all#0123456789ab", period="T"))
HOT = hold(key="hot#0123456789ab", is_hot=True)
CHANGES: dict[str, dict[str, Any]] = {
    "no budget": {},
    "one budget": {"holds": (HOLD,)},
    "one budget, hot": {"holds": (HOT,)},
    "three budgets": {"holds": THREE},
    "a virtual key": KEY,
    "a virtual key, one budget": {**KEY, "holds": (HOLD,)},
}
RATES = {
    "rate limit, requests": Rate("some", requests_per_minute=1000),
    "rate limit, tokens or calls at once": Rate("more", tokens_per_minute=10**6, concurrent=10),
}
NAMED = Idempotent("I#0123456789abcdef#0123", "digest")


@pytest.fixture
def metered(ledger_table: LedgerTable) -> Metered:
    if ledger_table.engine.name == "moto":
        pytest.skip("moto does not say what transactions and indexes cost; ministack or dynoxide is needed")
    made = Metered(ledger_table)
    made.client.put_item(TableName=made.name, Item=key_rows.item())
    made.take()
    return made


def extra(title: str) -> costs.Path:
    return next(path for path in costs.EXTRAS if path.title == title)


@pytest.mark.parametrize("path", costs.PATHS, ids=lambda path: path.title)
def test_a_call_writes_the_units_that_the_page_says(metered: Metered, path: costs.Path) -> None:
    assert metered.path(**CHANGES[path.title]) == (path.reserve, path.settle)


@pytest.mark.parametrize("title", RATES)
def test_a_rate_limit_adds_the_units_that_the_page_says(metered: Metered, title: str) -> None:
    claims = [Claim(RATES[title], "somebody", f"call-{number}", LEASE, tokens=100) for number in range(2)]
    metered.limits.enter(claims[:1]).end(50)
    metered.take()

    permit = metered.limits.enter(claims[1:])
    entered = metered.take()
    permit.end(50)

    assert (entered, metered.take()) == (extra(title).reserve, extra(title).settle)


@pytest.mark.parametrize(("title", "before"), [("without", "no budget"), ("with a budget", "one budget")])
def test_a_name_of_the_callers_own_adds_the_units_that_the_page_says(metered: Metered, title: str, before: str) -> None:
    added, (reserve, settle) = extra(f"`Idempotency-Key`, {title}"), metered.path(**CHANGES[before])
    named = metered.path(**CHANGES[before], idempotent=NAMED)
    metered.end(NAMED)

    assert (named[0] - reserve, named[1] - settle + metered.take()) == (added.reserve, added.settle)


@pytest.mark.parametrize("batch", costs.BATCHES, ids=lambda batch: batch.title)
def test_the_rollup_of_a_batch_writes_the_units_that_the_page_says(metered: Metered, batch: costs.Batch) -> None:
    metered.rolled(1, 1, 1)  # the first one ever notes more

    assert metered.rolled(batch.calls, batch.callers, batch.models) == batch.units


def test_a_hot_budget_grows_with_its_open_calls(metered: Metered) -> None:
    metered.path(holds=(HOT,))
    empty = item_bytes(metered.row(f"B#{HOT.key}", HOT.period))
    most = costs.hot_open(12)

    units = [metered.opened(holds=(HOT,)) for _ in range(most + 1)]

    full = item_bytes(metered.row(f"B#{HOT.key}", HOT.period))
    assert empty == pytest.approx(costs.HOT_ROW_BYTES, rel=0.1)
    assert (full - empty) / (most + 1) == pytest.approx(costs.HOT_ENTRY_BYTES, abs=2)
    assert units[0] == 3
    assert units[-1] - 2 == pytest.approx(math.ceil(full / costs.KILOBYTE), abs=1)


def test_what_is_read_now_and_then_reads_the_units_that_the_page_says(metered: Metered) -> None:
    expected = [units for units, _ in costs.READS.values()]
    metered.configurations.current(1.0)
    configuration = metered.take()
    keys.Keys(metered.client, metered.name, Clock(now=lambda: key_rows.NOW), metered.random).find(key_rows.SHOWN)
    key = metered.take()
    metered.rolled(30, 1, 1)
    Typicals(metered.client, metered.name, Clock()).cost("openai/model-0", 100)

    said = metered.take() or expected[2]  # ministack does not say what a batch of reads costs
    assert [configuration, key, said] == expected
