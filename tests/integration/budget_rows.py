"""The rows of budgets and records as a test looks at them, and damages them."""

from collections.abc import Sequence
from typing import Any

from tests.engines import LedgerTable
from tests.unit.stores.calls import STARTED_MS, record

from sluice.domain.hold import Hold
from sluice.domain.record import Reservation
from sluice.stores import table


def place(one: Hold) -> dict[str, str]:
    return {"pk": f"B#{one.key}", "sk": one.period}


def budget(ledger_table: LedgerTable, one: Hold) -> dict[str, Any]:
    arguments = {"TableName": ledger_table.name, "Key": table.item(place(one)), "ConsistentRead": True}
    return table.row(ledger_table.client().get_item(**arguments).get("Item", {}))


def amounts(ledger_table: LedgerTable, one: Hold) -> tuple[int, int, int]:
    row = budget(ledger_table, one)
    return row["u"], row["r"], row["w"]


def edit(ledger_table: LedgerTable, one: Hold, damage: dict[str, Any]) -> None:
    client, at = ledger_table.client(), {"TableName": ledger_table.name, "Key": table.item(place(one))}
    for name, value in damage.items():
        if value is None:
            client.update_item(**at, UpdateExpression=f"REMOVE {name}")
        else:
            client.update_item(
                **at, UpdateExpression=f"SET {name} = :value", ExpressionAttributeValues={":value": value}
            )


def forget(ledger_table: LedgerTable, each: Reservation) -> None:
    ledger_table.client().delete_item(TableName=ledger_table.name, Key=table.item(table.key(each.request_id)))


def move(ledger_table: LedgerTable, each: Reservation, charge: int) -> None:
    """The record alone, to settled."""
    changes = table.settled(each, record(charges=(charge,)), expires=STARTED_MS)
    key = {"TableName": ledger_table.name, "Key": table.item(table.key(each.request_id))}
    ledger_table.client().update_item(**key, **table.update(changes, table.Status.RESERVED))


def assert_even(ledger_table: LedgerTable, calls: Sequence[Reservation], *budgets: Hold) -> None:
    """Nothing is open, and each budget is the sum of what the records say."""
    rows = [ledger_table.ledger().read(each.request_id) or {} for each in calls]
    told = [text.rsplit(" ", 2) for row in rows for text in row.get("bud", ())]
    assert not any(row.get("st") == "R" for row in rows)
    for one in budgets:
        charged = sum(int(charge) for key, period, charge in told if (key, period) == (one.key, one.period))
        assert amounts(ledger_table, one) == (charged, 0, charged)
