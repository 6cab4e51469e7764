"""Who may import whom, above and beside the floors of `sluice` that import-linter checks."""

import ast
import sys
from pathlib import Path

import pytest
from tests.house.repository import ROOT, imports, name, python_files, roots, tree

STANDARD = set(sys.stdlib_module_names)
LAPTOP_MAY_NOT = {"sluice", "streaming_runtime", "gateway", "rollup", "sweeper", "awslambdaric"}
HANDLER_MAY = {
    "gateway.py": ("sluice.wiring",),
    "rollup.py": ("sluice.domain", "sluice.stores"),
    "sweeper.py": ("sluice.domain", "sluice.stores"),  # each minute, for ever: no provider, no framework
}
MANAGED = {"boto3", "botocore"}
RUNTIME_MAY = {"awslambdaric", "snapshot_restore_py"}

HANDLERS = [path for path in python_files("functions") if path.parent == ROOT / "functions"]
GATEWAY = python_files("functions/sluice")
RUNTIME = python_files("layers/runtime/streaming_runtime")
LAPTOP = python_files("local")


def deployed() -> set[str]:
    """What the dependencies layer asks for by name: what merely comes along may go with the next version."""
    lines = (ROOT / "layers/dependencies/requirements.in").read_text(encoding="utf-8").splitlines()
    return {line.replace("-", "_") for line in lines if line and not line.startswith("#")}


def strangers(module: ast.Module, allowed: set[str]) -> set[str]:
    return roots(module) - STANDARD - allowed


def found_strangers(paths: list[Path], allowed: set[str]) -> dict[str, set[str]]:
    found = {name(path): strangers(tree(path), allowed) for path in paths}
    return {path: imported for path, imported in found.items() if imported}


def unwired(module: ast.Module, allowed: tuple[str, ...] = HANDLER_MAY["gateway.py"]) -> list[str]:
    """What a handler imports although the composition root should."""
    own = [imported for imported in imports(module) if imported.partition(".")[0] not in STANDARD]
    prefixes = tuple(f"{each}." for each in allowed)
    return [imported for imported in own if not f"{imported}.".startswith(prefixes)]


def test_there_is_something_on_every_floor() -> None:
    assert {path.name for path in HANDLERS} == set(HANDLER_MAY)
    assert all([GATEWAY, RUNTIME, LAPTOP])


def test_a_handler_leaves_building_to_others() -> None:
    found = {path.name: unwired(tree(path), HANDLER_MAY[path.name]) for path in HANDLERS}

    assert {path: imported for path, imported in found.items() if imported} == {}


def test_the_gateway_imports_what_is_deployed_with_it_and_never_the_runtime() -> None:
    assert found_strangers(GATEWAY, deployed() | MANAGED | {"sluice"}) == {}


def test_the_runtime_could_be_published_alone() -> None:
    assert found_strangers(RUNTIME, RUNTIME_MAY | {"streaming_runtime"}) == {}


def test_what_runs_on_a_laptop_reaches_the_gateway_over_the_wire_only() -> None:
    found = {name(path): roots(tree(path)) & LAPTOP_MAY_NOT for path in LAPTOP}

    assert {path: imported for path, imported in found.items() if imported} == {}


@pytest.mark.parametrize(
    "source",
    [
        "from sluice.pipeline import Pipeline",
        "import sluice",
        "from sluice import wiring_of_another_kind",
        "import httpx",
        "def late():\n    import boto3",
        "import_module('sluice.stores.ledger')",
    ],
)
def test_a_handler_that_reaches_past_the_composition_root_is_found(source: str) -> None:
    assert unwired(ast.parse(source)) != []


def test_the_composition_root_is_allowed_in_each_spelling() -> None:
    sources = ["from sluice.wiring import build", "import sluice.wiring", "from sluice import wiring", "import json"]

    assert [unwired(ast.parse(source)) for source in sources] == [[], [], [], []]


def test_an_import_inside_a_function_or_by_name_is_seen() -> None:
    module = ast.parse("def late():\n    from sluice.domain import Call\n\n\nimportlib.import_module('flask.app')")

    assert strangers(module, set()) == {"sluice", "flask"}
