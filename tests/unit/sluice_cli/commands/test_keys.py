import argparse
import json
from collections.abc import Sequence

import pytest
from tests.unit.sluice_cli.key_table import KeyTable
from tests.unit.sluice_cli.screens import Shown

from sluice_cli import key_text
from sluice_cli.commands import keys
from sluice_cli.failure import CommandFailed, UsageError
from sluice_cli.key_item import StoredKey
from sluice_cli.key_terms import Terms
from sluice_cli.terminal import Terminal
from sluice_cli.virtual_keys import VirtualKeys

NOW = 1_795_208_400
WHOLE = StoredKey(
    "fakefakefake",
    Terms(
        "search",
        "ann@example.com",
        ("smart", "openai/gpt-*"),
        (
            {"usd": "10.00", "window": "month", "estimate": "typical", "overshoot": "10%"},
            {"usd": "1", "window": "day", "estimate": "strict"},
        ),
        {"requests_per_minute": 60, "concurrent": 4},
        {"team": "search"},
        NOW + 100,
    ),
    "hash",
    NOW - 100,
    NOW - 50,
    former_until=NOW + 50,
)
BARE = StoredKey("otherfake234", Terms("other", "ben"), "hash", NOW, revoked=NOW, is_revoked=True)


class Answering(Terminal):
    """Somebody who answers every question so; None ends the input."""

    answer: str | None = "y"

    def ask(self, prompt: str) -> str:
        self.out.write(prompt)
        if self.answer is None:
            raise EOFError
        return self.answer


def run(words: Sequence[str]) -> None:
    keys.run(keys.parser().read(words), Shown().terminal)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "say what to do: `sluice keys create|list|show|rotate|revoke`"),
        (["make"], "invalid choice: 'make'"),
        (["create"], "name the key"),
        (["show"], "name the key: `sluice keys show NAME`, or its id"),
        (["rotate"], "name the key: `sluice keys rotate NAME`, or its id"),
        (["revoke"], "name the key: `sluice keys revoke NAME`, or its id"),
        (["list", "x"], "`sluice keys list` takes no argument 'x'"),
        (["list", "--owner", "x"], "`sluice keys list` takes no --owner"),
        (["create", "x", "--grace", "1h"], "`sluice keys create` takes no --grace"),
        (["create", "x", "--yes"], "`sluice keys create` takes no --yes"),
        (["create", "x", "--all"], "`sluice keys create` takes no --all"),
        (["revoke", "x", "--strict"], "`sluice keys revoke` takes no --strict"),
        (["show", "x", "--table", "a", "--stack", "b"], "leave out --table, or --stack"),
        (["create", "x", "--owner", "a", "--rate", "fast"], "'fast' is no limit"),
    ],
)
def test_what_cannot_be_is_wrong_usage(words: list[str], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        run(words)

    assert says in str(caught.value)


def test_every_option_belongs_to_an_action() -> None:
    known = {action.dest for action in keys.parser()._actions} - {"help", "action", "json"}

    assert set().union(*keys.OPTIONS.values()) == known


def asked(answer: str | None, is_terminal: bool = True, *, yes: bool | None = None) -> str:
    shown = Shown(is_terminal=is_terminal)
    plain = shown.terminal
    terminal = Answering(plain.out, plain.error, plain.input, plain.environ)
    object.__setattr__(terminal, "answer", answer)
    keys.confirm(argparse.Namespace(yes=yes), terminal, "key a, \x1b[2Jb")
    return shown.written


@pytest.mark.parametrize("answer", ["y", " YES ", "yes"])
def test_whoever_says_yes_revokes(answer: str) -> None:
    assert asked(answer) == "revoke key a, \N{REPLACEMENT CHARACTER}[2Jb, for good? [y/N] "


@pytest.mark.parametrize("answer", ["", "n", "no", "yep", None])
def test_anything_else_revokes_nothing(answer: str | None) -> None:
    with pytest.raises(CommandFailed, match="nothing was revoked"):
        asked(answer)


def test_where_nobody_can_be_asked_it_has_to_be_said_before() -> None:
    with pytest.raises(UsageError, match="add --yes"):
        asked("y", is_terminal=False)
    assert asked(None, is_terminal=False, yes=True) == ""


def test_the_key_is_alone_on_standard_output() -> None:
    shown, made = Shown(), VirtualKeys(KeyTable(), "ledger", lambda: NOW).create(Terms("x", "ann"))

    keys.told(argparse.Namespace(json=False), shown.terminal, made, key_text.created(made.stored))

    assert shown.written == f"{made.key}\n"
    assert shown.complained == (
        f"key {made.stored.id}, x, for ann: models all, until it is revoked. It is shown this once: the table has its "
        "SHA-256 only\n"
    )
    assert made.key not in shown.complained


def test_for_programs_the_key_is_in_the_document() -> None:
    shown, made = Shown(), VirtualKeys(KeyTable(), "ledger", lambda: NOW).create(Terms("x", "ann"))

    keys.told(argparse.Namespace(json=True), shown.terminal, made, "")

    document = json.loads(shown.written)
    assert (document["key"], document["id"], shown.complained) == (made.key, made.stored.id, "")
    assert made.stored.hash not in shown.written


def test_keys_are_listed_with_what_they_may_do() -> None:
    head, first, second = key_text.listing([WHOLE, BARE], NOW, Shown().terminal.out).split("\n")

    assert head.split() == ["id", "name", "owner", "state", "models", "budget", "rate", "tags", "expires"]
    for text in ("fakefakefake", "active", "smart, openai/gpt-*", "$10.00/month +10%, $1/day strict", "team=search"):
        assert text in first
    assert "60 requests/min, 4 at once" in first
    assert second.split()[:4] == ["otherfake234", "other", "ben", "revoked"]
    assert second.endswith("never")


def test_a_narrow_terminal_names_what_it_leaves_out() -> None:
    screen = Shown({"COLUMNS": "60"}, is_terminal=True).terminal.out

    assert "left out:" in key_text.listing([WHOLE], NOW, screen)


def test_all_of_a_key_is_shown_but_its_hash() -> None:
    shown = key_text.whole(WHOLE, NOW, Shown().terminal.out)

    assert shown.startswith("key fakefakefake\n")
    assert len(shown.split("\n")) == 13
    assert "hash" not in shown


def test_control_characters_move_nobodys_cursor() -> None:
    evil = StoredKey("fakefakefake", Terms("a\x1b[2J", "b\x07", ("c\x1b",), (), {}, {"d": "\x1b"}), "hash")
    screen = Shown().terminal.out

    assert "\x1b" not in key_text.whole(evil, NOW, screen) + key_text.listing([evil], NOW, screen)


@pytest.mark.parametrize(("stored", "state"), [(WHOLE, "active"), (BARE, "revoked")])
def test_a_document_has_every_field(stored: StoredKey, state: str) -> None:
    document = key_text.document(stored, NOW)

    assert document["state"] == state
    assert list(document) == list(key_text.document(WHOLE, NOW))
    assert "hash" not in json.dumps(document)


def test_a_rotation_says_what_becomes_of_the_old_key() -> None:
    assert "the one before is good until" in key_text.rotated(WHOLE)
    assert "the one before is refused" in key_text.rotated(BARE)
