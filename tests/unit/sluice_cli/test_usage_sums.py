import random
from dataclasses import replace
from itertools import permutations

import pytest
from tests.unit.sluice_cli import calls

from sluice.domain.record import Outcome
from sluice.domain.usage import Usage
from sluice_cli.record import Record, record
from sluice_cli.usage_sums import DIMENSIONS, Sums, usage

DAY_MS = 86_400_000


def call(cost: int | None = 1000, days: int = 0, outcome: Outcome = Outcome.COMPLETE, **changes: object) -> Record:
    changed = replace(calls.OUTCOME, cost=cost, outcome=outcome)
    return record(calls.settled(changed, started_ms=calls.STARTED_MS + days * DAY_MS, **changes))


def test_costs_are_summed_to_the_nano_dollar() -> None:
    costs = [random.Random(1).randrange(10**12) for _ in range(1000)] + [1, 10**15]

    assert usage([call(cost) for cost in costs], ["day"]).total.cost == sum(costs)


def test_a_cost_that_is_not_known_is_counted_and_not_zero() -> None:
    mixed, unknown = usage([call(5), call(None), call(None)], ["day"]).total, usage([call(None)], ["day"]).total

    assert (mixed.cost, mixed.unpriced) == (5, 2)
    assert (unknown.cost, unknown.unpriced) == (None, 1)
    assert (usage([], ["day"]).total.cost, usage([call(0)], ["day"]).total.cost) == (0, 0)


def test_tokens_are_those_of_the_prompt_with_its_cache_and_those_of_the_answer() -> None:
    outcome = replace(calls.OUTCOME, usage=Usage(input=5, cache_read=2, cache_write_5m=3, output=53, reasoning=8))

    total = usage([record(calls.settled(outcome)), record(calls.settled(outcome))], ["day"]).total

    assert (total.input, total.cached, total.output, total.reasoning) == (20, 4, 106, 16)


def test_an_abandoned_call_counts_with_its_bound_and_is_told() -> None:
    total = usage([record(calls.abandoned()), call(1)], ["outcome"]).total

    assert (total.calls, total.failed, total.abandoned) == (2, 1, 1)
    assert total.cost == calls.RESERVATION.bound + 1 if calls.RESERVATION.bound else False


def test_groups_are_by_all_that_was_asked_for() -> None:
    found = usage([call(), call(days=1), call(days=1, route="other"), call(outcome=Outcome.FAILED)], ["day", "outcome"])

    assert {group: sums.calls for group, sums in found.groups.items()} == {
        ("2026-11-20", "complete"): 1,
        ("2026-11-20", "failed"): 1,
        ("2026-11-21", "complete"): 2,
    }


@pytest.mark.parametrize(
    "by", [["day"], ["principal", "model"], ["provider"], ["operation", "outcome"], list(DIMENSIONS)]
)
def test_the_total_is_the_sum_of_the_groups(by: list[str]) -> None:
    records = [call(cost, days) for cost in (1, None, 7) for days in range(3)]

    found = usage(records, by)

    for name in ("calls", "failed", "input", "output", "nano_dollars", "unpriced"):
        assert sum(getattr(sums, name) for sums in found.groups.values()) == getattr(found.total, name)


def test_days_come_in_their_order_and_then_what_cost_most() -> None:
    records = [call(5, 1), call(1, 0, Outcome.FAILED), call(9, 0), call(2, 1, Outcome.FAILED)]

    for shuffled in permutations(records):
        found = usage(shuffled, ["outcome", "day"])

        assert list(found.groups) == [
            ("complete", "2026-11-20"),
            ("failed", "2026-11-20"),
            ("complete", "2026-11-21"),
            ("failed", "2026-11-21"),
        ]


def test_what_a_record_does_not_know_is_a_group_of_its_own() -> None:
    old = call()
    old["operation"] = None

    assert set(usage([old, call()], ["operation"]).groups) == {("-",), ("chat",)}


def test_medians_are_of_the_calls_that_have_the_figure() -> None:
    sums = Sums()
    for milliseconds in (10, 30, 20):
        sums.add({**call(), "duration_ms": milliseconds, "time_to_first_chunk_ms": None})

    assert (sums.median_duration_ms, sums.median_first_chunk_ms) == (20, None)
