"""The moving average of the time to the first chunk, as several environments see it."""

import math

import pytest
from tests.unit.routing.environments import TARGET, Region
from tests.unit.stores.memory_table import failure, lost

from sluice.routing.pace import COPY_SECONDS, FLUSH_SECONDS, LONGEST_MILLISECONDS, WEIGHTS
from sluice.stores.paces import BUCKET_SECONDS

OTHER = "bedrock/us.anthropic.claude-sonnet-5"
REFUSED = failure("AccessDeniedException")


@pytest.fixture
def region() -> Region:
    region = Region()
    region.hand.seconds = (region.hand.seconds // BUCKET_SECONDS + 1) * BUCKET_SECONDS
    return region


def test_what_nobody_called_is_unknown(region: Region) -> None:
    (one,) = region.environments(1)

    assert one.pace.averages([TARGET, OTHER]) == {TARGET: None, OTHER: None}


def test_what_was_seen_here_counts_at_once(region: Region) -> None:
    (one,) = region.environments(1)

    one.pace.saw(TARGET, 300)
    one.pace.saw(TARGET, 100.4)

    assert one.pace.averages([TARGET, OTHER]) == {TARGET: 200, OTHER: None}


def test_what_others_saw_counts_by_calls(region: Region) -> None:
    one, other = region.environments(2)
    for milliseconds in (100, 100, 100):
        other.pace.saw(TARGET, milliseconds)
    other.pace.flush()

    one.pace.saw(TARGET, 500)

    assert one.pace.averages([TARGET]) == {TARGET: 200}


def test_it_is_told_every_five_seconds_at_most(region: Region) -> None:
    (one,) = region.environments(1)

    for _ in range(11):
        one.pace.saw(TARGET, 100)
        one.pace.flush()
        region.hand.seconds += 1

    assert region.table.requests == ["UpdateItem"] * math.ceil(11 / FLUSH_SECONDS)


def test_nothing_seen_is_nothing_told(region: Region) -> None:
    (one,) = region.environments(1)

    one.pace.flush()

    assert region.table.requests == []


def test_what_was_told_is_not_counted_twice(region: Region) -> None:
    (one,) = region.environments(1)
    one.pace.averages([TARGET])
    one.pace.saw(TARGET, 100)
    one.pace.flush()
    one.pace.saw(TARGET, 400)

    before = one.pace.averages([TARGET])
    region.hand.seconds += COPY_SECONDS
    after = one.pace.averages([TARGET])

    assert before == after == {TARGET: 250}


def test_the_table_is_read_once_for_all_targets_and_every_ten_seconds_at_most(region: Region) -> None:
    (one,) = region.environments(1)

    for _ in range(21):
        one.pace.averages([TARGET, OTHER, TARGET])
        region.hand.seconds += 1

    assert region.table.requests == ["BatchGetItem"] * 3


def test_a_target_that_was_not_asked_for_before_is_read(region: Region) -> None:
    one, other = region.environments(2)
    other.pace.saw(OTHER, 70)
    other.pace.flush()
    one.pace.averages([TARGET])

    assert one.pace.averages([TARGET, OTHER]) == {TARGET: None, OTHER: 70}


def test_reading_of_one_target_forgets_no_other(region: Region) -> None:
    one, other = region.environments(2)
    other.pace.saw(TARGET, 50)
    other.pace.flush()
    one.pace.averages([TARGET])
    region.hand.seconds += COPY_SECONDS / 2
    one.pace.averages([OTHER])

    assert one.pace.averages([TARGET]) == {TARGET: 50}


def test_what_is_older_weighs_half_for_each_half_minute_and_ends(region: Region) -> None:
    (one,) = region.environments(1)
    one.pace.saw(TARGET, 900)
    region.hand.seconds += BUCKET_SECONDS
    one.pace.saw(TARGET, 300)

    newer = one.pace.averages([TARGET])[TARGET]
    region.hand.seconds += BUCKET_SECONDS * (len(WEIGHTS) - 1)
    last = one.pace.averages([TARGET])[TARGET]
    region.hand.seconds += BUCKET_SECONDS
    gone = one.pace.averages([TARGET])[TARGET]

    assert (newer, last, gone) == (500, 300, None)


@pytest.mark.parametrize("milliseconds", [math.nan, math.inf, -1, LONGEST_MILLISECONDS + 1])
def test_a_time_that_makes_no_sense_is_not_counted(region: Region, milliseconds: float) -> None:
    (one,) = region.environments(1)

    one.pace.saw(TARGET, milliseconds)

    assert one.pace.averages([TARGET]) == {TARGET: None}


@pytest.mark.fault("D02")
def test_a_table_that_fails_leaves_what_was_seen_here(region: Region) -> None:
    one, other = region.environments(2)
    other.pace.saw(TARGET, 900)
    other.pace.flush()
    region.table.before = [REFUSED] * 1000

    one.pace.saw(TARGET, 100)
    one.pace.flush()

    assert one.pace.averages([TARGET, OTHER]) == {TARGET: 100, OTHER: None}


@pytest.mark.fault("D02")
def test_what_could_not_be_told_is_told_later(region: Region) -> None:
    one, other = region.environments(2)
    region.table.before = [REFUSED]
    one.pace.saw(TARGET, 100)
    one.pace.flush()
    region.hand.seconds += FLUSH_SECONDS

    one.pace.flush()

    assert other.pace.averages([TARGET]) == {TARGET: 100}


@pytest.mark.fault("D03")
def test_a_sum_whose_answer_was_lost_leaves_the_average(region: Region) -> None:
    one, other = region.environments(2)
    region.table.after = [lost()]
    one.pace.saw(TARGET, 100)
    one.pace.flush()
    region.hand.seconds += FLUSH_SECONDS

    one.pace.flush()

    assert other.pace.averages([TARGET]) == {TARGET: 100}


@pytest.mark.fault("D02")
def test_what_is_never_told_does_not_pile_up(region: Region) -> None:
    (one,) = region.environments(1)
    region.table.before = [REFUSED] * 100_000

    for number in range(2000):
        one.pace.saw(f"openai/model-{number}", 100)
        one.pace.flush()
        region.hand.seconds += 1

    assert len(one.pace._own) <= BUCKET_SECONDS * len(WEIGHTS) + FLUSH_SECONDS


def test_a_route_of_many_targets_reads_the_first_of_them(region: Region) -> None:
    (one,) = region.environments(1)
    targets = [f"openai/model-{number}" for number in range(30)]

    averages = one.pace.averages(targets)

    assert list(averages) == targets
    assert region.table.requests == ["BatchGetItem"]


@pytest.mark.parametrize("skews", [(0, 4), (-4, 0)])
def test_clocks_that_differ_by_seconds_share_it_a_moment_later(region: Region, skews: tuple[float, float]) -> None:
    one, other = (region.environment(str(skew), skew) for skew in skews)
    other.pace.saw(TARGET, 100)
    other.pace.flush()
    region.hand.seconds += COPY_SECONDS

    assert one.pace.averages([TARGET]) == {TARGET: 100}
