"""The fault catalogue is whole: every row has a test, every test's id has a row, and the page shows them all."""

import ast
from collections import Counter
from collections.abc import Iterator

from tests import fault_table
from tests.faults.catalogue import FAULTS, IDS, TESTED
from tests.house.repository import ROOT, python_files, tree

SIZES = {"U": 18, "S": 20, "B": 6, "D": 11, "K": 5, "L": 14, "R": 12, "A": 9, "P": 6, "C": 8, "X": 5, "I": 1}
PAGE = ROOT / "docs" / "reliability.md"


def named(module: ast.Module) -> Iterator[str]:
    """The ids in `pytest.mark.fault("...")`."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.fault":
            yield from (str(each.value) for each in node.args if isinstance(each, ast.Constant))


def test_every_row_has_a_test_or_a_reason_and_every_id_a_row() -> None:
    marked = {id for path in python_files("tests") for id in named(tree(path))}

    assert marked == set(TESTED)


def test_a_family_is_whole_and_no_row_is_there_twice() -> None:
    assert len(set(IDS)) == len(IDS)
    assert Counter(id[0] for id in IDS) == SIZES


def test_a_marker_is_found() -> None:
    module = ast.parse('@pytest.mark.fault("U01")\n@pytest.mark.slow\ndef test_it(): ...')

    assert list(named(module)) == ["U01"]


def test_the_page_shows_every_row_as_it_is() -> None:
    rows = {line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")}

    for fault in FAULTS:
        cells = fault_table.cells(fault, Counter(passed=1))
        said = f"| {' | '.join(cells[:3] if fault.reason is None else cells)} |"
        assert any(row.startswith(said) for row in rows), fault.id
