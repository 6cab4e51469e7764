"""`sluice routes explain`: a gateway's own answer to a dry run, for which no provider is called."""

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sluice_cli import dry_run_text
from sluice_cli.failure import CommandFailed, UsageError
from sluice_cli.gateway import Gateway
from sluice_cli.site_options import url_site
from sluice_cli.terminal import Terminal
from sluice_cli.waiting import Waiting

HELLO = "Hello!"
MESSAGES = [{"role": "user", "content": HELLO}]
MODEL_PATH = "/model/{model}/converse"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Surface:
    """Where a kind of call goes, and the shortest one. Where the path names the model, the body does not."""

    path: str
    body: Mapping[str, Any]

    @property
    def names_model(self) -> bool:
        return "{model}" in self.path


SURFACES = {
    "chat": Surface("/v1/chat/completions", {"messages": MESSAGES}),
    "responses": Surface("/v1/responses", {"input": HELLO}),
    "messages": Surface("/v1/messages", {"messages": MESSAGES, "max_tokens": 1024}),
    "converse": Surface(MODEL_PATH, {"messages": [{"role": "user", "content": [{"text": HELLO}]}]}),
    "completions": Surface("/v1/completions", {"prompt": HELLO}),
    "embeddings": Surface("/v1/embeddings", {"input": HELLO}),
}
DEFAULT_SURFACE = "chat"


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    """1 where a call would be refused."""
    if options.word is None:
        raise UsageError("name the MODEL: a route or provider/model")
    path, body = asked(options.word, SURFACES[options.surface or DEFAULT_SURFACE], options.body)
    site = url_site(options.stack, options.url, options.env_file, options.region, terminal.environ)
    with Waiting(terminal.error, "asking the gateway"), Gateway.at(site) as gateway:
        found = gateway.dry_run(path, body)
    return tell(found, terminal, is_json=options.json)


def tell(found: Json, terminal: Terminal, *, is_json: bool) -> int:
    """The exit code."""
    terminal.out.line(json.dumps(found) if is_json else _for_people(found, terminal))
    return 1 if found.get("refusal") else 0


def asked(model: str, surface: Surface, body: Path | None) -> tuple[str, Json]:
    """The path and the body of the call, whose model is always the one that was typed."""
    found = read(body) if body else dict(surface.body)
    named = {name: value for name, value in found.items() if name != "model"}
    if surface.names_model:
        return surface.path.format(model=quote(model, safe="")), named
    return surface.path, {"model": model, **named}


def read(path: Path) -> Json:
    """Raises CommandFailed for what is no JSON object."""
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise CommandFailed(f"{path} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise CommandFailed(f"{path} holds no JSON object; want the body of a call")
    return found


def _for_people(found: Json, terminal: Terminal) -> str:
    try:
        return dry_run_text.for_people(found, terminal.out)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CommandFailed("the gateway answered with a dry run of another version; --json shows it") from error
