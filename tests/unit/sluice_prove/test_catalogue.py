"""The table of faults: each has a script, a name of its own, and is told in docs/reliability.md."""

import ast

from tests.house.pages import codes, section, tables, text
from tests.house.repository import ROOT, python_files, roots, tree

from sluice_prove.catalogue import CASES, SCRIPTS, Target

PAGE, HEADING = ROOT / "docs/reliability.md", "On the wire, side by side"
OF_SLUICE = {"sluice", "sluice_devstack", "sluice_client", "streaming_runtime"}
SERVED = (Target.CHAT, Target.BEDROCK)


def test_every_fault_has_a_name_of_its_own_and_a_script() -> None:
    names = [case.fault for case in CASES]

    assert len(set(names)) == len(names)
    assert set(SCRIPTS) == {case.fault for case in CASES if case.target in SERVED}


def test_the_page_shows_every_fault_in_its_order() -> None:
    rows = tables(section(text(PAGE), HEADING))[1]

    assert [(row[0], *codes(row[1]), row[2]) for row in rows if codes(row[1])] == [
        (case.id, case.fault, case.does) for case in CASES
    ]


def test_the_prover_knows_nothing_of_sluice() -> None:
    """But for its reader of server-sent events, which any client has."""
    modules: dict[str, ast.Module] = {path.name: tree(path) for path in python_files("local/sluice_prove")}

    assert {name for name, module in modules.items() if roots(module) & OF_SLUICE} == set()
    assert {name for name, module in modules.items() if "sluice_cli" in roots(module)} == {"reading.py"}
