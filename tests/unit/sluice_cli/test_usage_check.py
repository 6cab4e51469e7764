"""`sluice usage --verify`: equal is equal to the last figure, and what is on its way is told apart."""

import json
from collections.abc import Sequence

import pytest
from tests.unit.sluice_cli import calls
from tests.unit.sluice_cli.fake_table import FakeTable
from tests.unit.sluice_cli.screens import Shown
from tests.unit.sluice_cli.totals_rows import beginning, ended, rows

from sluice_cli.commands import usage
from sluice_cli.commands.usage import Options
from sluice_cli.ledger import Ledger

NOW = calls.STARTED_MS / 1000 + 3600
SOON = calls.STARTED_MS / 1000 + 30
CALLS = [ended("a"), ended("b", cost=None), ended("c", days=1, provider="azure"), calls.abandoned(request_id="d")]
SINCE = beginning("20261101")


def verified(items: Sequence[calls.Item], *words: str, now: float = NOW) -> tuple[int, Shown]:
    made = Shown()
    options = Options.of(usage.parser().read(["--verify", *words]), now)
    return usage.verified(Ledger(FakeTable(*items), "ledger", lambda: now), options, now, made.terminal), made


def test_equal_totals_are_proven() -> None:
    status, made = verified([*CALLS, *rows(CALLS), SINCE])

    assert (status, made.written.splitlines()[0]) == (
        0,
        "the totals equal the records of 4 calls in 8 rows, 2026-11-14T00:00Z to now",
    )


def test_a_call_that_is_missing_is_found_in_every_dimension() -> None:
    status, made = verified([*CALLS, *rows(CALLS[1:]), SINCE], "--json")
    document = json.loads(made.written)

    assert (status, document["equal"], document["calls"]) == (1, False, 4)
    assert {each["dimension"] for each in document["differences"]} == {"principal", "model", "provider", "route"}
    assert {
        "day": "2026-11-20",
        "dimension": "provider",
        "value": "openai",
        "figure": "n",
        "stored": 2,
        "least": 3,
        "most": 3,
    } in document["differences"]


def test_a_single_nano_dollar_is_found() -> None:
    first, *others = rows(CALLS)
    wrong = {**first, "nusd": {"N": str(int(first["nusd"]["N"]) + 1)}}

    status, made = verified([*CALLS, wrong, *others, SINCE])

    assert status == 1
    assert made.written.splitlines()[:2] == [
        "the totals are not equal to the records of 4 calls in 8 rows, 2026-11-14T00:00Z to now",
        "2026-11-20, principal arn:aws:iam::123456789012:role/Developers: 9,852,901 nano-dollars in the totals, "
        "9,852,900 in the records",
    ]


def test_a_call_that_was_counted_twice_is_found() -> None:
    assert verified([*CALLS, *rows([*CALLS, CALLS[0]]), SINCE])[0] == 1


@pytest.mark.parametrize("counted", [CALLS, CALLS[1:]])
def test_what_ended_within_the_last_minute_may_be_counted_or_not(counted: list[calls.Item]) -> None:
    status, made = verified([*CALLS, *rows(counted), SINCE], now=SOON)

    assert status == 0
    assert "3 ended within the last minute" in made.written


def test_what_runs_is_told_apart() -> None:
    status, made = verified([*CALLS, calls.reserved(request_id="open"), *rows(CALLS), SINCE])

    assert status == 0
    assert "1 still run" in made.written


def test_before_totals_were_kept_fewer_calls_are_no_difference_and_more_are() -> None:
    late = beginning("20261121")

    assert verified([*CALLS, *rows(CALLS[1:]), late])[0] == 0
    assert verified([*CALLS[1:], *rows(CALLS), late])[0] == 1
    assert "no totals are kept yet" in verified(CALLS)[1].written


def test_of_many_differences_the_first_are_shown() -> None:
    status, made = verified([*CALLS, SINCE])

    assert status == 1
    assert made.written.count("in the totals") == 20
    assert " more\n" in made.written
