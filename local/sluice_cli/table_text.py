"""A table of text for a screen of some width.

Where a terminal is too narrow, the columns that say least go first, then texts are cut in their middle; what was left
out is told under the table. A file or a pipe gets everything.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

GAP = "  "
CUT = "…"
WIDE = ("W", "F")
SHORTEST_TEXT = 12


@dataclass(frozen=True, slots=True)
class Column:
    """`rank` 0 always stays; of the others the highest goes first. A text may be cut, a number may not."""

    title: str
    rank: int = 0
    is_number: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """What is shown, line by line, and the titles of what is not."""

    lines: list[str]
    left_out: list[str]


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None = None) -> Table:
    """The heading line and one line per row. Without a width there is room for all."""
    whole = [_width_of(column.title, [row[number] for row in rows]) for number, column in enumerate(columns)]
    kept = _kept(columns, whole, width)
    widths = _cut(columns, whole, kept, width)
    lines = [
        GAP.join(_aligned(cells[number], widths[number], columns[number].is_number) for number in kept).rstrip()
        for cells in ([column.title for column in columns], *rows)
    ]
    return Table(lines, [column.title for number, column in enumerate(columns) if number not in kept])


def columns_of(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return sum(_columns(character) for character in text)


def cut(text: str, width: int) -> str:
    """The text in at most `width` columns: its beginning and its end, which tell names apart."""
    if columns_of(text) <= width:
        return text
    tail = _fitted(text[::-1], (width - 1) // 2)[::-1]
    return _fitted(text, width - 1 - columns_of(tail)) + CUT + tail


def _fitted(text: str, room: int) -> str:
    """As many characters from the left as there is room for."""
    end = 0
    for character in text:
        room -= _columns(character)
        if room < 0:
            break
        end += 1
    return text[:end]


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in WIDE else 1


def _width_of(title: str, cells: Sequence[str]) -> int:
    return max(map(columns_of, (title, *cells)))


def _kept(columns: Sequence[Column], widths: Sequence[int], width: int | None) -> list[int]:
    """The numbers of the columns that there is room for, texts counted at their shortest."""
    kept = list(range(len(columns)))
    least = [
        size if column.is_number else min(size, SHORTEST_TEXT) for column, size in zip(columns, widths, strict=True)
    ]
    droppable = sorted((number for number in kept if columns[number].rank), key=lambda number: -columns[number].rank)
    for number in droppable:
        if width is None or _total(least, kept) <= width:
            break
        kept.remove(number)
    return kept


def _cut(columns: Sequence[Column], widths: Sequence[int], kept: Sequence[int], width: int | None) -> list[int]:
    """Widths that fit: the widest text gives way first."""
    fitting = list(widths)
    while width is not None and (over := _total(fitting, kept) - width) > 0:
        texts = [number for number in kept if not columns[number].is_number and fitting[number] > SHORTEST_TEXT]
        if not texts:
            break
        widest = max(texts, key=lambda number: fitting[number])
        fitting[widest] = max(SHORTEST_TEXT, fitting[widest] - over)
    return fitting


def _total(widths: Sequence[int], kept: Sequence[int]) -> int:
    return sum(widths[number] for number in kept) + len(GAP) * (len(kept) - 1)


def _aligned(cell: str, width: int, is_number: bool) -> str:
    shown = cell if is_number else cut(cell, width)
    room = " " * (width - columns_of(shown))
    return room + shown if is_number else shown + room
