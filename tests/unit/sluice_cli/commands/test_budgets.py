"""`sluice budgets`: what people and programs see, and what --verify judges."""

import json
from dataclasses import replace

import pytest
from tests.unit.sluice_cli import calls
from tests.unit.sluice_cli.budget_items import DAY, HOLD, MONTH, call, row
from tests.unit.sluice_cli.fake_table import FakeTable
from tests.unit.sluice_cli.screens import Shown

from sluice_cli.__main__ import main
from sluice_cli.budget_rows import Budgets
from sluice_cli.commands import budgets

NOW = calls.STARTED_MS / 1000 + 3600
TEAM = replace(HOLD, name="team:2", key="team_2#0123456789ab", period=MONTH, of="all", limit=1_000_000)


class Moving(FakeTable):
    """Calls end while it is read: what a budget's row says changes from one look to the next."""

    def __init__(self, *items: calls.Item, rows: list[calls.Item]) -> None:
        super().__init__(*items)
        self._rows = rows

    def get_item(self, **arguments: object) -> dict[str, object]:
        return {"Item": self._rows.pop(0) if len(self._rows) > 1 else self._rows[0]}


def shown(table: FakeTable, *words: str, is_terminal: bool = False) -> tuple[int, Shown]:
    made = Shown({"COLUMNS": "200"}, is_terminal=is_terminal)
    found = Budgets(table, "ledger", lambda: NOW)
    return budgets.show(found, budgets.parser().read(words), made.terminal, lambda _: None), made


def two() -> FakeTable:
    return FakeTable(
        call("a", (HOLD, 2_500_000_000), (TEAM, 400_000)),
        call("b", (HOLD, 1_000_000), (TEAM, 400_000)),
        row(HOLD, used=3_501_000_000, reserved=1_000_000_000, fr=3),
        row(TEAM, used=900_000, reserved=100_000),
    )


def test_a_line_for_each_budget() -> None:
    code, made = shown(two())

    head, first, second = made.written.splitlines()
    assert code == 0
    assert head.split()[:5] == ["budget", "whose", "window", "limit", "spent"]
    assert first.split() == [
        *("team", HOLD.of, "day", "$10.000000", "$2.501000", "##+.......", "25", "%", "$1.000000", "$6.499000", "3"),
        "2026-11-21T00:00:00Z",
    ]
    assert second.split()[:9] == [
        "team:2",
        "all",
        "month",
        "$0.001000",
        "$0.000800",
        "########+.",
        "80",
        "%",
        "$0.000100",
    ]


def test_the_document_is_exact() -> None:
    _, made = shown(two(), "--json")

    document = json.loads(made.written)
    assert document["table"] == "ledger"
    assert document["budgets"][0] == {
        "budget": "team",
        "of": HOLD.of,
        "window": "day",
        "period": DAY,
        "limit": 10_000_000_000,
        "spent": 2_501_000_000,
        "reserved": 1_000_000_000,
        "left": 6_499_000_000,
        "false_refusals": 3,
        "resets_at": "2026-11-21T00:00:00Z",
    }


def test_one_policys_budgets_alone() -> None:
    _, made = shown(two(), "--json", "--policy", "team:2")

    assert [one["budget"] for one in json.loads(made.written)["budgets"]] == ["team:2"]


def test_records_that_say_the_same_are_proof() -> None:
    code, made = shown(two(), "--verify")

    assert code == 0
    assert all(line.endswith("equal") for line in made.written.splitlines()[1:])


def test_records_that_say_something_else_are_told_and_fail() -> None:
    for charged, words in ((2_500, "$0.000000500 more"), (1_999, "$0.000000001 less")):
        code, made = shown(FakeTable(call("a", (HOLD, charged)), row(HOLD, used=2_000)), "--verify")

        assert code == 1
        assert made.written.splitlines()[1].endswith(words)


def test_the_document_of_a_proof_has_both_sums() -> None:
    code, made = shown(FakeTable(call("a", (HOLD, 1_000)), row(HOLD, used=2_000)), "--verify", "--json")

    (one,) = json.loads(made.written)["budgets"]
    assert (code, one["spent"], one["charged"], one["verdict"]) == (1, 2_000, 1_000, "differs")


def test_a_budget_for_good_may_have_been_charged_before() -> None:
    total = replace(HOLD, period="T", resets_at=None)

    code, made = shown(FakeTable(call("a", (total, 1_000)), row(total, used=2_000)), "--verify")

    assert code == 0
    assert "older records are not read" in made.written
    assert " never " in made.written


def test_what_settles_just_now_is_looked_at_again() -> None:
    table = Moving(call("a", (HOLD, 1_000)), rows=[row(HOLD, used=900), row(HOLD, used=1_000)])

    code, made = shown(table, "--verify")

    assert (code, made.written.splitlines()[1].split()[-1]) == (0, "equal")


def test_what_never_rests_is_not_judged() -> None:
    table = Moving(call("a", (HOLD, 1_000)), rows=[row(HOLD, used=used) for used in (1, 2, 3, 4, 5)])

    code, made = shown(table, "--verify")

    assert code == 0
    assert "calls are settled just now" in made.written


def test_an_overdrawn_budget_says_by_how_much() -> None:
    _, made = shown(FakeTable(call("a", (TEAM, 1_200_000)), row(TEAM, used=1_200_000)))

    assert " ########## 120 % " in made.written
    assert " -$0.000200 " in made.written


def test_a_table_without_budgets_says_so() -> None:
    code, made = shown(FakeTable(calls.settled()))

    assert (code, made.written, made.complained) == (0, "", "no budget in table ledger was charged in that time\n")


def test_on_a_narrow_terminal_columns_go() -> None:
    made = Shown({"COLUMNS": "100"}, is_terminal=True)

    budgets.show(Budgets(two(), "ledger", lambda: NOW), budgets.parser().read([]), made.terminal)

    assert "no room for: " in made.written


@pytest.mark.parametrize("words", [["--since", "never"], ["--verbose"], ["x"]])
def test_what_is_typed_wrongly_is_refused(words: list[str]) -> None:
    made = Shown()

    assert main(["budgets", *words], made.terminal) == 2
    assert made.complained.startswith("sluice budgets: ")


def test_without_a_table_it_says_how_to_name_one(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))
    made = Shown()

    assert main(["budgets"], made.terminal) == 2
    assert "no table named" in made.complained
