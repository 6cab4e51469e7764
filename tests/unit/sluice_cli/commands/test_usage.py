import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.unit.sluice_cli import calls
from tests.unit.sluice_cli.fake_table import FakeTable
from tests.unit.sluice_cli.screens import Shown
from tests.unit.sluice_cli.totals_rows import beginning, rows

from sluice_cli.__main__ import main
from sluice_cli.commands import usage
from sluice_cli.commands.usage import Options
from sluice_cli.ledger import Ledger
from sluice_cli.record import record
from sluice_cli.waiting import Waiting

NOW = calls.STARTED_MS / 1000 + 3600
DAY_MS = 86_400_000


def typed(*words: str) -> Options:
    return Options.of(usage.parser().read(words), NOW)


def item(name: str, days: int = 0, cost: int | None = 1500, **changes: object) -> calls.Item:
    outcome = replace(calls.OUTCOME, cost=cost)
    return calls.settled(outcome, request_id=name, started_ms=calls.STARTED_MS - days * DAY_MS, **changes)


def shown(items: Sequence[calls.Item], *words: str, screen: Shown | None = None) -> Shown:
    ledger = Ledger(FakeTable(*items), "ledger", lambda: NOW)
    options, made = typed(*words), screen or Shown()
    usage.show(usage.summed(ledger, options, made.terminal), "ledger", options, made.terminal)
    return made


def test_a_table_by_day_ends_with_the_sum() -> None:
    lines = shown([item("a"), item("b"), item("c", days=1, cost=None)]).written.splitlines()

    assert lines[0].split("  ")[0] == "day (UTC)"
    assert [line.split()[:2] for line in lines[1:]] == [["2026-11-19", "1"], ["2026-11-20", "2"], ["total", "3"]]
    assert "  1 unpriced  " in lines[1]
    assert "  $0.000003000  " in lines[2]
    assert "  $0.000003000 + 1 unpriced  " in lines[3]


def test_one_group_needs_no_sum() -> None:
    assert len(shown([item("a"), item("b")]).written.splitlines()) == 2


def test_csv_has_the_exact_cost_twice_and_no_sum() -> None:
    rows = list(csv.DictReader(io.StringIO(shown([item("a"), item("b", cost=None)], "--by", "model", "--csv").written)))
    unknown = list(csv.DictReader(io.StringIO(shown([item("b", cost=None)], "--csv").written)))

    assert len(rows) == 1
    assert (rows[0]["model"], rows[0]["calls"], rows[0]["unpriced"]) == ("gpt-4o-mini", "2", "1")
    assert (rows[0]["cost"], rows[0]["cost_usd"]) == ("1500", "0.000001500")
    assert (unknown[0]["cost"], unknown[0]["cost_usd"]) == ("", "")


def test_json_is_one_document_with_groups_and_total() -> None:
    document = json.loads(shown([item("a"), item("b", days=1)], "--json", "--by", "day,outcome").written)

    assert document["by"] == ["day", "outcome"]
    assert [(group["day"], group["outcome"], group["cost"]) for group in document["groups"]] == [
        ("2026-11-19", "complete", 1500),
        ("2026-11-20", "complete", 1500),
    ]
    assert (document["total"]["calls"], document["total"]["cost"]) == (2, 3000)
    assert (document["since"], document["until"], document["table"]) == ("2026-11-14T00:00:00.000Z", None, "ledger")


def test_only_the_period_counts_and_its_end_does_not_belong_to_it() -> None:
    items = [item(f"call-{days}", days=days) for days in range(10)]

    default = json.loads(shown(items, "--json").written)
    bounded = json.loads(shown(items, "--json", "--since", "2026-11-15", "--until", "2026-11-17").written)
    edge = json.loads(
        shown(items, "--json", "--since", "2026-11-18T21:25:01.241Z", "--until", "2026-11-19T21:25:01.241Z").written
    )

    assert default["total"]["calls"] == 7
    assert [group["day"] for group in bounded["groups"]] == ["2026-11-15", "2026-11-16", "2026-11-17"]
    assert [group["day"] for group in edge["groups"]] == ["2026-11-18"]


def test_with_an_end_alone_the_days_before_it_count() -> None:
    assert str(typed("--until", "2026-11-10").period) == "2026-11-04T00:00Z to 2026-11-11T00:00Z"
    assert str(typed("--until", "2027-01-01").period) == "2026-11-14T00:00Z to 2027-01-02T00:00Z"


