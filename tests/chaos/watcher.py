"""Looks at the budgets' rows all the time: nothing may ever be over its bounds, at any instant."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from sluice.stores import table
from sluice_devstack.aws_json import DYNAMODB, call

ROUND_SECONDS = 0.02
READ_SECONDS = 10.0
Key = tuple[str, str]


@dataclass(slots=True)
class Watched:
    """`highest` is the most that was ever used of each limit, in parts of it; `over` are rows that were beyond bounds."""

    reads: int = 0
    highest: dict[str, float] = field(default_factory=dict)
    over: list[str] = field(default_factory=list)


def watch(url: str, name: str, keys: Iterable[Key], connection: Connection) -> Watched:
    """Every row again and again, read consistently, until it is told to stop."""
    connection.send("watching")
    seen, wanted = Watched(), list(keys)
    while not connection.poll(ROUND_SECONDS):
        for key in wanted:
            look(seen, read(url, name, key))
    return seen


def read(url: str, name: str, key: Key) -> table.Row:
    body = {"TableName": name, "Key": {"pk": {"S": key[0]}, "sk": {"S": key[1]}}, "ConsistentRead": True}
    return table.row(call(url, DYNAMODB, "GetItem", body, READ_SECONDS).get("Item", {}))


def look(seen: Watched, row: table.Row) -> None:
    """Used and worst stay within the ceiling, which under `strict` is the limit; nothing is ever below nothing."""
    seen.reads += 1
    if not row:
        return
    budget = str(row["pk"])
    seen.highest[budget] = max(seen.highest.get(budget, 0.0), row["u"] / row["lim"])
    if max(row["u"], row["w"]) > row["ceil"] or min(row["u"], row["r"], row["w"]) < 0:
        seen.over.append(f"{budget}: {', '.join(f'{name} {row[name]}' for name in ('u', 'r', 'w', 'lim', 'ceil'))}")
