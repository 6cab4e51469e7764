from hypothesis import given
from hypothesis import strategies as st

from sluice.translation.thinking_order import Place, calls_last, place, placed, stretches

COUNTS = st.integers(min_value=0, max_value=9)
PLACES = st.lists(st.builds(Place, COUNTS, COUNTS), max_size=5)


@given(places=PLACES, content=COUNTS, calls=COUNTS)
def test_every_thought_every_letter_and_every_call_is_told_once_and_in_order(
    places: list[Place], content: int, calls: int
) -> None:
    found = list(stretches(places, content, calls))

    for name, length in (("thoughts", len(places)), ("content", content), ("tool_calls", calls)):
        told = [each for stretch in found for each in range(length)[getattr(stretch, name)]]
        assert told == list(range(length))


@given(places=PLACES)
def test_a_thought_stands_where_it_stood(places: list[Place]) -> None:
    rising = _rising(places)

    for stretch in stretches(rising, 9, 9):
        for thought in rising[stretch.thoughts]:
            assert thought == (stretch.content.start, stretch.tool_calls.start)


def _rising(places: list[Place]) -> list[Place]:
    contents, calls = (sorted(one[index] for one in places) for index in (0, 1))
    return [Place(*both) for both in zip(contents, calls, strict=True)]


def test_a_thought_at_the_beginning_says_nothing_of_its_place() -> None:
    block = {"type": "thinking"}

    assert placed(block, Place()) == block
    assert placed(block, Place(3, 1)) == {**block, "after": {"content": 3, "tool_calls": 1}}
    assert place(placed(block, Place(3, 1))) == Place(3, 1)


def test_what_is_no_place_is_the_beginning() -> None:
    strange = [None, 7, {}, {"after": None}, {"after": {"content": "3", "tool_calls": -1}}, {"after": [1]}]

    assert [place(block) for block in strange] == [Place()] * len(strange)


def test_calls_end_a_stretch() -> None:
    assert "".join(calls_last("tcxtcxx", "t".__eq__, "c".__eq__)) == "txctxxc"
    assert "".join(calls_last("ttxcxc", "t".__eq__, "c".__eq__)) == "ttxxcc"
