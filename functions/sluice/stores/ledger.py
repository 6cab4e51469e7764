"""Every call on the ledger, once: reserved before a byte leaves for a provider, settled when it has ended.

An item goes R -> S (settled here), or R -> A (by the sweeper, at the bound) and then perhaps A -> S when exact figures
come late. Settling overwrites every figure the sweeper put there, so a lift changes `act` by the difference: whoever
keeps sums adds new `act` - old `act`, and counts the call itself only when it leaves R. Each step is conditional on the
status before it, so it happens once, however often it is sent and whatever became of the answer. What a call with
budgets, a virtual key or a name of its own takes more than this is in reservations.py and settlements.py.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html
"""

import logging
from random import Random
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from sluice.domain.clock import Clock
from sluice.domain.errors import DuplicateCall, LedgerBusy, Unavailable
from sluice.domain.record import Reservation, UsageRecord
from sluice.stores import table
from sluice.stores.retries import FAILURES, code, is_transient
from sluice.stores.rows import DynamoDB, Rows
from sluice.stores.table import Row, Status

if TYPE_CHECKING:
    from sluice.stores.reservations import Reservations
    from sluice.stores.settlements import Settlements

RESERVE_SECONDS = 2.0
READ_SECONDS = 1.0
UNTOUCHED = "nothing was sent to a provider"

logger = logging.getLogger(__name__)


class Ledger:
    """The records of this gateway in its one table."""

    def __init__(
        self,
        client: DynamoDB,
        table_name: str,
        clock: Clock,
        random: Random,
        retention_days: int = table.RETENTION_DAYS,
    ) -> None:
        self._rows = Rows(client, table_name, clock, random)
        self._client = client
        self._table_name = table_name
        self._clock = clock
        self._random = random
        self._retention_days = retention_days

    def reserve(self, reservation: Reservation) -> None:
        """Writes the call down before it is made. When this raises, the call may not be made.

        Raises DuplicateCall, LedgerBusy and Unavailable; BudgetExceeded, InvalidKey and what a repeated call is told.
        """
        try:
            if reservation.holds or reservation.key_id or reservation.idempotent:
                self._reservations().write(reservation, RESERVE_SECONDS)
                return
            owner = self._rows.claim(table.reserved(reservation), RESERVE_SECONDS)
        except FAILURES as error:
            raise self._unavailable(error) from error
        if owner != reservation.nonce:
            raise DuplicateCall(f"invocation {reservation.request_id} was delivered twice; the first delivery answers")

    def settle(self, reservation: Reservation, record: UsageRecord, budget_seconds: float = 1.0) -> bool:
        """True when the record holds these figures. False leaves the call to the sweeper; no failure is raised.

        Print `settlement` first: it is the second write-ahead log.
        """
        expires = table.expires(self._clock.now(), self._retention_days)
        try:
            return self._settled(reservation, record, table.settled(reservation, record, expires), budget_seconds)
        except FAILURES as error:
            logger.error("ledger.unsettled: table %s, %s; the sweeper settles it", self._table_name, code(error))
            return False

    def read(self, request_id: str) -> Row | None:
        """The call's row as it is now, by attribute name."""
        try:
            return self._rows.get(request_id, READ_SECONDS) or None
        except FAILURES as error:
            raise self._unavailable(error) from error

    def _settled(self, reservation: Reservation, record: UsageRecord, changes: Row, budget_seconds: float) -> bool:
        until = self._clock.monotonic() + budget_seconds
        charges = table.charges(reservation, record)
        for previous in (Status.RESERVED, Status.ABANDONED):
            row = self._moved(reservation, changes, previous, charges, until - self._clock.monotonic())
            if row.get("nn") != reservation.nonce or row.get("st") != Status.ABANDONED:
                return row.get("nn") == reservation.nonce and row.get("st") == Status.SETTLED
        return False

    def _moved(
        self, reservation: Reservation, changes: Row, previous: Status, charges: tuple[int, ...], seconds: float
    ) -> Row:
        """Whose the call is and where it stands, after the write or after what stood in its way."""
        if reservation.holds:
            return self._settlements().move(reservation, changes, previous, charges, seconds)
        try:
            self._rows.move(reservation.request_id, changes, previous, seconds, reservation.nonce)
        except ClientError as error:
            return self._rows.in_the_way(error, reservation.request_id, seconds)
        return {"nn": reservation.nonce, "st": Status.SETTLED}

    def _reservations(self) -> "Reservations":
        from sluice.stores.reservations import Reservations  # a gateway without policies does not load it

        return Reservations(self._client, self._table_name, self._clock, self._random)

    def _settlements(self) -> "Settlements":
        from sluice.stores.settlements import Settlements  # nor this

        return Settlements(self._client, self._table_name, self._clock, self._random)

    def _unavailable(self, error: Exception) -> Unavailable:
        if is_transient(error):
            return LedgerBusy(f"the ledger did not answer in time; {UNTOUCHED}", headers={"retry-after": "1"})
        logger.error("ledger.refused: table %s, %s; see the role and SLUICE_TABLE", self._table_name, code(error))
        return Unavailable(f"the ledger cannot be used; {UNTOUCHED}")
