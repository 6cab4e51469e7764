from collections.abc import Sequence
from types import ModuleType

import pytest
from tests.unit.sluice_cli.config_table import ConfigTable
from tests.unit.sluice_cli.screens import Shown

from sluice_cli.commands import config, routes
from sluice_cli.configurations import Configurations
from sluice_cli.failure import CommandFailed, UsageError


def run(words: Sequence[str], command: ModuleType = config) -> None:
    command.run(command.parser().read(words), Shown().terminal)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "say what to do: `sluice config check|push|list|show|rollback`"),
        (["push"], "name the FILE to push"),
        (["push", "nowhere.toml"], "nowhere.toml is not a file"),
        (["check", "--table", "x"], "`sluice config check` takes no --table"),
        (["check", "--env-file", "x"], "`sluice config check` takes no --env-file"),
        (["list", "3"], "`sluice config list` takes no argument '3'"),
        (["list", "--to", "3"], "`sluice config list` takes no --to"),
        (["rollback", "3"], "`sluice config rollback` takes no"),
        (["push", "x", "--to", "3"], "`sluice config push` takes no --to"),
        (["rollback", "--to", "0"], "'0' is no version"),
        (["rollback", "--to", "-1"], "'-1' is no version"),
        (["rollback", "--to", "latest"], "'latest' is no version"),
        (["push", "x", "--comment", "a\nb"], "a comment is one line"),
        (["push", "x", "--comment", "a" * 300], "a comment is one line of at most 256"),
        (["pull"], "invalid choice: 'pull'"),
        (["list", "--stack", "a", "--table", "b"], "leave out --table, or --stack"),
    ],
)
def test_what_cannot_be_is_wrong_usage(words: list[str], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        run(words)

    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "say what to do: `sluice routes check|explain`"),
        (["check", "--url", "https://x"], "`sluice routes check` asks no gateway; leave out --url"),
    ],
)
def test_routes_say_what_they_want(words: list[str], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        run(words, routes)

    assert says in str(caught.value)


def test_another_version_than_was_expected_stops_the_command() -> None:
    found = Configurations(ConfigTable(), "ledger")
    found.push(b"# 1\n", "ann", "", found.in_force())

    assert config.expected(found, 1) == config.expected(found, None) == found.in_force()
    with pytest.raises(CommandFailed, match="version 1 is in force, by ann, and not the deployed file; nothing"):
        config.expected(found, 0)


def test_a_rollback_wants_something_to_go_back_to() -> None:
    table = ConfigTable()
    found = Configurations(table, "ledger")

    with pytest.raises(CommandFailed, match="the deployed file is in force, and nothing is before it"):
        config.before(found, found.in_force())
    table.items["current"] = {"v": {"N": "9"}}
    with pytest.raises(CommandFailed, match="nothing says what was in force before version 9; choose it with --to"):
        config.before(found, found.in_force())
