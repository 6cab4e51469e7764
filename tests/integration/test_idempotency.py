"""Calls under their callers' own names on real engines with the gateway's own client."""

import threading
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest
from tests.engines import LedgerTable
from tests.unit.stores.calls import HandClock
from tests.unit.stores.repeats import ANSWER, BOB, BODY, HEADERS, Repeats, call, idempotent

from sluice.domain.errors import IdempotencyConflict, Repeated, StillRunning
from sluice.domain.idempotency import KeptAnswer
from sluice.domain.record import Reservation
from sluice.stores import table as rows
from sluice.stores.idempotency import KEPT_SECONDS, MAX_PACKED_BYTES, key, refused

OTHER = {**BODY, "model": "small"}
THREADS = 16


def site(table: LedgerTable) -> Repeats:
    return Repeats(table.client(), table.name, HandClock())


def test_the_life_of_a_name(ledger_table: LedgerTable) -> None:
    one = site(ledger_table)
    first = one.begin(call())

    assert isinstance(one.begin(call(), "call-2"), StillRunning)
    assert isinstance(one.begin(call(OTHER), "call-3"), IdempotencyConflict)
    one.end(first)

    repeated = one.begin(call(), "call-4")
    assert isinstance(repeated, Repeated)
    assert repeated.answer == KeptAnswer("call-1", HEADERS, ANSWER)
    assert isinstance(one.begin(call(OTHER), "call-5"), IdempotencyConflict)


@pytest.mark.fault("C05")
def test_the_names_of_another_principal_are_others(ledger_table: LedgerTable) -> None:
    one = site(ledger_table)
    one.end(one.begin(call()))

    assert isinstance(one.begin(call(who=BOB), "call-2"), Reservation)


def test_a_name_is_free_after_a_failure_a_crash_and_a_day(ledger_table: LedgerTable) -> None:
    one = site(ledger_table)
    one.fail(one.begin(call()))
    crashed = one.begin(call(), "call-2")
    one.hand.seconds += 901
    last = one.begin(call(OTHER), "call-3")
    one.end(crashed)
    one.end(last)

    assert isinstance(one.begin(call(OTHER), "call-4"), Repeated)
    one.hand.seconds += KEPT_SECONDS + 1
    assert isinstance(one.begin(call(), "call-5"), Reservation)


def test_of_many_at_once_one_is_made(exact_table: LedgerTable) -> None:
    barrier = threading.Barrier(THREADS)
    sites = [site(exact_table) for _ in range(THREADS)]

    def work(number: int) -> object:
        barrier.wait()
        return sites[number].begin(call(), f"call-{number}")

    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(work, range(THREADS)))

    assert len([one for one in found if isinstance(one, Reservation)]) == 1
    assert len([one for one in found if isinstance(one, StillRunning)]) == THREADS - 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("body", {"B": b"junk"}),
        ("body", {"S": "plain"}),
        ("hdr", {"NULL": True}),
        ("st", {"N": "1"}),
        ("rid", {"BOOL": True}),
        ("bh", {"SS": ["x"]}),
    ],
)
def test_a_row_that_makes_no_sense_is_a_conflict(ledger_table: LedgerTable, name: str, value: dict[str, Any]) -> None:
    one, client = site(ledger_table), ledger_table.client()
    one.end(one.begin(call()))
    client.update_item(
        TableName=ledger_table.name,
        Key=rows.item(key(idempotent(call()))),
        UpdateExpression="SET #name = :value",
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues={":value": value},
    )

    assert type(one.begin(call(), "call-2")) is IdempotencyConflict


def test_the_longest_answer_that_is_kept_comes_back(ledger_table: LedgerTable) -> None:
    one, body = site(ledger_table), Random(1).randbytes(MAX_PACKED_BYTES - 200)
    one.end(one.begin(call()), body, {**HEADERS, "x-sluice-warnings": "y" * 7000})

    found = one.begin(call(), "call-2")

    assert isinstance(found, Repeated)
    assert found.answer.body == body


def test_an_engine_that_does_not_tell_what_was_in_the_way_asks_for_patience() -> None:
    assert isinstance(refused(idempotent(call()), {}), StillRunning)
