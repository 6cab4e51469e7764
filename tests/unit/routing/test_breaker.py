"""The breakers of several environments over one table: what each sees, what it asks, and what it does when cut off."""

from random import Random

import pytest
from tests.unit.routing.environments import TARGET, Environment, Region
from tests.unit.stores.memory_table import failure, throttled

from sluice.routing.breaker import COPY_SECONDS, MOST_TARGETS, WATCH_SECONDS
from sluice.routing.circuit import FAILURES_TO_OPEN, FIRST_OPENING_SECONDS, FORGET_SECONDS, PROBE_SECONDS

OTHER = "openai/gpt-5"
REFUSED = failure("AccessDeniedException")


@pytest.fixture
def region() -> Region:
    return Region()


def test_without_a_failure_nothing_is_asked(region: Region) -> None:
    (one,) = region.environments(1)

    for _ in range(100):
        assert one.breakers.allows(TARGET)
        one.breakers.called(TARGET)
        one.breakers.succeeded(TARGET)
        one.breakers.undecided(TARGET)

    assert (one.breakers.state(TARGET), one.breakers.retry_after(TARGET)) == ("closed", 0)
    assert region.table.requests == []


def test_five_failures_open_it_for_its_environment(region: Region) -> None:
    (one,) = region.environments(1)

    for _ in range(FAILURES_TO_OPEN - 1):
        one.fail()
    before = one.breakers.state(TARGET)
    one.fail()

    assert (before, one.breakers.state(TARGET)) == ("closed", "open")
    assert not one.breakers.allows(TARGET)
    assert one.breakers.retry_after(TARGET) == pytest.approx(FIRST_OPENING_SECONDS, abs=0.01)
    assert one.breakers.allows(OTHER)


def test_failures_of_all_environments_count_together(region: Region) -> None:
    environments = region.environments(FAILURES_TO_OPEN)

    for one in environments:
        one.fail()

    assert environments[-1].breakers.state(TARGET) == "open"


def test_good_calls_in_the_same_ten_seconds_keep_it_closed(region: Region) -> None:
    (one,) = region.environments(1)
    region.hand.seconds = region.window_start()

    for _ in range(FAILURES_TO_OPEN + 1):
        one.succeed()
    for _ in range(FAILURES_TO_OPEN):
        one.fail()

    assert one.breakers.state(TARGET) == "closed"


def test_good_calls_of_an_hour_ago_do_not(region: Region) -> None:
    (one,) = region.environments(1)
    for _ in range(100):
        one.succeed()
    region.hand.seconds += 3600

    for _ in range(FAILURES_TO_OPEN):
        one.fail()

    assert one.breakers.state(TARGET) == "open"


def test_good_calls_before_a_call_that_took_long_do_not(region: Region) -> None:
    one, other = region.environments(2)
    for _ in range(100):
        one.succeed()
    one.breakers.called(TARGET)
    region.hand.seconds = region.window_start()

    one.breakers.failed(TARGET)
    for _ in range(FAILURES_TO_OPEN - 1):
        other.fail()

    assert other.breakers.state(TARGET) == "open"


def test_while_it_is_open_nothing_is_asked(region: Region) -> None:
    (one,) = region.environments(1)
    region.open(one)
    region.table.requests.clear()

    for _ in range(20):
        region.hand.seconds += FIRST_OPENING_SECONDS / 21
        assert not one.breakers.allows(TARGET)

    assert region.table.requests == []


def test_who_has_seen_a_failure_looks_once_a_second_and_learns_of_an_opening(region: Region) -> None:
    one, other = region.environments(2)
    one.fail()
    region.open(other)

    at_once = one.breakers.allows(TARGET)
    region.hand.seconds += COPY_SECONDS
    region.table.requests.clear()
    later = [one.breakers.allows(TARGET) for _ in range(5)]

    assert (at_once, later) == (True, [False] * 5)
    assert region.table.requests == ["GetItem"]


def test_ten_seconds_after_the_last_failure_nobody_looks(region: Region) -> None:
    (one,) = region.environments(1)
    one.fail()
    region.hand.seconds += WATCH_SECONDS
    region.table.requests.clear()

    assert one.breakers.allows(TARGET)
    assert region.table.requests == []


def test_a_failure_of_one_who_knew_nothing_teaches_it_the_opening(region: Region) -> None:
    one, other = region.environments(2)
    region.open(one)

    other.fail()

    assert not other.breakers.allows(TARGET)
    assert other.breakers.retry_after(TARGET) == pytest.approx(FIRST_OPENING_SECONDS, abs=0.01)


