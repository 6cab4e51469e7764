"""A visit to a page in headless Chromium, as tests/clients/node/visit.mjs makes it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.clients.runner import CHROMIUM, Running

import node_packages


@dataclass(slots=True)
class Visit:
    """A visit that goes on."""

    running: Running

    def sees(self, text: str) -> None:
        """Waits until the page has got this piece of text."""
        self.running.until(json.dumps({"text": text}, separators=(",", ":")))

    def end(self) -> "Seen":
        lines = [json.loads(line) for line in self.running.end().splitlines()]
        return Seen(lines[-1], [line["text"] for line in lines if "text" in line])


@dataclass(frozen=True, slots=True)
class Seen:
    """What the page came to: its `last` report, and the pieces of text in the order in which they came."""

    last: dict[str, Any]
    pieces: list[str]

    @property
    def state(self) -> str:
        return str(self.last["state"])

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.last["headers"])

    def asked(self, method: str, url: str) -> list[dict[str, Any]]:
        """The browser's requests of that server; OPTIONS is a preflight."""
        return [one for one in self.last["network"] if one["method"] == method and one["url"].startswith(url)]


@contextmanager
def visiting(url: str, screenshot: Path | None = None) -> Iterator[Visit]:
    asked = {"url": url, "screenshot": str(screenshot) if screenshot else None}
    with CHROMIUM.start(json.dumps(asked), {"TMPDIR": str(node_packages.CHROMIUM)}) as running:
        yield Visit(running)
