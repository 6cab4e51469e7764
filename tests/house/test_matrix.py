"""The tables of docs/surfaces.md say cell by cell what tests/e2e/test_matrix.py finds, and every cell has its test."""

import re

import pytest
from tests.e2e import matrix, test_matrix
from tests.house.pages import section, tables, text
from tests.house.repository import ROOT

PAGE = text(ROOT / "docs" / "surfaces.md")
HEADING = re.compile(r"^\| provider \| (.+) \|$", re.MULTILINE)


def legend(column: str) -> set[str]:
    """The names that the table with that first column explains."""
    found = re.search(rf"^\| {column} \|.*\n", section(PAGE, "How to read the tables"), re.MULTILINE)
    assert found
    return {row[0].strip("`") for row in tables(found.string[found.start() :])[0]}


def test_every_surface_has_its_table() -> None:
    headings = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)

    assert [heading for heading in headings if heading in matrix.SURFACES] == list(matrix.SURFACES)
    assert len(HEADING.findall(PAGE)) == len(matrix.SURFACES)


@pytest.mark.parametrize("surface", matrix.SURFACES)
def test_every_cell_says_what_its_test_finds(surface: str) -> None:
    written = section(PAGE, surface)
    columns = HEADING.findall(written)[0].split(" | ")

    said = {
        (row[0].strip("`"), feature): mark
        for row in tables(written)[0]
        for feature, mark in zip(columns, row[1:], strict=True)
    }

    assert said == {
        (provider, feature): matrix.verdict(surface, provider, feature)
        for provider in matrix.PROVIDERS
        for feature in matrix.FEATURES
    }


def test_every_cell_has_its_test() -> None:
    (mark,) = test_matrix.test_a_cell.pytestmark  # type: ignore[attr-defined]

    named = {
        f"{surface}-{provider}-{feature}"
        for surface in matrix.SURFACES
        for provider in matrix.PROVIDERS
        for feature in matrix.FEATURES
    }

    assert set(mark.kwargs["ids"]) == named
    assert set(test_matrix.TESTS) == set(matrix.FEATURES)
    assert set(re.findall(r"test_a_cell\[(.+?)\]", PAGE)) <= named


def test_every_name_is_explained() -> None:
    cells = [(*cell, matrix.verdict(*cell)) for cell in test_matrix.CELLS]

    assert legend("row") == set(matrix.PROVIDERS)
    assert legend("column") == set(matrix.FEATURES)
    assert legend("mark") == {mark for *_, mark in cells}


@pytest.mark.parametrize("mark", matrix.REFUSALS)
def test_a_refusal_is_explained_by_its_name(mark: str) -> None:
    rows = {row[0]: row[1] for table in tables(section(PAGE, "How to read the tables")) for row in table}

    assert matrix.REFUSALS[mark][1] in rows[mark]
