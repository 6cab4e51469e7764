from sluice_cli.record import Record
from sluice_cli.tail import Tail, Wanted

MINUTE = 60_000
NOON = 1_795_176_000_000


class Book:
    """A ledger to which calls are added when they end; it remembers from when on it was read."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.asked: list[int] = []

    def ended(self, name: str, started_ms: int) -> None:
        self.records.append({"request_id": name, "started_ms": started_ms})

    def newest(self, count: int, wanted: Wanted | None = None, since_ms: int | None = None) -> list[Record]:
        return sorted(self.records, key=lambda one: int(one["started_ms"]))[-count:]

    def since(self, started_ms: int) -> list[Record]:
        self.asked.append(started_ms)
        found = [one for one in self.records if one["started_ms"] > started_ms]
        return sorted(found, key=lambda one: int(one["started_ms"]))


class Followed:
    """A tail over a book, and the time that passes."""

    def __init__(self) -> None:
        self.book = Book()
        self.now = NOON
        self.tail = Tail(self.book, lambda: self.now / 1000)

    def after(self, milliseconds: int) -> list[str]:
        self.now += milliseconds
        return [one["request_id"] for one in self.tail.look()]


def test_what_was_there_is_shown_once() -> None:
    followed = Followed()
    followed.book.ended("a", NOON - 3000)
    followed.book.ended("b", NOON - 2000)

    begun = followed.tail.begin(1)

    assert [one["request_id"] for one in begun] == ["b"]
    assert followed.after(1000) == []


def test_a_call_is_shown_when_it_has_ended_and_once() -> None:
    followed = Followed()
    followed.tail.begin(20)

    followed.book.ended("a", NOON + 500)
    looks = [followed.after(1000) for _ in range(30)]

    assert looks == [["a"], *[[]] * 29]


def test_a_call_that_took_minutes_is_shown_although_later_ones_ended_before_it() -> None:
    followed = Followed()
    followed.tail.begin(20)
    followed.book.ended("short", NOON + 10 * MINUTE)
    assert followed.after(10 * MINUTE + 1000) == ["short"]

    followed.book.ended("long", NOON + 100)
    looks = [name for _ in range(10) for name in followed.after(1000)]

    assert looks == ["long"]


def test_between_slow_looks_only_the_last_seconds_are_read() -> None:
    followed = Followed()
    followed.tail.begin(20)
    followed.book.ended("a", NOON + 500)
    for _ in range(9):
        followed.after(1000)

    recent = [asked for asked in followed.book.asked if asked > NOON - MINUTE]

    assert len(followed.book.asked) == 10
    assert len(recent) == 9
    assert recent[-1] == NOON + 500 - 5000


def test_what_is_remembered_does_not_grow_without_end() -> None:
    followed = Followed()
    followed.tail.begin(20)
    for number in range(50):
        followed.book.ended(str(number), followed.now + 500)
        assert followed.after(MINUTE) == [str(number)]

    assert len(followed.tail._seen) < 25
