"""`sluice logs`: the ledger from a terminal."""

import argparse
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import NoReturn

from sluice_cli import period, record_text
from sluice_cli.arguments import Parser, count
from sluice_cli.failure import CommandFailed, UsageError
from sluice_cli.ledger import LOOKBACK_DAYS, Ledger, open_ledger
from sluice_cli.period import END_OF_TIME_MS, Period
from sluice_cli.record import Record
from sluice_cli.record_filter import RecordFilter, add_filters
from sluice_cli.record_line import Listing
from sluice_cli.site_options import PLACE, add_table_options, table_site
from sluice_cli.tail import Tail
from sluice_cli.terminal import Terminal
from sluice_cli.waiting import Waiting

DEFAULT_COUNT = 20
LOOK_SECONDS = 1.0
SHORTEST_PART = 4
READING = "reading the ledger"


@dataclass(frozen=True, slots=True)
class Options:
    """What was typed. `wanted` is None where all calls are."""

    id: str | None = None
    follow: bool = False
    json: bool = False
    count: int = DEFAULT_COUNT
    since_ms: int | None = None
    until_ms: int = END_OF_TIME_MS
    wanted: Callable[[Record], bool] | None = None

    @classmethod
    def of(cls, options: argparse.Namespace, now: float) -> "Options":
        wanted = RecordFilter.of(options)
        filtered = None if wanted.wants_all else wanted.wants
        made = cls(options.id, options.follow, options.json, options.count, wanted=filtered)
        if options.since is None and options.until is None:
            return made
        chosen = Period.of(options.since, options.until, LOOKBACK_DAYS, now)
        return replace(made, since_ms=chosen.since_ms, until_ms=chosen.until_ms)


def parser() -> Parser:
    made = Parser(
        "logs",
        f"Shows the newest calls, the last one at the bottom; with an ID everything about one call.\n{PLACE}",
        "sluice logs --errors --since 24h --json | jq .error_code",
    )
    add = made.add_argument
    add("id", nargs="?", metavar="ID", help=f"a request id, or {SHORTEST_PART} or more characters of one")
    add("--follow", "-f", action="store_true", help="go on with each call that ends")
    add("--json", action="store_true", help="one object per line, all fields")
    limit = f"how many at most (default {DEFAULT_COUNT})"
    add("--limit", "-n", dest="count", type=count, default=DEFAULT_COUNT, metavar="N", help=limit)
    add("--since", type=period.since, metavar="WHEN", help=f"{period.WANTED} (default the last {LOOKBACK_DAYS} days)")
    add("--until", type=period.until, metavar="WHEN", help="as --since; a day counts whole (default now)")
    add_filters(made, has_status=True)
    add_table_options(made)
    return made


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    chosen = Options.of(options, time.time())
    if chosen.id and chosen.follow:
        raise UsageError("--follow shows calls as they end; leave out the id, or --follow")
    if chosen.follow and options.until is not None:
        raise UsageError("--follow goes on; leave out --until, or --follow")
    ledger = open_ledger(table_site(options, terminal.environ), terminal.environ)
    if chosen.follow:
        follow(ledger, chosen, terminal)
    if chosen.id:
        show_one(ledger, chosen.id, chosen, terminal)
    else:
        show_newest(ledger, chosen, terminal)
    return 0


def show_one(ledger: Ledger, name: str, options: Options, terminal: Terminal) -> None:
    """The call of that id; of a piece of an id, the one call that has it."""
    with Waiting(terminal.error, READING):
        found = ledger.find(name) or _by_part(ledger, name, options)
    terminal.out.line(json.dumps(found) if options.json else record_text.whole(found, terminal.out))


def _by_part(ledger: Ledger, part: str, options: Options) -> Record:
    if len(part) < SHORTEST_PART:
        raise UsageError(f"{part!r} is too short to find a call by; give {SHORTEST_PART} characters of its id")
    found = ledger.find_by_part(part, options.since_ms)
    if not found:
        raise CommandFailed(f"no record of call {part}; a call that was refused before it left has none")
    if len(found) > 1:
        ids = ", ".join(one["request_id"] for one in found[-3:])
        raise CommandFailed(f"{len(found)} calls have {part!r} in their ids, at last {ids}; give more of it")
    return found[0]


def show_newest(ledger: Ledger, options: Options, terminal: Terminal) -> None:
    with Waiting(terminal.error, READING):
        records = ledger.newest(options.count, options.wanted, options.since_ms, options.until_ms)
    if not records:
        terminal.error.line(f"no {'such ' if options.wanted else ''}calls {_when(options)} in table {ledger.table}")
    _print(records, options, terminal, Listing(terminal.out))


def follow(
    ledger: Ledger,
    options: Options,
    terminal: Terminal,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.time,
) -> NoReturn:
    """Until Ctrl-C."""
    tail, listing = Tail(ledger, now), Listing(terminal.out)
    first = tail.begin(options.count, options.wanted, options.since_ms)
    _print(first, options, terminal, listing)
    while True:
        sleep(LOOK_SECONDS)
        _print(filter(options.wanted, tail.look()), options, terminal, listing)


def _when(options: Options) -> str:
    if options.since_ms is None:
        return f"in the last {LOOKBACK_DAYS} days"
    return f"from {Period(options.since_ms, options.until_ms)}"


def _print(records: Iterable[Record], options: Options, terminal: Terminal, listing: Listing) -> None:
    for line in map(json.dumps, records) if options.json else listing.lines(records):
        terminal.out.line(line)
