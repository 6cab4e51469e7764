"""Rows of totals: their keys, and what is added to them."""

import pytest
from tests.unit.stores.stream_records import abandoned, held, settled, told

from sluice.stores import totals
from sluice.stores.transitions import transition


def test_a_long_value_keeps_its_beginning_and_fits_into_a_sort_key() -> None:
    one, other = totals.kept("é" * 600 + "a"), totals.kept("é" * 600 + "b")

    assert one != other
    assert one.startswith("é" * 400)
    assert all(len(f"M#{each}".encode()) <= 1024 for each in (one, other))
    assert totals.kept("openai/gpt-5-mini") == "openai/gpt-5-mini"


def test_rows_whose_figures_stay_are_left_out() -> None:
    left = abandoned(held(1))
    late = {**settled(left, cost=left["act"]), "att": [], "ce": None}
    found = transition(told(left, {name: value for name, value in late.items() if value is not None}))

    assert found
    assert {
        figure for each in totals.additions([found]).values() for figure in each.figures if each.figures[figure]
    } == {
        "ab",
        "c",
        "it",
        "cr",
        "cw",
        "ot",
    }
    assert totals.additions([]) == {}


@pytest.mark.parametrize(("cost", "both"), [(100, 700_000), (None, 0), (0, 700_000)])
def test_estimates_are_summed_where_the_cost_is_known_too(cost: int | None, both: int) -> None:
    figures = totals.figures(settled(held(1), cost=cost))

    assert (figures["ce"], figures["ca"]) == (both, cost or 0)


def test_a_call_that_was_abandoned_has_no_estimate_to_compare() -> None:
    figures = totals.figures(abandoned(held(1)))

    assert (figures["ab"], figures["ce"], figures["nusd"]) == (1, 0, 9_000_000)
