"""A batch of the stream: counted first, announced then, and nothing of it lost."""

from random import Random
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.unit.stores.calls import HandClock
from tests.unit.stores.memory_table import failure
from tests.unit.stores.stream_records import held, settled, told
from tests.unit.stores.test_bus import EventBridge
from tests.unit.stores.totals_table import TotalsTable

from sluice.stores.bus import Bus
from sluice.stores.consumer import Consumer, Taken
from sluice.stores.rollup import Rollup

BUDGET = {"pk": "B#team#aabbccddeeff", "sk": "T", "nm": "team", "of": "search", "lim": 1000, "r": 0}


def consumer(table: TotalsTable, client: EventBridge | None = None, tells_usage: bool = True) -> Consumer:
    clock = HandClock().clock
    bus = Bus(client, "bus", clock, Random(1)) if client else None
    return Consumer(Rollup(table, "ledger", clock, Random(1)), "ledger", bus, tells_usage)


def batch() -> list[Any]:
    call = told(held(1), settled(held(1)))
    return [call, told({}, held(2)), told({**BUDGET, "u": 0}, {**BUDGET, "u": 900}), {"eventID": "broken"}]


def kinds(client: EventBridge) -> list[str]:
    return [entry["DetailType"] for sent in client.sent for entry in sent]


def test_what_became_of_each_record_is_told(caplog: pytest.LogCaptureFixture) -> None:
    client = EventBridge()

    taken = consumer(TotalsTable(), client).take(batch())

    assert taken == Taken(records=4, counted=1, corrupt=1, announced=3)
    assert kinds(client) == ["UsageRecorded", "BudgetThreshold", "BudgetThreshold"]
    assert "rollup.corrupt: record broken" in caplog.text


def test_without_a_bus_nothing_is_announced_and_usage_only_where_it_is_wanted() -> None:
    client = EventBridge()

    assert consumer(TotalsTable()).take(batch()).announced == 0
    assert consumer(TotalsTable(), client, tells_usage=False).take(batch()).announced == 2
    assert set(kinds(client)) == {"BudgetThreshold"}


def test_a_call_that_cannot_be_told_is_counted_all_the_same() -> None:
    table, client = TotalsTable(), EventBridge()
    wrong = {**settled(held(1)), "bud": ["team T much"]}

    taken = consumer(table, client).take([told(held(1), wrong)])

    assert taken == Taken(records=1, counted=1, corrupt=1)
    assert client.sent == []


def test_a_batch_that_could_not_be_announced_is_counted_once_and_announced_when_it_comes_again() -> None:
    table, client = TotalsTable(), EventBridge()
    client.failures = [failure("AccessDeniedException")]
    with pytest.raises(ClientError):
        consumer(table, client).take(batch())

    taken = consumer(table, client).take(batch())

    assert taken == Taken(records=4, repeated=1, corrupt=1, announced=3)
    assert table.figures()["D#20261120", "V#openai"]["n"] == 1
