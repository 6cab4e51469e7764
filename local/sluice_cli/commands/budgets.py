"""`sluice budgets`: what is spent of each budget in its window of now, and whether the records say the same."""

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence

from sluice_cli import budgets_text, period
from sluice_cli.arguments import Parser
from sluice_cli.budget_rows import FOREVER, BudgetRow, Budgets, Place, open_budgets
from sluice_cli.budgets_text import BUSY, DIFFERS, EQUAL, OLDER
from sluice_cli.site_options import PLACE, add_table_options, table_site
from sluice_cli.terminal import Terminal
from sluice_cli.waiting import Waiting

TRIES, PAUSE_SECONDS = 3, 1.0  # an index is a moment behind its table, and calls end meanwhile
DIFFERENT = 1

Read = Callable[[], tuple[Mapping[Place, int], list[BudgetRow]]]


def parser() -> Parser:
    made = Parser(
        "budgets",
        "Shows the budgets that are in use: of whom, what is spent and reserved, what is left, how many calls were\n"
        "refused while less than 90 % was spent. They are found by the calls that were charged to them since the\n"
        "first of the month, or the Monday before; a budget for good (`total`) may need an earlier --since.\n"
        f"{PLACE}",
        "sluice budgets --policy research --verify",
    )
    add = made.add_argument
    add("--policy", metavar="NAME", help="only budgets of this policy; `key NAME` for those of a virtual key")
    add("--since", type=period.since, metavar="WHEN", help=f"look for calls from there on: {period.WANTED}")
    add("--verify", action="store_true", help="add up what records were charged; exit code 1 where a budget differs")
    add("--json", action="store_true", help="one document, amounts in nano-dollars")
    add_table_options(made)
    return made


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    found = open_budgets(table_site(options, terminal.environ), terminal.environ)
    return show(found, options, terminal)


def show(
    found: Budgets, options: argparse.Namespace, terminal: Terminal, sleep: Callable[[float], None] = time.sleep
) -> int:
    since = found.since_ms() if options.since is None else options.since
    with Waiting(terminal.error, "reading the ledger") as waiting:

        def read() -> tuple[Mapping[Place, int], list[BudgetRow]]:
            charged = found.charges(since, waiting)
            rows = [row for row in found.rows(charged) if options.policy is None or row.is_of(options.policy)]
            return charged, sorted(rows, key=_order)

        charged, rows = read()
        verdicts: Mapping[Place, str] = {}
        if options.verify:
            charged, rows, verdicts = verified(read, charged, rows, sleep)
    tell(found.table, rows, charged, verdicts, terminal, is_json=options.json)
    return DIFFERENT if DIFFERS in verdicts.values() else 0


def verified(
    read: Read, charged: Mapping[Place, int], rows: list[BudgetRow], sleep: Callable[[float], None]
) -> tuple[Mapping[Place, int], list[BudgetRow], Mapping[Place, str]]:
    """What is judged, and how: again after a moment, as long as something differs."""
    before: Mapping[Place, int] = {}
    verdicts = _verdicts(rows, charged, before)
    for _ in range(TRIES - 1):
        if set(verdicts.values()) <= {EQUAL}:
            break
        before = {row.place: row.spent for row in rows}
        sleep(PAUSE_SECONDS)
        charged, rows = read()
        verdicts = _verdicts(rows, charged, before)
    return charged, rows, verdicts


def _verdicts(rows: Sequence[BudgetRow], charged: Mapping[Place, int], before: Mapping[Place, int]) -> dict[Place, str]:
    return {row.place: _verdict(row, charged[row.place], before.get(row.place)) for row in rows}


def _verdict(row: BudgetRow, charged: int, before: int | None) -> str:
    """`before` is what was spent a moment ago, None where that is not known: what still moves is not judged."""
    if charged == row.spent:
        return EQUAL
    if before != row.spent:
        return BUSY
    return OLDER if row.place.period == FOREVER and charged < row.spent else DIFFERS


def tell(
    name: str,
    rows: Sequence[BudgetRow],
    charged: Mapping[Place, int],
    verdicts: Mapping[Place, str],
    terminal: Terminal,
    *,
    is_json: bool,
) -> None:
    if is_json:
        terminal.out.line(json.dumps(budgets_text.document(rows, name, charged, verdicts)))
    elif rows:
        terminal.out.line(budgets_text.for_people(rows, terminal.out, charged, verdicts))
    if not rows:
        terminal.error.line(f"no budget in table {name} was charged in that time")


def _order(row: BudgetRow) -> tuple[str, str, int, str]:
    """By name and window, who has spent most first."""
    return row.name, row.place.window, -row.spent, row.of
