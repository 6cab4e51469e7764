from typing import Any

import pytest

from sluice.domain.call import Target
from sluice.domain.errors import Misconfigured
from sluice.domain.route import FALLEN_BACK, RETRIED, Backoff, Leg, Retry, Route, Sticky, Strategy
from sluice.settings import Settings, settings

OPENAI = {"kind": "openai", "secret": "sluice/openai"}
A, B = {"model": "openai/a"}, {"model": "bedrock/b"}


def read(**document: Any) -> Settings:
    providers = {"openai": OPENAI, "bedrock": {"kind": "bedrock"}}
    return settings({"providers": providers, **document}, {"SLUICE_TABLE": "ledger"})


def smart(defaults: dict[str, Any] | None = None, **table: Any) -> Route:
    return read(defaults=defaults or {}, routes={"smart": {"targets": [A, B], **table}}).routes["smart"]


def test_a_route_may_be_written_short_or_long() -> None:
    found = read(routes={"a": "openai/x", "b": {"targets": [{"model": "openai/x"}]}}).routes

    assert found["a"] == Route("a", (Leg(Target("openai", "x")),))
    assert found["b"] == Route("b", found["a"].legs)


def test_what_a_route_says_of_its_target_holds_wherever_that_is_named() -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1"
    routes = {"mine": {"targets": [{"model": f"bedrock/{arn}", "base_model": "anthropic.claude-sonnet-5"}]}}
    found = read(routes=routes)

    assert str(found.routes["mine"].legs[0].target) == f"bedrock/{arn}"
    assert found.targets[f"bedrock/{arn}"].family_model == "anthropic.claude-sonnet-5"


def test_a_route_of_several_targets_takes_them_as_they_are_written() -> None:
    found = smart()

    assert [str(leg.target) for leg in found.legs] == ["openai/a", "bedrock/b"]
    assert (found.strategy, found.sticky, found.retry) == (Strategy.PRIORITY, None, Retry())
    assert (found.retry.attempts, found.retry.statuses, found.fallback_statuses) == (2, RETRIED, FALLEN_BACK)


def test_everything_can_be_said_of_a_route() -> None:
    found = smart(
        strategy="weighted",
        sticky="prefix",
        targets=[
            {
                **A,
                "weight": 3,
                "first_byte_timeout_seconds": 5,
                "total_timeout_seconds": 60,
                "override": {"temperature": 0},
                "drop": ["user"],
                "max_input_tokens": 8000,
            },
            B,
        ],
        retry={"attempts": 3, "backoff": "constant", "delay_seconds": 0, "statuses": [500]},
        fallback_statuses=[429, 500],
    )

    first, second = found.legs
    assert (first.weight, first.override, first.drop, first.max_input_tokens) == (
        3,
        {"temperature": 0},
        ("user",),
        8000,
    )
    assert first.timeouts == {"first_byte_timeout_seconds": 5, "total_timeout_seconds": 60}
    assert second == Leg(Target("bedrock", "b"))
    assert (found.strategy, found.sticky) == (Strategy.WEIGHTED, Sticky.PREFIX)
    assert found.retry == Retry(3, Backoff.CONSTANT, 0, frozenset({500}))
    assert found.fallback_statuses == {429, 500}


def test_a_route_retries_as_the_defaults_say_and_as_it_says_itself() -> None:
    retry = {"attempts": 4, "delay_seconds": 1}
    found = read(defaults={"retry": retry}, routes={"a": "openai/a", "b": {"targets": [B], "retry": {"attempts": 1}}})

    assert found.retry == found.routes["a"].retry == Retry(attempts=4, delay_seconds=1)
    assert found.routes["b"].retry == Retry(attempts=1, delay_seconds=1)


def test_no_fallback_at_all_can_be_said() -> None:
    assert smart(fallback_statuses=[]).fallback_statuses == frozenset()


@pytest.mark.parametrize("strategy", ["weighted", "round-robin"])
@pytest.mark.parametrize("sticky", Sticky)
def test_what_spreads_calls_may_keep_conversations_together(strategy: str, sticky: Sticky) -> None:
    assert smart(strategy=strategy, sticky=str(sticky)).sticky is sticky


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"strategy": "fastest"}, 'want "priority", "weighted", "round-robin", "latency" or "cost"'),
        ({"strategy": ["cost"]}, "smart.strategy = ['cost']: want"),
        ({"sticky": "user"}, 'want "session" or "prefix"'),
        ({"sticky": "session"}, "smart.sticky goes with strategy weighted or round-robin; priority does not spread"),
        ({"sticky": "prefix", "strategy": "cost"}, "cost does not spread"),
        ({"targets": []}, "smart.targets: want 1 to 16 targets"),
        ({"targets": [A] * 17}, "smart.targets: want 1 to 16 targets"),
        ({"targets": [A, {}]}, "smart.targets[1].model is missing"),
        ({"targets": [A, "openai/b"]}, "smart.targets[1]"),
        ({"targets": [{**A, "wieght": 2}]}, "did you mean weight"),
        ({"targets": [{**A, "weight": 2}]}, 'weights go with strategy = "weighted", not priority'),
        ({"strategy": "weighted", "targets": [{**A, "weight": 0}]}, "weight = 0: want a whole number from 1"),
        ({"strategy": "weighted", "targets": [{**A, "weight": 1.5}]}, "weight = 1.5: want a whole number from 1"),
        ({"targets": [{**A, "override": {"model": "x"}}]}, "model cannot be overridden or dropped"),
        ({"targets": [{**A, "drop": ["stream"]}]}, "stream cannot be overridden or dropped"),
        ({"targets": [{**A, "override": ["x"]}]}, "want a table of the request's fields"),
        ({"targets": [{**A, "idle_timeout_seconds": 0}]}, "more than 0"),
        ({"targets": [{**A, "heartbeat_seconds": 1}]}, "unknown key routes.smart.targets[0].heartbeat_seconds"),
        ({"targets": [{**A, "api": "openai"}]}, 'api goes with a provider of kind = "bedrock"'),
        ({"targets": [{"model": "nope/x"}]}, "one of the providers bedrock, openai"),
        ({"retry": {"attempts": 0}}, "attempts = 0: want a whole number from 1 to 5"),
        ({"retry": {"attempts": 6}}, "attempts = 6: want a whole number from 1 to 5"),
        ({"retry": {"attempts": True}}, "attempts = True: want a whole number from 1 to 5"),
        ({"retry": {"backoff": "random"}}, 'want "constant", "linear" or "exponential"'),
        ({"retry": {"delay_seconds": 6}}, "delay_seconds = 6: want seconds, from 0 to 5"),
        ({"retry": {"delay_seconds": float("nan")}}, "want seconds, from 0 to 5"),
        ({"retry": {"statuses": [200]}}, "want a list of statuses from 400 to 599"),
        ({"retry": {"tries": 2}}, "unknown key routes.smart.retry.tries"),
        ({"fallback_statuses": [600]}, "want a list of statuses from 400 to 599"),
    ],
)
def test_what_is_wrong_is_named_with_what_would_be_right(table: dict[str, Any], says: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        smart(**table)

    assert says in caught.value.message


def test_one_target_is_the_same_model_in_every_route() -> None:
    first, second = ({"targets": [{**B, "base_model": name}]} for name in ("amazon.nova-lite-v1:0", "other"))

    with pytest.raises(Misconfigured, match="bedrock/b has another base_model or api in another route"):
        read(routes={"one": first, "two": second})
