import pytest
from tests.unit.sluice_cli import calls

from sluice.stores import table
from sluice_cli.record import ATTEMPT_FIELDS, FIELDS, NOT_SHOWN, record, started_at, tokens_in

WHOLE = {
    "request_id": "d4b2aac8",
    "started_at": "2026-11-20T21:25:01.241Z",
    "status": "settled",
    "outcome": "complete",
    "http_status": 200,
    "error_code": None,
    "started_ms": 1_795_209_901_241,
    "day": "20261120",
    "principal": "arn:aws:iam::123456789012:role/Developers",
    "account": "123456789012",
    "session": "ann",
    "virtual_key": None,
    "role": None,
    "surface": "openai",
    "path": "/v1/chat/completions",
    "operation": "chat",
    "route": "mini",
    "provider": "openai",
    "model": "gpt-4o-mini",
    "model_answered": "gpt-4o-mini-2024-07-18",
    "stream": True,
    "finish_reason": "stop",
    "usage": {
        "input": 5,
        "cache_read": 2,
        "cache_write_5m": 0,
        "cache_write_1h": 0,
        "output": 53,
        "reasoning": 8,
    },
    "usage_source": "provider",
    "cost": 32_850,
    "cost_bound": 9_851_400,
    "cost_estimate": 312_150,
    "price_version": "2026-11-20",
    "time_to_first_chunk_ms": 403,
    "duration_ms": 2129,
    "bytes_in": 84,
    "bytes_out": 18218,
    "attempts": [
        {
            "provider": "openai",
            "model": "gpt-4o-mini",
            "http_status": None,
            "error_code": "upstream_unreachable",
            "duration_ms": 12,
            "cost_estimate": None,
        },
        {
            "provider": "openai",
            "model": "gpt-4o-mini",
            "http_status": 200,
            "error_code": None,
            "duration_ms": 304,
            "cost_estimate": None,
        },
    ],
    "provider_request_id": "req_1",
    "metadata": {"team": "search", "try": 2, "share": 0.5, "is_test": True},
    "budgets": [],
    "notes": [],
    "lease": 1_795_210_861,
}


def test_a_settled_call_is_whole() -> None:
    found = record(calls.settled())

    assert found == WHOLE
    assert tokens_in(found) == 7


def test_what_is_not_known_yet_is_null_and_not_zero() -> None:
    found = record(calls.reserved(bound=None, metadata={}))

    assert found["status"] == "reserved"
    assert {found[name] for name in ("outcome", "cost", "cost_bound", "metadata", "duration_ms")} == {None}
    assert set(found["usage"].values()) == {None}
    assert (tokens_in(found), found["attempts"]) == (None, [])


def test_an_abandoned_call_keeps_bound_and_estimate_apart() -> None:
    found = record(calls.abandoned())

    assert (found["status"], found["outcome"]) == ("abandoned", "abandoned")
    assert (found["cost"], found["cost_bound"], found["cost_estimate"]) == (9_851_400, 9_851_400, 312_150)


def test_the_map_knows_every_attribute_that_the_gateway_writes() -> None:
    written = {*table.reserved(calls.RESERVATION), *table.settled(calls.RESERVATION, calls.OUTCOME, 1)}

    assert written == FIELDS.keys() | NOT_SHOWN
    assert not FIELDS.keys() & NOT_SHOWN
    assert set(table.attempt(calls.OUTCOME.attempts[0])) == set(ATTEMPT_FIELDS)


@pytest.mark.parametrize(
    ("status", "text", "cost"), [("R", "team a#0123 M202611 700 9000 -", 700), ("S", "team a#0123 M202611 650", 650)]
)
def test_a_budget_says_what_it_holds_and_then_what_it_paid(status: str, text: str, cost: int) -> None:
    found = record(table.item({"pk": "R#1", "st": status, "bud": [text], "nt": ["shadow: blocked by no-opus"]}))

    assert found["budgets"] == [{"budget": "team a#0123", "period": "M202611", "cost": cost}]
    assert found["notes"] == ["shadow: blocked by no-opus"]
    assert record(table.item({"pk": "R#1", "st": "S", "bud": ["else"]}))["budgets"][0]["cost"] is None


def test_every_field_has_a_name_of_its_own() -> None:
    assert len(set(FIELDS.values())) == len(FIELDS)


def test_a_null_of_the_table_is_null() -> None:
    assert record({"pk": {"S": "R#1"}, "act": {"NULL": True}})["cost"] is None


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(0, "1970-01-01T00:00:00.000Z"), (1_795_209_901_999, "2026-11-20T21:25:01.999Z")],
)
def test_a_start_is_utc_to_the_millisecond(milliseconds: int, text: str) -> None:
    assert started_at(milliseconds) == text
