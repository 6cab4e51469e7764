"""What people read about the command line is what the command line says of itself."""

import argparse
import importlib
import re
from collections.abc import Iterator

import pytest
from tests.house.pages import codes, section, tables, text
from tests.house.repository import ROOT

import cli_docs
from sluice_cli.__main__ import COMMANDS

PAGE = ROOT / "docs/cli.md"
README = ROOT / "README.md"
# Where other pages tell some of a command's options too.
TOLD = {
    "dev": ("docs/operations.md", "The dev stack"),
    "chat": ("docs/clients.md", "On a terminal"),
    "connect": ("docs/clients.md", "A program for your gateway"),
    "proxy": ("docs/clients.md", "Tools that know only a base URL and a key"),
}
NOT_SAID: tuple[object, ...] = (None, False, "", [])


def parser(command: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = importlib.import_module(f"sluice_cli.commands.{command}").parser()
    return made


def actions(command: str) -> Iterator[argparse.Action]:
    return (action for action in parser(command)._actions if action.dest != "help")


def examples(markdown: str) -> list[list[str]]:
    """The words of each line that starts `sluice`, up to a pipe, in fences of the shell."""
    fences = re.findall(r"```sh\n(.*?)```", markdown, re.DOTALL)
    lines = [line.partition(" | ")[0].split() for fence in fences for line in fence.splitlines()]
    return [words for words in lines if words[:1] == ["sluice"]]


def test_the_page_is_what_the_help_texts_say() -> None:
    assert text(PAGE) == cli_docs.page(), "`make docs` writes it anew"


def test_every_command_is_in_the_readme() -> None:
    rows = tables(section(text(README), "The command line"))[0]

    assert [code for row in rows for code in codes(row[0])] == [f"sluice {name}" for name in COMMANDS]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_has_an_example_and_every_option_a_meaning(command: str) -> None:
    told = section(text(PAGE), f"sluice {command}")
    items = {code.split()[0] for line in re.findall(r"^- (`.*?`):", told, re.MULTILINE) for code in codes(line)}

    assert any(words[1] == command for words in examples(told))
    for action in actions(command):
        assert set(action.option_strings or [str(action.metavar)]) <= items
        assert action.help


@pytest.mark.parametrize("command", COMMANDS)
def test_a_default_is_told(command: str) -> None:
    for action in actions(command):
        default = f"{action.default:g}" if isinstance(action.default, float) else action.default
        assert default in NOT_SAID or str(default) in str(action.help), action.dest


@pytest.mark.parametrize("command", COMMANDS)
def test_an_example_is_understood(command: str) -> None:
    (words,) = examples(section(text(PAGE), f"sluice {command}"))

    shown = [word.strip("\"'") for word in words[2:]]
    options = {name for action in actions(command) for name in action.option_strings}

    assert [word for word in shown if word.startswith("-") and word not in options] == []


@pytest.mark.parametrize("command", TOLD)
def test_no_page_tells_of_an_option_that_is_not_there(command: str) -> None:
    page, heading = TOLD[command]
    rows = [row for table in tables(section(text(ROOT / page), heading)) for row in table]
    told = {code.split()[0] for row in rows for code in codes(row[0]) if code.startswith("-")}

    assert told
    assert told - {name for action in actions(command) for name in action.option_strings} == set()
