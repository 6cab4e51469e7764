import json
from dataclasses import replace

import pytest
from tests.unit.sluice_cli import calls
from tests.unit.sluice_cli.fake_table import FakeTable
from tests.unit.sluice_cli.screens import Shown

from sluice_cli.__main__ import main
from sluice_cli.commands import logs
from sluice_cli.commands.logs import Options
from sluice_cli.failure import CommandFailed
from sluice_cli.ledger import Ledger
from sluice_cli.record import record

PLAIN = Options(id=None, follow=False, json=False, count=2, table=None, region=None, env_file=None)
JSON = replace(PLAIN, json=True)
NOW = calls.STARTED_MS / 1000 + 2


def item(name: str, seconds: int = 0) -> calls.Item:
    return calls.settled(request_id=name, started_ms=calls.STARTED_MS + seconds * 1000)


def ledger(*items: calls.Item) -> Ledger:
    return Ledger(FakeTable(*items), "ledger", lambda: NOW)


def test_the_newest_calls_come_as_lines_the_last_one_at_the_bottom() -> None:
    shown = Shown()

    logs.show_newest(ledger(item("a", 1), item("b", 2), item("c", 0)), PLAIN, shown.terminal)

    assert [line.split()[-1] for line in shown.written.splitlines()] == ["a", "b"]


def test_json_is_one_object_per_line() -> None:
    shown = Shown()

    logs.show_newest(ledger(item("a", 1), item("b", 2)), JSON, shown.terminal)

    assert [json.loads(line) for line in shown.written.splitlines()] == [record(item("a", 1)), record(item("b", 2))]


def test_an_empty_ledger_is_told_beside_the_output() -> None:
    shown = Shown()

    logs.show_newest(ledger(), JSON, shown.terminal)

    assert (shown.written, shown.complained) == ("", "no calls in the last 14 days in table ledger\n")


def test_one_call_is_shown_whole() -> None:
    shown = Shown()

    logs.show_one(ledger(item("a")), "a", PLAIN, shown.terminal)
    logs.show_one(ledger(item("a")), "a", JSON, shown.terminal)

    *text, last = shown.written.splitlines()
    assert text[0] == "call a"
    assert json.loads(last) == record(item("a"))


def test_a_call_without_record_is_a_failure_that_says_why() -> None:
    with pytest.raises(CommandFailed, match="no record of call x; a call that was refused before it left has none"):
        logs.show_one(ledger(item("a")), "x", PLAIN, Shown().terminal)


def test_following_goes_on_with_what_ends_until_it_is_interrupted() -> None:
    shown = Shown()
    table = FakeTable(item("a"))
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            raise KeyboardInterrupt
        table.add(item(f"later-{len(naps)}", 1))

    with pytest.raises(KeyboardInterrupt):
        logs.follow(Ledger(table, "ledger", lambda: NOW), PLAIN, shown.terminal, sleep=nap, now=lambda: NOW)

    assert [line.split()[-1] for line in shown.written.splitlines()] == ["a", "later-1", "later-2"]
    assert naps == [1.0, 1.0, 1.0]


def test_following_one_call_is_wrong_usage() -> None:
    shown = Shown()

    assert main(["logs", "-f", "some-id"], shown.terminal) == 2
    assert shown.complained == "sluice logs: --follow shows calls as they end; leave out the id, or --follow\n"
