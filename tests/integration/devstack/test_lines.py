"""The line of a call, and the totals."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from sluice_devstack.call import Call, Refusal
from sluice_devstack.invocation import ErrorTrailers, FunctionError
from sluice_devstack.lines import CallLines, colour_wanted, dollars

CALL = Call(
    request_id="r1",
    method="POST",
    path="/v1/chat/completions",
    status=200,
    started_at=datetime(2026, 11, 20, 12, 1, 3, tzinfo=UTC),
    time_to_first_byte_seconds=0.3,
    duration_seconds=1.84,
    bytes_out=100,
    trailers=None,
    error=None,
    is_caller_gone=False,
    environment_pid=1,
)
LOG = {
    "message": "sluice.call",
    "request_id": "r1",
    "outcome": "complete",
    "route": "openai/gpt-4o-mini",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "ttft_ms": 312,
    "gen_ai.usage.input_tokens": 17,
    "gen_ai.usage.output_tokens": 42,
    "cost_nano_dollars": 28_000,
}
AT = CALL.started_at.astimezone().strftime("%H:%M:%S")


class Screen:
    """What was printed, and a timer that goes off when the test says."""

    def __init__(self, has_colour: bool = False) -> None:
        self.printed: list[str] = []
        self.timers: list[Callable[[], None]] = []
        self.lines = CallLines(self.printed.append, lambda _, callback: self.timers.append(callback), has_colour)

    def show(self, call: Call, log: dict[str, Any] | None) -> str:
        self.lines.finished(call)
        if log is not None:
            self.lines.log_line(json.dumps(log))
        self.lines.flush()
        return self.printed[-1]


@pytest.fixture
def screen() -> Screen:
    return Screen()


def test_a_line_has_time_status_route_model_ttft_duration_tokens_and_cost(screen: Screen) -> None:
    line = screen.show(CALL, LOG)

    assert line == (
        f"{AT}  200  POST /v1/chat/completions  openai/gpt-4o-mini  ttft 312ms  1.84s  17+42 tok  $0.000028  r1"
    )


@pytest.mark.parametrize("is_log_first", [True, False])
def test_a_call_is_printed_once_when_its_log_and_its_end_are_there(screen: Screen, is_log_first: bool) -> None:
    steps = [partial(screen.lines.log_line, json.dumps(LOG)), partial(screen.lines.finished, CALL)]
    first, second = steps if is_log_first else steps[::-1]

    first()
    assert screen.printed == []
    second()
    for timer in screen.timers:
        timer()

    assert len(screen.printed) == 1


def test_a_call_without_a_log_is_printed_when_patience_ends(screen: Screen) -> None:
    screen.lines.finished(CALL)
    screen.timers[0]()

    assert screen.printed == [f"{AT}  200  POST /v1/chat/completions  1.84s  r1"]


@pytest.mark.parametrize(
    ("call", "log", "ending"),
    [
        ({"error": FunctionError("Runtime.ExitError", "signal: SIGKILL")}, None, "1.84s  r1  Runtime.ExitError: signal: SIGKILL"),
        ({"trailers": ErrorTrailers("Function.X", {})}, None, "error trailers Function.X"),
        ({"is_caller_gone": True}, None, "caller left"),
        ({"bytes_out": 0}, None, "empty body: on AWS the caller may wait for minutes"),
        ({}, {"outcome": "incomplete", "error_code": "upstream_cut"}, "$0.000028  r1  incomplete upstream_cut"),
        ({}, {"cost_nano_dollars": None}, "17+42 tok  $?  r1"),
        ({}, {"route": "smart"}, "$0.000028  r1"),
    ],
)  # fmt: skip
def test_what_went_wrong_stands_at_the_end(
    screen: Screen, call: dict[str, Any], log: dict[str, Any] | None, ending: str
) -> None:
    line = screen.show(replace(CALL, **call), None if log is None else {**LOG, **log})

    assert line.endswith(ending)


@pytest.mark.parametrize(
    ("route", "model"),
    [
        ("openai/gpt-4o-mini", "  openai/gpt-4o-mini  "),
        ("gpt-4o-mini", "  openai/gpt-4o-mini  "),
        ("smart", "  smart > openai/gpt-4o-mini  "),
    ],
)
def test_a_route_is_named_where_it_is_not_the_model(screen: Screen, route: str, model: str) -> None:
    assert model in screen.show(CALL, {**LOG, "route": route})


def test_a_refusal_says_why(screen: Screen) -> None:
    screen.lines.refused(Refusal("GET", "/v1", 403, CALL.started_at, "AccessDeniedException: Forbidden"))

    assert screen.printed == [f"{AT}  403  GET /v1  AccessDeniedException: Forbidden"]


def test_other_log_lines_are_passed_over(screen: Screen) -> None:
    for line in ("", "sluice.call", '["sluice.call"]', '{"message": "sluice.sweep"}', "x" * 1000):
        screen.lines.log_line(line)

    assert screen.printed == []


def test_a_call_that_was_not_settled_is_told(screen: Screen) -> None:
    screen.lines.log_line('{"message": "sluice.unsettled", "request_id": "r1"}')

    assert screen.printed == ["not settled, left to the sweeper: r1"]


def test_a_dry_run_is_named_and_counts_as_no_failure() -> None:
    screen = Screen()

    line = screen.show(CALL, {**LOG, "outcome": "dry_run"})

    assert line.endswith("dry_run")
    assert screen.lines.totals.table().splitlines()[1].split()[1:3] == ["1", "0"]


def test_totals_are_by_model_and_summed() -> None:
    screen = Screen()
    screen.show(CALL, LOG)
    screen.show(CALL, {**LOG, "cost_nano_dollars": None})
    screen.show(replace(CALL, status=500), {**LOG, "route": "smart", "outcome": "failed"})
    screen.lines.refused(Refusal("GET", "/", 403, CALL.started_at, "why"))

    rows = [row.split() for row in screen.lines.totals.table().splitlines()]

    assert rows[0] == ["model", "calls", "failed", "tokens", "in", "tokens", "out", "cost"]
    assert rows[1] == ["openai/gpt-4o-mini", "2", "0", "34", "84", "$0.000028", "+", "1", "unknown"]
    assert rows[2] == ["smart", ">", "openai/gpt-4o-mini", "1", "1", "17", "42", "$0.000028"]
    assert rows[3] == ["total", "3", "1", "51", "126", "$0.000056", "+", "1", "unknown"]
    assert rows[4][-1] == "1"


def test_totals_of_nothing_say_so(screen: Screen) -> None:
    assert screen.lines.totals.table() == "no calls"


@pytest.mark.parametrize(
    ("nano_dollars", "text"),
    [(None, "$?"), (0, "$0.000000"), (999, "$0.000000999"), (28_000, "$0.000028"), (1_500_000_000, "$1.500000")],
)
def test_costs_are_dollars(nano_dollars: int | None, text: str) -> None:
    assert dollars(nano_dollars) == text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour_is_for_terminals_without_no_color() -> None:
    assert colour_wanted(Terminal(), {})
    assert colour_wanted(Terminal(), {"NO_COLOR": ""})
    assert not colour_wanted(Terminal(), {"NO_COLOR": "1"})
    assert not colour_wanted(io.StringIO(), {})


def test_only_the_status_is_coloured() -> None:
    line = Screen(has_colour=True).show(CALL, LOG)

    assert line.startswith(f"{AT}  \x1b[32m200\x1b[0m  POST ")
    assert line.count("\x1b") == 2


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("[ERROR]\t2026-11-20T12:01:03Z\tr1\tsecret.malformed: s must be JSON", "secret.malformed: s must be JSON"),
        ('{"level":"ERROR","message":"ledger.refused: table t, X; see the role"}', "ledger.refused: table t, X; see the role"),
        (
            '{"message":"sluice.unexpected","error":"KeyError","where":"a.py:1 b"}',
            "sluice.unexpected KeyError a.py:1 b",
        ),
    ],
)  # fmt: skip
def test_troubles_of_the_gateway_are_shown(screen: Screen, line: str, shown: str) -> None:
    screen.lines.log_line(line)

    assert screen.printed == [f"gateway's log: {shown}"]


@pytest.mark.parametrize("line", ["the secret.", "import ledger.table", '{"message":"sluice.swept"}', "sluice.other"])
def test_other_lines_are_passed_over(screen: Screen, line: str) -> None:
    screen.lines.log_line(line)

    assert screen.printed == []
