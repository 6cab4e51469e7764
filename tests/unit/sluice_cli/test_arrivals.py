from collections.abc import Iterator

import pytest

from sluice_cli.arrivals import ASCII_BLOCKS, BLOCKS, Arrival, Arrivals, sparkline, timed


def arrivals(*gaps: float) -> Arrivals:
    """The first piece after 400 ms, each further one as long after the one before, all of it waiting."""
    pieces = [Arrival(10.4, 0.4)]
    for gap in gaps:
        pieces.append(Arrival(pieces[-1].at + gap, gap))
    return Arrivals(10.0, tuple(pieces))


def test_a_stream_came_one_by_one() -> None:
    assert arrivals(0.03, 0.02, 0.04, 0.03).complaint == ""


@pytest.mark.parametrize(
    ("came", "waits"),
    [
        (arrivals(*[0.00001] * 50), 1),
        (arrivals(0.03, 0.02, 0.04), 4),
        (arrivals(*[0.00001] * 50, 0.5, *[0.00001] * 50), 2),
    ],
)
def test_a_buffered_answer_is_found_however_many_pieces_it_has(came: Arrivals, waits: int) -> None:
    assert came.waits == waits
    assert f"pieces of text came in {waits} goes, at least 5 were expected" in came.complaint


def test_no_arrival_is_no_stream() -> None:
    assert Arrivals(0.0, ()).complaint != ""


def test_a_buffered_answer_on_a_slow_terminal_is_no_stream() -> None:
    now = [0.0]
    came = []

    for _, arrival in timed(["a"] * 20, lambda: now[0]):
        came.append(arrival)
        now[0] += 0.05  # printing it

    assert [arrival.at for arrival in came[:3]] == pytest.approx([0.0, 0.05, 0.1])
    assert Arrivals(0.0, tuple(came)).waits == 0


def test_the_wait_for_a_piece_is_measured() -> None:
    now = [0.0]

    def slowly() -> Iterator[str]:
        for text in "abc":
            now[0] += 0.03
            yield text

    assert [arrival.waited for _, arrival in timed(slowly(), lambda: now[0])] == pytest.approx([0.03] * 3)


def test_the_summary_has_the_first_token_and_the_gaps() -> None:
    summary = arrivals(0.020, 0.030, 0.050).summary

    assert summary == "first token after 400 ms, then 3 gaps in 0.10 s: min 20  median 30  max 50 ms"


def test_a_sparkline_is_as_high_as_its_values() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7, 8], BLOCKS) == "▁▂▃▄▅▆▇██"
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7, 8], ASCII_BLOCKS) == "_.-:=+*##"


def test_a_sparkline_that_does_not_fit_keeps_the_peaks() -> None:
    values = [1.0] * 1000
    values[500] = 8.0

    line = sparkline(values, ASCII_BLOCKS, width=40)

    assert (len(line), line.count("#"), line.count(".")) == (40, 1, 39)


@pytest.mark.parametrize("values", [[], [0.0, 0.0]])
def test_a_sparkline_of_nothing_is_flat(values: list[float]) -> None:
    assert sparkline(values, ASCII_BLOCKS) == "_" * len(values)
