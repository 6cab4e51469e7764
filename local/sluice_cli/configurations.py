"""The configurations of a gateway in its table: pushed, listed, and put in force again.

A version is written first and never changed; then the pointer is moved to it, if nobody has moved it meanwhile. Its
revision counts the moves, so whoever was overtaken is told. Nothing here judges a text: that is done before.
"""

import contextlib
import hashlib
import itertools
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import ClientError

from sluice_cli import aws
from sluice_cli.failure import CommandFailed, UsageError
from sluice_cli.ledger import NO_TABLE, NOT_THERE
from sluice_cli.record import Item
from sluice_cli.site import Site

PARTITION, POINTER, VERSION = "C#config", "current", "V#"
MAX_TEXT_BYTES = 340 * 1024  # what the gateway reads; it fits an item (400 KB) also where it does not shrink
PACKED_FROM_BYTES = 4096  # shorter ones stay readable in AWS's console
MAX_COMMENT = 256
DEPLOYED = 0
CONDITION = "ConditionalCheckFailedException"
TOLD = ("sk", "sha", "size", "at", "who", "note", "prev")  # all of a version but its text


class Client(Protocol):
    """What is used of a DynamoDB client."""

    def get_item(self, **arguments: Any) -> Mapping[str, Any]: ...

    def put_item(self, **arguments: Any) -> Mapping[str, Any]: ...

    def query(self, **arguments: Any) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Version:
    """One that was pushed. `replaced` was in force then; the file that was deployed is version 0."""

    number: int
    sha256: str
    size: int
    pushed_ms: int
    pushed_by: str
    comment: str
    replaced: int


@dataclass(frozen=True, slots=True)
class InForce:
    """What the pointer says. What it does not say is None: all of it, until something is pushed."""

    version: int = DEPLOYED
    sha256: str = ""
    revision: int | None = None
    since_ms: int | None = None
    by: str = ""
    previous: int | None = None


