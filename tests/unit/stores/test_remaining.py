from dataclasses import dataclass, field
from typing import Any

from tests.unit.stores.calls import HandClock

from sluice.domain.hold import Hold
from sluice.stores.health import HealthRows, HealthUnknown
from sluice.stores.remaining import LOOK_SECONDS, MOST_KNOWN, Remaining
from sluice.stores.table import Row

HOLD = Hold("team#abc", "M202611", "team", "all", 1000, 1000, 100, 200, frozenset({"a/b"}))


@dataclass
class Rows(HealthRows):
    found: list[Row] = field(default_factory=list)
    asked: list[list[Row]] = field(default_factory=list)
    is_silent: bool = False

    def read_many(self, keys: Any) -> list[Row]:
        self.asked.append(list(keys))
        if self.is_silent:
            raise HealthUnknown("late")
        return self.found


def row(used: object, key: str = "team#abc") -> Row:
    return {"pk": f"B#{key}", "sk": "M202611", "u": used}


def test_nothing_is_told_before_it_was_read() -> None:
    assert Remaining(Rows(), HandClock().clock).least([HOLD]) is None


def test_the_tightest_budget_is_told_behind_this_call() -> None:
    remaining = Remaining(Rows([row(600), row(850, "other")]), HandClock().clock)
    other = Hold("other", "M202611", "other", "all", 1000, 1000, 10, 10, frozenset())

    remaining.look([HOLD, other])

    assert remaining.least([HOLD]) == 300
    assert remaining.least([HOLD, other]) == 140


def test_what_was_just_read_is_not_read_again() -> None:
    rows, hand = Rows([row(600)]), HandClock()
    remaining = Remaining(rows, hand.clock)

    remaining.look([HOLD])
    remaining.look([HOLD])
    hand.sleep(LOOK_SECONDS)
    remaining.look([HOLD])

    assert rows.asked == [[{"pk": "B#team#abc", "sk": "M202611"}]] * 2


def test_a_silent_table_and_a_corrupt_row_tell_nothing() -> None:
    rows = Rows(is_silent=True)
    remaining = Remaining(rows, HandClock().clock)
    remaining.look([HOLD])

    rows.is_silent, rows.found = False, [row("much")]
    remaining.look([HOLD])

    assert remaining.least([HOLD]) is None


def test_it_never_says_less_than_nothing_and_knows_a_bounded_number() -> None:
    rows = Rows([row(5000)])
    remaining = Remaining(rows, HandClock().clock)
    remaining.look([HOLD])
    assert remaining.least([HOLD]) == 0

    rows.found = [row(1, f"b{number}") for number in range(MOST_KNOWN)]
    remaining.look([Hold("b", "D1", "b", "all", 1, 1, 0, 0, frozenset())])

    assert remaining.least([HOLD]) is None
