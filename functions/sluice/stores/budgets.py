"""The rows of budgets, `B#<key>/<period>`, as parts of writes: room taken for a call, what it is charged in the end.

Nano-dollars, whole: `u` is used, settled and reserved together, so settled alone is u - r; `r` is reserved by open
calls; `w` is settled, and the most that open calls can cost. What is written is always a difference, under a condition
that keeps all three at zero or more: a row that somebody has edited or removed refuses, and is never driven further.

A hot budget, of more calls a second than transactions on one row go well with, also lists its open calls that are in no
other budget: an attribute `h<request id>` each. That attribute is what makes these writes happen once.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sluice.domain.hold import Hold
from sluice.domain.record import Reservation
from sluice.stores import table
from sluice.stores.table import Row

ENTRY = "h"
NONCE_LENGTH = 8  # of an execution's nonce in an entry: enough to tell two deliveries of one event apart
EMPTY = "(attribute_not_exists(#u) AND attribute_not_exists(#r) AND attribute_not_exists(#w))"
ROOM = f"({EMPTY} OR (#u BETWEEN :zero AND :room AND #w BETWEEN :zero AND :rest AND #r >= :zero))"
SOUND = f"({EMPTY} OR (#u >= :zero AND #w >= :zero AND #r >= :zero))"
HELD = "#u >= :reserved AND #r >= :reserved AND #w >= :worst"
CHARGED = "#u >= :worst AND #w >= :worst"
NEW_ENTRY = "attribute_not_exists(#entry) AND "
SAME_ENTRY = "#entry = :entry AND "
AMOUNTS = ("u", "r", "w")
HOLDING = re.compile(r".+ \S+ \d+ \d+ [h-]", re.DOTALL)
LISTED = re.compile(r"(\d+) (\d+) (\d+) (.*)")


@dataclass(frozen=True, slots=True)
class Held:
    """What an open call holds of one budget. `entry` is the name and the text of its attribute in a hot one's row."""

    key: str
    period: str
    reserved: int
    worst: int
    entry: tuple[str, str] | None = None

    @property
    def place(self) -> Row:
        return {"pk": f"B#{self.key}", "sk": self.period}


def held_by(row: Row) -> tuple[Held, ...]:
    """What a call's row says that it holds, while it is reserved."""
    entry = (ENTRY + table.request_id(row["pk"]), row["lease"], row.get("nn", ""))
    return tuple(_held(text, *entry) for text in row.get("bud") or ())


def _held(text: str, name: str, lease: int, nonce: str) -> Held:
    key, period, reserved, worst, how = text.rsplit(" ", 4)
    is_alone = how == ENTRY
    entry = (name, entry_text(int(reserved), int(worst), lease, nonce)) if is_alone else None
    return Held(key, period, int(reserved), int(worst), entry)


def are_readable(row: Row) -> bool:
    """Whether what a reserved call's row says of budgets is what was written."""
    texts = row.get("bud") or []
    return isinstance(texts, list) and all(isinstance(text, str) and HOLDING.fullmatch(text) for text in texts)


def held_for(reservation: Reservation) -> tuple[Held, ...]:
    """The same, of a call that this execution makes."""
    facts = {"lease": reservation.lease, "nn": reservation.nonce, "bud": table.held(reservation)}
    return held_by({**table.key(reservation.request_id), **facts})


def charge_of(row: Row, held: Held) -> int:
    """What a call's row says that a budget was charged, once it is terminal; the most that it held, if nothing."""
    place = f"{held.key} {held.period} "
    told = [text.removeprefix(place) for text in row.get("bud") or () if text.startswith(place)]
    return int(told[0]) if told and told[0].isdigit() else held.worst


def entry_text(reserved: int, worst: int, lease: int, nonce: str) -> str:
    return f"{reserved} {worst} {lease} {nonce[:NONCE_LENGTH]}"


def entries(row: Row) -> dict[str, tuple[int, Held]]:
    """The open calls that a hot budget lists: by their request ids, the end of each lease and what is held."""
    key, period = str(row["pk"]).removeprefix("B#"), str(row["sk"])
    found = {}
    for name, text in row.items():
        match = LISTED.fullmatch(text) if isinstance(text, str) else None
        if match and name.startswith(ENTRY):
            held = Held(key, period, int(match[1]), int(match[2]), (name, text))
            found[name.removeprefix(ENTRY)] = int(match[3]), held
    return found


