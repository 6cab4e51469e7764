"""The end of a call that budgets paid for: its record moves, and each budget is charged by the difference, together.

A call that was alone in a hot budget has an entry there: the record moves first, then the budget is charged what the
record says, and the entry goes with that. So it is charged once, by whoever comes first. A budget whose row is gone or
damaged is left as it is: the record does not wait for it.
"""

import logging
from collections.abc import Sequence
from random import Random
from typing import Any

from botocore.exceptions import ClientError

from sluice.domain.clock import Clock
from sluice.domain.record import Reservation
from sluice.stores import budgets, table
from sluice.stores.budgets import Held
from sluice.stores.retries import FAILURES, code, is_condition
from sluice.stores.rows import DynamoDB, Rows
from sluice.stores.table import Row, Status
from sluice.stores.transactions import Transactions, token

logger = logging.getLogger(__name__)


class Settlements:
    """Those of one table. Raises the SDK's own failures."""

    def __init__(self, client: DynamoDB, table_name: str, clock: Clock, random: Random) -> None:
        self._rows = Rows(client, table_name, clock, random)
        self._transactions = Transactions(client, clock, random)
        self._name = table_name
        self._clock = clock
        self._random = random

    def move(
        self, reservation: Reservation, changes: Row, previous: Status, charges: Sequence[int], seconds: float
    ) -> Row:
        """The call's row as far as it is known: that it is ours and settled, or what was in the way."""
        until = self._clock.monotonic() + seconds
        held = budgets.held_for(reservation)
        if previous is Status.ABANDONED:
            updates = [budgets.lifted(one, charge, self._name) for one, charge in zip(held, charges, strict=True)]
            return self._together(reservation, changes, previous, updates, until)
        if not table.is_alone(reservation):
            return self._together(reservation, changes, previous, self._charged(held, charges), until)
        row = self._alone(reservation, changes, until)
        if row.get("nn") in (None, reservation.nonce) and row.get("st") in (None, Status.SETTLED):
            self._leave(held[0], budgets.charge_of(row, held[0]) if row else 0, until)
        return row

    def abandon(self, row: Row, changes: Row, seconds: float) -> bool:
        """The sweeper's end of a reserved call; False where somebody else was first."""
        held = budgets.held_by(row)
        updates = self._charged(held, [one.worst for one in held])
        until = self._clock.monotonic() + seconds
        who = f"sweeper {self._random.getrandbits(64)}"  # or two of them would take one effect for both of theirs
        move = self._rows.moved(table.request_id(row["pk"]), changes, Status.RESERVED, row.get("nn"))
        return self._write(move, updates, who, until) is None

    def _charged(self, held: Sequence[Held], charges: Sequence[int]) -> list[dict[str, Any]]:
        return [budgets.settled(one, charge, self._name) for one, charge in zip(held, charges, strict=True)]

    def _together(
        self, reservation: Reservation, changes: Row, previous: Status, updates: list[dict[str, Any]], until: float
    ) -> Row:
        move = self._rows.moved(reservation.request_id, changes, previous, reservation.nonce)
        found = self._write(move, updates, reservation.nonce, until)
        return _ours(reservation, changes) if found is None else found

    def _write(self, move: dict[str, Any], updates: list[dict[str, Any]], who: str, until: float) -> Row | None:
        """None once written, else the call's row, which has moved. Budgets that cannot be charged are left out."""
        while True:
            items = [{"Update": move}, *({"Update": update} for update in updates)]
            found = self._transactions.write(items, token("s", who, items), until - self._clock.monotonic())
            if found is None:
                return None
            if found.reasons and found.reasons[0].is_condition:
                place = table.row(move["Key"])
                return found.reasons[0].row or self._rows.at(place, max(0.0, until - self._clock.monotonic()))
            lost = [reason.is_condition or reason.is_invalid for reason in found.reasons[1:]]
            if len(lost) != len(updates) or not any(lost):
                raise found.error
            self._tell([update for update, is_lost in zip(updates, lost, strict=True) if is_lost], move)
            updates = [update for update, is_lost in zip(updates, lost, strict=True) if not is_lost]

    def _tell(self, updates: Sequence[dict[str, Any]], move: dict[str, Any]) -> None:
        for update in updates:
            place = table.row(update["Key"])
            words = "ledger.budget_lost: table %s, %s cannot be charged to %s of %s; see that row"
            logger.error(words, self._name, table.row(move["Key"])["pk"], place["pk"], place["sk"])

    def _alone(self, reservation: Reservation, changes: Row, until: float) -> Row:
        seconds = until - self._clock.monotonic()
        try:
            self._rows.move(reservation.request_id, changes, Status.RESERVED, seconds, reservation.nonce)
        except ClientError as error:
            return self._rows.in_the_way(error, reservation.request_id, seconds)
        return _ours(reservation, changes)

    def _leave(self, held: Held, charge: int, until: float) -> None:
        """The entry goes with the charge. Where it is gone it was charged before; else the sweeper does what fails."""
        try:
            self._rows.change(budgets.settled(held, charge, self._name), until - self._clock.monotonic())
        except FAILURES as error:
            if not is_condition(error):
                logger.error("ledger.budget_late: table %s, %s, %s", self._name, held.key, code(error))


def _ours(reservation: Reservation, changes: Row) -> Row:
    return {"nn": reservation.nonce, **changes}
