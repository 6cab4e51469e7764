"""The configurations that operators have pushed, as the gateway reads them; `sluice config` writes them.

All items are under one key. `current` is a pointer: the version in force, the SHA-256 of its text, and the same two of
the version before. `V#<12 digits>` is one version; it is written once, before any pointer names it, and never changed.
No pointer, or one to version 0, is the file that was deployed. Whoever may write to the table may have written
anything, so nothing that is read here is trusted: text is bounded before it is unpacked, and its hash is compared.
"""

import hashlib
import zlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, Protocol

from sluice.domain.clock import Clock
from sluice.domain.errors import Misconfigured
from sluice.stores import table
from sluice.stores.retries import FAILURES, Retries, code
from sluice.stores.table import Row

PARTITION, POINTER = "C#config", "current"
MAX_TEXT_BYTES = 340 * 1024  # fits an item (400 KB) also where it does not shrink
NONSENSE = -1

Within = Callable[[float], AbstractContextManager[object]]


class ConfigurationUnread(Exception):
    """The table did not answer, or not in time. The message is AWS's code."""


class Reader(Protocol):
    """What it takes of a low-level DynamoDB client whose own retries are off."""

    def get_item(self, **arguments: Any) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Pointer:
    """A version and the hash of its text. `previous` is what was in force before, None where nobody says."""

    version: int
    sha256: str
    previous: "Pointer | None" = None


DEPLOYED = Pointer(0, "")


class Configurations:
    """Those of one table. `within` bounds the client's own timeouts by the seconds it is given."""

    def __init__(
        self, client: Reader, table_name: str, clock: Clock, random: Random, within: Within = nullcontext
    ) -> None:
        self._client = client
        self._name = table_name
        self._retries = Retries(clock, random)
        self._within = within

    def current(self, seconds: float) -> Pointer:
        """What is in force, asked once and waited for that long. Raises ConfigurationUnread."""
        return pointer(self._read(POINTER, seconds, 0.0))

    def text(self, chosen: Pointer, seconds: float) -> str:
        """The TOML of that version. Raises Misconfigured where it is not what the pointer says, ConfigurationUnread."""
        if chosen.version <= 0:
            raise Misconfigured("the pointer names no version")
        found = self._read(sort_key(chosen.version), seconds, seconds)
        if not found:
            raise Misconfigured(f"version {chosen.version} is not there")
        content = unpacked(found.get("toml"))
        if hashlib.sha256(content).hexdigest() != chosen.sha256:
            raise Misconfigured(f"the SHA-256 of version {chosen.version} is not the one that the pointer names")
        return decoded(content)

    def _read(self, sort: str, seconds: float, budget_seconds: float) -> Row:
        key = table.item({"pk": PARTITION, "sk": sort})
        get = partial(self._client.get_item, TableName=self._name, Key=key, ConsistentRead=True)
        try:
            with self._within(seconds):
                return table.row(self._retries.run(get, budget_seconds).get("Item") or {})
        except FAILURES as error:
            raise ConfigurationUnread(code(error)) from error


def sort_key(version: int) -> str:
    return f"V#{version:012d}"


def pointer(row: Row) -> Pointer:
    """A version that is no whole number becomes NONSENSE, which no text goes with."""
    if not row:
        return DEPLOYED
    previous = Pointer(_whole(row["prev"]), str(row.get("psha"))) if "prev" in row else None
    return Pointer(_whole(row.get("v")), str(row.get("sha")), previous)


def unpacked(held: object) -> bytes:
    """The text as it was pushed: plain, or packed with zlib. Raises Misconfigured for anything else, and for a bomb."""
    content = held.encode(errors="replace") if isinstance(held, str) else b""
    if isinstance(held, bytes):
        unpacker = zlib.decompressobj()
        try:
            content = unpacker.decompress(held, MAX_TEXT_BYTES + 1)
        except zlib.error as error:
            raise Misconfigured(f"its text cannot be unpacked: {error}") from None
    if not content or len(content) > MAX_TEXT_BYTES:
        raise Misconfigured(f"its text is not of 1 to {MAX_TEXT_BYTES:,} bytes")
    return content


def decoded(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Misconfigured("its text is not UTF-8") from None


def _whole(value: object) -> int:
    is_whole = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**12
    return int(str(value)) if is_whole else NONSENSE
