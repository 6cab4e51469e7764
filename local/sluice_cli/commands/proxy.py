"""`sluice proxy`: for tools that know only a base URL and a key."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from sluice_cli.arguments import Parser, origin, port
from sluice_cli.failure import CommandFailed
from sluice_cli.proxy import ProxyError, serve
from sluice_cli.site_options import add_url_options, url_site
from sluice_cli.terminal import Terminal
from sluice_client import SigningError

DEFAULT_PORT = 8790  # 8787 to 8789 are those of a `sluice dev`


@dataclass(frozen=True, slots=True)
class Options:
    """What was typed."""

    stack: str | None
    url: str | None
    env_file: Path | None
    port: int
    region: str | None
    allow_origin: list[str]


def parser() -> Parser:
    made = Parser(
        "proxy",
        "Listens on 127.0.0.1, signs every call with your AWS credentials and forwards it, unbuffered, to the gateway\n"
        "of --stack or --url, else of SLUICE_URL, else of a running dev stack. Ctrl-C ends it.",
        "sluice proxy --url https://<id>.lambda-url.us-east-1.on.aws",
    )
    add = made.add_argument
    add_url_options(made)
    add("--port", type=port, default=DEFAULT_PORT, help=f"where to listen, 0 for any (default {DEFAULT_PORT})")
    add(
        "--allow-origin",
        action="append",
        type=origin,
        default=[],
        metavar="ORIGIN",
        help="web pages that may call; repeatable",
    )
    return made


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    chosen = Options(**vars(options))
    site = url_site(chosen.stack, chosen.url, chosen.env_file, chosen.region, terminal.environ)
    try:
        serve(site.needed_url, chosen.port, site.region, chosen.allow_origin, terminal.out.line, site.credentials)
    except (ProxyError, SigningError) as error:
        raise CommandFailed(str(error)) from error
    raise KeyboardInterrupt  # nothing else ends it
