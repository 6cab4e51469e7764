"""docs/costs.md says what scripts/costs.py computes, from what a call uses when it is measured."""

import contextlib
import io
import json
import re
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from tests import recorded
from tests.engines import LedgerTable
from tests.house.metered import USUAL, Metered, item_bytes
from tests.house.pages import text
from tests.house.repository import ROOT
from tests.unit.stores.calls import record, reservation

import costs
import costs_ledger
from sluice import telemetry
from sluice.domain.reference import Stored
from sluice.domain.usage import Usage
from sluice.stores import table
from sluice_devstack.intrinsics import parse

PAGE = text(costs.PAGE)
TEMPLATE: dict[str, Any] = parse(text(ROOT / "template.yaml"))["Resources"]
LARGE_METADATA = {f"label-{number}": "x" * 100 for number in range(7)}
LARGE_UNITS = 8
LONG_STREAM = "oc_gpt4omini_n2"
FIELDS: dict[str, Any] = {
    "request_id": "11111111-2222-4333-8444-555555555555",
    "outcome": "complete",
    "http_status": 200,
    "error_code": None,
    "surface": "openai",
    "path": "/v1/chat/completions",
    "route": "gpt-4o-mini",
    telemetry.PROVIDER_NAME: "openai",
    telemetry.REQUEST_MODEL: "gpt-4o-mini",
    telemetry.RESPONSE_MODEL: "gpt-4o-mini-2024-07-18",
    telemetry.REQUEST_STREAM: True,
    telemetry.FINISH_REASONS: "stop",
    "usage_source": "provider",
    "cost_nano_dollars": 301_850,
    "ttft_ms": 412,
    "duration_ms": 5523,
    "attempts": 1,
    "nonce": "1d2d83e3994e4619",
    "gen_ai.operation.name": "chat",
}
TOKENS = (
    telemetry.INPUT_TOKENS,
    telemetry.CACHED_TOKENS,
    telemetry.CACHE_WRITE_TOKENS,
    telemetry.OUTPUT_TOKENS,
    telemetry.REASONING_TOKENS,
)


@pytest.fixture
def metered(ledger_table: LedgerTable) -> Metered:
    if ledger_table.engine.name == "moto":
        pytest.skip("moto does not say what indexes cost; ministack or dynoxide is needed")
    return Metered(ledger_table)


def test_a_record_of_more_than_a_kilobyte_writes_more(metered: Metered) -> None:
    assert sum(metered.path(metadata=LARGE_METADATA)) == LARGE_UNITS
    assert f"costs {LARGE_UNITS} units instead of {costs_ledger.PATHS[0].units}" in PAGE


def test_what_a_provider_stores_writes_a_unit_for_each_id(metered: Metered) -> None:
    call: Any = SimpleNamespace(principal=reservation().principal, request_id=reservation().request_id)

    metered.owners.keep(call, "openai", [Stored(f"resp_{number}", True) for number in range(3)], Usage(1, 0, 1))

    assert metered.take() == 3
    assert "writes one unit for each id" in PAGE


def test_a_record_has_the_bytes_that_the_page_says() -> None:
    call, end = reservation(), record(attempts=USUAL)
    row = table.reserved(call) | table.settled(call, end, table.expires(0, 400))

    assert item_bytes(table.item(row)) == pytest.approx(costs.RECORD_BYTES, rel=0.1)


def test_a_line_of_the_log_has_the_bytes_and_the_metrics_that_the_page_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "sluice")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Sluice")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        telemetry.Telemetry().call({**FIELDS, **dict.fromkeys(TOKENS, 480)})

    line = printed.getvalue()
    emf = json.loads(line)["_aws"]["CloudWatchMetrics"][0]

    assert len(line) == pytest.approx(costs.LOG_LINE_BYTES, rel=0.1)
    assert len(emf["Metrics"]) == costs.METRICS_PER_PAIR
    assert emf["Dimensions"] == [["provider", "outcome", "service"]]


def test_an_event_has_the_bytes_that_the_page_says() -> None:
    if LONG_STREAM not in recorded.names("oc_"):
        pytest.skip(recorded.REASON)
    events = [each for each in recorded.load(LONG_STREAM).body.split(b"\n\n") if each.startswith(b"data: {")]

    assert len(events) > 100
    assert sum(len(each) + 2 for each in events) / len(events) == pytest.approx(costs.EVENT_BYTES, rel=0.1)


def test_the_sweeper_is_as_the_page_says() -> None:
    sweeper = TEMPLATE["SweeperFunction"]["Properties"]

    assert sweeper["MemorySize"] == costs.SWEEP_MB
    assert sweeper["Events"]["EachMinute"]["Properties"]["Schedule"] == "rate(1 minute)"
    assert table.SHARDS + 1 == costs.SWEEP_QUERIES  # hot budgets are one more


