"""Whose stored answers are whose, on real engines with the gateway's own client."""

import threading
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest
from tests.engines import LedgerTable
from tests.faults.dynamodb_proxy import Fault, FaultProxy, Rule, on
from tests.unit.stores.calls import LEASE, record, reservation

from sluice.domain.call import Call, ModelRequest, Step
from sluice.domain.clock import Clock
from sluice.domain.errors import LedgerBusy, UnknownReference
from sluice.domain.principal import Principal
from sluice.domain.reference import Reference, Stored
from sluice.domain.usage import Usage
from sluice.stores.owners import Owners

ADA = Principal("arn:aws:iam::123456789012:user/ada", "123456789012", None)
BOB = Principal("arn:aws:iam::123456789012:user/bob", "123456789012", None)
USAGE = Usage(input=100, output=20)
PATIENCE_SECONDS = 30.0


def owners(table: LedgerTable, url: str | None = None) -> Owners:
    return Owners(table.client(url), table.name, Clock(), Random(0))


def keep(made: Owners, *ids: str, who: Principal = ADA) -> None:
    call = Call("call-1", "openai", "/v1/responses", (Step(ModelRequest({"model": "m"})),), who, 0.0, 0, 0.0, 0)
    made.keep(call, "openai", [Stored(one) for one in ids], USAGE)


def tokens(made: Owners, *ids: str, who: Principal = ADA) -> int:
    return made.tokens(who, "openai", [Reference("response", id, "previous_response_id") for id in ids])


def test_its_principal_may_and_no_other(ledger_table: LedgerTable) -> None:
    made = owners(ledger_table)

    keep(made, "resp_1", "msg/!~#1")

    assert tokens(made, "resp_1") == tokens(made, "resp_1", "msg/!~#1") == USAGE.total
    with pytest.raises(UnknownReference):
        tokens(made, "resp_1", who=BOB)


def test_hundreds_of_items_are_written_and_read(ledger_table: LedgerTable) -> None:
    made = owners(ledger_table)
    ids = [f"msg_{number}" for number in range(230)]

    keep(made, *ids)

    assert tokens(made, *ids) == USAGE.total


def test_a_reader_that_is_faster_than_the_writer_gets_its_answer(ledger_table: LedgerTable) -> None:
    reader, writer = owners(ledger_table), owners(ledger_table)
    late = threading.Timer(0.25, keep, (writer, "resp_late"))

    late.start()
    found = tokens(reader, "resp_late")
    late.join()

    assert found == USAGE.total


def test_a_sweep_leaves_the_rows_alone(ledger_table: LedgerTable) -> None:
    made, ledger, call = owners(ledger_table), ledger_table.ledger(), reservation()
    keep(made, "resp_1")
    ledger.reserve(call)

    swept = ledger_table.sweeper().sweep(LEASE + 1)
    ledger.settle(call, record())

    assert (swept.settled, swept.failed) == (1, 0)
    assert tokens(made, "resp_1") == USAGE.total


@pytest.mark.fault("D02")
@pytest.mark.parametrize("fault", [Fault.DENIED, Fault.ERROR, Fault.THROTTLE, Fault.DROP_BEFORE, Fault.CUT])
def test_a_table_that_does_not_say_fails_closed(ledger_table: LedgerTable, fault: Fault) -> None:
    keep(owners(ledger_table), "resp_1")

    with FaultProxy(ledger_table.engine.url, [Rule(fault, on("BatchGetItem"))]) as proxy:
        made = owners(ledger_table, proxy.url)
        with pytest.raises(LedgerBusy):
            tokens(made, "resp_1")


@pytest.mark.fault("D02")
@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.THROTTLE, Fault.DROP_AFTER])
def test_a_table_that_fails_once_costs_a_moment(ledger_table: LedgerTable, fault: Fault) -> None:
    with FaultProxy(ledger_table.engine.url, [Rule(fault, times=1)]) as proxy:
        made = owners(ledger_table, proxy.url)
        keep(made, "resp_1")
        proxy.rules = (Rule(fault, on("BatchGetItem"), times=1),)

        assert tokens(made, "resp_1") == USAGE.total


@pytest.mark.fault("D02")
def test_a_row_that_cannot_be_written_fails_no_call(ledger_table: LedgerTable, caplog: Any) -> None:
    with FaultProxy(ledger_table.engine.url, [Rule(Fault.DENIED, on("BatchWriteItem"))]) as proxy:
        keep(owners(ledger_table, proxy.url), "resp_1")

    assert "owners.unkept" in caplog.text
    with pytest.raises(UnknownReference):
        tokens(owners(ledger_table), "resp_1")


@pytest.mark.timeout(PATIENCE_SECONDS)
def test_many_at_once_do_not_mix_up_whose_is_whose(exact_table: LedgerTable) -> None:
    def one(number: int) -> tuple[int, bool]:
        made, who = owners(exact_table), Principal(f"arn:aws:iam::123456789012:user/u{number}", "123456789012", None)
        keep(made, f"resp_{number}", who=who)
        own = tokens(made, f"resp_{number}", who=who)
        with pytest.raises(UnknownReference):
            tokens(made, f"resp_{number}", who=BOB)
        return own, True

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(16))) == [(USAGE.total, True)] * 16
