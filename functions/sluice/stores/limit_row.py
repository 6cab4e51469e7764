"""The row of one rate for one caller, `L#<rate>#<caller>`: what a claim asks of it, writes to it and reads there.

| name | what it means |
| --- | --- |
| rt<limit>, tt<limit> | the TATs of requests and of tokens (gcra.py), each in units of its own limit |
| op | set of open calls, `<call> <lease> <nonce>` |
| exp | when DynamoDB may delete it: everything has flowed off by then |

The limit is a part of the name: a limit that is changed begins anew with a whole minute's amount, and environments
that still have the older configuration count by it. DynamoDB cannot write the larger of two numbers, so a TAT that is
over is set and one that is not is added to, each only if it is so.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from sluice.domain.claim import Claim
from sluice.stores import table
from sluice.stores.gcra import PerMinute
from sluice.stores.table import Item, Row

KEPT_SECONDS = 86_400
OPEN = "op"
CALL_CHARACTERS = 8  # of its id: every byte of a hundred open calls is paid for


class DamagedRow(Exception):
    """An attribute that is not what this code writes. The message is its name."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """What one call takes of one of a rate's two limits, and where the row keeps it."""

    kind: str
    attribute: str
    pace: PerMinute
    things: int


@dataclass(frozen=True, slots=True)
class State:
    """A row as it was found: its TATs by attribute, and the open calls."""

    tats: Mapping[str, int] = field(default_factory=dict)
    open_calls: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Entry:
    """One call's place in the row of one rate."""

    claim: Claim
    key: Row
    gauges: tuple[Gauge, ...]
    stream: str | None = None

    @property
    def row_name(self) -> str:
        return str(self.key["pk"])

    def state(self, item: Item) -> State:
        """Raises DamagedRow."""
        tats = {gauge.attribute: number(item, gauge.attribute) for gauge in self.gauges if gauge.attribute in item}
        return State(tats, texts(item, OPEN) if self.stream and OPEN in item else frozenset())

    def is_full(self, state: State) -> bool:
        return self.stream is not None and len(state.open_calls) >= (self.claim.rate.concurrent or 0)

    def claiming(self, seen: Mapping[str, int], now_ms: int) -> dict[str, Any]:
        """Arguments of the UpdateItem that claims all at once, if there is room and the TATs are where `seen` says."""
        update = Update()
        for gauge in self.gauges:
            update.claim(gauge, seen.get(gauge.attribute), now_ms)
        if self.stream:
            update.open(self.stream, self.claim.rate.concurrent or 0)
        update.set("exp", now_ms // 1000 + KEPT_SECONDS)
        return update.arguments()

    def ending(self, corrections: Mapping[str, int], now_ms: int) -> dict[str, Any]:
        """Arguments of the UpdateItem that corrects TATs and closes the call, where it is open still."""
        update = Update()
        for gauge in self.gauges:
            if correction := corrections.get(gauge.attribute, 0):
                update.add(gauge.attribute, correction)
                update.set("exp", now_ms // 1000 + KEPT_SECONDS + max(0, correction) // (gauge.pace.limit * 1000))
        if self.stream:
            update.close([self.stream])
            update.require("contains(#op, :own)", {":own": {"S": self.stream}})
        else:
            update.require(" AND ".join(f"attribute_exists(#{name})" for name in corrections), {})
        return update.arguments()

    def dropping(self, calls: Iterable[str]) -> dict[str, Any]:
        """Arguments of the UpdateItem that drops calls whose lease is over."""
        update = Update()
        update.close(sorted(calls))
        update.require("attribute_exists(#op)", {})
        return update.arguments()


class Update:
    """The arguments of one UpdateItem, piece by piece. Every name and value is bound."""

    def __init__(self) -> None:
        self._actions: dict[str, dict[str, str]] = {"SET": {}, "ADD": {}, "DELETE": {}}
        self._conditions: list[str] = []
        self._names: dict[str, str] = {}
        self._values: Item = {}

    def claim(self, gauge: Gauge, tat: int | None, now_ms: int) -> None:
        """For a TAT that is over, or for one that is not and leaves room."""
        name, moment = gauge.attribute, gauge.pace.moment(now_ms)
        cost = gauge.pace.cost(gauge.things)
        if gauge.pace.is_idle(tat, now_ms):
            self.set(name, moment + cost)
            self._between(name, 0, moment - 1, f"attribute_not_exists(#{name}) OR ")
        else:
            self.add(name, cost)
            self._between(name, moment, gauge.pace.latest(now_ms, gauge.things))

    def open(self, call: str, most: int) -> None:
        self._act("ADD", OPEN, {"SS": [call]})
        room = "(attribute_not_exists(#op) OR (attribute_type(#op, :texts) AND size(#op) < :calls))"
        values: Item = {":texts": {"S": "SS"}, ":calls": table.attribute(most), ":own": {"S": call}}
        self.require(f"{room} AND NOT contains(#op, :own)", values)  # which an answer that was lost may have put there

    def close(self, calls: list[str]) -> None:
        self._act("DELETE", OPEN, {"SS": calls})

    def set(self, name: str, value: int) -> None:
        self._act("SET", name, table.attribute(value))

    def add(self, name: str, value: int) -> None:
        self._act("ADD", name, table.attribute(value))

    def require(self, condition: str, values: Item) -> None:
        self._conditions.append(condition)
        self._values |= values

    def arguments(self) -> dict[str, Any]:
        parts = [f"{action} {', '.join(each.values())}" for action, each in self._actions.items() if each]
        return {
            "UpdateExpression": " ".join(parts),
            "ConditionExpression": " AND ".join(self._conditions),
            "ExpressionAttributeNames": self._names,
            "ExpressionAttributeValues": self._values,
            "ReturnValues": "ALL_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def _act(self, action: str, name: str, value: dict[str, Any]) -> None:
        self._actions[action][name] = f"#{name} = :{name}" if action == "SET" else f"#{name} :{name}"
        self._names[f"#{name}"] = name
        self._values[f":{name}"] = value

    def _between(self, name: str, least: int, most: int, otherwise: str = "") -> None:
        values = {f":{name}_least": table.attribute(least), f":{name}_most": table.attribute(most)}
        self.require(f"({otherwise}#{name} BETWEEN :{name}_least AND :{name}_most)", values)


def entry(claim: Claim, nonce: str) -> Entry:
    """The claim's place. `nonce` tells two deliveries of one invocation apart."""
    rate = claim.rate
    wanted = (("requests", "rt", rate.requests_per_minute, 1), ("tokens", "tt", rate.tokens_per_minute, claim.tokens))
    gauges = tuple(
        Gauge(kind, f"{prefix}{limit}", PerMinute(limit), things)
        for kind, prefix, limit, things in wanted
        if limit is not None
    )
    stream = f"{claim.call_id[:CALL_CHARACTERS]} {claim.lease} {nonce}" if rate.concurrent is not None else None
    return Entry(claim, key(rate.name, claim.of), gauges, stream)


def key(rate: str, of: str) -> Row:
    digest = hashlib.sha256(of.encode("utf-8", "surrogatepass")).hexdigest()
    return {"pk": f"L#{rate}#{digest[:12]}", "sk": "L"}


def is_over(call: str, now: float) -> bool:
    """Whether an open call's lease is. Raises DamagedRow for what is no open call."""
    parts = call.split(" ")
    if len(parts) != 3 or not parts[1].isdecimal():
        raise DamagedRow(OPEN)
    return int(parts[1]) < now


def number(item: Item, name: str) -> int:
    """A TAT: a whole number, not negative."""
    try:
        value = Decimal(item[name]["N"])
        if 0 <= value < table.MAX_INTEGER and value == value.to_integral_value():
            return int(value)
    except (KeyError, InvalidOperation):
        pass
    raise DamagedRow(name)


def texts(item: Item, name: str) -> frozenset[str]:
    if "SS" not in item[name]:
        raise DamagedRow(name)
    return frozenset(item[name]["SS"])
