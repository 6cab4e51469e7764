"""Whose stored answers are whose: a provider keeps responses for the whole project, and we for one principal each.

One row per id under `V#<provider>#<id>`, written when the call that made it has been settled. It names the principal,
the call, and how many tokens at most whoever builds on it makes the provider read again. An id without a row is
nobody's: it is refused, so a row that could not be written costs a caller a follow-up and never gives one away.
Another's id is refused as late as nobody's, so that the time tells nothing either.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from random import Random
from typing import Any

from sluice.domain.call import Call
from sluice.domain.clock import Clock
from sluice.domain.errors import LedgerBusy, UnknownConversation, UnknownItem, UnknownReference
from sluice.domain.principal import Principal
from sluice.domain.reference import Reference, Stored
from sluice.domain.usage import Usage
from sluice.stores import table
from sluice.stores.retries import FAILURES, Retries, code
from sluice.stores.rows import Batches
from sluice.stores.table import Row

READ_SECONDS = 1.0
KEEP_SECONDS = 1.0
WAITS = (0.0, 0.1, 0.3, 0.6)  # an answer's owner is written right after its last byte: its reader may be faster
THROTTLED_SECONDS = 0.05
MOST_READ = 100  # keys of one BatchGetItem
MOST_WRITTEN = 25  # items of one BatchWriteItem
REFUSALS = {"response": UnknownReference, "conversation": UnknownConversation, "item": UnknownItem}

HINTS = {
    "response": ", or it was made with store = false",
    "item": ", or it was made with store = false",
    "conversation": "; conversations are not made here, so use previous_response_id",
}

logger = logging.getLogger(__name__)


class Owners:
    """The rows of one table that say who may build on what."""

    def __init__(
        self,
        client: Batches,
        table_name: str,
        clock: Clock,
        random: Random,
        retention_days: int = table.RETENTION_DAYS,
    ) -> None:
        self._client = client
        self._name = table_name
        self._clock = clock
        self._retries = Retries(clock, random)
        self._retention_days = retention_days

    def tokens(
        self, principal: Principal, provider: str, references: Sequence[Reference], *, is_patient: bool = True
    ) -> int:
        """How many tokens these stored answers have together, those of one call counted once.

        Whoever is not patient does not wait for a row that is just being written.
        Raises UnknownReference for one that no call of this principal made, LedgerBusy where that cannot be known.
        """
        own: dict[str, Row] = {}
        unread: list[str] = []
        for wait in WAITS if is_patient else WAITS[:1]:
            self._clock.sleep(wait)
            rows, unread = self._read(provider, [one.id for one in references if one.id not in own])
            own |= {id: row for id, row in rows.items() if row.get("pr") == principal.id}
            if all(one.id in own for one in references):
                return _tokens(own.values())
        if unread:
            raise _undecided()
        raise next(_unknown(one) for one in references if one.id not in own)

    def keep(self, call: Call, provider: str, stored: Sequence[Stored], usage: Usage) -> None:
        """These are the principal's. A failure is reported, not raised: the call itself is over."""
        expires = table.expires(self._clock.now(), self._retention_days)
        owned = {"pr": call.principal.id, "rq": call.request_id, "exp": expires}
        rows = [
            {**_key(provider, one.id), **owned, "tk": usage.output if one.is_generated else usage.total}
            for one in stored
        ]
        try:
            for start in range(0, len(rows), MOST_WRITTEN):
                self._write(rows[start : start + MOST_WRITTEN])
        except FAILURES as error:
            logger.error("owners.unkept: table %s, %s; these answers cannot be continued", self._name, code(error))

    def _read(self, provider: str, ids: Sequence[str]) -> tuple[dict[str, Row], list[str]]:
        """The rows there are, by id, and what the table had no time to read."""
        keys = [table.item(_key(provider, one)) for one in dict.fromkeys(ids)]
        rows: dict[str, Row] = {}
        unread: list[str] = []
        for start in range(0, len(keys), MOST_READ):
            asked = {self._name: {"Keys": keys[start : start + MOST_READ], "ConsistentRead": True}}
            try:
                answer = self._retries.run(partial(self._client.batch_get_item, RequestItems=asked), READ_SECONDS)
            except FAILURES as error:
                raise _undecided() from error
            found = map(table.row, answer.get("Responses", {}).get(self._name, ()))
            rows |= {row["pk"].removeprefix(_prefix(provider)): row for row in found}
            unread += (answer.get("UnprocessedKeys") or {}).get(self._name, {}).get("Keys", ())
        return rows, unread

    def _write(self, rows: Sequence[Row]) -> None:
        asked: Mapping[str, Any] = {self._name: [{"PutRequest": {"Item": table.item(row)}} for row in rows]}
        until = self._clock.monotonic() + KEEP_SECONDS
        while True:
            write = partial(self._client.batch_write_item, RequestItems=asked)
            asked = self._retries.run(write, until - self._clock.monotonic()).get("UnprocessedItems") or {}
            if not asked or self._clock.monotonic() + THROTTLED_SECONDS >= until:
                break
            self._clock.sleep(THROTTLED_SECONDS)
        if asked:
            logger.error("owners.unkept: table %s, throttled; some answers cannot be continued", self._name)


def _prefix(provider: str) -> str:
    return f"V#{provider}#"


def _key(provider: str, id: str) -> Row:
    return {"pk": _prefix(provider) + id, "sk": "V"}


def _tokens(rows: Iterable[Row]) -> int:
    calls: dict[str, int] = {}
    for row in rows:
        calls[row["rq"]] = max(calls.get(row["rq"], 0), int(row["tk"]))
    return sum(calls.values())


def _undecided() -> LedgerBusy:
    words = "the ledger did not say whose stored answer this is; nothing was sent to a provider"
    return LedgerBusy(words, headers={"retry-after": "1"})


def _unknown(one: Reference) -> UnknownReference:
    words = f"{one.param}: no call of yours through this gateway made the {one.kind} {one.id[:80]!r}"
    return REFUSALS[one.kind](f"{words}{HINTS.get(one.kind, '')}", param=one.param)
