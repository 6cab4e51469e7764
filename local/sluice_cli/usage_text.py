"""Sums for people and for programs: a table, CSV, and a JSON document, all from the same fields."""

import csv
import io
from collections.abc import Callable

from sluice_cli.money import exact_dollars
from sluice_cli.period import END_OF_TIME_MS, Period
from sluice_cli.record import started_at
from sluice_cli.table_text import Column, table
from sluice_cli.terminal import Screen, printable
from sluice_cli.usage_sums import TOTALS, Sums, Usage

FIELDS: dict[str, Callable[[Sums], int | None]] = {
    "calls": lambda sums: sums.calls,
    "failed": lambda sums: sums.failed,
    "tokens_in": lambda sums: sums.input,
    "tokens_in_cached": lambda sums: sums.cached,
    "tokens_out": lambda sums: sums.output,
    "tokens_out_reasoning": lambda sums: sums.reasoning,
    "cost": lambda sums: sums.cost,  # nano-dollars, as in `sluice logs --json`
    "unpriced": lambda sums: sums.unpriced,
    "abandoned": lambda sums: sums.abandoned,
    "median_time_to_first_chunk_ms": lambda sums: sums.median_first_chunk_ms,
    "median_duration_ms": lambda sums: sums.median_duration_ms,
}
COLUMNS = (
    Column("calls"),
    Column("failed", rank=2),
    Column("tokens in", rank=1),
    Column("cached", rank=4),
    Column("tokens out", rank=1),
    Column("reasoning", rank=5),
    Column("cost"),
    Column("first chunk", rank=6),
    Column("duration", rank=3),
)
TIMES = 2  # columns that totals know nothing of, the last ones
TOTAL = "total"
FROM_TOTALS = "from the totals, which may be a minute behind; --records adds up each record, and knows its times"


def document(usage: Usage, period: Period, name: str) -> dict[str, object]:
    groups = [dict(zip(usage.by, group, strict=True)) | _values(sums) for group, sums in usage.groups.items()]
    until = None if period.until_ms == END_OF_TIME_MS else started_at(period.until_ms)
    return {
        "table": name,
        "since": started_at(period.since_ms),
        "until": until,
        "by": list(usage.by),
        "source": usage.source,
        "groups": groups,
        "total": _values(usage.total),
    }


def comma_separated(usage: Usage) -> str:
    """A heading and the groups, with the cost in dollars too; lines end as on this system."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow([*usage.by, *FIELDS, "cost_usd"])
    for group, sums in usage.groups.items():
        dollars = "" if sums.cost is None else exact_dollars(sums.cost).removeprefix("$")
        writer.writerow([*group, *_values(sums).values(), dollars])
    return written.getvalue()


def for_people(usage: Usage, screen: Screen) -> str:
    """The table, its last line the sum of it, and notes on what the figures hold."""
    names = [Column("day (UTC)" if name == "day" else name, is_number=False) for name in usage.by]
    shown = len(COLUMNS) - TIMES if usage.source == TOTALS else len(COLUMNS)
    rows = [[*map(printable, group), *_cells(sums)[:shown]] for group, sums in usage.groups.items()]
    if len(rows) > 1:
        rows.append([TOTAL, *[""] * (len(names) - 1), *_cells(usage.total)[:shown]])
    made = table([*names, *COLUMNS[:shown]], rows, screen.width)
    head, *lines = made.lines
    if len(rows) > 1:
        lines[-1] = screen.paint(lines[-1], "bold")
    told = _notes(usage.total, made.left_out) + ([FROM_TOTALS] if usage.source == TOTALS else [])
    notes = [screen.paint(note, "dim") for note in told]
    return "\n".join([screen.paint(head, "bold"), *lines, *notes])


def _values(sums: Sums) -> dict[str, object]:
    return {name: value(sums) for name, value in FIELDS.items()}


def _cells(sums: Sums) -> list[str]:
    first, whole = sums.median_first_chunk_ms, sums.median_duration_ms
    return [
        f"{sums.calls:,}",
        f"{sums.failed:,}",
        f"{sums.input:,}",
        f"{sums.cached:,}",
        f"{sums.output:,}",
        f"{sums.reasoning:,}",
        cost(sums),
        "-" if first is None else f"{first} ms",
        "-" if whole is None else f"{whole / 1000:.2f} s",
    ]


def cost(sums: Sums) -> str:
    """Exact; `2 unpriced` for calls whose cost nobody knows."""
    known = [] if sums.cost is None else [exact_dollars(sums.cost)]
    return " + ".join(known + ([f"{sums.unpriced:,} unpriced"] if sums.unpriced else []))


def _notes(total: Sums, left_out: list[str]) -> list[str]:
    notes = []
    if total.abandoned:
        calls = "1 abandoned call counts" if total.abandoned == 1 else f"{total.abandoned:,} abandoned calls count"
        notes.append(f"{calls} with the most it can have cost")
    if left_out:
        notes.append(f"no room for: {', '.join(left_out)}; --json has them")
    return notes
