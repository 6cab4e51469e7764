"""What the table's stream says of calls: each one's way to its end, as a step that can be counted once.

A record's status goes R -> S, R -> A, and perhaps A -> S later (stores/ledger.py). Whoever keeps sums takes away what
he had counted of the call before the step, and adds what the record says after it. A step's id is made of the call and
of both statuses, so the same step has the same id however often, in whatever batch and in what order it is delivered.
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sluice.stores import table
from sluice.stores.table import Row, Status

StreamRecord = Mapping[str, Any]  # one of the event's Records

ID_BYTES = 8  # of a row's ten thousand ids two are the same once in 10^11 rows
TEXTS = ("pk", "day", "pr", "pv", "md", "rt")
WHOLE_NUMBERS = ("it", "cr", "c5", "c1", "ot", "rs", "act", "ce")
EXPIRY = "exp"
ENDED = (Status.SETTLED, Status.ABANDONED)
# What reading a record that is none of ours may raise.
MALFORMED = (ValueError, TypeError, KeyError, AttributeError, OverflowError, OSError)


class Corrupt(Exception):
    """A record that cannot be counted, whatever is tried; the message says what is wrong and holds no figure."""


@dataclass(frozen=True, slots=True)
class Transition:
    """`before` is the row as it was counted already, empty for a call that had not ended; `after` is what it is."""

    id: bytes
    before: Row = field(repr=False)
    after: Row = field(repr=False)

    @property
    def moment(self) -> int:
        """Epoch seconds that the step itself fixes: when the record it left behind expires."""
        return int(self.after[EXPIRY])

    @property
    def request_id(self) -> str:
        return table.request_id(self.after["pk"])


def transition(record: StreamRecord) -> Transition | None:
    """None for a record that ends no call. Raises Corrupt for one that should, and cannot be read."""
    try:
        before, after = image(record, "OldImage"), image(record, "NewImage")
        return _ended(before, after)
    except MALFORMED as error:
        raise Corrupt(f"record {name(record)} is not one of the ledger's: {type(error).__name__}") from error


def image(record: StreamRecord, which: str) -> Row:
    """The row before or after the change; empty where there was none."""
    return table.row(record["dynamodb"].get(which) or {})


def name(record: StreamRecord) -> str:
    """Which one it is, for a log."""
    return str(record.get("eventID", "without an id")) if isinstance(record, Mapping) else "that is no object"


def _ended(before: Row, after: Row) -> Transition | None:
    if not str(after.get("pk", "")).startswith("R#") or after.get("st") not in ENDED:
        return None
    if before.get("st") == after["st"]:
        return None
    counted = before if before.get("st") in ENDED else {}
    for row in filter(None, (counted, after)):
        _check(row)
    return Transition(identity(after["pk"], before.get("st", ""), after["st"]), counted, after)


def identity(primary: str, before: str, after: str) -> bytes:
    return hashlib.sha256(f"{primary} {before} {after}".encode()).digest()[:ID_BYTES]


def _check(row: Row) -> None:
    """Raises ValueError for a row that cannot be added up."""
    texts = [each for each in TEXTS if not isinstance(row.get(each), str)]
    numbers = [each for each in WHOLE_NUMBERS if not isinstance(row.get(each, 0), int)]
    if texts or numbers or not isinstance(row.get(EXPIRY), int):
        raise ValueError(f"{texts + numbers} of {row.get('pk')}")
    if not (len(row["day"]) == 8 and row["day"].isdigit()):
        raise ValueError(f"day of {row['pk']}")
    if not all(isinstance(one.get("ce", 0), int) for one in row.get("att", [])):
        raise ValueError(f"att of {row['pk']}")
