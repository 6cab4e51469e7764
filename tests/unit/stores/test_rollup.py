"""Totals equal the sums of the records, however the stream is cut, repeated and broken off."""

import os
from collections.abc import Callable
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from tests.unit.stores.calls import HandClock
from tests.unit.stores.memory_table import failure, lost, throttled
from tests.unit.stores.stream_records import abandoned, failed, held, settled, sums, told
from tests.unit.stores.totals_table import TotalsTable, cancelled

from sluice.stores import counted, rollup
from sluice.stores.retries import FAILURES
from sluice.stores.rollup import MAX_ITEMS, Rolled, Rollup
from sluice.stores.table import Row
from sluice.stores.transitions import Transition, transition

EXAMPLES = int(os.environ.get("SLUICE_ROLLUP_EXAMPLES", "60"))


class Killed(BaseException):
    """The process dies here."""


def rollup_on(table: TotalsTable, clock: HandClock | None = None) -> Rollup:
    return Rollup(table, "ledger", (clock or HandClock()).clock, Random(1))


def step(before: Row, after: Row) -> Transition:
    found = transition(told(before, after))
    assert found
    return found


def ended(number: int, **changes: Any) -> Transition:
    row = held(number)
    return step(row, settled(row, **changes))


def test_a_call_is_counted_under_its_principal_model_provider_and_route() -> None:
    table = TotalsTable()
    row = held(1)

    assert rollup_on(table).add([step(row, settled(row, cost=100))]) == Rolled(counted=1)

    figures = {"n": 1, "c": 1, "it": 11, "cr": 3, "cw": 2, "ot": 5, "nusd": 100, "lost": 7, "ce": 700_000, "ca": 100}
    assert table.figures() == {
        ("D#20261120", "P#arn:aws:iam::123456789012:role/ada"): figures,
        ("D#20261120", "M#openai/gpt-5-mini"): figures,
        ("D#20261120", "V#openai"): figures,
        ("D#20261120", "R#smart"): figures,
    }


def test_a_late_settlement_counts_the_difference_and_moves_the_call_to_where_it_went() -> None:
    table, row = TotalsTable(), held(1)
    left = abandoned(row)
    late = settled(left, cost=50, provider="azure")

    rollup_on(table).add([step(row, left)])
    assert {figures["ab"] for figures in table.figures().values()} == {1}
    rollup_on(table).add([step(left, late)])

    assert table.figures() == sums([late])
    assert table.items["D#20261120", "V#openai"]["n"] == {"N": "0"}


def test_a_call_without_a_price_is_counted_as_such_and_never_as_free() -> None:
    table, row = TotalsTable(), held(1)

    rollup_on(table).add([step(row, settled(row, cost=None))])

    figures = table.figures()["D#20261120", "V#openai"]
    assert (figures["np"], "nusd" in figures, "ce" in figures) == (1, False, False)


@pytest.mark.fault("D10")
def test_a_step_that_comes_again_is_not_counted_again() -> None:
    table, steps = TotalsTable(), [ended(number) for number in range(5)]

    assert rollup_on(table).add(steps[:3]) == Rolled(counted=3)
    assert rollup_on(table).add([*steps, steps[4]]) == Rolled(counted=2, repeated=4)

    assert table.figures()["D#20261120", "V#openai"]["n"] == 5


@pytest.mark.fault("D10")
def test_steps_may_come_in_any_order() -> None:
    table, row = TotalsTable(), held(1)
    left = abandoned(row)
    late = settled(left)

    rollup_on(table).add([step(left, late)])
    rollup_on(table).add([step(row, left)])

    assert table.figures() == sums([late])


def test_the_usual_batch_is_one_transaction_and_no_read() -> None:
    table = TotalsTable()

    rollup_on(table).add([ended(number) for number in range(100)])

    assert (table.transactions, table.reads) == ([5], 0)


def test_a_batch_of_many_rows_is_written_in_parts_of_what_a_transaction_takes() -> None:
    table = TotalsTable()
    rows = [held(number, principal=f"p{number}", model=f"m{number}", route=f"r{number}") for number in range(60)]

    rolled = rollup_on(table).add([step(row, settled(row)) for row in rows])

    assert rolled == Rolled(counted=60)
    assert len(table.transactions) == 2
    assert table.figures() == sums(settled(row) for row in rows)


def test_of_more_calls_than_a_transaction_has_items_each_is_counted() -> None:
    table = TotalsTable()

    assert rollup_on(table).add([ended(number) for number in range(MAX_ITEMS + 1)]) == Rolled(counted=MAX_ITEMS + 1)


@pytest.mark.parametrize("error", [throttled(), lost(), cancelled("None", "TransactionConflict")])
def test_what_passes_is_tried_again(error: Exception) -> None:
    table = TotalsTable()
    table.before = [error, error]

    assert rollup_on(table).add([ended(1)]) == Rolled(counted=1)