def is_of(held: Held, call: Row) -> bool:
    """Whether the entry in a hot budget's row was made by the execution that made this record."""
    match = LISTED.fullmatch(held.entry[1]) if held.entry else None
    return bool(match and call) and str(call.get("nn", ""))[:NONCE_LENGTH] == (match[4] if match else "")


def taken(hold: Hold, held: Held, table_name: str) -> dict[str, Any]:
    """Arguments of the UpdateItem that takes room for a call: refused where there is none, if that is enforced."""
    facts = {"nm": hold.name, "of": table.text(hold.of), "lim": hold.limit, "ceil": hold.ceiling}
    times = {"rs": hold.resets_at, "exp": hold.expires}
    setting: Row = {name: value for name, value in (facts | times).items() if value is not None}
    condition, bounds = SOUND, Row(zero=0)
    if hold.is_enforced:
        condition = ROOM
        bounds |= {"room": hold.limit - hold.reserved, "rest": hold.ceiling - hold.worst}
    if held.entry:
        condition = NEW_ENTRY + condition
        setting |= {"entry": held.entry[1], "opk": table.HOT, "osk": "#".join(held.place.values())}
    return _update(held, table_name, condition, bounds, (held.reserved, held.reserved, held.worst), setting)


def settled(held: Held, charge: int, table_name: str) -> dict[str, Any]:
    """Arguments of the UpdateItem that charges an open call: what it held is free again."""
    condition, bounds = HELD, Row(reserved=held.reserved, worst=held.worst)
    if held.entry:
        condition, bounds = SAME_ENTRY + condition, Row(bounds, entry=held.entry[1])
    amounts = charge - held.reserved, -held.reserved, charge - held.worst
    return _update(held, table_name, condition, bounds, amounts, removed=("entry",) if held.entry else ())


def lifted(held: Held, charge: int, table_name: str) -> dict[str, Any]:
    """Arguments of the UpdateItem that charges what a call did cost, after it was charged the most that it can."""
    difference = charge - held.worst
    return _update(held, table_name, CHARGED, {"worst": held.worst}, (difference, 0, difference))


def forgotten(row: Row, table_name: str) -> dict[str, Any]:
    """Arguments of the UpdateItem that takes a budget without open calls out of the sweeper's sight."""
    held = Held(str(row["pk"]).removeprefix("B#"), str(row["sk"]), 0, 0)
    return _update(held, table_name, "#r = :zero", {"zero": 0}, None, removed=("opk", "osk"))


def refused_once_more(hold: Hold, table_name: str) -> dict[str, Any]:
    """Arguments of the UpdateItem that counts a false refusal, where the budget has a row."""
    held = Held(hold.key, hold.period, 0, 0)
    arguments = _update(held, table_name, "attribute_exists(#u)", {"one": 1}, None)
    arguments["ExpressionAttributeNames"]["#fr"] = "fr"
    return {**arguments, "UpdateExpression": "ADD #fr :one"}


def is_sound(row: Row) -> bool:
    """Whether a row's amounts can be trusted; one that is not there can."""
    amounts = [row.get(name) for name in AMOUNTS]
    if amounts == [None] * len(AMOUNTS):
        return True
    return all(type(one) is int and one >= 0 for one in amounts) and row["r"] <= row["u"]


def _update(
    held: Held,
    table_name: str,
    condition: str,
    bounds: Mapping[str, Any],
    amounts: tuple[int, int, int] | None,
    setting: Mapping[str, Any] | None = None,
    removed: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Every name and value is bound, never written into the expression. `amounts` are added to u, r and w."""
    setting = setting or {}
    adding = dict(zip(AMOUNTS, amounts, strict=True)) if amounts else {}
    clauses = {
        "SET": ", ".join(f"#{name} = :{name}" for name in setting),
        "ADD": ", ".join(f"#{name} :{name}" for name in adding),
        "REMOVE": ", ".join(f"#{name}" for name in removed),
    }
    expression = " ".join(f"{clause} {text}" for clause, text in clauses.items() if text)
    names = {f"#{name}": name for name in re.findall(r"#(\w+)", f"{expression} {condition}")}
    if held.entry and "#entry" in names:
        names["#entry"] = held.entry[0]
    return {
        "TableName": table_name,
        "Key": table.item(held.place),
        "UpdateExpression": expression,
        "ConditionExpression": condition,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": {
            f":{name}": value for name, value in table.item({**setting, **adding, **bounds}).items()
        },
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
