"""A call written down together with all that must hold for it: budgets with room, a good virtual key, its own name.

One transaction, so that all of it is written or none. A budget of many calls a second is a row that all of them write,
and transactions on one row cancel each other; where it is all that a call needs, it is written first and alone, with
an entry for the call, and the record then. Whatever happens in between, the entry tells the sweeper.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from botocore.exceptions import ClientError

from sluice.domain.clock import Clock
from sluice.domain.errors import BudgetExceeded, DuplicateCall
from sluice.domain.hold import Hold
from sluice.domain.record import Reservation
from sluice.stores import budget_refusals, budgets, table
from sluice.stores.budgets import Held
from sluice.stores.retries import FAILURES, is_condition, is_transient
from sluice.stores.rows import DynamoDB, Rows
from sluice.stores.table import Row
from sluice.stores.transactions import Reason, Transactions, token

READ_SECONDS = 1.0
RELEASE_SECONDS = 0.5
ONCE = 0.0  # seconds in which nothing is tried a second time

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Part:
    """One item of a transaction. `judge` is told of the row that was in its way, and raises what the caller is told;
    what it gives back are the budgets to try again with, None where the call is written after all.
    """

    item: dict[str, Any]
    judge: Callable[[Reason], tuple[Hold, ...] | None]


class Reservations:
    """Those of one table. Raises the SDK's own failures too."""

    def __init__(self, client: DynamoDB, table_name: str, clock: Clock, random: Random) -> None:
        self._rows = Rows(client, table_name, clock, random)
        self._transactions = Transactions(client, clock, random)
        self._name = table_name
        self._clock = clock

    def write(self, reservation: Reservation, seconds: float) -> None:
        """Raises DuplicateCall, BudgetExceeded, InvalidKey, what a repeated call is told, and Unavailable."""
        for hold in reservation.holds:
            if hold.is_enforced and not hold.can_fit:
                raise budget_refusals.too_large(hold)
        if table.is_alone(reservation):
            self._alone(reservation, seconds)
        else:
            self._together(reservation, seconds)

    def _together(self, reservation: Reservation, seconds: float) -> None:
        until = self._clock.monotonic() + seconds
        holds: tuple[Hold, ...] | None = reservation.holds
        while holds is not None:
            parts = list(self._parts(reservation, holds))
            items = [part.item for part in parts]
            found = self._transactions.write(
                items, token("r", reservation.nonce, items), until - self._clock.monotonic()
            )
            if found is None:
                return
            holds = judged(parts, found.reasons, found.error)

    def _parts(self, reservation: Reservation, holds: tuple[Hold, ...]) -> Iterator[Part]:
        """In the order in which they are judged: a call that was made before is not told of its budgets."""
        yield Part({"Put": self._rows.new(table.reserved(reservation))}, partial(self._delivered, reservation))
        yield from self._key(reservation)
        yield from self._repeated(reservation)
        for hold, held in zip(reservation.holds, budgets.held_for(reservation), strict=True):
            if hold in holds:
                update = {"Update": budgets.taken(hold, held, self._name)}
                yield Part(update, partial(self._without_room, hold, held, holds))

    def _repeated(self, reservation: Reservation) -> Iterator[Part]:
        if reservation.idempotent is None:
            return
        from sluice.stores import idempotency  # only a call that has its own name pays for it

        idempotent = reservation.idempotent
        put = idempotency.put(reservation, self._name, self._clock.now())

        def judge(reason: Reason) -> tuple[Hold, ...] | None:
            raise idempotency.refused(idempotent, reason.row or self._at(put["Put"]["Item"]))

        if put:
            yield Part(put, judge)

    def _key(self, reservation: Reservation) -> Iterator[Part]:
        if reservation.key_id is None:
            return
        from sluice.stores import keys  # only a call that shows one pays for it

        def judge(_reason: Reason) -> tuple[Hold, ...] | None:
            raise keys.not_good()

        shown = reservation.principal.key
        digest = shown.digest if shown else None
        yield Part(keys.check(reservation.key_id, self._name, self._clock.now(), digest), judge)

    def _delivered(self, reservation: Reservation, reason: Reason) -> None:
        """The record is there: our own, whose answer was lost, or that of another delivery of the same event."""
        held = reason.row or self._rows.get(reservation.request_id, READ_SECONDS)
        if held.get("nn") != reservation.nonce:
            raise duplicate(reservation)

    def _without_room(self, hold: Hold, held: Held, holds: tuple[Hold, ...], reason: Reason) -> tuple[Hold, ...]:
        """A budget that refuses nothing is left out where its row is damaged; any other one refuses."""
        if hold.is_enforced:
            raise self._refusal(hold, held, reason.row or self._rows.at(held.place, READ_SECONDS))
        logger.error("ledger.budget_damaged: table %s, budget %s of %s", self._name, hold.key, hold.period)
        return tuple(one for one in holds if one is not hold)

    def _refusal(self, hold: Hold, held: Held, row: Row) -> Exception:
        error = budget_refusals.refusal(hold, row, self._clock.now())
        if not isinstance(error, BudgetExceeded):
            logger.error("ledger.budget_damaged: table %s, budget %s of %s", self._name, held.key, held.period)
        elif error.is_false:
            with suppress(*FAILURES):  # a count for people: the refusal does not wait for it
                self._rows.change(budgets.refused_once_more(hold, self._name), ONCE)
        return error

    def _at(self, item: table.Item) -> Row:
        key = table.row({"pk": item["pk"], "sk": item["sk"]})
        return self._rows.at(key, READ_SECONDS)

    def _alone(self, reservation: Reservation, seconds: float) -> None:
        """The budget, then the record. The hold is given back where no record can have been written."""
        until = self._clock.monotonic() + seconds
        (hold,), (held,) = reservation.holds, budgets.held_for(reservation)
        self._enter(reservation, hold, held, seconds)
        try:
            owner = self._rows.claim(table.reserved(reservation), until - self._clock.monotonic())
        except FAILURES as error:
            if not is_transient(error):
                self._leave(held)
            raise
        if owner != reservation.nonce:
            self._leave(held)
            raise duplicate(reservation)

    def _enter(self, reservation: Reservation, hold: Hold, held: Held, seconds: float) -> None:
        try:
            self._rows.change(budgets.taken(hold, held, self._name), seconds)
        except ClientError as error:
            if not is_condition(error) and not is_damage(error):
                raise
            self._judge_entry(reservation, hold, held, error)

    def _judge_entry(self, reservation: Reservation, hold: Hold, held: Held, error: ClientError) -> None:
        item: Any = error.response.get("Item")
        row = table.row(item) if item else self._rows.at(held.place, READ_SECONDS)
        name, text = held.entry or ("", "")
        if row.get(name) == text:
            return  # our own: the answer was lost
        if name in row:
            raise duplicate(reservation)
        if not hold.is_enforced and not budgets.is_sound(row):
            logger.error("ledger.budget_damaged: table %s, budget %s of %s", self._name, hold.key, hold.period)
            return
        if is_damage(error) and budgets.is_sound(row):
            raise error
        raise self._refusal(hold, held, row)

    def _leave(self, held: Held) -> None:
        with suppress(*FAILURES):  # the sweeper does it else
            self._rows.change(budgets.settled(held, 0, self._name), RELEASE_SECONDS)


def judged(parts: list[Part], reasons: tuple[Reason, ...], error: ClientError) -> tuple[Hold, ...] | None:
    """What the first part says that something was in the way of. Raises the SDK's failure where none can say."""
    if len(reasons) == len(parts):
        for part, reason in zip(parts, reasons, strict=True):
            if reason.is_condition or (reason.is_invalid and "Update" in part.item):
                return part.judge(reason)
    raise error


def is_damage(error: ClientError) -> bool:
    """An attribute is not of the type that the write takes for granted."""
    return error.response.get("Error", {}).get("Code") == "ValidationException"


def duplicate(reservation: Reservation) -> DuplicateCall:
    return DuplicateCall(f"invocation {reservation.request_id} was delivered twice; the first delivery answers")
