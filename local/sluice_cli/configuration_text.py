"""The versions of a configuration for people and for programs."""

from collections.abc import Sequence

from sluice_cli.configurations import InForce, Version, named
from sluice_cli.record import started_at
from sluice_cli.record_text import local_time
from sluice_cli.table_text import Column, table
from sluice_cli.terminal import Screen, printable

COLUMNS = (
    Column("version"),
    Column("pushed", is_number=False),
    Column("by", rank=2, is_number=False),
    Column("bytes", rank=3),
    Column("replaced", rank=4),
    Column("comment", rank=1, is_number=False),
)
MARK = "* "


def listing(found: InForce, versions: Sequence[Version], screen: Screen) -> str:
    """What is in force, and a line for each version, the newest first; the one in force is marked."""
    made = table(COLUMNS, [_cells(one, found) for one in versions], screen.width)
    head, *lines = made.lines
    marked = [
        screen.paint(line, "green") if one.number == found.version else line
        for one, line in zip(versions, lines, strict=True)
    ]
    left_out = [screen.paint(f"left out: {', '.join(made.left_out)}", "dim")] if made.left_out else []
    shown = [screen.paint(head, "bold"), *marked, *left_out] if versions else ["nothing was pushed yet"]
    return "\n".join([in_force(found), *shown])


def in_force(found: InForce) -> str:
    if found.since_ms is None:
        return f"in force: {named(found.version)}"
    return f"in force: {named(found.version)}, since {local_time(found.since_ms, None)}, by {printable(found.by)}"


def listing_document(found: InForce, versions: Sequence[Version], name: str) -> dict[str, object]:
    return {
        "table": name,
        "in_force": {"version": found.version, "since": _moment(found.since_ms), "by": found.by or None},
        "versions": [version_document(one) | {"in_force": one.number == found.version} for one in versions],
    }


def version_document(one: Version) -> dict[str, object]:
    return {
        "version": one.number,
        "pushed_at": _moment(one.pushed_ms),
        "by": one.pushed_by,
        "comment": one.comment or None,
        "sha256": one.sha256,
        "bytes": one.size,
        "replaced": one.replaced,
    }


def _cells(one: Version, found: InForce) -> list[str]:
    return [
        f"{MARK if one.number == found.version else ''}{one.number}",
        local_time(one.pushed_ms, None),
        printable(one.pushed_by),
        f"{one.size:,}",
        str(one.replaced or "deployed"),
        printable(one.comment),
    ]


def _moment(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else started_at(milliseconds)
