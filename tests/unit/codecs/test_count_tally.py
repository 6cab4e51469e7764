import pytest

from sluice.codecs.count_tally import CountTally
from sluice.domain.usage import Usage


@pytest.mark.parametrize("answer", [{"input_tokens": 12}, {"inputTokens": 12}])
def test_counting_costs_nothing(answer: dict[str, int]) -> None:
    found = CountTally(1)
    found.add(answer)

    assert found.usage == Usage()
    assert found.is_finished
    assert found.is_known
    assert (found.finish_reason, found.said_bytes, found.stored) == (None, 0, ())


def test_nothing_was_counted_before_the_answer() -> None:
    found, tail = CountTally(1), CountTally(1)

    assert not found.is_finished
    tail.add_earlier({"input_tokens": 1})
    found.adopt(tail)

    assert found.usage == Usage()