class Configurations:
    """Those of one table. `now` is epoch seconds."""

    def __init__(self, client: Client, table: str, now: Callable[[], float] = time.time) -> None:
        self.table = table
        self._client = client
        self._now = now

    def in_force(self) -> InForce:
        found = self._get(POINTER)
        if not found:
            return InForce()
        return InForce(
            _number(found, "v") or DEPLOYED,
            _text(found, "sha"),
            _number(found, "n"),
            _number(found, "at"),
            _text(found, "who"),
            _number(found, "prev"),
        )

    def before(self, seen: InForce) -> int | None:
        """What was in force when that version was pushed; None where nobody says."""
        found = self._get(_sort(seen.version))
        return _version(found).replaced if found else seen.previous

    def newest(self, count: int) -> list[Version]:
        """The last that were pushed, the newest first."""
        return [_version(item) for item in itertools.islice(self._backwards(count), count)]

    def version(self, number: int) -> Version:
        return _version(self._found(number))

    def text(self, number: int) -> str:
        """Raises CommandFailed where it is not there, or not what it was when it was pushed."""
        found = self._found(number)
        try:
            content = _unpacked(found.get("toml", {}))
        except zlib.error as error:
            raise CommandFailed(f"version {number} in table {self.table} cannot be unpacked: {error}") from error
        if sha256_of(content) != _text(found, "sha"):
            raise CommandFailed(f"version {number} in table {self.table} is not what was pushed: its SHA-256 differs")
        return content.decode()

    def holds(self, seen: InForce, content: bytes) -> bool:
        """Whether the version in force is this text, and whole."""
        found = self._get(_sort(seen.version)) if seen.sha256 == sha256_of(content) else {}
        try:
            return bool(found) and _unpacked(found.get("toml", {})) == content
        except zlib.error:
            return False

    def push(self, content: bytes, by: str, comment: str, seen: InForce) -> int:
        """Keeps the text as the next version and puts it in force; its number. Raises CommandFailed if overtaken."""
        number = max([version.number for version in self.newest(1)], default=DEPLOYED) + 1
        kept = {
            "toml": {"S": content.decode()} if len(content) < PACKED_FROM_BYTES else {"B": zlib.compress(content, 9)},
            "sha": {"S": sha256_of(content)},
            "size": {"N": str(len(content))},
            **self._stamp(by),
            "prev": {"N": str(seen.version)},
            **({"note": {"S": comment}} if comment else {}),
        }
        if not self._put(_sort(number), kept, ConditionExpression="attribute_not_exists(pk)"):
            raise CommandFailed(f"somebody else pushed version {number} at the same time; {self._now_in_force()}")
        self._point(number, sha256_of(content), by, seen, f"yours is kept as version {number}")
        return number

    def put_in_force(self, number: int, by: str, seen: InForce) -> None:
        """An older version, or DEPLOYED. Raises CommandFailed if overtaken."""
        sha256 = self.version(number).sha256 if number != DEPLOYED else ""
        self._point(number, sha256, by, seen, "nothing was changed")

    def _point(self, number: int, sha256: str, by: str, seen: InForce, otherwise: str) -> None:
        pointer = {
            "v": {"N": str(number)},
            "sha": {"S": sha256},
            "prev": {"N": str(seen.version)},
            "psha": {"S": seen.sha256},
            "n": {"N": str((seen.revision or 0) + 1)},
            **self._stamp(by),
        }
        if not self._put(POINTER, pointer, **_unmoved(seen)):
            raise CommandFailed(f"somebody else was faster: {self._now_in_force()}; {otherwise}")

    def _put(self, sort: str, values: Item, **condition: Any) -> bool:
        """False where the condition does not hold, unless an answer was lost and what stands there is this."""
        item = {"pk": {"S": PARTITION}, "sk": {"S": sort}, **values}
        try:
            with self._translated():
                self._client.put_item(TableName=self.table, Item=item, **condition)
        except CommandFailed as failure:
            if not isinstance(failure.__cause__, ClientError) or aws.code_of(failure.__cause__) != CONDITION:
                raise
            return dict(self._get(sort)) == item
        return True

    def _stamp(self, by: str) -> Item:
        return {"at": {"N": str(int(self._now() * 1000))}, "who": {"S": by}}

    def _now_in_force(self) -> str:
        found = self.in_force()
        return f"{named(found.version)} is in force{f', by {found.by}' if found.by else ''}"

    def _found(self, number: int) -> Item:
        found = self._get(_sort(number))
        if not found:
            raise CommandFailed(f"no version {number} in table {self.table}; `sluice config list` shows what there is")
        return found

    def _get(self, sort: str) -> Item:
        key = {"pk": {"S": PARTITION}, "sk": {"S": sort}}
        with self._translated():
            found: Item = self._client.get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item") or {}
        return found

    def _backwards(self, page_size: int) -> Iterator[Item]:
        page: dict[str, Any] = {"Limit": page_size}
        while True:
            with self._translated():
                answer = self._client.query(
                    TableName=self.table,
                    KeyConditionExpression="pk = :partition AND begins_with(sk, :version)",
                    ExpressionAttributeValues={":partition": {"S": PARTITION}, ":version": {"S": VERSION}},
                    ProjectionExpression=", ".join(f"#{name}" for name in TOLD),
                    ExpressionAttributeNames={f"#{name}": name for name in TOLD},
                    ScanIndexForward=False,
                    ConsistentRead=True,
                    **page,
                )
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            page["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _translated(self) -> contextlib.AbstractContextManager[None]:
        missing = f"no table {self.table!r} there; {NOT_THERE}, and the region must be its own"
        return aws.translated("the table", {"ResourceNotFoundException": missing})


def open_configurations(site: Site, environ: Mapping[str, str]) -> Configurations:
    """Those of that site; raises UsageError when no table is named, CommandFailed when it cannot be asked."""
    if not site.table:
        raise UsageError(NO_TABLE)
    with aws.translated("the table", {}):
        return Configurations(aws.client("dynamodb", site, environ), site.table)


def named(version: int) -> str:
    return f"version {version}" if version else "the deployed file"


def _unmoved(seen: InForce) -> dict[str, Any]:
    """Arguments of a write that fails where the pointer was moved since."""
    names = {"ExpressionAttributeNames": {"#n": "n"}}
    if seen.revision is None:
        return {"ConditionExpression": "attribute_not_exists(#n)", **names}
    values = {"ExpressionAttributeValues": {":seen": {"N": str(seen.revision)}}}
    return {"ConditionExpression": "#n = :seen", **names, **values}


def _version(item: Item) -> Version:
    return Version(
        int(_text(item, "sk").removeprefix(VERSION) or DEPLOYED),
        _text(item, "sha"),
        _number(item, "size") or 0,
        _number(item, "at") or 0,
        _text(item, "who"),
        _text(item, "note"),
        _number(item, "prev") or DEPLOYED,
    )


def _unpacked(held: Mapping[str, Any]) -> bytes:
    return zlib.decompress(held["B"]) if "B" in held else str(held.get("S", "")).encode()


def _sort(number: int) -> str:
    return f"{VERSION}{number:012d}"


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _text(item: Item, name: str) -> str:
    return str(item.get(name, {}).get("S", ""))


def _number(item: Item, name: str) -> int | None:
    """None where somebody else wrote something else."""
    found = str(item.get(name, {}).get("N", ""))
    return int(found) if found.isascii() and found.isdigit() else None
