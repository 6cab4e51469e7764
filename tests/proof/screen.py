"""The one screen of `make proof`."""

import textwrap
from collections.abc import Callable, Iterable, Sequence

from tests.proof.column import Budget, Column, dollars

WIDTH, FIRST = 100, 18


def screen(columns: Sequence[Column], head: Sequence[str], again: str) -> str:
    """`head` says what was done, `again` is the command that does it again."""
    lines = [*head, "", row("", [one.title for one in columns])]
    lines += [row(title, [cell(one, text) for one in columns]) for title, text in ROWS.items()]
    notes = [note for one in columns for note in notes_of(one)]
    return "\n".join([*lines, "", *notes, f"again: {again}"])


def row(title: str, cells: Sequence[str]) -> str:
    width = (WIDTH - FIRST) // max(1, len(cells))
    return (title.ljust(FIRST) + "".join(one.ljust(width) for one in cells)).rstrip()


def cell(one: Column, text: Callable[[Column], str]) -> str:
    return "-" if one.absent else text(one)


def streams(one: Column) -> str:
    planned = f" of {one.planned:,}" if one.streams < one.planned else ""
    return f"{one.streams:,}{planned} in {one.seconds:.0f} s"


def overshoots(budgets: Iterable[Budget]) -> str:
    """Each budget's that has any, with its share of the limit and with what was stated beforehand."""
    over = [f"{one.name} {dollars(one.over)} ({shares(one)})" for one in budgets if one.over]
    return "; ".join(over) or "0"


def shares(one: Budget) -> str:
    stated = f", stated {one.stated / one.limit:.0%}" if one.stated else ""
    return f"{one.over / one.limit:.1%}{stated}"


def notes_of(one: Column) -> list[str]:
    said = [one.absent] if one.absent else [*one.notes, *([one.books] if one.books else [])]
    return [line for note in said for line in textwrap.wrap(f"{one.title}: {note}", WIDTH, subsequent_indent="  ")]


ROWS: dict[str, Callable[[Column], str]] = {
    "streams": streams,
    "whole": lambda one: one.share(one.whole),
    "error told": lambda one: one.share(one.told),
    "budget refused": lambda one: one.share(one.refused),
    "processes killed": lambda one: f"{one.kills}",
    "FALSE ENDS": lambda one: one.share(one.false_ends),
    "LOST RECORDS": lambda one: one.share(one.lost),
    "OVERSHOOT": lambda one: overshoots(one.budgets),
    "FALSE REFUSALS": lambda one: one.share(one.false_refusals),
    "LEAKED SECRETS": lambda one: one.share(one.leaks),
}
