"""Whose stored answers are whose: a provider keeps responses for the whole project, and we for one principal each.

One row per id under `V#<provider>#<id>`, written when the call that made it has been settled. It names the principal
and how many tokens whoever builds on it makes the provider read again. An id without a row is nobody's: it is refused,
so a row that could not be written costs a caller a follow-up and never gives one away.
"""

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from random import Random
from typing import Any

from sluice.domain.clock import Clock
from sluice.domain.errors import LedgerBusy, UnknownReference
from sluice.domain.principal import Principal
from sluice.domain.reference import Reference
from sluice.stores import table
from sluice.stores.retries import FAILURES, Retries, code
from sluice.stores.rows import DynamoDB
from sluice.stores.table import Row

READ_SECONDS = 1.0
KEEP_SECONDS = 1.0
WAITS = (0.0, 0.1, 0.3, 0.6)  # an answer's owner is written right after its last byte: its reader may be faster
MOST_READ = 100  # keys of one BatchGetItem
MOST_WRITTEN = 25  # items of one BatchWriteItem
CODES = {"response": "previous_response_not_found", "conversation": "conversation_not_found", "item": "item_not_found"}

logger = logging.getLogger(__name__)


class Owners:
    """The rows of one table that say who may build on what."""

    def __init__(
        self,
        client: DynamoDB,
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

    def tokens(self, principal: Principal, provider: str, references: Sequence[Reference]) -> int:
        """How many tokens these stored answers have together.

        Raises UnknownReference for one that no call of this principal made, LedgerBusy where that cannot be known.
        """
        known: dict[str, Row] = {}
        for wait in WAITS:
            self._clock.sleep(wait)
            known |= self._read(provider, [one.id for one in references if one.id not in known])
            if all(one.id in known for one in references):
                break
        for one in references:
            if known.get(one.id, {}).get("pr") != principal.id:
                raise _unknown(one)
        return sum(int(row.get("tk", 0)) for row in known.values())

    def keep(self, principal: Principal, provider: str, ids: Sequence[str], tokens: int) -> None:
        """These ids are this principal's. A failure is reported, not raised: the call itself is over."""
        expires = table.expires(self._clock.now(), self._retention_days)
        owned = {"pr": principal.id, "tk": tokens, "exp": expires}
        try:
            for start in range(0, len(ids), MOST_WRITTEN):
                self._write([{**_key(provider, one), **owned} for one in ids[start : start + MOST_WRITTEN]])
        except FAILURES as error:
            logger.error("owners.unkept: table %s, %s; these answers cannot be continued", self._name, code(error))

    def _read(self, provider: str, ids: Sequence[str]) -> dict[str, Row]:
        keys = [table.item(_key(provider, one)) for one in dict.fromkeys(ids)][:MOST_READ]
        if not keys:
            return {}
        try:
            asked = {self._name: {"Keys": keys, "ConsistentRead": True}}
            answer = self._retries.run(partial(self._client.batch_get_item, RequestItems=asked), READ_SECONDS)
        except FAILURES as error:
            words = "the ledger did not say whose stored answer this is; nothing was sent to a provider"
            raise LedgerBusy(words, headers={"retry-after": "1"}) from error
        rows = map(table.row, answer.get("Responses", {}).get(self._name, ()))
        return {row["pk"].removeprefix(_prefix(provider)): row for row in rows}

    def _write(self, rows: Sequence[Row]) -> None:
        asked: Mapping[str, Any] = {self._name: [{"PutRequest": {"Item": table.item(row)}} for row in rows]}
        until = self._clock.monotonic() + KEEP_SECONDS
        while asked and self._clock.monotonic() < until:
            write = partial(self._client.batch_write_item, RequestItems=asked)
            asked = self._retries.run(write, until - self._clock.monotonic()).get("UnprocessedItems") or {}
        if asked:
            logger.error("owners.unkept: table %s, throttled; some answers cannot be continued", self._name)


def _prefix(provider: str) -> str:
    return f"V#{provider}#"


def _key(provider: str, id: str) -> Row:
    return {"pk": _prefix(provider) + id, "sk": "V"}


def _unknown(one: Reference) -> UnknownReference:
    words = f"{one.param}: no call of yours through this gateway made the {one.kind} {one.id[:80]!r}"
    error = UnknownReference(f"{words}, or it was made with store = false", param=one.param)
    error.code = CODES[one.kind]
    return error
