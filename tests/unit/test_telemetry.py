"""The lines that are metrics too: which dimensions they have, and which of them alarms wait for."""

import json
from typing import Any

import pytest

from sluice.telemetry import BUDGET_REFUSED, MAX_TEXT, PROVIDER_NAME, UNSETTLED, Telemetry

TABLE = "sluice-dev-ledger"
CALL = {"request_id": "r1", "outcome": "complete", PROVIDER_NAME: "openai", "ttft_ms": 403, "duration_ms": 2129}


@pytest.fixture(autouse=True)
def _names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "sluice")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Sluice")


def line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    (only,) = capsys.readouterr().out.splitlines()
    found: dict[str, Any] = json.loads(only)
    return found


def watched(line: dict[str, Any]) -> list[tuple[list[str], list[str]]]:
    """Each set of metrics: its dimensions and its names."""
    sets = line["_aws"]["CloudWatchMetrics"]
    assert {one["Namespace"] for one in sets} == {"Sluice"}
    return [(sorted(one["Dimensions"][0]), [metric["Name"] for metric in one["Metrics"]]) for one in sets]


def test_the_time_to_the_first_chunk_is_told_by_table_too(capsys: pytest.CaptureFixture[str]) -> None:
    Telemetry(table=TABLE).call(CALL)

    printed = line(capsys)
    assert watched(printed) == [
        (["outcome", "provider", "service"], ["TimeToFirstChunk", "Duration", "Calls"]),
        (["service", "table"], ["TimeToFirstChunk"]),
    ]
    assert (printed["table"], printed["service"], printed["TimeToFirstChunk"]) == (TABLE, "sluice", [403])


@pytest.mark.parametrize(("table", "fields"), [(None, CALL), (TABLE, {**CALL, "ttft_ms": None})])
def test_a_call_without_a_first_chunk_or_a_table_has_no_such_metric(
    capsys: pytest.CaptureFixture[str], table: str | None, fields: dict[str, Any]
) -> None:
    Telemetry(table=table).call(fields)

    assert len(watched(line(capsys))) == 1


def test_nothing_of_one_call_reaches_the_line_of_the_next(capsys: pytest.CaptureFixture[str]) -> None:
    told = Telemetry(table=TABLE)
    told.call({**CALL, "error_code": "upstream_lost"})
    line(capsys)

    told.call({"outcome": "failed"})

    printed = line(capsys)
    assert watched(printed) == [(["outcome", "provider", "service"], ["Calls"])]
    assert not printed.keys() & {"error_code", "request_id", "TimeToFirstChunk", "table"}


def test_the_line_of_a_call_is_printed_whatever_powertools_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the ledger's second log."""
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "true")

    Telemetry(table=TABLE).call(CALL)

    assert line(capsys)["request_id"] == "r1"


def test_a_record_that_was_not_settled_rings(capsys: pytest.CaptureFixture[str]) -> None:
    Telemetry(table=TABLE).trouble(UNSETTLED, {"request_id": "r1"})

    printed = line(capsys)
    assert watched(printed) == [(["service", "table"], ["Unsettled"])]
    assert (printed["message"], printed["request_id"], printed["table"]) == (UNSETTLED, "r1", TABLE)


@pytest.mark.parametrize(("table", "message"), [(None, UNSETTLED), (TABLE, "sluice.unexpected")])
def test_other_trouble_is_a_line_of_the_log(caplog: pytest.LogCaptureFixture, table: str | None, message: str) -> None:
    Telemetry(table=table).trouble(message, {"where": "x" * 1000})

    (record,) = caplog.records
    assert (record.message, record.levelname, vars(record)["where"]) == (message, "WARNING", "x" * MAX_TEXT)


@pytest.mark.parametrize(("budget", "dimension"), [("team", "team"), ("key ann's laptop", "key")])
@pytest.mark.parametrize(("is_false", "count"), [(False, 0), (True, 1)])
def test_a_refusal_is_counted_by_the_budgets_name(
    capsys: pytest.CaptureFixture[str], is_false: bool, count: int, budget: str, dimension: str
) -> None:
    Telemetry(table=TABLE).budget_refused(budget, is_false=is_false, fields={"request_id": "r1", "principal": "p"})

    printed = line(capsys)
    assert watched(printed) == [(["budget", "service", "table"], ["BudgetRefused", "BudgetFalseRefused"])]
    assert (printed["BudgetRefused"], printed["BudgetFalseRefused"], printed["budget"]) == ([1], [count], dimension)
    assert (printed["message"], printed["principal"]) == (BUDGET_REFUSED, "p")
