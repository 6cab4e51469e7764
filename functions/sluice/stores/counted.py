"""Which steps are in the totals already: rows that a redelivery finds again, whatever batch it comes in.

A step's row is chosen by a moment that the step itself fixes, in tens of seconds, so that the steps of one batch are in
few rows and no row grows for long. A set in it holds the ids. The write that adds to a set does so only if none of them
is in it, in one transaction with the totals: so a step is counted at once and once, or not at all.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""

from collections.abc import Iterable
from typing import Any

from sluice.stores import table
from sluice.stores.table import Item
from sluice.stores.transitions import Transition

ROW_SECONDS = 10  # at 4,000 calls a second a row stays below the 400 KB that an item may have
KEPT_SECONDS = 3 * 86_400  # a stream's records live for one day

Ids = list[bytes]


def key(moment: int) -> Item:
    return table.item({"pk": f"Z#{moment // ROW_SECONDS}", "sk": "Z"})


def by_row(steps: Iterable[Transition]) -> dict[str, list[Transition]]:
    """The steps of each row, by the row's partition key."""
    rows: dict[str, list[Transition]] = {}
    for step in steps:
        rows.setdefault(key(step.moment)["pk"]["S"], []).append(step)
    return rows


def update(steps: list[Transition], now: float) -> dict[str, Any]:
    """Arguments of an UpdateItem on the row of these steps, without the table's name."""
    ids = [step.id for step in steps]
    one_of_them = " OR ".join(f"contains(#ids, :{number})" for number in range(len(ids)))
    return {
        "Key": key(steps[0].moment),
        "UpdateExpression": "ADD #ids :ids SET #exp = :exp",
        "ConditionExpression": f"attribute_not_exists(#ids) OR NOT ({one_of_them})",
        "ExpressionAttributeNames": {"#ids": "ids", "#exp": "exp"},
        "ExpressionAttributeValues": {
            ":ids": {"BS": ids},
            ":exp": {"N": str(int(now) + KEPT_SECONDS)},
            **{f":{number}": {"B": one} for number, one in enumerate(ids)},
        },
    }


def ids(item: Item) -> set[bytes]:
    """What a stored row holds."""
    return set(item.get("ids", {}).get("BS", ()))
