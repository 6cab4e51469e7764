"""Configurations in a table in memory, and whoever pushes them without asking the command line."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sluice.stores import table
from sluice.stores.configurations import PARTITION, POINTER, sort_key

TOML = '[providers.openai]\nkind = "openai"\nsecret = "sluice/openai"\n'


def toml(**routes: str) -> str:
    """A configuration of OpenAI with these routes."""
    return TOML + "[routes]\n" + "".join(f'"{name}" = "openai/{model}"\n' for name, model in routes.items())


@dataclass
class ConfigTable:
    """Serves GetItem. Each of `failures` is raised once, in their order; None lets a read pass."""

    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: list[Exception | None] = field(default_factory=list)
    read: list[str] = field(default_factory=list)

    def get_item(self, **arguments: Any) -> Mapping[str, Any]:
        assert arguments["ConsistentRead"] is True
        assert arguments["Key"]["pk"] == {"S": PARTITION}
        sort = arguments["Key"]["sk"]["S"]
        self.read.append(sort)
        if self.failures and (error := self.failures.pop(0)):
            raise error
        return {"Item": self.items[sort]} if sort in self.items else {}

    def put(self, sort: str, **values: Any) -> None:
        packed = {name: {"B": value} for name, value in values.items() if isinstance(value, bytes)}
        self.items[sort] = table.item({name: value for name, value in values.items() if name not in packed}) | packed

    def keep(self, version: int, text: str | bytes) -> str:
        """A version that no pointer names yet; its hash."""
        sha256 = hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()
        self.put(sort_key(version), toml=text, sha=sha256)
        return sha256

    def point(self, version: Any, sha256: str = "", **more: Any) -> None:
        self.put(POINTER, v=version, sha=sha256, **more)

    def push(self, version: int, text: str, **more: Any) -> None:
        self.point(version, self.keep(version, text), **more)
