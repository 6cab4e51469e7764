"""Virtual keys, as the gateway reads them; `sluice keys` writes them.

A key is `slu_<id>_<secret>`. Its row, `K#<id>`, holds the SHA-256 of the whole key and never the key, so what the table
says opens nothing; 32 random bytes need no slow hash. What is compared are whole hashes, in constant time, and for an
id that nobody has the same work is done. Unknown, revoked and expired are one answer.

What was read is remembered by the hash of the whole key: a part of it, in whatever case, finds nothing. That a
remembered key is still good is a condition of each reservation (`check`), so one that is revoked or replaced is refused
at once.
"""

import hashlib
import hmac
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

from sluice.domain.clock import Clock
from sluice.domain.errors import InvalidKey, LedgerBusy, Unavailable
from sluice.stores import table
from sluice.stores.retries import FAILURES, Retries, code, is_transient
from sluice.stores.table import Row

if TYPE_CHECKING:
    from sluice.domain.virtual_key import VirtualKey

READ_SECONDS = 1.0
REMEMBERED_SECONDS = 60.0
MAX_REMEMBERED = 512
PREFIX = "slu_"
KEY = re.compile(PREFIX + r"([a-z2-7]{12})_[A-Za-z0-9_-]{43}")
HASH = re.compile(r"[0-9a-f]{64}")
NOBODYS = "0" * 64  # stands for a hash that is not there; no key is known that has it
NOT_GOOD = "the virtual key is not good: unknown, revoked or expired; `sluice keys list` shows which are"
NEVER = 2**63
ACTIVE = "A"

logger = logging.getLogger(__name__)


class Reader(Protocol):
    """What it takes of a low-level DynamoDB client whose own retries are off."""

    def get_item(self, **arguments: Any) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Remembered:
    """A key that was good. `until` is when it ends (epoch seconds), `fresh_until` when it is read again (monotonic)."""

    key: "VirtualKey"
    until: int
    fresh_until: float


class Keys:
    """Those of one table."""

    def __init__(self, client: Reader, table_name: str, clock: Clock, random: Random) -> None:
        self._client = client
        self._name = table_name
        self._clock = clock
        self._retries = Retries(clock, random)
        self._remembered: dict[str, Remembered] = {}

    def find(self, presented: str) -> "VirtualKey":
        """Raises InvalidKey, and LedgerBusy or Unavailable where the table does not say."""
        match = KEY.fullmatch(presented)
        if match is None:
            raise not_good()
        digest = digest_of(presented)
        found = self._remembered.get(digest)
        if found is None or self._clock.monotonic() >= found.fresh_until:
            self._remembered.pop(digest, None)
            found = self._read(match[1], digest)
            self._remember(digest, found)
        if self._clock.now() >= found.until:
            raise not_good()
        return found.key

    def _read(self, id: str, digest: str) -> Remembered:
        """The key, if it is the one of that hash and good now."""
        row = self._row(id)
        until = shown_until(row, digest)
        if row.get("st") != ACTIVE or self._clock.now() >= until:
            raise not_good()
        return Remembered(
            replace(self._key(id, row), digest=digest), until, self._clock.monotonic() + REMEMBERED_SECONDS
        )

    def _row(self, id: str) -> Row:
        arguments = {"TableName": self._name, "Key": table.item(key(id)), "ConsistentRead": True}
        try:
            answer = self._retries.run(partial(self._client.get_item, **arguments), READ_SECONDS)
        except FAILURES as error:
            raise self._unavailable(error) from error
        return table.row(answer.get("Item") or {})

    def _key(self, id: str, row: Row) -> "VirtualKey":
        """What the row says of it. Only whoever has the key itself comes this far and may learn that it is damaged."""
        from sluice.stores.key_row import DamagedKey, virtual_key  # a gateway without keys does not load it

        try:
            return virtual_key(id, row)
        except DamagedKey as damage:
            logger.error("keys.damaged: table %s, key %s, attribute %s", self._name, id, damage)
            words = f"the virtual key {id} cannot be used: the attribute {damage} of its row is damaged; make a new key"
            raise Unavailable(words) from None

    def _remember(self, digest: str, found: Remembered) -> None:
        while len(self._remembered) >= MAX_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[digest] = found

    def _unavailable(self, error: Exception) -> Unavailable:
        if is_transient(error):
            words = "the table did not say in time whether the virtual key is good; nothing was sent to a provider"
            return LedgerBusy(words, headers={"retry-after": "1"})
        logger.error("keys.refused: table %s, %s; see the role and SLUICE_TABLE", self._name, code(error))
        return Unavailable("virtual keys cannot be looked up; nothing was sent to a provider")


def key(id: str) -> Row:
    return {"pk": f"K#{id}", "sk": "K"}


def digest_of(presented: str) -> str:
    """The only form in which a key is kept or looked for."""
    return hashlib.sha256(presented.encode()).hexdigest()


def not_good() -> InvalidKey:
    """The one answer, whatever is wrong with a key."""
    return InvalidKey(NOT_GOOD)


def shown_until(row: Row, digest: str) -> int:
    """Until when the row's key may be used by whoever shows one of this hash, in epoch seconds; 0 for nobody.

    Both hashes are compared, to the end, whatever the first comparison says and whether or not they are there.
    """
    is_own = hmac.compare_digest(_hash(row.get("h")), digest)
    is_former = hmac.compare_digest(_hash(row.get("h2")), digest)
    until = _moment(row.get("until", NEVER))
    former_until = min(until, _moment(row.get("until2")))
    return max(until if is_own else 0, former_until if is_former else 0)


def check(key_id: str, table_name: str, now: float, digest: str | None = None) -> dict[str, Any]:
    """The ConditionCheck of a transaction that writes a reservation: the key is there, not revoked, not expired.

    With the hash of what was shown also that it is still the key's own, or its former one within its grace.
    """
    conditions = ["#st = :active", "(attribute_not_exists(#until) OR #until > :now)"]
    names = {"#st": "st", "#until": "until"}
    values = {":active": {"S": ACTIVE}, ":now": {"N": str(int(now))}}
    if digest is not None:
        conditions.append("(#h = :digest OR (#h2 = :digest AND #until2 > :now))")
        names |= {"#h": "h", "#h2": "h2", "#until2": "until2"}
        values |= {":digest": {"S": digest}}
    return {
        "ConditionCheck": {
            "TableName": table_name,
            "Key": table.item(key(key_id)),
            "ConditionExpression": " AND ".join(conditions),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def _hash(stored: object) -> str:
    return stored if isinstance(stored, str) and HASH.fullmatch(stored) else NOBODYS


def _moment(stored: object) -> int:
    """Epoch seconds; what is no whole number has been long ago."""
    return stored if isinstance(stored, int) and not isinstance(stored, bool) and stored > 0 else 0
