from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from sluice.domain.call import ModelRequest, Target
from sluice.domain.route import Leg, Route, Strategy
from sluice.routing.order import EXPLORED, Order, Quote, sticky

REQUEST = ModelRequest({"model": "smart", "messages": []})
# Quantiles of chi-squared at 0.999, by degrees of freedom: NIST/SEMATECH e-Handbook, 1.3.6.7.4.
CHI_SQUARED = {1: 10.828, 2: 13.816, 3: 16.266}


def leg(name: str, weight: int = 1) -> Leg:
    return Leg(Target("test", name), weight)


def route(strategy: Strategy, *legs: Leg) -> Route:
    return Route("smart", legs, strategy)


def unknown(targets: Sequence[str]) -> dict[str, float | None]:
    return dict.fromkeys(targets)


def unpriced(_: Leg, __: ModelRequest) -> Quote:
    return Quote(None, True)


def order(seed: int = 1) -> Order:
    return Order(Random(seed), unknown, unpriced)


def names(legs: Sequence[Leg]) -> list[str]:
    return [one.target.model for one in legs]


def chi_squared(counts: Mapping[str, int], shares: Mapping[str, float]) -> float:
    calls = sum(counts.values())
    return sum((counts.get(name, 0) - calls * share) ** 2 / (calls * share) for name, share in shares.items())


def test_priority_is_the_order_they_are_written_in() -> None:
    found = order().legs(route(Strategy.PRIORITY, leg("b"), leg("a"), leg("c")), REQUEST)

    assert names(found) == ["b", "a", "c"]


@settings(deadline=None)
@given(some.sampled_from(Strategy), some.integers(1, 6), some.integers(), some.none() | some.text())
def test_every_order_has_each_target_once(strategy: Strategy, count: int, seed: int, conversation: str | None) -> None:
    legs = tuple(leg(str(number)) for number in range(count))

    found = order(seed).legs(Route("smart", legs, strategy), REQUEST, conversation)

    assert sorted(names(found)) == sorted(names(legs))


def test_round_robin_over_three_targets_in_four_environments_is_even() -> None:
    environments = [order(seed) for seed in range(4)]
    smart = route(Strategy.ROUND_ROBIN, leg("a"), leg("b"), leg("c"))

    counts = Counter(environments[call % 4].legs(smart, REQUEST)[0].target.model for call in range(300))

    assert sum(counts.values()) == 300
    assert all(abs(counts[name] - 100) <= 4 * 2 / 3 for name in "abc"), counts


@settings(deadline=None)
@given(some.integers(2, 6), some.lists(some.integers(0, 40), min_size=1, max_size=6), some.integers(0, 2**32))
def test_round_robin_stays_within_its_bound_however_calls_are_spread(targets: int, calls: list[int], seed: int) -> None:
    legs = tuple(leg(str(number)) for number in range(targets))
    counts: Counter[str] = Counter()

    for place, count in enumerate(calls):
        environment = order(seed + place)
        counts.update(
            environment.legs(Route("smart", legs, Strategy.ROUND_ROBIN), REQUEST)[0].target.model for _ in range(count)
        )

    bound = len(calls) * (targets - 1) / targets
    assert all(abs(counts[name] - sum(calls) / targets) <= bound + 1e-9 for name in names(legs)), counts


def test_round_robin_starts_at_each_target_alike() -> None:
    smart = route(Strategy.ROUND_ROBIN, leg("a"), leg("b"), leg("c"))

    first = Counter(order(seed).legs(smart, REQUEST)[0].target.model for seed in range(3000))

    assert chi_squared(first, dict.fromkeys("abc", 1 / 3)) < CHI_SQUARED[2]


def test_routes_go_round_on_their_own() -> None:
    made, legs = order(), (leg("a"), leg("b"))
    one, other = Route("one", legs, Strategy.ROUND_ROBIN), Route("other", legs, Strategy.ROUND_ROBIN)

    found = [made.legs(turn, REQUEST)[0].target.model for turn in (one, other, one, other)]

    assert {found[0], found[2]} == {found[1], found[3]} == {"a", "b"}


def test_the_rest_follow_in_turn_too() -> None:
    found = names(order().legs(route(Strategy.ROUND_ROBIN, leg("a"), leg("b"), leg("c")), REQUEST))

    assert "".join(found) in ("abc", "bca", "cab")


def test_weighted_shares_follow_the_weights() -> None:
    made = order(20_261_121)
    smart = route(Strategy.WEIGHTED, leg("a", 1), leg("b", 2), leg("c", 3), leg("d", 4))

    counts = Counter(made.legs(smart, REQUEST)[0].target.model for _ in range(3000))

    assert chi_squared(counts, {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}) < CHI_SQUARED[3], counts