def test_the_rollup_is_as_the_page_says() -> None:
    rollup = TEMPLATE["RollupFunction"]["Properties"]
    stream = rollup["Events"]["Ledger"]["Properties"]

    assert rollup["MemorySize"] == costs.ROLLUP_MB
    assert stream["BatchSize"] == costs_ledger.USUAL_BATCH.calls
    assert stream["MaximumBatchingWindowInSeconds"] == costs_ledger.WINDOW_SECONDS


def test_the_gateway_is_as_the_page_says() -> None:
    template = parse(text(ROOT / "template.yaml"))
    types = [each["Type"] for each in template["Resources"].values()]
    indexes = TEMPLATE["LedgerTable"]["Properties"]["GlobalSecondaryIndexes"]
    whole = [each for each in indexes if each["Projection"]["ProjectionType"] == "ALL"]

    assert template["Parameters"]["MemorySize"]["Default"] == costs.DEFAULT_MB
    assert 1 + len(whole) == costs.COPIES
    assert types.count("AWS::SecretsManager::Secret") == 1
    assert types.count("AWS::CloudWatch::Alarm") == costs.ALARMS


def test_the_page_holds_every_table_as_it_is_computed() -> None:
    assert costs.filled(PAGE) == PAGE
    assert set(re.findall(r"<!-- costs: (\w+) -->", PAGE)) == set(costs.TABLES)


def test_a_call_stays_within_the_units_that_are_promised() -> None:
    without, one, hot, *_ = costs_ledger.PATHS
    share = costs_ledger.USUAL_BATCH.each

    assert [path.title for path in (without, one, hot)] == ["no budget", "one budget", "one budget, hot"]
    assert without.units + share <= 6
    assert one.units + share <= 12
    assert hot.units + share <= 12


def test_a_price_that_changes_changes_the_page() -> None:
    before = costs.markdown(costs.idle_table())
    costs.PRICES["Secrets Manager secret"], old = (
        costs.Price("0.80", "month", "B"),
        costs.PRICES["Secrets Manager secret"],
    )
    try:
        assert costs.markdown(costs.idle_table()) != before
        assert costs.filled(PAGE) != PAGE
    finally:
        costs.PRICES["Secrets Manager secret"] = old


def test_every_price_has_a_source() -> None:
    assert {each.source for each in costs.PRICES.values()} == set(costs.SOURCES)


def test_what_the_text_says_follows_from_the_same_prices() -> None:
    metric, streamed = costs.price("CloudWatch metric"), 14_000
    alone = costs_ledger.PATHS[1].units + costs_ledger.BATCHES[0].units
    free_chats = 400_000 / costs.gb_seconds(costs.DEFAULT_MB, costs.CALLS[1].seconds)
    long_answers = costs.lambda_time(costs.DEFAULT_MB, costs.CALLS[3].seconds) * 500_000
    said = {
        f"{int(free_chats) // 10_000 * 10_000:,} chats": True,
        f"${(costs.METRICS_PER_PAIR + 1) * metric:.2f} a month": True,
        f"${(costs.METRICS_PER_PAIR * 4 + 1) * metric:.2f}. A budget": True,
        f"[{costs_ledger.USUAL_BATCH.units} units for {costs_ledger.USUAL_BATCH.calls} calls]": True,
        f"Up to {costs_ledger.hot_open(12) // 10 * 10} calls that are open": True,
        f"open calls, {costs_ledger.HOT_ENTRY_BYTES} bytes each": True,
        f"${costs.price('EventBridge, events of your own')} a million; without": True,
        f"{alone} units with a budget": True,
        f"${130_000 * alone * costs.price('DynamoDB writes') / costs.MILLION:.2f}": True,
        f"${streamed * costs.price('Lambda streaming past 6 MB of an answer'):.0f}": True,
        f"${20_000 * costs.price('Data out to the internet'):,.0f} for the data": True,
        f"${long_answers:.0f} here": True,
        f"{costs.CALLS[1].events * costs.EVENT_BYTES // 1000} KB": True,
    }

    assert {words: words in PAGE for words in said} == said


def test_the_readme_sums_it_up() -> None:
    readme, chats = text(ROOT / "README.md"), costs.CALLS[1]
    million = sum((of(chats) for of in costs.call_items().values()), Decimal(0))

    assert Decimal("1.40") < costs.idle_total() < Decimal("1.60")
    assert "a dollar and a half a month" in readme
    assert f"a million chats about ${round(million, -1):.0f}" in readme
