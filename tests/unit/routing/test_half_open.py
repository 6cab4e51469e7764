"""Of environments that ask at once, in every order their requests may take, one gets the probe."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.routing.environments import TARGET, Environment, Region
from tests.unit.routing.stage import Choose, Stage, chosen_from, every_order
from tests.unit.stores.memory_table import lost, throttled

from sluice.routing.circuit import FIRST_OPENING_SECONDS

ORDERS = st.lists(st.integers(0, 10**6), max_size=60)
# by request; so few that the patience of none ends, for then it would probe by itself
FAULTS = st.dictionaries(st.integers(0, 40), st.sampled_from([throttled(), lost()]), max_size=2)


def lapsed(count: int) -> tuple[Region, list[Environment]]:
    """Environments that know of an opening which has just ended."""
    region = Region()
    environments = region.aware(count)
    region.hand.seconds += FIRST_OPENING_SECONDS
    return region, environments


def ask(region: Region, environments: list[Environment], choose: Choose, pool: ThreadPoolExecutor) -> list[bool]:
    stage = Stage([partial(one.breakers.allows, TARGET) for one in environments])
    region.table.pause = stage.pause
    return stage.play(choose, pool)


@pytest.mark.parametrize("count", [2, 3])
def test_in_every_order_one_gets_the_probe(count: int) -> None:
    allowed: Counter[int] = Counter()

    with ThreadPoolExecutor(count) as pool:

        def play(choose: Choose) -> None:
            region, environments = lapsed(count)
            allowed[sum(ask(region, environments, choose, pool))] += 1

        every_order(play)

    assert set(allowed) == {1}
    assert allowed[1] > count


@settings(deadline=None, max_examples=60)
@given(ORDERS, FAULTS, FAULTS)
def test_sixteen_that_ask_at_once_send_one_probe_whatever_is_lost_on_the_way(
    order: list[int], before: dict[int, Exception], after: dict[int, Exception]
) -> None:
    region, environments = lapsed(16)
    region.table.before = [before.get(number) for number in range(41)]
    region.table.after = [after.get(number) for number in range(41)]

    with ThreadPoolExecutor(16) as pool:
        allowed = ask(region, environments, chosen_from(iter(order)), pool)

    assert sum(allowed) == 1


@settings(deadline=None, max_examples=60)
@given(ORDERS)
def test_five_that_fail_at_once_open_it(order: list[int]) -> None:
    region = Region()
    region.hand.seconds = region.window_start()
    environments = region.environments(5)
    stage = Stage([one.fail for one in environments])
    region.table.pause = stage.pause

    with ThreadPoolExecutor(5) as pool:
        stage.play(chosen_from(iter(order)), pool)
    for one in environments:
        one.fail()

    assert environments[-1].breakers.state(TARGET) == "open"
