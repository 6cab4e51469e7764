"""docs/clients.md shows what `sluice connect` prints, and every program on it is run by a test."""

import re
from pathlib import Path

import pytest
from tests.clients.page import ANY_BLOCK, PAGE, ROOT, blocks, program
from tests.clients.place import Place
from tests.clients.runner import PYTHON

from sluice_cli.recipe import FOLDER, RECIPES

SHOWN = {name: recipe.file for name, recipe in RECIPES.items()} | {"browser": "browser.mjs"}
LANGUAGES = {".py": "python", ".mjs": "js", ".sh": "sh"}
RUN_ELSEWHERE = (
    "sluice connect",
    'eval "$(sluice connect',
    "sluice proxy",
    "sluice chat",
)  # by tests/e2e, test_connect.py and test_bedrock_programs.py
TESTS = ROOT / "tests" / "clients"


@pytest.mark.parametrize("name", SHOWN)
def test_the_page_shows_the_recipe_itself(name: str) -> None:
    file = FOLDER / SHOWN[name]

    assert blocks()[name] == file.read_text(encoding="utf-8")
    assert f"<!-- recipe: {name} -->\n```{LANGUAGES[file.suffix]}\n" in PAGE.read_text(encoding="utf-8")


def test_every_recipe_is_shown_and_every_file_is_one() -> None:
    assert {path.name for path in FOLDER.iterdir() if path.is_file()} == set(SHOWN.values())
    assert set(blocks()) == {*SHOWN, "labels"}


def test_every_block_of_the_page_is_run() -> None:
    others = [text for _, text in ANY_BLOCK.findall(PAGE.read_text(encoding="utf-8")) if text not in blocks().values()]
    tests = "".join(path.read_text(encoding="utf-8") for path in TESTS.glob("*.py") if path != Path(__file__))

    assert [text for text in others if not text.startswith(RUN_ELSEWHERE)] == []
    assert [name for name in blocks() if name != "labels" and f'"{name}"' not in tests] == []


def test_labels_go_to_the_record_and_its_id_comes_back(gateway: Place) -> None:
    with PYTHON.start(program("labels"), gateway.variables) as running:
        written = running.end()

    found = re.fullmatch(r"one two three([0-9a-f-]{36}) one two three\n", written)
    assert found, written
    assert gateway.site.record(found[1])["metadata"] == {"team": "search"}
