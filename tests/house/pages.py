"""A page's Markdown, read as data: sections, tables, code."""

import re
from pathlib import Path

Table = list[list[str]]


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def section(markdown: str, heading: str) -> str:
    """What stands under a heading, deeper headings included."""
    found = re.search(rf"^(#+) {re.escape(heading)}\n", markdown, re.MULTILINE)
    assert found, f"no heading {heading!r}"
    rest = markdown[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def tables(markdown: str) -> list[Table]:
    """Cells of each table, its heading row left out."""
    blocks = re.findall(r"(?:^\|.*\|\n)+", markdown + "\n", re.MULTILINE)
    return [[[cell.strip() for cell in line[1:-1].split(" | ")] for line in block.splitlines()[2:]] for block in blocks]


def codes(markdown: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`\n]+)`", markdown)


def fenced(markdown: str, language: str) -> list[str]:
    """The blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", markdown, re.MULTILINE | re.DOTALL)


def rows(page: Path, heading: str, number: int = 0) -> dict[str, list[str]]:
    """The rows of a section's table by each name in their first column."""
    table = tables(section(text(page), heading))[number]
    return {code: row for row in table for code in codes(row[0])}
