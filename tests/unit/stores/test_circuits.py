"""Breakers as rows of the table: what is stored, and what is read from a row that is not sound."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.stores.calls import HandClock
from tests.unit.stores.health_table import HealthTable, rows

from sluice.stores.circuits import KEPT_SECONDS, NAMES, Circuit, Circuits, circuit
from sluice.stores.health import Held
from sluice.stores.table import attribute

TARGET = "openai/gpt-5-mini"
PLACE = (f"X#{TARGET}", "X")
OPEN = Circuit(opening_seconds=10.0, open_until=1_795_208_410.125, probe_until=1_795_208_440.5)
COUNTING = Circuit(window=179_520_840, calls=7, failures=2, open_until=1_795_208_300.0)
ODD: list[Any] = [None, "5", "", True, -1, -0.5, 10**30, [], [1], {}, {"a": 1}]


class Site:
    def __init__(self) -> None:
        self.hand = HandClock()
        self.table = HealthTable()
        self.circuits = Circuits(rows(self.table, self.hand.clock), self.hand.clock)


@pytest.fixture
def site() -> Site:
    return Site()


def test_a_target_without_a_row_is_closed(site: Site) -> None:
    assert site.circuits.read(TARGET) == Circuit()


@pytest.mark.parametrize("one", [Circuit(), OPEN, COUNTING])
def test_a_breaker_reads_back_as_it_was_written(site: Site, one: Circuit) -> None:
    written, stored = site.circuits.swap(TARGET, Circuit(), one)

    assert written
    assert stored == site.circuits.read(TARGET) == one
    assert stored.held == site.circuits.read(TARGET).held


def test_a_row_is_small_and_ends(site: Site) -> None:
    site.circuits.swap(TARGET, Circuit(), OPEN)

    assert site.table.items[PLACE] == {
        "pk": {"S": PLACE[0]},
        "sk": {"S": "X"},
        "w": {"N": "0"},
        "n": {"N": "0"},
        "f": {"N": "0"},
        "len": {"N": "10.0"},
        "u": {"N": "1795208410125"},
        "p": {"N": "1795208440500"},
        "exp": {"N": str(int(site.hand.seconds) + KEPT_SECONDS)},
        "v": {"S": "one-0"},
    }


def test_targets_have_a_row_each(site: Site) -> None:
    site.circuits.swap(TARGET, Circuit(), OPEN)

    assert site.circuits.read("openai/gpt-5") == Circuit()


def test_what_another_wrote_is_told_and_can_be_replaced(site: Site) -> None:
    site.circuits.swap(TARGET, Circuit(), COUNTING)

    first = site.circuits.swap(TARGET, Circuit(), OPEN)
    second = site.circuits.swap(TARGET, first[1], OPEN)

    assert first == (False, COUNTING)
    assert second == (True, OPEN)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ODD, ids=repr)
def test_a_row_that_is_not_sound_is_a_closed_breaker(site: Site, name: str, value: Any) -> None:
    site.circuits.swap(TARGET, Circuit(), OPEN)
    site.table.items[PLACE].pop(name)
    if value is not None:
        site.table.items[PLACE][name] = attribute(value)

    found = site.circuits.read(TARGET)

    assert found == Circuit()
    assert site.circuits.swap(TARGET, found, COUNTING) == (True, COUNTING)


@given(st.dictionaries(st.sampled_from((*NAMES, "v", "exp")), st.sampled_from(ODD) | st.integers() | st.floats()))
def test_any_row_is_some_breaker(row: dict[str, Any]) -> None:
    found = circuit(Held(row))

    assert all(0 <= value < 10**15 for value in (found.calls, found.failures, found.opening_seconds, found.open_until))