def test_one_probe_goes_out_and_closes_it_for_all(region: Region) -> None:
    environments = region.aware(4)
    region.hand.seconds += FIRST_OPENING_SECONDS

    allowed = [one.breakers.allows(TARGET) for one in environments]
    prober = environments[allowed.index(True)]
    while_probing = prober.breakers.state(TARGET)
    prober.succeed()
    region.hand.seconds += COPY_SECONDS

    assert allowed.count(True) == 1
    assert (while_probing, prober.breakers.state(TARGET)) == ("half-open", "closed")
    assert all(one.breakers.allows(TARGET) for one in environments)


def test_while_a_probe_is_under_way_the_others_are_told_to_wait_a_second(region: Region) -> None:
    one, other = region.aware(2)
    region.hand.seconds += FIRST_OPENING_SECONDS
    one.breakers.allows(TARGET)

    assert not other.breakers.allows(TARGET)
    assert other.breakers.retry_after(TARGET) == 1


def test_a_probe_that_fails_opens_it_twice_as_long_for_all(region: Region) -> None:
    one, other = region.aware(2)
    region.hand.seconds += FIRST_OPENING_SECONDS

    assert one.breakers.allows(TARGET)
    one.fail()
    region.hand.seconds += COPY_SECONDS

    assert not other.breakers.allows(TARGET)
    assert other.breakers.retry_after(TARGET) == pytest.approx(2 * FIRST_OPENING_SECONDS - COPY_SECONDS, abs=0.01)


def test_who_asks_twice_before_sending_keeps_its_probe(region: Region) -> None:
    one, other = region.aware(2)
    region.hand.seconds += FIRST_OPENING_SECONDS

    assert [one.breakers.allows(TARGET), one.breakers.allows(TARGET)] == [True, True]
    assert not other.breakers.allows(TARGET)


def test_a_probe_that_told_nothing_is_given_back(region: Region) -> None:
    one, other = region.aware(2)
    region.hand.seconds += FIRST_OPENING_SECONDS
    one.breakers.allows(TARGET)

    one.breakers.undecided(TARGET)

    assert other.breakers.allows(TARGET)
    assert not one.breakers.allows(TARGET)


def test_a_probe_that_died_with_its_environment_is_made_again(region: Region) -> None:
    one, other = region.aware(2)
    region.hand.seconds += FIRST_OPENING_SECONDS
    one.breakers.allows(TARGET)

    before = other.breakers.allows(TARGET)
    region.hand.seconds += PROBE_SECONDS
    after = other.breakers.allows(TARGET)

    assert (before, after) == (False, True)


def test_who_took_too_long_with_its_probe_does_not_take_anothers_for_its_own(region: Region) -> None:
    one, other = region.aware(2)
    region.hand.seconds += FIRST_OPENING_SECONDS
    one.breakers.allows(TARGET)
    region.hand.seconds += PROBE_SECONDS

    assert other.breakers.allows(TARGET)
    assert not one.breakers.allows(TARGET)
    assert other.breakers.allows(TARGET)


def test_a_probe_that_comes_back_too_late_does_not_close_what_another_opened(region: Region) -> None:
    one, other = region.aware(2)
    region.hand.seconds += FIRST_OPENING_SECONDS
    one.breakers.allows(TARGET)
    region.hand.seconds += PROBE_SECONDS
    assert other.breakers.allows(TARGET)
    other.fail()

    one.breakers.succeeded(TARGET)

    assert one.breakers.state(TARGET) == "open"
    assert not one.breakers.allows(TARGET)


def test_an_opening_that_nobody_probed_is_forgotten(region: Region) -> None:
    one, other = region.aware(2)
    region.hand.seconds += FIRST_OPENING_SECONDS + FORGET_SECONDS

    assert one.breakers.allows(TARGET)
    assert other.breakers.allows(TARGET)
    assert one.breakers.state(TARGET) == "closed"


def test_failures_that_lost_their_race_are_told_with_the_next(region: Region) -> None:
    (one,) = region.environments(1)
    region.hand.seconds = region.window_start()
    one.fail()
    region.table.before = [failure("ConditionalCheckFailedException", Item=item) for item in region.odd_items(3)]
    one.fail()  # meets three writes of others

    for _ in range(FAILURES_TO_OPEN - 2):
        one.fail()

    assert one.breakers.state(TARGET) == "open"


@pytest.mark.fault("D02")
@pytest.mark.parametrize("error", [REFUSED, throttled()], ids=str)
def test_an_environment_that_is_cut_off_has_a_breaker_of_its_own(region: Region, error: Exception) -> None:
    (one,) = region.environments(1)
    region.table.before = [error] * 10_000

    for _ in range(FAILURES_TO_OPEN):
        one.fail()
    opened = one.breakers.allows(TARGET), one.breakers.state(TARGET)
    region.hand.seconds += FIRST_OPENING_SECONDS
    probed = one.breakers.allows(TARGET)
    one.succeed()

    assert opened == (False, "open")
    assert probed
    assert one.breakers.state(TARGET) == "closed"
    assert region.table.items == {}


