"""docs/costs.md says what scripts/costs.py computes, from what a call uses when it is measured."""

import contextlib
import io
import json
import re
from decimal import Decimal
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from tests import recorded
from tests.engines import LedgerTable
from tests.house.pages import text
from tests.house.repository import ROOT
from tests.unit.stores.calls import RECORD, record, reservation

import costs
from sluice import telemetry
from sluice.domain.clock import Clock
from sluice.domain.reference import Stored
from sluice.domain.usage import Usage
from sluice.stores import table
from sluice.stores.configurations import Configurations
from sluice.stores.ledger import Ledger
from sluice.stores.owners import Owners
from sluice_devstack.intrinsics import parse

PAGE = text(costs.PAGE)
TEMPLATE: dict[str, Any] = parse(text(ROOT / "template.yaml"))["Resources"]
USUAL = RECORD.attempts[1:]  # one attempt, and it answered
LARGE_METADATA = {f"label-{number}": "x" * 100 for number in range(7)}
LARGE_UNITS = 10
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


class Metered:
    """A ledger whose client asks DynamoDB what each write costs."""

    def __init__(self, ledger_table: LedgerTable) -> None:
        client = ledger_table.client()
        client.meta.events.register("provide-client-params.dynamodb", self._ask)
        client.meta.events.register("after-call.dynamodb", self._hear)
        self.ledger = Ledger(client, ledger_table.name, Clock(), Random(0))
        self.owners = Owners(client, ledger_table.name, Clock(), Random(0))
        self.configurations = Configurations(client, ledger_table.name, Clock(), Random(0))
        self.units: list[float] = []

    def take(self) -> float:
        """The units since the last time."""
        total = sum(self.units)
        self.units.clear()
        return total

    @staticmethod
    def _ask(params: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {**params, "ReturnConsumedCapacity": "INDEXES"}

    def _hear(self, parsed: dict[str, Any], **_: Any) -> None:
        told = parsed["ConsumedCapacity"]
        self.units += [each["CapacityUnits"] for each in (told if isinstance(told, list) else [told])]


@pytest.fixture
def metered(ledger_table: LedgerTable) -> Metered:
    if ledger_table.engine.name == "moto":
        pytest.skip("moto does not say what indexes cost; ministack or dynoxide is needed")
    return Metered(ledger_table)


def written(metered: Metered, **changes: Any) -> tuple[float, float]:
    """Write units to reserve a call and to settle it."""
    call = reservation(**changes)
    metered.ledger.reserve(call)
    reserved = metered.take()
    metered.ledger.settle(call, record(attempts=USUAL))
    return reserved, metered.take()


def test_a_call_writes_the_units_that_the_page_says(metered: Metered) -> None:
    assert written(metered) == (costs.WRITE_UNITS["reserve"], costs.WRITE_UNITS["settle"])


def test_a_record_of_more_than_a_kilobyte_writes_more(metered: Metered) -> None:
    assert sum(written(metered, metadata=LARGE_METADATA)) == LARGE_UNITS
    assert f"costs {LARGE_UNITS} units instead of {sum(costs.WRITE_UNITS.values())}" in PAGE


def test_what_a_provider_stores_writes_a_unit_for_each_id(metered: Metered) -> None:
    call: Any = SimpleNamespace(principal=reservation().principal, request_id=reservation().request_id)

    metered.owners.keep(call, "openai", [Stored(f"resp_{number}", True) for number in range(3)], Usage(1, 0, 1))

    assert metered.take() == 3
    assert "writes one unit for each id" in PAGE


def test_a_look_at_the_configuration_in_force_reads_the_units_that_the_page_says(metered: Metered) -> None:
    metered.configurations.current(1.0)

    assert metered.take() == costs.POINTER_UNITS


def test_a_record_has_the_bytes_that_the_page_says() -> None:
    call, end = reservation(), record(attempts=USUAL)
    row = table.reserved(call) | table.settled(call, end, table.expires(0, 400))

    size = sum(len(name) + value_bytes(value) for name, value in table.item(row).items())

    assert size == pytest.approx(costs.RECORD_BYTES, rel=0.1)


def value_bytes(value: dict[str, Any]) -> int:
    """As DynamoDB counts: a number takes about half its digits, lists and maps three bytes and one per element.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html"""
    ((kind, held),) = value.items()
    if kind == "S":
        return len(held.encode())
    if kind == "N":
        return len(held) // 2 + 2
    if kind == "L":
        return 3 + sum(1 + value_bytes(each) for each in held)
    if kind == "M":
        return 3 + sum(1 + len(name) + value_bytes(each) for name, each in held.items())
    return 1


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
    assert table.SHARDS == costs.SHARDS


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
    free_chats = 400_000 / costs.gb_seconds(costs.DEFAULT_MB, costs.CALLS[1].seconds)
    long_answers = costs.lambda_time(costs.DEFAULT_MB, costs.CALLS[3].seconds) * 500_000
    said = {
        f"{int(free_chats) // 10_000 * 10_000:,} chats": True,
        f"${costs.METRICS_PER_PAIR * metric:.2f} a month": True,
        f"${costs.METRICS_PER_PAIR * metric * 4:.2f}": True,
        f"${streamed * costs.price('Lambda streaming past 6 MB of an answer'):.0f}": True,
        f"${20_000 * costs.price('Data out to the internet'):,.0f} for the data": True,
        f"${long_answers:.0f} here": True,
        f"{costs.CALLS[1].events * costs.EVENT_BYTES // 1000} KB": True,
    }

    assert {words: words in PAGE for words in said} == said


def test_the_readme_sums_it_up() -> None:
    readme, chats = text(ROOT / "README.md"), costs.CALLS[1]
    million = sum((of(chats) for of in costs.call_items().values()), Decimal(0))

    assert Decimal("0.40") < costs.idle_total() < Decimal("0.60")
    assert "half a dollar a month" in readme
    assert f"a million chats about ${round(million, -1):.0f}" in readme
