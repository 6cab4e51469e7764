from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from sluice.domain.call import Call, ModelRequest, Step, Target, Wishes
from sluice.domain.principal import Principal
from sluice.domain.route import Leg, Route, Sticky, Strategy
from sluice.routing.conversation import conversation, prefix

ADA, BOB = Principal("ada", "123456789012"), Principal("bob", "123456789012")
SYSTEM = {"role": "system", "content": "You are a clerk."}
ASKED = {"role": "user", "content": "hi"}
json_values = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(), inner, max_size=3),
    max_leaves=8,
)


def known_as(body: dict[str, Any], sticky: Sticky | None, principal: Principal = ADA, **wishes: Any) -> str | None:
    request = ModelRequest({"model": "smart", **body})
    route = Route("smart", (Leg(Target("test", "a")),), Strategy.ROUND_ROBIN, sticky=sticky)
    call = Call("id", "openai", "/", (Step(request),), principal, 0, 0, 60, 0, wishes=Wishes(**wishes))
    return conversation(route, call, request)


def test_nothing_stays_where_the_route_does_not_say_so() -> None:
    assert known_as({"user": "u"}, None, session="s") is None


@pytest.mark.parametrize("sticky", Sticky)
def test_nothing_stays_where_the_caller_says_so(sticky: Sticky) -> None:
    assert known_as({"user": "u", "messages": [ASKED]}, sticky, is_sticky=False) is None


@pytest.mark.parametrize(
    "body",
    [
        {"prompt_cache_key": "s"},
        {"safety_identifier": "s"},
        {"user": "s"},
        {"metadata": {"user_id": "s"}},
        {"metadata": {"session_id": "s", "user_id": "another"}},
        {"requestMetadata": {"session_id": "s"}},
        {"prompt_cache_key": "s", "user": "another"},
        {"prompt_cache_key": 5, "user": "s"},
        {"prompt_cache_key": "", "user": "s"},
    ],
)
def test_a_session_is_what_the_caller_names(body: dict[str, Any]) -> None:
    assert known_as(body, Sticky.SESSION) == known_as({}, Sticky.SESSION, session="s") == "ada\ns"


def test_the_header_counts_before_the_body() -> None:
    assert known_as({"user": "u"}, Sticky.SESSION, session="s") == "ada\ns"


def test_a_role_session_is_one_where_the_caller_names_none() -> None:
    principal = Principal("role", "123456789012", "build-7")

    assert known_as({}, Sticky.SESSION, principal) == "role\nbuild-7"


def test_who_names_no_session_has_none() -> None:
    assert known_as({"messages": [ASKED]}, Sticky.SESSION) is None


@pytest.mark.parametrize("body", [{"user": "u"}, {"messages": [ASKED]}])
def test_the_same_words_of_two_principals_are_two_conversations(body: dict[str, Any]) -> None:
    for sticky in Sticky:
        assert known_as(body, sticky, ADA, session="s") != known_as(body, sticky, BOB, session="s")


@pytest.mark.parametrize("field", ["messages", "input"])
@settings(deadline=None)
@given(some.lists(json_values, max_size=4), some.lists(json_values, max_size=4))
def test_a_prefix_outlives_every_turn(field: str, one: list[Any], more: list[Any]) -> None:
    begun = [SYSTEM, ASKED]

    assert prefix({field: begun}) == prefix({field: [*begun, *one]}) == prefix({field: [*begun, *one, *more]})


@pytest.mark.parametrize(
    "other",
    [
        {"messages": [SYSTEM, {"role": "user", "content": "bye"}]},
        {"messages": [{"role": "system", "content": "You are a judge."}, ASKED]},
        {"messages": [SYSTEM, ASKED], "tools": [{"type": "function"}]},
        {"messages": [SYSTEM, ASKED], "system": "You are a clerk."},
        {"input": "hi"},
        {"prompt": "hi"},
        {},
    ],
)
def test_another_beginning_is_another_prefix(other: dict[str, Any]) -> None:
    assert prefix(other) != prefix({"messages": [SYSTEM, ASKED]})


def test_what_does_not_begin_a_conversation_is_no_part_of_its_prefix() -> None:
    body = {"messages": [SYSTEM, ASKED]}

    assert prefix({**body, "temperature": 1, "stream": True, "max_tokens": 5}) == prefix(body)


@settings(deadline=None)
@given(some.dictionaries(some.sampled_from(["messages", "input", "prompt", "system", "tools", "x"]), json_values))
def test_any_body_has_a_prefix(body: dict[str, Any]) -> None:
    assert prefix(body) == prefix(dict(reversed(body.items())))


def test_text_that_is_no_utf8_has_a_prefix_too() -> None:
    assert prefix({"prompt": "\ud800"}) != prefix({"prompt": "\ud801"})