@pytest.mark.fault("D02")
def test_a_table_that_fails_is_asked_once_a_second_too(region: Region) -> None:
    (one,) = region.environments(1)
    one.fail()
    region.hand.seconds += COPY_SECONDS
    region.table.before = [REFUSED] * 10
    region.table.requests.clear()

    for _ in range(4):
        assert one.breakers.allows(TARGET)
        region.hand.seconds += COPY_SECONDS / 4.1

    assert region.table.requests == ["GetItem"]


@pytest.mark.fault("D02")
def test_what_was_opened_alone_is_replaced_by_what_the_table_says(region: Region) -> None:
    (one,) = region.environments(1)
    region.table.before = [REFUSED] * 10_000
    region.open(one)
    region.table.before = []
    region.hand.seconds += FIRST_OPENING_SECONDS

    assert one.breakers.allows(TARGET)
    assert one.breakers.state(TARGET) == "closed"


@pytest.mark.fault("D02")
def test_a_probe_whose_end_could_not_be_written_is_in_nobodys_way_for_long(region: Region) -> None:
    one, other = region.aware(2)
    region.hand.seconds += FIRST_OPENING_SECONDS
    assert one.breakers.allows(TARGET)
    region.table.before = [REFUSED]
    one.succeed()

    region.hand.seconds += PROBE_SECONDS
    assert other.breakers.allows(TARGET)
    other.succeed()

    assert other.breakers.state(TARGET) == "closed"


def test_a_row_that_is_broken_is_replaced(region: Region) -> None:
    (one,) = region.environments(1)
    for item in region.odd_items(20):
        region.table.items[(f"X#{TARGET}", "X")] = item

        for _ in range(FAILURES_TO_OPEN):
            one.fail()
        assert one.breakers.state(TARGET) == "open"

        region.hand.seconds += 3600


def test_an_environment_remembers_so_many_targets_and_no_more(region: Region) -> None:
    (one,) = region.environments(1)
    region.open(one)

    for number in range(MOST_TARGETS):
        one.breakers.called(f"openai/model-{number}")

    assert one.breakers.state(TARGET) == "closed"
    assert one.breakers.state(f"openai/model-{MOST_TARGETS - 1}") == "closed"
    assert len(one.breakers._known) == MOST_TARGETS


def test_the_target_that_was_called_last_is_forgotten_last(region: Region) -> None:
    (one,) = region.environments(1)
    one.breakers.called(OTHER)
    region.open(one)

    for number in range(2 * MOST_TARGETS):
        one.breakers.called(f"openai/model-{number}")
        one.breakers.called(TARGET)

    assert one.breakers.state(TARGET) == "open"


@pytest.mark.parametrize("skews", [(0, 3, -3), (0, 9, 5), (-2, 0, 2), (0.5, -0.5, 4)])
def test_clocks_that_differ_by_seconds_share_a_breaker(region: Region, skews: tuple[float, ...]) -> None:
    environments = [region.environment(str(skew), skew) for skew in skews]
    for number in range(FAILURES_TO_OPEN + 4):
        environments[number % 3].fail()
    opened = [one.breakers.state(TARGET) for one in environments]

    probing: list[Environment] = []
    while not probing:
        region.hand.seconds += 0.25
        probing = [one for one in environments if one.breakers.allows(TARGET)]
    probing[0].succeed()
    region.hand.seconds += FIRST_OPENING_SECONDS + max(skews) - min(skews) + COPY_SECONDS

    assert opened == ["open"] * 3
    assert len(probing) == 1
    assert all(one.breakers.allows(TARGET) for one in environments)


def test_no_course_of_things_raises_or_keeps_a_good_target_closed_off(region: Region) -> None:
    random = Random(5)
    environments = [region.environment(str(number), random.uniform(-5, 5)) for number in range(4)]
    for _ in range(3000):
        region.hand.seconds += random.choice((0, 0.1, 1, 5, 30))
        region.table.before = [random.choice((None, None, None, REFUSED, throttled())) for _ in range(4)]
        one = random.choice(environments)
        if one.breakers.allows(TARGET):
            random.choice((one.fail, one.fail, one.succeed, one.leave))()

    region.table.before = []
    for _ in range(200):
        region.hand.seconds += 1
        for one in environments:
            if one.breakers.allows(TARGET):
                one.succeed()

    assert [one.breakers.state(TARGET) for one in environments] == ["closed"] * 4
