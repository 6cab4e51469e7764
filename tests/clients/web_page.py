"""A site of its own origin on loopback: a page, the program of docs/clients.md that it runs, and its /session."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.clients.loopback import serving
from tests.clients.page import program

import node_packages

HERE = Path(__file__).parent
PACKAGES = node_packages.FOLDER / "node_modules"
SCRIPT, PAGE, DOCUMENT = "text/javascript", "text/html; charset=utf-8", "application/json"


@dataclass(slots=True)
class WebPage:
    """`session` is what the page's own server tells it: the gateway and temporary credentials."""

    origin: str = ""
    session: Mapping[str, Any] = field(default_factory=dict)

    def content(self, path: str) -> tuple[str, bytes] | None:
        """Type and bytes of what is at that path."""
        made = {
            "/": lambda: (PAGE, (HERE / "browser/page.html").read_bytes()),
            "/sdk": lambda: (PAGE, (HERE / "browser/sdk.html").read_bytes()),
            "/recipe.mjs": lambda: (SCRIPT, program("browser").encode()),
            "/aws4fetch.mjs": lambda: (SCRIPT, (PACKAGES / "aws4fetch/dist/aws4fetch.esm.mjs").read_bytes()),
            "/session": lambda: (DOCUMENT, json.dumps(self.session).encode()),
        }
        if path.startswith("/openai/") and (PACKAGES / path[1:]).is_file():
            return SCRIPT, (PACKAGES / path[1:]).read_bytes()
        return made[path]() if path in made else None

    def open_to(self, variables: Mapping[str, str]) -> None:
        """From now on the page calls the gateway of those variables, as their principal."""
        credentials = {
            "accessKeyId": variables["AWS_ACCESS_KEY_ID"],
            "secretAccessKey": variables["AWS_SECRET_ACCESS_KEY"],
            "sessionToken": variables["AWS_SESSION_TOKEN"],
        }
        self.session = {"url": variables["SLUICE_URL"], "region": variables["AWS_REGION"], "credentials": credentials}


@contextmanager
def web_page() -> Iterator[WebPage]:
    served = WebPage()
    with serving(lambda path, _body: served.content(path)) as url:
        served.origin = url
        yield served
