from random import Random

import pytest
from benchmarks import key_timing

SAMPLES = 4000


def test_the_statistic_is_welchs() -> None:
    """Means of 2 and 4, variances of 1 and 4: -2 by the root of 1/3 and 4/3."""
    one, other = [1, 2, 3], [2, 4, 6]

    assert key_timing.welch(one, other) == pytest.approx(-2 / (5 / 3) ** 0.5)
    assert key_timing.welch(one, one) == 0


def test_the_slowest_of_both_are_left_out_by_one_threshold() -> None:
    one, other = key_timing.kept(list(range(100)), [*range(95), 500, 600, 700, 800, 900])

    assert (max(one), max(other), len(one) + len(other)) == (99, 700, 198)


@pytest.mark.fault("A03")
def test_a_check_that_leaks_would_be_seen() -> None:
    """The other half, that the gateway's own is not seen to, takes 100,000 samples and a machine at rest."""
    found = key_timing.welch(*key_timing.kept(*key_timing.samples(key_timing.leaky, SAMPLES, 7)))

    assert abs(found) > 4 * key_timing.LIMIT


def test_the_two_keys_are_wrong_in_one_character_and_refused() -> None:
    random = Random(1)
    for place in (key_timing.FIRST, key_timing.LAST):
        shown = key_timing.wrong(place, random)
        differing = [at for at, pair in enumerate(zip(shown, key_timing.KEY, strict=True)) if len(set(pair)) == 2]
        assert (differing, key_timing.checked(shown)) == ([place], 0)
    assert key_timing.checked(key_timing.KEY) > 0
