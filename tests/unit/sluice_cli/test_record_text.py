from dataclasses import replace
from datetime import timedelta, timezone

import pytest
from tests.unit.sluice_cli import calls
from tests.unit.sluice_cli.screens import Stream

from sluice.domain.record import Outcome
from sluice_cli.record import record
from sluice_cli.record_text import brief, line, whole
from sluice_cli.terminal import Screen

ZONE = timezone(timedelta(hours=2))
PLAIN = Screen(Stream(), {})


def fields(text: str) -> dict[str, str]:
    rows = [row.split(None, 1) for row in text.splitlines()[1:] if row.startswith("  ") and row[2] != " "]
    return {row[0]: row[1] for row in rows}


def test_a_call_is_one_line_in_local_time_with_its_id_to_copy() -> None:
    shown = line(record(calls.settled()), PLAIN, ZONE)

    assert shown == (
        "2026-11-20 23:25:01  200  mini > openai/gpt-4o-mini   ttft 403ms    2.13s      7+53 tok  $0.000033  d4b2aac8"
    )


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        (
            135,
            "2026-11-20 23:25:01  200  openai/gpt-4o-mini         ttft 403ms    2.13s      7+53 tok  $0.000033  {id}",
        ),
        (134, "23:25:01  200  openai/gpt-4o-mini         ttft 403ms    2.13s      7+53 tok  $0.000033  d4b2aac8"),
        (80, "23:25:01  200  openai/gpt-4o-mini    2.13s      7+53 tok  $0.000033  d4b2aac8"),
        (60, "23:25:01  200  openai/gpt-4o-mini  $0.000033  d4b2aac8"),
        (40, "23:25:01  200  openai/gpt-4o-mini  d4b2aac8"),
    ],
)
def test_a_narrower_terminal_is_told_less_and_no_line_folds(columns: int, shown: str) -> None:
    screen = Screen(Stream(is_terminal=True), {"COLUMNS": str(columns), "NO_COLOR": "1"})
    name = "d4b2aac8-9769-456f-8b4a-5da62af2eed5"

    found = line(record(calls.settled(request_id=name, route="gpt-4o-mini")), screen, ZONE)

    assert found == shown.format(id=name)
    assert len(found) <= max(columns, 43)


@pytest.mark.parametrize(
    ("route", "model"),
    [("gpt-4o-mini", "openai/gpt-4o-mini "), ("openai/gpt-4o-mini", "openai/gpt-4o-mini ")],
)
def test_a_model_asked_for_by_its_own_name_is_named_once(route: str, model: str) -> None:
    assert f"  200  {model}" in line(record(calls.settled(route=route)), PLAIN)


@pytest.mark.parametrize("columns", [150, 135, 110])
def test_a_long_name_of_a_model_is_cut_to_the_room_there_is(columns: int) -> None:
    screen = Screen(Stream(is_terminal=True), {"COLUMNS": str(columns), "NO_COLOR": "1"})
    name, long = "d4b2aac8-9769-456f-8b4a-5da62af2eed5", "global.anthropic.claude-haiku-4-5-20251001-v1:0"

    shown = line(record(calls.settled(request_id=name, route=long)), screen, ZONE)

    assert len(shown) == columns
    assert "  global." in shown
    assert long in line(record(calls.settled(request_id=name, route=long)), PLAIN)


def test_a_call_that_failed_says_how() -> None:
    failed = replace(calls.OUTCOME, outcome=Outcome.INCOMPLETE, error_code="upstream_stream_truncated")

    assert line(record(calls.settled(failed)), PLAIN).endswith("  d4b2aac8  incomplete upstream_stream_truncated")


def test_an_abandoned_call_shows_what_it_cost_at_most_and_probably() -> None:
    shown = line(record(calls.abandoned()), PLAIN)

    assert "at most $0.009851, est. $0.000312" in shown
    assert shown.endswith("  abandoned")


def test_a_cost_that_is_not_known_is_no_zero() -> None:
    unknown = record(calls.settled(replace(calls.OUTCOME, cost=None)))

    assert "  $?  " in line(unknown, PLAIN) or "       $?  " in line(unknown, PLAIN)
    assert fields(whole(unknown, PLAIN))["cost"] == "- (the price is unknown)"


def test_a_terminal_sees_the_status_in_colour() -> None:
    screen = Screen(Stream(is_terminal=True), {})

    assert "\x1b[32m200\x1b[0m" in line(record(calls.settled()), screen)
    assert "\x1b[31m502\x1b[0m" in line(record(calls.settled(replace(calls.OUTCOME, http_status=502))), screen)


def test_a_whole_call_shows_every_field_in_exact_dollars() -> None:
    found = record(calls.settled())

    shown = fields(whole(found, PLAIN, ZONE))

    assert set(shown) == set(found) - {"request_id"}
    assert shown["started_at"] == "2026-11-20 23:25:01 here, 2026-11-20T21:25:01.241Z"
    assert (shown["cost"], shown["cost_bound"], shown["cost_estimate"]) == (
        "$0.000032850",
        "$0.009851400",
        "$0.000312150",
    )
    assert shown["usage"] == "input 5  cache_read 2  cache_write_5m 0  cache_write_1h 0  output 53  reasoning 8"
    assert (shown["stream"], shown["error_code"], shown["duration_ms"]) == ("yes", "-", "2129 ms")


def test_attempts_are_a_list() -> None:
    shown = whole(record(calls.settled()), PLAIN)

    assert "1. openai/gpt-4o-mini  no answer  12ms  upstream_unreachable\n" in shown
    assert " 2. openai/gpt-4o-mini  200  304ms\n" in shown


def test_a_call_that_still_runs_can_be_shown() -> None:
    found = record(calls.reserved())

    assert fields(whole(found, PLAIN))["status"] == "reserved"
    assert line(found, PLAIN).endswith("d4b2aac8  reserved")


def test_what_a_caller_sent_can_neither_steer_the_terminal_nor_pass_for_a_field() -> None:
    hostile = record(calls.settled(route="a\x1b[2J\n  cost  $0", metadata={"x\n  status": "y\x1b]0;t\x07"}))

    for shown in (line(hostile, PLAIN), whole(hostile, PLAIN)):
        assert "\x1b" not in shown
        assert "\n  cost  $0" not in shown
    assert fields(whole(hostile, PLAIN))["status"] == "settled"


def test_whoever_has_just_read_an_answer_is_told_briefly_what_it_came_to() -> None:
    assert brief(record(calls.settled())) == "7+53 tok  $0.000033  ttft 403ms  2.13s  d4b2aac8"