@pytest.mark.fault("D03")
def test_an_answer_that_got_lost_after_the_write_is_found_counted() -> None:
    table = TotalsTable()
    table.after = [lost()]

    assert rollup_on(table).add([ended(1), ended(2)]) == Rolled(repeated=2)
    assert table.figures()["D#20261120", "V#openai"]["n"] == 2


@pytest.mark.parametrize("error", [failure("AccessDeniedException"), cancelled("AccessDenied"), throttled()])
def test_what_does_not_pass_is_raised_so_that_the_batch_comes_again(error: Exception) -> None:
    table = TotalsTable()
    table.before = [error] * 1000

    with pytest.raises(type(error)):
        rollup_on(table).add([ended(1)])


@pytest.mark.parametrize("error", [failure("ValidationException"), cancelled("None", "ValidationError")])
def test_a_step_that_can_never_be_written_does_not_take_others_with_it(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    table = TotalsTable()
    table.before = [error, None, error]

    assert rollup_on(table).add([ended(1), ended(2), ended(3)]) == Rolled(counted=2, corrupt=1)
    assert "rollup.corrupt: call-2" in caplog.text


def test_the_first_ever_says_that_days_are_whole_from_tomorrow_on_and_nobody_else_does() -> None:
    table, clock = TotalsTable(), HandClock()
    rollup_on(table, clock).add([ended(1)])
    clock.seconds += 10 * 86_400

    rollup_on(table, clock).add([ended(2)])

    assert table.items["D#since", "since"]["day"] == {"S": "20261121"}


def test_what_is_counted_is_remembered_for_longer_than_a_stream_and_not_for_ever() -> None:
    table, clock = TotalsTable(), HandClock()

    rollup_on(table, clock).add([ended(1)])

    (memory,) = [item for key, item in table.items.items() if key[0].startswith("Z#")]
    assert memory["exp"] == {"N": str(int(clock.seconds) + counted.KEPT_SECONDS)}
    assert counted.KEPT_SECONDS > 86_400


def test_an_error_that_is_no_condition_is_the_answers_own_code() -> None:
    assert rollup.why(failure("Throttling")) == {"Throttling"}


# What a call may come to, as steps from row to row.
def complete(row: Row, seconds: int) -> list[Row]:
    return [row, settled(row, seconds=seconds)]


def unpriced(row: Row, seconds: int) -> list[Row]:
    return [row, settled(row, cost=None, seconds=seconds)]


def broken(row: Row, seconds: int) -> list[Row]:
    return [row, failed(row, seconds)]


def swept(row: Row, seconds: int) -> list[Row]:
    return [row, abandoned(row, seconds)]


def lifted(row: Row, seconds: int) -> list[Row]:
    left = abandoned(row, seconds)
    return [row, left, settled(left, cost=seconds, provider="azure", seconds=seconds + 40)]


LIVES: list[Callable[[Row, int], list[Row]]] = [complete, unpriced, broken, swept, lifted]
FAULTS = [None, None, None, throttled(), lost(), cancelled("TransactionConflict"), Killed()]
calls = some.lists(
    some.tuples(some.sampled_from(LIVES), some.integers(0, 60), some.integers(0, 3), some.integers(0, 2)), max_size=30
)


@pytest.mark.fault("D10")
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(calls, some.lists(some.integers(1, 12), min_size=1), some.randoms(use_true_random=False), some.data())
def test_totals_equal_the_sums_whatever_the_deliveries(
    lives: list[tuple[Callable[[Row, int], list[Row]], int, int, int]],
    sizes: list[int],
    random: Random,
    data: some.DataObject,
) -> None:
    """The stream as Lambda delivers it: in batches of any size, again after a failure, in halves, twice for nothing."""
    histories = [
        life(held(number, principal=f"p{who}", model=f"m{what}", route=f"r{who}"), seconds)
        for number, (life, seconds, who, what) in enumerate(lives)
    ]
    steps = [step(*pair) for rows in histories for pair in pairwise(rows)]
    random.shuffle(steps)
    table = TotalsTable()
    table.before = data.draw(some.lists(some.sampled_from(FAULTS), max_size=12))
    table.after = data.draw(some.lists(some.sampled_from(FAULTS), max_size=12))

    for number, batch in enumerate(batches(steps, sizes)):
        deliver(table, batch)
        if random.random() < 0.3:
            deliver(table, random.sample(steps[: number + 5], min(len(steps), number + 1)))

    assert table.figures() == sums(rows[-1] for rows in histories)


def batches(steps: list[Transition], sizes: list[int]) -> list[list[Transition]]:
    found: list[list[Transition]] = []
    start = 0
    while start < len(steps):
        size = sizes[len(found) % len(sizes)]
        found.append(steps[start : start + size])
        start += size
    return found


def deliver(table: TotalsTable, batch: list[Transition]) -> None:
    """As Lambda with BisectBatchOnFunctionError; each delivery may meet another environment."""
    waiting = [batch]
    while waiting:
        first = waiting.pop(0)
        try:
            rollup_on(table).add(first)
        except (Killed, *FAILURES):
            half = len(first) // 2
            waiting[:0] = [first[:half], first[half:]] if half else [first]