def test_only_what_is_wanted_counts() -> None:
    items = [item("a"), item("b", provider="other"), item("c", provider="other", model="x")]

    document = json.loads(shown(items, "--json", "--by", "provider", "--provider", "open*").written)

    assert [(group["provider"], group["calls"]) for group in document["groups"]] == [("openai", 3)]


def test_nothing_is_told_beside_the_output() -> None:
    made = shown([], "--since", "2026-11-01")

    assert (made.written, made.complained) == ("", "no such calls from 2026-11-01T00:00Z to now in table ledger\n")
    assert json.loads(shown([], "--json").written)["groups"] == []


@pytest.mark.parametrize("width", [46, 60, 80, 120])
def test_a_narrow_terminal_gets_a_table_that_does_not_fold(width: int) -> None:
    screen = Shown({"COLUMNS": str(width), "NO_COLOR": "1"}, is_terminal=True)

    lines = shown([item("a"), item("b", days=1)], "--by", "day,principal", screen=screen).written.splitlines()

    assert max(map(len, lines[:4])) <= width
    assert ("no room for: " in lines[-1]) == (width < 120)


def test_an_abandoned_call_is_told_under_the_table() -> None:
    assert shown([calls.abandoned()]).written.endswith("1 abandoned call counts with the most it can have cost\n")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--by", "modell"], "argument --by: cannot group by 'modell'; did you mean model?; `sluice usage --help`"),
        (
            ["--by", "x"],
            "argument --by: cannot group by 'x'; use day, principal, model, provider, route, surface, operation, outcome",
        ),
        (["--since", "soon"], "argument --since: 'soon' is no time; 90m, 24h"),
        (
            ["--since", "2026-11-20", "--until", "2026-11-19"],
            "--since 2026-11-20T00:00Z is not before --until 2026-11-20T",
        ),
        (["--json", "--csv"], "argument --csv: not allowed with argument --json"),
        (["--stack", "a", "--table", "b"], "--stack says where the table is; leave out --table, or --stack"),
    ],
)
def test_what_cannot_be_is_wrong_usage_and_one_line(words: list[str], line: str) -> None:
    made = Shown()

    assert main(["usage", *words], made.terminal) == 2
    assert made.complained.startswith(f"sluice usage: {line}")
    assert made.complained.count("\n") == 1


def test_who_waits_is_told_how_far_the_reading_is() -> None:
    waiting = Waiting(Shown().terminal.error, "")
    records = [record(item(f"call-{number}", days=number // 100)) for number in range(250)]

    told = {number: waiting.text for number, _ in enumerate(usage._told(iter(records), waiting), 1)}

    assert told[1] == told[100] == "reading the ledger: 1 calls, 2026-11-20"
    assert told[250] == "reading the ledger: 201 calls, 2026-11-18"


def test_groups_may_be_named_together_or_one_by_one() -> None:
    assert typed("--by", "day,model").by == typed("--by", "day", "--by", "model,day").by == ("day", "model")
    assert typed().by == ("day",)


def from_totals(*words: str) -> Shown:
    items = [item("a"), item("b", cost=None)]
    return shown([*items, *rows(items), beginning("20261101")], *words)


def test_totals_are_read_where_they_answer_and_that_is_said() -> None:
    made = from_totals()

    assert "first chunk" not in made.written
    assert made.written.splitlines()[-1].startswith("from the totals, which may be a minute behind; --records ")
    assert json.loads(from_totals("--json").written)["source"] == "totals"


@pytest.mark.parametrize("words", [["--records"], ["--model", "*"], ["--by", "surface"], ["--since", "24h"]])
def test_records_are_read_where_totals_do_not_answer_or_are_not_wanted(words: list[str]) -> None:
    document = json.loads(from_totals("--json", *words).written)

    assert (document["source"], document["total"]["calls"]) == ("records", 2)
    assert document["total"]["median_duration_ms"] == calls.OUTCOME.duration_ms


@pytest.mark.parametrize("words", [["--model", "x"], ["--since", "24h"], ["--csv"]])
def test_whoever_verifies_takes_whole_days_and_every_call(words: list[str]) -> None:
    made = Shown()

    assert main(["usage", "--verify", *words], made.terminal) == 2
    assert made.complained.startswith("sluice usage: --verify judges whole days and all calls in them")
