from dataclasses import replace
from datetime import timedelta, timezone

from tests.unit.sluice_cli import calls
from tests.unit.sluice_cli.screens import Stream

from sluice.domain.record import Attempt
from sluice_cli.record import record
from sluice_cli.record_text import brief, whole
from sluice_cli.terminal import Screen

ZONE = timezone(timedelta(hours=2))
PLAIN = Screen(Stream(), {})


def fields(text: str) -> dict[str, str]:
    rows = [row.split(None, 1) for row in text.splitlines()[1:] if row.startswith("  ") and row[2] != " "]
    return {row[0]: row[1] for row in rows}


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


def test_what_a_lost_attempt_may_have_cost_is_shown_with_it() -> None:
    lost = Attempt("openai", "gpt-4o-mini", None, "upstream_lost", 12, cost=210)

    shown = whole(record(calls.settled(replace(calls.OUTCOME, attempts=(lost, *calls.OUTCOME.attempts[1:])))), PLAIN)

    assert "1. openai/gpt-4o-mini  no answer  12ms  upstream_lost  may have cost $0.000000210\n" in shown
    assert " 2. openai/gpt-4o-mini  200  304ms\n" in shown


def test_a_call_that_still_runs_can_be_shown() -> None:
    found = record(calls.reserved())

    assert fields(whole(found, PLAIN))["status"] == "reserved"


def test_what_a_caller_sent_can_neither_steer_the_terminal_nor_pass_for_a_field() -> None:
    hostile = record(calls.settled(route="a\x1b[2J\n  cost  $0", metadata={"x\n  status": "y\x1b]0;t\x07"}))

    assert "\x1b" not in whole(hostile, PLAIN)
    assert "\n  cost  $0" not in whole(hostile, PLAIN)
    assert fields(whole(hostile, PLAIN))["status"] == "settled"


def test_a_cost_that_is_not_known_is_said_to_be() -> None:
    unknown = record(calls.settled(replace(calls.OUTCOME, cost=None)))

    assert fields(whole(unknown, PLAIN))["cost"] == "- (the price is unknown)"


def test_a_call_that_was_abandoned_came_to_this_at_most() -> None:
    assert brief(record(calls.abandoned())).startswith("at most $0.009851, est. $0.000312  ")


def test_whoever_has_just_read_an_answer_is_told_briefly_what_it_came_to() -> None:
    assert brief(record(calls.settled())) == "7+53 tok  $0.000033  ttft 403ms  2.13s  d4b2aac8"
