"""`sluice logs`: the ledger from a terminal."""

import argparse
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from sluice_cli import record_text
from sluice_cli.arguments import Parser, count
from sluice_cli.failure import CommandFailed, UsageError
from sluice_cli.ledger import LOOKBACK_DAYS, Ledger, open_ledger
from sluice_cli.record import Record
from sluice_cli.site import Sources
from sluice_cli.tail import Tail
from sluice_cli.terminal import Terminal

DEFAULT_COUNT = 20
LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Options:
    """What was typed."""

    id: str | None
    follow: bool
    json: bool
    count: int
    table: str | None
    region: str | None
    env_file: Path | None


def parser() -> Parser:
    made = Parser(
        "logs",
        "Shows the newest calls, the last one at the bottom; with an ID everything about one call.\n"
        "Reads the table of --table, else of SLUICE_TABLE, else of a running dev stack.",
        "sluice logs --follow --json | jq .cost",
    )
    add = made.add_argument
    add("id", nargs="?", metavar="ID", help="a request id: x-request-id of the answer, or the end of a line here")
    add("--follow", "-f", action="store_true", help="go on with each call that ends")
    add("--json", action="store_true", help="one object per line, all fields")
    add("-n", dest="count", type=count, default=DEFAULT_COUNT, metavar="N", help=f"how many (default {DEFAULT_COUNT})")
    add("--table", help="the ledger's table: the TableName output of a deployment")
    add("--region", help="the table's region, where AWS_REGION does not say it")
    add("--env-file", type=Path, metavar="FILE", help="the env file of a `sluice dev`")
    return made


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    chosen = Options(**vars(options))
    if chosen.id and chosen.follow:
        raise UsageError("--follow shows calls as they end; leave out the id, or --follow")
    site = Sources(terminal.environ, chosen.env_file).by_table(chosen.table, chosen.region)
    ledger = open_ledger(site, terminal.environ)
    if chosen.follow:
        follow(ledger, chosen, terminal)
    if chosen.id:
        show_one(ledger, chosen.id, chosen, terminal)
    else:
        show_newest(ledger, chosen, terminal)
    return 0


def show_one(ledger: Ledger, request_id: str, options: Options, terminal: Terminal) -> None:
    found = ledger.find(request_id)
    if found is None:
        raise CommandFailed(f"no record of call {request_id}; a call that was refused before it left has none")
    terminal.out.line(json.dumps(found) if options.json else record_text.whole(found, terminal.out))


def show_newest(ledger: Ledger, options: Options, terminal: Terminal) -> None:
    records = ledger.newest(options.count)
    if not records:
        terminal.error.line(f"no calls in the last {LOOKBACK_DAYS} days in table {ledger.table}")
    _print(records, options, terminal)


def follow(
    ledger: Ledger,
    options: Options,
    terminal: Terminal,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.time,
) -> NoReturn:
    """Until Ctrl-C."""
    tail = Tail(ledger, now)
    _print(tail.begin(options.count), options, terminal)
    while True:
        sleep(LOOK_SECONDS)
        _print(tail.look(), options, terminal)


def _print(records: Iterable[Record], options: Options, terminal: Terminal) -> None:
    for found in records:
        terminal.out.line(json.dumps(found) if options.json else record_text.line(found, terminal.out))
