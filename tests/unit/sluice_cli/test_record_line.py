from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest
from tests.unit.sluice_cli import calls
from tests.unit.sluice_cli.screens import Stream

from sluice.domain.record import Attempt, Outcome
from sluice_cli.record import Record, record
from sluice_cli.record_line import Listing
from sluice_cli.terminal import Screen

ZONE = timezone(timedelta(hours=2))
PLAIN = Screen(Stream(), {})
NAME = "d4b2aac8-9769-456f-8b4a-5da62af2eed5"
HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
WIDE = (60, 80, 96, 110, 135, 150)


def screen(columns: int) -> Screen:
    return Screen(Stream(is_terminal=True), {"COLUMNS": str(columns), "NO_COLOR": "1"})


def line(found: Record, shown_on: Screen = PLAIN) -> str:
    return Listing(shown_on, ZONE).lines([found])[0]


def on_bedrock(model: str = HAIKU, route: str | None = None, **changes: Any) -> Record:
    attempt = Attempt("bedrock", model, 200, None, 304)
    outcome = replace(calls.OUTCOME, attempts=(attempt,), **changes)
    return record(calls.settled(outcome, request_id=NAME, route=route or model))


def test_a_call_is_one_line_in_local_time_with_its_id_to_copy() -> None:
    assert line(record(calls.settled())) == (
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
    found = line(record(calls.settled(request_id=NAME, route="gpt-4o-mini")), screen(columns))

    assert found == shown.format(id=NAME)
    assert len(found) <= max(columns, 43)


@pytest.mark.parametrize("columns", [60, 80, 96])
def test_models_of_bedrock_are_told_apart_on_a_narrow_terminal(columns: int) -> None:
    models = (HAIKU, "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "amazon.nova-throttled-v1:0")

    lines = Listing(screen(columns), ZONE).lines([on_bedrock(model) for model in models])

    for shown, telling in zip(lines, ("claude-haiku-4-5", "claude-sonnet-4-5", "nova-throttled"), strict=True):
        assert telling in shown
        assert len(shown) <= columns


@pytest.mark.parametrize("columns", WIDE)
@pytest.mark.parametrize("code", ["rate_limit_exceeded", "upstream_stream_truncated", "provider_authentication_error"])
def test_a_call_that_failed_does_not_fold_and_keeps_its_id_in_the_column(columns: int, code: str) -> None:
    failed = on_bedrock(outcome=Outcome.INCOMPLETE, error_code=code)

    good, bad = Listing(screen(columns), ZONE).lines([on_bedrock(), failed])

    assert max(len(good), len(bad)) <= columns
    assert good.index("d4b2aac8") == bad.index("d4b2aac8")
    assert code in bad or columns < 77


def test_what_went_wrong_stands_at_the_end_where_there_is_room() -> None:
    failed = replace(calls.OUTCOME, outcome=Outcome.INCOMPLETE, error_code="upstream_stream_truncated")

    assert line(record(calls.settled(failed))).endswith("  d4b2aac8  incomplete upstream_stream_truncated")
    assert line(record(calls.settled(failed)), screen(170)).endswith("  d4b2aac8  incomplete upstream_stream_truncated")


def test_what_went_wrong_stands_in_place_of_the_numbers_where_there_is_none() -> None:
    failed = replace(calls.OUTCOME, outcome=Outcome.FAILED, error_code="rate_limit_exceeded", http_status=429)

    assert line(record(calls.settled(failed, route="gpt-4o-mini")), screen(80)) == (
        "23:25:01  429  openai/gpt-4o-mini  failed rate_limit_exceeded        d4b2aac8"
    )


def test_columns_of_a_file_are_aligned_and_nothing_is_cut() -> None:
    found = [on_bedrock(route="sonnet"), on_bedrock("amazon.nova-micro-v1:0"), record(calls.abandoned())]

    lines = Listing(PLAIN, ZONE).lines(found)

    assert f"sonnet > bedrock/{HAIKU}  " in lines[0]
    assert lines[0].index("ttft") == lines[1].index("ttft")
    assert len({shown.index("  d4b2aac8") for shown in lines}) == 1


def test_what_comes_later_is_aligned_with_what_was_shown() -> None:
    listing = Listing(PLAIN, ZONE)

    (first,) = listing.lines([on_bedrock(route="sonnet")])
    (second,) = listing.lines([on_bedrock("amazon.nova-micro-v1:0")])

    assert first.index("ttft") == second.index("ttft")


def test_a_prompt_of_a_million_tokens_does_not_fold_the_line() -> None:
    usage = replace(calls.OUTCOME.usage, input=1_234_567, output=123_456)

    for columns in WIDE:
        lines = Listing(screen(columns), ZONE).lines([on_bedrock(), on_bedrock(usage=usage)])

        assert max(map(len, lines)) <= columns


@pytest.mark.parametrize("columns", WIDE)
def test_a_call_that_was_abandoned_does_not_fold(columns: int) -> None:
    assert len(line(record(calls.abandoned()), screen(columns))) <= columns


def test_an_abandoned_call_shows_what_it_cost_at_most_and_probably() -> None:
    assert line(record(calls.abandoned())).endswith("  at most $0.009851, est. $0.000312  abandoned")


def test_a_cost_that_is_not_known_is_no_zero() -> None:
    assert "         $?  " in line(record(calls.settled(replace(calls.OUTCOME, cost=None))))


def test_a_terminal_sees_the_status_in_colour() -> None:
    coloured = Screen(Stream(is_terminal=True), {})

    assert "\x1b[32m200\x1b[0m" in line(record(calls.settled()), coloured)
    assert "\x1b[31m502\x1b[0m" in line(record(calls.settled(replace(calls.OUTCOME, http_status=502))), coloured)


def test_a_call_that_still_runs_can_be_shown() -> None:
    assert line(record(calls.reserved())).endswith("d4b2aac8  reserved")


def test_what_a_caller_sent_can_not_steer_the_terminal() -> None:
    shown = line(record(calls.settled(route="a\x1b[2J\n  cost  $0")))

    assert "\x1b" not in shown
    assert "\n" not in shown
