from random import Random
from typing import Any

import pytest
from tests.fakes.routed import configured

from sluice.domain.call import Call, ModelRequest, RetryWish, Step, Wishes
from sluice.domain.errors import ModelNotFound
from sluice.domain.operation import CHAT, CONVERSE, Operation
from sluice.domain.principal import Principal
from sluice.domain.route import Backoff
from sluice.routing.candidates import Candidate, Candidates, _fits
from sluice.routing.order import Order, Quote
from sluice.routing.selection import Selection

ADA = Principal("ada", "123456789012")
ROUTES = {
    "smart": {
        "targets": [
            {"model": "a/large", "override": {"temperature": 0, "seed": 5}, "drop": ["user"]},
            {"model": "b/large", "idle_timeout_seconds": 7},
        ],
        "retry": {"attempts": 3, "delay_seconds": 1, "backoff": "linear"},
    },
    "small": "b/small",
    "turns": {
        "targets": [{"model": "a/one"}, {"model": "b/two"}],
        "strategy": "round-robin",
        "sticky": "session",
    },
}


def candidates_of(*steps: Step, **wishes: Any) -> tuple[Candidate, ...]:
    found = configured({"a": None, "b": None}, routes=ROUTES)
    selection = Selection(found.providers, found.routes, found.targets, found.retry)
    order = Order(Random(1), dict.fromkeys, lambda *_: Quote(None, True))
    call = Call("id", "openai", "/", steps, ADA, 0, 0, 60, 0, wishes=Wishes(**wishes))
    return Candidates(selection, order).of(call)


def step(model: str, provider: str | None = None, operation: Operation = CHAT, **body: Any) -> Step:
    return Step(ModelRequest({"model": model, **body}, operation), provider)


def targets(found: tuple[Candidate, ...]) -> list[str]:
    return [str(one.target) for one in found]


def test_a_route_leads_to_its_targets_in_order() -> None:
    assert targets(candidates_of(step("smart"))) == ["a/large", "b/large"]


def test_steps_are_tried_one_after_the_other() -> None:
    found = candidates_of(step("small"), step("smart"), step("x", "a"))

    assert targets(found) == ["b/small", "a/large", "b/large", "a/x"]
    assert [one.step_index for one in found] == [0, 1, 1, 2]


def test_a_leg_overrides_and_drops_fields_of_its_own_request_only() -> None:
    asked = step("smart", user="u", temperature=1, top_p=0.5)

    first, second = candidates_of(asked)

    assert first.request.body == {"model": "smart", "temperature": 0, "seed": 5, "top_p": 0.5}
    assert second.request is asked.request
    assert asked.request.body == {"model": "smart", "user": "u", "temperature": 1, "top_p": 0.5}


def test_bedrocks_own_operations_keep_what_they_were_given() -> None:
    asked = step("smart", operation=CONVERSE, user="u")

    first, _ = candidates_of(asked)

    assert first.request is asked.request


def test_what_the_caller_asks_of_retries_counts_before_the_route() -> None:
    asked = ModelRequest({"model": "smart"})

    wished, *_ = candidates_of(Step(asked, retry=RetryWish(attempts=1, delay_seconds=0, backoff="constant")))
    plain, *_ = candidates_of(Step(asked))

    assert (wished.retry.attempts, wished.retry.delay_seconds, wished.retry.backoff) == (1, 0, Backoff.CONSTANT)
    assert (plain.retry.attempts, plain.retry.delay_seconds, plain.retry.backoff) == (3, 1, Backoff.LINEAR)


@pytest.mark.parametrize(
    ("wishes", "left"),
    [
        ({"models": ("large",)}, ["a/large", "b/large"]),
        ({"models": ("a/large",)}, ["a/large"]),
        ({"models": ("smart",)}, ["a/large", "b/large"]),
        ({"providers": ("b",)}, ["b/large", "b/small"]),
        ({"models": ("large", "small"), "providers": ("b",)}, ["b/large", "b/small"]),
        ({"models": ("small",), "providers": ("a", "b")}, ["b/small"]),
    ],
)
def test_only_what_is_allowed_is_asked(wishes: dict[str, tuple[str, ...]], left: list[str]) -> None:
    assert targets(candidates_of(step("smart"), step("small"), **wishes)) == left


@pytest.mark.parametrize("wishes", [{"models": ("other",)}, {"providers": ("c",)}])
def test_nothing_that_is_allowed_is_no_model(wishes: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(ModelNotFound, match="allowed"):
        candidates_of(step("smart"), **wishes)


def test_a_step_that_leads_nowhere_is_told_though_others_would_do() -> None:
    with pytest.raises(ModelNotFound, match="unknown model 'nope'"):
        candidates_of(step("smart"), step("nope"))


def test_a_sticky_conversation_keeps_its_first_target() -> None:
    calls = [candidates_of(step("turns"), session="s") for _ in range(5)]

    assert len({tuple(targets(found)) for found in calls}) == 1


@pytest.mark.parametrize(
    ("wanted", "name", "fits"),
    [
        ("*", "large", True),
        ("*/large", "a/large", True),
        ("*/large", "a/b/large", False),
        ("gpt-*", "gpt-5-mini", True),
        ("gpt-*-mini", "gpt-5-mini", True),
        ("gpt-*-mini", "gpt-mini", False),
        ("*5*m*", "gpt-5-mini", True),
        ("*m*5*", "gpt-5", False),
        ("ab*ba", "aba", False),
        ("**", "x", True),
        ("a.c", "abc", False),
        ("a*", "b/a", False),
    ],
)
def test_a_star_stands_for_any_part_without_a_slash(wanted: str, name: str, fits: bool) -> None:
    assert _fits(name, wanted) is fits


@pytest.mark.timeout(10)
def test_a_pattern_of_many_stars_takes_no_longer_than_any_other() -> None:
    assert not _fits("a" * 256, "*a" * 100 + "*b")
