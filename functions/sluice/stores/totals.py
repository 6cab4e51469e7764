"""Sums of a day: calls, tokens and money by principal, by model, by provider and by route.

One row per value, `D#<day>` and `<dimension>#<value>`; the day is the one on which a call began, in UTC. Every figure
is an integer that is added to, so rows may be written in any order. An attribute that is missing is 0.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sluice.domain.record import Outcome
from sluice.stores import table
from sluice.stores.table import Row, Status
from sluice.stores.transitions import Transition

MAX_VALUE = 900  # bytes of a value as it is kept: a sort key may have 1,024
HASH_DIGITS = 12
BEGINNING = {"pk": "D#since", "sk": "since"}  # says from which day on totals are whole

Figures = Counter[str]
Key = tuple[str, str]  # pk and sk

DIMENSIONS: dict[str, Callable[[Row], str]] = {
    "P": lambda row: str(row["pr"]),
    "M": lambda row: f"{row['pv']}/{row['md']}",
    "V": lambda row: str(row["pv"]),
    "R": lambda row: str(row["rt"]),
}
FIGURES: dict[str, Callable[[Row], int]] = {
    "n": lambda _: 1,  # calls
    "c": lambda row: row.get("oc") == Outcome.COMPLETE,
    "ab": lambda row: row["st"] == Status.ABANDONED,
    "it": lambda row: row.get("it") or 0,
    "cr": lambda row: row.get("cr") or 0,
    "cw": lambda row: (row.get("c5") or 0) + (row.get("c1") or 0),
    "ot": lambda row: row.get("ot") or 0,
    "rs": lambda row: row.get("rs") or 0,
    "nusd": lambda row: row.get("act") or 0,  # nano-dollars, as all money here
    "lost": lambda row: sum(one.get("ce") or 0 for one in row.get("att") or []),  # what failed attempts may have cost
    "np": lambda row: row.get("act") is None,  # calls whose cost nobody knows
    "ce": lambda row: row["ce"] if has_both(row) else 0,  # estimates before the call, and what those calls have cost
    "ca": lambda row: row["act"] if has_both(row) else 0,
}


def has_both(row: Row) -> bool:
    return row["st"] == Status.SETTLED and row.get("ce") is not None and row.get("act") is not None


@dataclass(slots=True)
class Addition:
    """What is added to one row, which may go at `expires` at the earliest (epoch seconds)."""

    figures: Figures = field(default_factory=Counter)
    expires: int = 0


def keys(row: Row) -> Iterator[Key]:
    for letter, value in DIMENSIONS.items():
        yield f"D#{row['day']}", f"{letter}#{kept(value(row))}"


def kept(value: str) -> str:
    """A value that fits into a sort key: of a long one its beginning, and a hash of the whole."""
    whole = value.encode("utf-8", "replace")
    if len(whole) <= MAX_VALUE:
        return whole.decode()
    beginning = whole[: MAX_VALUE - HASH_DIGITS - 1].decode("utf-8", "ignore")
    return f"{beginning}#{hashlib.sha256(whole).hexdigest()[:HASH_DIGITS]}"


def figures(row: Row) -> Figures:
    return Counter({name: int(figure(row)) for name, figure in FIGURES.items()})


def additions(steps: Iterable[Transition]) -> dict[Key, Addition]:
    """What these steps change, by row; a row whose figures stay as they are is left out."""
    found: dict[Key, Addition] = {}
    for step in steps:
        for row, sign in ((step.before, -1), (step.after, 1)):
            for key in keys(row) if row else ():
                into = found.setdefault(key, Addition())
                into.expires = max(into.expires, step.moment)
                for name, figure in figures(row).items():
                    into.figures[name] += sign * figure
    return {key: each for key, each in found.items() if any(each.figures.values())}


def update(key: Key, addition: Addition) -> dict[str, Any]:
    """Arguments of an UpdateItem that adds them, without the table's name."""
    changed = {name: figure for name, figure in addition.figures.items() if figure}
    adding = ", ".join(f"#{name} :{name}" for name in changed)
    return {
        "Key": table.item({"pk": key[0], "sk": key[1]}),
        "UpdateExpression": f"ADD {adding} SET #exp = :exp",
        "ExpressionAttributeNames": {"#exp": "exp", **{f"#{name}": name for name in changed}},
        "ExpressionAttributeValues": table.item(
            {":exp": addition.expires, **{f":{name}": figure for name, figure in changed.items()}}
        ),
    }


def beginning(day: str) -> dict[str, Any]:
    """Arguments of an UpdateItem that says from which day on totals are whole, unless that is said already."""
    return {
        "Key": table.item(BEGINNING),
        "UpdateExpression": "SET #day = if_not_exists(#day, :day)",
        "ExpressionAttributeNames": {"#day": "day"},
        "ExpressionAttributeValues": table.item({":day": day}),
    }
