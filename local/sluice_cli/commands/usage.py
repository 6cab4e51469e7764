"""`sluice usage`: what was called and what it cost, from the totals of days or from the records."""

import argparse
import difflib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from sluice_cli import period, totals, usage_check, usage_text
from sluice_cli.arguments import Parser
from sluice_cli.failure import UsageError
from sluice_cli.ledger import Ledger, open_ledger
from sluice_cli.period import Period
from sluice_cli.record import Record
from sluice_cli.record_filter import RecordFilter, add_filters
from sluice_cli.site_options import PLACE, add_table_options, table_site
from sluice_cli.terminal import Terminal
from sluice_cli.usage_sums import DIMENSIONS, Usage, day, usage
from sluice_cli.waiting import Waiting

DEFAULT_DAYS = 7
TOLD_EVERY = 100


@dataclass(frozen=True, slots=True)
class Options:
    """What was typed."""

    by: tuple[str, ...]
    period: Period
    wanted: RecordFilter
    form: str
    reads_records: bool = False
    verifies: bool = False

    @classmethod
    def of(cls, options: argparse.Namespace, now: float) -> "Options":
        by = tuple(dict.fromkeys(chain.from_iterable(options.by or [["day"]])))
        chosen, wanted = Period.of(options.since, options.until, DEFAULT_DAYS, now), RecordFilter.of(options)
        if options.verify and not (totals.is_of_whole_days(chosen) and wanted.wants_all and options.form != "csv"):
            raise UsageError("--verify judges whole days and all calls in them; leave out filters, times and --csv")
        return cls(by, chosen, wanted, options.form, options.records, options.verify)


def parser() -> Parser:
    made = Parser(
        "usage",
        "Adds up calls, tokens, cost. A cost that is not known is counted as unpriced, never as 0.\n"
        "A call counts on the day it began, in UTC, and once it has ended. Whole days, by day and one of principal,\n"
        "model, provider and route, without filters, are read from the totals of the days where these are whole;\n"
        "everything else is added up from the records.\n"
        f"{PLACE}",
        "sluice usage --by model,outcome --since 30d --csv",
    )
    add = made.add_argument
    add(
        "--by",
        action="append",
        type=dimensions,
        metavar="|".join(DIMENSIONS),
        help="how to group; several with commas (default day)",
    )
    add("--since", type=period.since, metavar="WHEN", help=f"{period.WANTED} (default the last {DEFAULT_DAYS} days)")
    add("--until", type=period.until, metavar="WHEN", help="as --since; a day counts whole (default now)")
    add_filters(made)
    forms = made.add_mutually_exclusive_group()
    for form, text in {
        "json": "one document: groups, total, cost in nano-dollars",
        "csv": "the groups, no total",
    }.items():
        forms.add_argument(f"--{form}", dest="form", action="store_const", const=form, default="", help=text)
    add("--records", action="store_true", help="add up the records even where the totals would do: with times")
    add("--verify", action="store_true", help="recount the records, and fail where the totals are not equal to them")
    add_table_options(made)
    return made


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    chosen = Options.of(options, time.time())
    ledger = open_ledger(table_site(options, terminal.environ), terminal.environ)
    if chosen.verifies:
        return verified(ledger, chosen, time.time(), terminal)
    show(summed(ledger, chosen, terminal), ledger.table, chosen, terminal)
    return 0


def summed(ledger: Ledger, options: Options, terminal: Terminal) -> Usage:
    """Reads the totals where they answer the question, else all records of the period; a terminal sees it wait."""
    with Waiting(terminal.error, "reading the ledger") as waiting:
        may_ask_totals = options.wanted.wants_all and not options.reads_records
        if may_ask_totals and (answer := totals.usage(ledger, options.period, options.by)) is not None:
            return answer
        found = ledger.backwards(options.period.since_ms, options.period.until_ms)
        return usage(filter(options.wanted.wants, _told(found, waiting)), options.by)


def verified(ledger: Ledger, options: Options, now: float, terminal: Terminal) -> int:
    """0 where the totals are equal to the records, as far as they can be yet; 1 where they are not."""
    with Waiting(terminal.error, "reading the totals") as waiting:
        stored = usage_check.stored(ledger, options.period)
        found = _told(ledger.backwards(options.period.since_ms, options.period.until_ms), waiting)
        verdict = usage_check.judged(stored, found, ledger.whole_since(), now)
    running = ledger.running()
    if options.form == "json":
        terminal.out.line(json.dumps(usage_check.document(verdict, running, options.period, ledger.table)))
    else:
        terminal.out.line("\n".join(usage_check.lines(verdict, running, options.period)))
    return 1 if verdict.differences else 0


def show(sums: Usage, name: str, options: Options, terminal: Terminal) -> None:
    if options.form == "json":
        terminal.out.line(json.dumps(usage_text.document(sums, options.period, name)))
    elif options.form == "csv":
        terminal.out.write(usage_text.comma_separated(sums))
    elif sums.groups:
        terminal.out.line(usage_text.for_people(sums, terminal.out))
    if not sums.groups:
        terminal.error.line(f"no such calls from {options.period} in table {name}")


def dimensions(text: str) -> list[str]:
    """For argparse."""
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in DIMENSIONS:
            close = difflib.get_close_matches(name, DIMENSIONS, 1)
            right = f"did you mean {close[0]}?" if close else f"use {', '.join(DIMENSIONS)}"
            raise argparse.ArgumentTypeError(f"cannot group by {name!r}; {right}")
    return names


def _told(records: Iterator[Record], waiting: Waiting) -> Iterator[Record]:
    for number, found in enumerate(records, 1):
        if number % TOLD_EVERY == 1:
            waiting.text = f"reading the ledger: {number:,} calls, {day(found)}"
        yield found
