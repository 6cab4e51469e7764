import json
from dataclasses import replace

import pytest
from tests.unit.sluice_cli import calls
from tests.unit.sluice_cli.fake_table import FakeTable
from tests.unit.sluice_cli.screens import Shown

from sluice_cli.__main__ import main
from sluice_cli.commands import logs
from sluice_cli.commands.logs import Options
from sluice_cli.failure import CommandFailed, UsageError
from sluice_cli.ledger import Ledger
from sluice_cli.record import record

PLAIN = Options(count=2)
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
    with pytest.raises(CommandFailed, match="no record of call xxxx; a call that was refused before it left has none"):
        logs.show_one(ledger(item("a")), "xxxx", PLAIN, Shown().terminal)


def test_a_piece_of_an_id_shows_the_call_that_has_it() -> None:
    shown = Shown()
    book = ledger(item("aaaa1111"), item("bbbb2222"), item("cccc1111"))

    logs.show_one(book, "bb22", PLAIN, shown.terminal)

    assert shown.written.startswith("call bbbb2222\n")
    with pytest.raises(CommandFailed, match=r"2 calls have '1111' in their ids, at last aaaa1111, cccc1111; give more"):
        logs.show_one(book, "1111", PLAIN, shown.terminal)
    with pytest.raises(UsageError, match="'222' is too short to find a call by; give 4 characters of its id"):
        logs.show_one(book, "222", PLAIN, shown.terminal)


def test_filters_choose_among_all_calls_of_the_period() -> None:
    shown = Shown()
    typed = logs.parser().read(["--provider", "other", "-n", "2", "--since", "2026-11-20"])
    items = [item(f"call-{number}", number) for number in range(5)]
    others = [
        calls.abandoned(request_id=f"other-{days}", provider="other", started_ms=calls.STARTED_MS - days * 86_400_000)
        for days in (0, 1)
    ]

    logs.show_newest(ledger(*items, *others), Options.of(typed, NOW), shown.terminal)

    assert [line.split()[-1] for line in shown.written.splitlines()] == ["abandoned"]


def test_no_call_that_is_wanted_is_told_with_the_period() -> None:
    shown = Shown()

    logs.show_newest(ledger(item("a")), replace(PLAIN, wanted=lambda _: False, since_ms=0), shown.terminal)

    assert shown.complained == "no such calls from 1970-01-01T00:00Z to now in table ledger\n"


def test_following_shows_only_what_is_wanted() -> None:
    shown = Shown()
    table = FakeTable(item("good-1"), item("bad-1"))
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 2:
            raise KeyboardInterrupt
        table.add(item("good-2", 1))
        table.add(item("bad-2", 1))

    options = replace(PLAIN, wanted=lambda found: found["request_id"].startswith("bad"))
    with pytest.raises(KeyboardInterrupt):
        logs.follow(Ledger(table, "ledger", lambda: NOW), options, shown.terminal, sleep=nap, now=lambda: NOW)

    assert [line.split()[-1] for line in shown.written.splitlines()] == ["bad-1", "bad-2"]


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


def test_following_to_a_moment_is_wrong_usage() -> None:
    shown = Shown()

    assert main(["logs", "-f", "--until", "2026-11-20"], shown.terminal) == 2
    assert shown.complained == "sluice logs: --follow goes on; leave out --until, or --follow\n"