def test_what_follows_is_weighted_too() -> None:
    made = order(20_261_121)
    smart = route(Strategy.WEIGHTED, leg("a", 1), leg("b", 2), leg("c", 6))

    orders = [names(made.legs(smart, REQUEST)) for _ in range(6000)]
    behind = Counter(second for first, second, _ in orders if first == "c")

    assert chi_squared(behind, {"a": 1 / 3, "b": 2 / 3}) < CHI_SQUARED[1], behind


def test_a_conversation_has_one_order_in_every_environment() -> None:
    smart = route(Strategy.ROUND_ROBIN, leg("a"), leg("b"), leg("c"))

    found = {tuple(names(order(seed).legs(smart, REQUEST, "ada\nsession"))) for seed in range(20)}

    assert len(found) == 1


def test_conversations_are_shared_out_by_weight() -> None:
    legs = (leg("a", 1), leg("b", 2), leg("c", 3))

    counts = Counter(sticky(legs, f"conversation {number}")[0].target.model for number in range(6000))

    assert chi_squared(counts, {"a": 1 / 6, "b": 2 / 6, "c": 3 / 6}) < CHI_SQUARED[2], counts


@settings(deadline=None)
@given(some.text(), some.lists(some.integers(1, 1_000_000), min_size=2, max_size=6), some.data())
def test_a_target_that_goes_moves_its_own_conversations_only(
    conversation: str, weights: list[int], data: some.DataObject
) -> None:
    legs = tuple(leg(str(place), weight) for place, weight in enumerate(weights))
    gone = data.draw(some.sampled_from(legs))

    before = sticky(legs, conversation)
    after = sticky(tuple(one for one in legs if one is not gone), conversation)

    assert after == tuple(one for one in before if one is not gone)


def test_a_heavier_target_takes_conversations_and_others_swap_none() -> None:
    light, heavy = (leg("a"), leg("b"), leg("c")), (leg("a"), leg("b"), leg("c", 5))

    moves = {
        (sticky(light, str(number))[0].target.model, sticky(heavy, str(number))[0].target.model)
        for number in range(2000)
    }

    assert {new for old, new in moves if old != new} == {"c"}


def test_the_fastest_comes_first_and_the_unknown_before_all() -> None:
    known = {"test/a": 300.0, "test/b": 100.0, "test/c": None}
    made = Order(Random(2), lambda targets: {name: known[name] for name in targets}, unpriced)
    smart = route(Strategy.LATENCY, leg("a"), leg("b"), leg("c"))

    orders = Counter("".join(names(made.legs(smart, REQUEST))) for _ in range(1000))

    assert orders.most_common(1)[0][0] == "cba"
    assert orders["cba"] > 1000 * (1 - 2 * EXPLORED)


def test_a_slow_target_is_still_asked_now_and_then() -> None:
    known = {"test/a": 100.0, "test/b": 9000.0}
    made = Order(Random(2), lambda _: known, unpriced)
    smart = route(Strategy.LATENCY, leg("a"), leg("b"))

    firsts = Counter(made.legs(smart, REQUEST)[0].target.model for _ in range(4000))

    assert 0 < firsts["b"] < 4000 * EXPLORED


def test_the_cheapest_comes_first_then_the_unpriced_then_what_does_not_fit() -> None:
    quotes = {
        "dear": Quote(900, True),
        "unpriced": Quote(None, True),
        "small": Quote(1, False),
        "cheap": Quote(5, True),
        "small and unpriced": Quote(None, False),
        "free": Quote(0, True),
    }
    made = Order(Random(1), unknown, lambda one, _: quotes[one.target.model])

    found = names(made.legs(route(Strategy.COST, *map(leg, quotes)), REQUEST))

    assert found == ["free", "cheap", "dear", "unpriced", "small", "small and unpriced"]


def test_equal_prices_stay_as_they_are_written() -> None:
    made = Order(Random(1), unknown, lambda _, __: Quote(5, True))

    assert names(made.legs(route(Strategy.COST, leg("b"), leg("a"), leg("c")), REQUEST)) == ["b", "a", "c"]


@pytest.mark.parametrize("strategy", Strategy)
def test_a_lone_target_needs_no_strategy(strategy: Strategy) -> None:
    def never(*_: object) -> dict[str, float | None]:
        raise AssertionError("asked for nothing")

    alone = route(strategy, leg("a"))

    assert Order(Random(1), never, unpriced).legs(alone, REQUEST, "ada") == alone.legs
