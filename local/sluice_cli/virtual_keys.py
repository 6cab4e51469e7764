"""The virtual keys of a gateway in its table: made, listed, replaced and revoked.

A key is `slu_<id>_<secret>`. The table gets its SHA-256 and never the key, which exists once, in what `create` and
`rotate` return. No two writes meet unseen: each is conditional on what was read before it.
"""

import base64
import contextlib
import hashlib
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from botocore.exceptions import ClientError

from sluice_cli import aws
from sluice_cli.failure import CommandFailed, UsageError
from sluice_cli.key_item import ACTIVE, ID, REVOKED, StoredKey, identity, item, stored_key
from sluice_cli.key_terms import Terms
from sluice_cli.ledger import NO_TABLE, NOT_THERE
from sluice_cli.site import Site

PREFIX = "slu_"
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
ID_LENGTH, SECRET_BYTES = 12, 32
INDEX, PARTITION = "open", "K"
CONDITION = "ConditionalCheckFailedException"


class Client(Protocol):
    """What is used of a DynamoDB client."""

    def get_item(self, **arguments: Any) -> Mapping[str, Any]: ...

    def put_item(self, **arguments: Any) -> Mapping[str, Any]: ...

    def update_item(self, **arguments: Any) -> Mapping[str, Any]: ...

    def query(self, **arguments: Any) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key and what is kept of it. `key` is nowhere else."""

    stored: StoredKey
    key: str = field(repr=False)


class VirtualKeys:
    """Those of one table. `now` is epoch seconds, `random` makes that many random bytes."""

    def __init__(
        self,
        client: Client,
        table: str,
        now: Callable[[], float] = time.time,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self.table = table
        self._client = client
        self._now = now
        self._random = random

    def create(self, terms: Terms) -> NewKey:
        """Raises CommandFailed where a living key has that name. Two who are equally fast may both get it."""
        for one in self.all():
            if one.terms.name == terms.name and one.is_good(self._now()):
                right = "choose another name, or rotate or revoke that one"
                raise CommandFailed(f"the key {one.id} is called {terms.name} already; {right}")
        id = "".join(ALPHABET[byte % len(ALPHABET)] for byte in self._random(ID_LENGTH))
        key = self._key(id)
        stored = StoredKey(id, terms, hash_of(key), created=int(self._now()))
        with self._translated():
            self._written(id, "h", stored.hash, lambda: self._put(stored))
        return NewKey(stored, key)

    def all(self) -> list[StoredKey]:
        """The living and the dead, the newest first. One that was made just now may be missing."""
        found = [one for id in self._ids() if (one := self._get(id))]
        return sorted(found, key=lambda one: (-one.created, one.id))

    def find(self, word: str) -> StoredKey:
        """The key of that id or name; of a whole key too, so that one that was found somewhere can be revoked."""
        id = word.removeprefix(PREFIX).partition("_")[0] if word.startswith(PREFIX) else word
        found = self._get(id) if ID.fullmatch(id) else None
        return found or self._named(word if id == word else id)

    def rotate(self, seen: StoredKey, grace_seconds: int) -> NewKey:
        """Another secret; the one before is good for as long as the grace. Raises CommandFailed if overtaken."""
        key = self._key(seen.id)
        changes: dict[str, Any] = {"h": hash_of(key), "ro": int(self._now())}
        if grace_seconds:
            changes |= {"h2": seen.hash, "until2": int(self._now()) + grace_seconds}
        with self._translated():
            self._written(seen.id, "h", changes["h"], lambda: self._change(seen, changes))
        return NewKey(self._read(seen.id), key)

    def revoke(self, seen: StoredKey) -> StoredKey:
        """For good, from this moment on."""
        with self._translated():
            self._written(seen.id, "st", REVOKED, lambda: self._end(seen.id))
        return self._read(seen.id)

    def _key(self, id: str) -> str:
        secret = base64.urlsafe_b64encode(self._random(SECRET_BYTES)).decode().rstrip("=")
        return f"{PREFIX}{id}_{secret}"

    def _put(self, stored: StoredKey) -> None:
        row = {**identity(stored.id), **item(stored), "opk": {"S": PARTITION}, "osk": {"S": stored.id}}
        self._client.put_item(TableName=self.table, Item=row, ConditionExpression="attribute_not_exists(pk)")

    def _change(self, seen: StoredKey, changes: Mapping[str, Any]) -> None:
        """Where it is still the key that was seen, and not revoked. Without a former hash the one before goes."""
        former = [name for name in ("h2", "until2") if name not in changes]
        removal = f" REMOVE {', '.join(f'#{name}' for name in former)}" if former else ""
        values = {f":{name}": _attribute(value) for name, value in changes.items()}
        self._client.update_item(
            TableName=self.table,
            Key=identity(seen.id),
            UpdateExpression=f"SET {', '.join(f'#{name} = :{name}' for name in changes)}{removal}",
            ConditionExpression="#h = :seen AND #st = :active",
            ExpressionAttributeNames={f"#{name}": name for name in ("h", "st", *changes, *former)},
            ExpressionAttributeValues={":seen": {"S": seen.hash}, ":active": {"S": ACTIVE}, **values},
        )

    def _end(self, id: str) -> None:
        self._client.update_item(
            TableName=self.table,
            Key=identity(id),
            UpdateExpression="SET #st = :revoked, #rv = :now",
            ConditionExpression="#st = :active",
            ExpressionAttributeNames={"#st": "st", "#rv": "rv"},
            ExpressionAttributeValues={
                ":revoked": {"S": REVOKED},
                ":active": {"S": ACTIVE},
                ":now": _attribute(int(self._now())),
            },
        )

    def _written(self, id: str, name: str, value: str, write: Callable[[], None]) -> None:
        """Raises CommandFailed where somebody was faster. An earlier try whose answer was lost may be what is there."""
        try:
            write()
        except ClientError as error:
            if aws.code_of(error) != CONDITION:
                raise
            held = self._client.get_item(TableName=self.table, Key=identity(id), ConsistentRead=True).get("Item") or {}
            if held.get(name) != {"S": value}:
                right = "look at it with `sluice keys show`"
                raise CommandFailed(f"somebody else changed the key {id} meanwhile; {right}") from error

    def _named(self, name: str) -> StoredKey:
        """The living one of that name, else the only one."""
        found = [one for one in self.all() if one.terms.name == name]
        living = [one for one in found if one.is_good(self._now())] or found
        if not living:
            raise CommandFailed(f"no key {name!r} in table {self.table}; `sluice keys list --all` shows what there is")
        if len(living) > 1:
            ids = ", ".join(one.id for one in living)
            raise CommandFailed(f"{len(living)} keys are called {name}; choose one by its id: {ids}")
        return living[0]

    def _read(self, id: str) -> StoredKey:
        found = self._get(id)
        if found is None:
            raise CommandFailed(f"the key {id} is gone from table {self.table}; somebody has deleted its row")
        return found

    def _get(self, id: str) -> StoredKey | None:
        with self._translated():
            answer = self._client.get_item(TableName=self.table, Key=identity(id), ConsistentRead=True)
        return stored_key(answer["Item"]) if "Item" in answer else None

    def _ids(self) -> Iterator[str]:
        page: dict[str, Any] = {}
        while True:
            with self._translated():
                answer = self._client.query(
                    TableName=self.table,
                    IndexName=INDEX,
                    KeyConditionExpression="opk = :keys",
                    ExpressionAttributeValues={":keys": {"S": PARTITION}},
                    **page,
                )
            yield from (one["osk"]["S"] for one in answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            page["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _translated(self) -> contextlib.AbstractContextManager[None]:
        missing = f"no table {self.table!r} there; {NOT_THERE}, and the region must be its own"
        return aws.translated("the table", {"ResourceNotFoundException": missing})


def open_keys(site: Site, environ: Mapping[str, str]) -> VirtualKeys:
    """Those of that site; raises UsageError when no table is named, CommandFailed when it cannot be asked."""
    if not site.table:
        raise UsageError(NO_TABLE)
    with aws.translated("the table", {}):
        return VirtualKeys(aws.client("dynamodb", site, environ), site.table)


def hash_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _attribute(value: str | int) -> dict[str, str]:
    return {"S": value} if isinstance(value, str) else {"N": str(value)}
