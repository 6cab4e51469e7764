"""Budgets for people and for programs: a table, and a JSON document."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sluice_cli.budget_rows import BudgetRow, Place
from sluice_cli.money import exact_dollars, short_dollars
from sluice_cli.table_text import Column, table
from sluice_cli.terminal import Screen, printable

BAR = 10  # characters
COLUMNS = (
    Column("budget", is_number=False),
    Column("whose", is_number=False),
    Column("window", rank=3, is_number=False),
    Column("limit"),
    Column("spent"),
    Column("of limit", rank=1, is_number=False),
    Column("reserved", rank=2),
    Column("left"),
    Column("false refusals", rank=5),
    Column("resets", rank=3, is_number=False),
)
VERDICT = Column("records say", is_number=False)
EQUAL, DIFFERS, BUSY, OLDER = "equal", "differs", "busy", "older"
WORDS = {
    BUSY: "calls are settled just now; ask again",
    OLDER: "older records are not read; ask with an earlier --since",
}


def for_people(
    rows: Sequence[BudgetRow], screen: Screen, charged: Mapping[Place, int], verdicts: Mapping[Place, str]
) -> str:
    """The table. `verdicts` are empty unless records were asked too."""
    columns = [*COLUMNS, VERDICT] if verdicts else list(COLUMNS)
    cells = [[*_cells(row), *([_verdict(row, charged, verdicts)] if verdicts else [])] for row in rows]
    made = table(columns, cells, screen.width)
    head, *lines = made.lines
    notes = [f"no room for: {', '.join(made.left_out)}; --json has them"] if made.left_out else []
    return "\n".join([screen.paint(head, "bold"), *lines, *(screen.paint(note, "dim") for note in notes)])


def document(
    rows: Sequence[BudgetRow], name: str, charged: Mapping[Place, int], verdicts: Mapping[Place, str]
) -> dict[str, object]:
    """Amounts are nano-dollars."""
    return {"table": name, "budgets": [_values(row, charged, verdicts) for row in rows]}


def _values(row: BudgetRow, charged: Mapping[Place, int], verdicts: Mapping[Place, str]) -> dict[str, object]:
    asked = {"charged": charged[row.place], "verdict": verdicts[row.place]} if verdicts else {}
    return {
        "budget": row.name,
        "of": row.of,
        "window": row.place.window,
        "period": row.place.period,
        "limit": row.limit,
        "spent": row.spent,
        "reserved": row.reserved,
        "left": row.left,
        "false_refusals": row.false_refusals,
        "resets_at": None if row.resets_at is None else _moment(row.resets_at),
        **asked,
    }


def _cells(row: BudgetRow) -> list[str]:
    return [
        printable(row.name),
        printable(row.of),
        row.place.window,
        dollars(row.limit),
        dollars(row.spent),
        f"{bar(row)} {100 * row.spent // row.limit if row.limit else 100} %",
        dollars(row.reserved),
        dollars(row.left),
        f"{row.false_refusals:,}",
        "never" if row.resets_at is None else _moment(row.resets_at),
    ]


def _verdict(row: BudgetRow, charged: Mapping[Place, int], verdicts: Mapping[Place, str]) -> str:
    found = verdicts[row.place]
    if found == DIFFERS:
        more = charged[row.place] - row.spent
        return f"{exact_dollars(abs(more))} {'more' if more > 0 else 'less'}"
    return WORDS.get(found, found)


def bar(row: BudgetRow) -> str:
    """What is spent of the limit, and what is reserved beside it."""
    whole = max(row.limit, 1)
    spent = min(BAR, BAR * max(row.spent, 0) // whole)
    held = min(BAR - spent, -(-BAR * max(row.reserved, 0) // whole))
    return "#" * spent + "+" * held + "." * (BAR - spent - held)


def dollars(nano: int) -> str:
    """A budget may be overdrawn, within what it states."""
    return f"-{short_dollars(-nano)}" if nano < 0 else short_dollars(nano)


def _moment(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
