from pathlib import Path

import pytest
from tests.unit.sluice_cli.screens import Shown

from sluice_cli.__main__ import COMMANDS, main
from sluice_cli.version import version


def test_without_a_command_it_lists_them_and_that_is_wrong_usage() -> None:
    shown = Shown()

    code = main([], shown.terminal)

    assert code == 2
    assert all(f"  {name}" in shown.written for name in COMMANDS)


def test_the_version_is_that_of_the_project() -> None:
    shown = Shown()

    assert main(["--version"], shown.terminal) == 0
    assert shown.written == f"sluice {version()}\n"


def test_a_clone_that_is_not_installed_has_the_version_of_its_project(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "9.8.7"\n')

    assert version("not-installed-anywhere", tmp_path) == "9.8.7"


def test_help_is_what_was_asked_for() -> None:
    assert main(["--help"], Shown().terminal) == 0


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("dmeo", "sluice: unknown command 'dmeo'; did you mean demo?\n"),
        ("x", f"sluice: unknown command 'x'; commands: {', '.join(COMMANDS)}\n"),
    ],
)
def test_an_unknown_command_is_wrong_usage_and_one_line(typed: str, line: str) -> None:
    shown = Shown()

    assert main([typed], shown.terminal) == 2
    assert shown.complained == line


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main([name, "--help"], Shown().terminal)

    explained = capsys.readouterr().out
    assert code == 0
    assert f"usage: sluice {name}" in explained
    assert f"example:\n  sluice {name}" in explained


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_refuses_what_it_does_not_know(name: str) -> None:
    shown = Shown()

    assert main([name, "--frobnicate"], shown.terminal) == 2
    assert shown.complained.startswith(f"sluice {name}: unknown argument '--frobnicate'")
    assert shown.complained.count("\n") == 1


def test_a_failure_is_one_line_and_exit_code_one() -> None:
    shown = Shown({"SLUICE_URL": "http://127.0.0.1:1"})

    assert main(["logs", "--env-file", "nowhere.env"], shown.terminal) == 1
    assert shown.complained.startswith("sluice logs: nowhere.env cannot be read (No such file or directory); ")


def test_ctrl_c_is_quiet() -> None:
    class Interrupted(Shown):
        pass

    shown = Interrupted()
    stream = shown.terminal.out.stream

    def interrupt() -> None:
        raise KeyboardInterrupt

    stream.flush = interrupt  # type: ignore[method-assign]

    assert main(["--help"], shown.terminal) == 130
    assert shown.complained == ""
