"""Provider keys in steps: used where callers may send one, passed over elsewhere, and never two providers' at once."""

import json
from typing import Any

import pytest
from tests.canaries import KEY, leaks
from tests.fakes.site import Site
from tests.unit.surfaces.test_universal import ANTHROPIC, BROKEN, OPENAI, site, step

KEYS: list[dict[str, Any]] = [
    {"authorization": f"Bearer {KEY}"},
    {"headers": {"Authorization": f"Token {KEY}"}},
    {"headers": {"x-api-key": KEY}},
    {"headers": {"api-key": KEY}},
]


@pytest.mark.parametrize("given", KEYS, ids=range(len(KEYS)))
def test_a_key_in_a_step_is_used_where_callers_may_send_one(given: dict[str, Any]) -> None:
    gateway = Site({"openai": {"caller_keys": True}})

    answer = gateway.ask("/", [{**OPENAI, **given}])

    assert gateway.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert leaks(json.dumps(answer) + repr(gateway.ledger) + repr(gateway.telemetry.calls), [KEY]) == []
    assert "x-sluice-warnings" not in answer["headers"]


@pytest.mark.parametrize("given", KEYS, ids=range(len(KEYS)))
def test_a_key_in_a_step_is_passed_over_anywhere_else(given: dict[str, Any]) -> None:
    gateway = site(openai=BROKEN)

    answer = gateway.ask("/", [{**OPENAI, **given}, {**ANTHROPIC, **given}])

    sent = json.dumps([list(request.headers.items()) for request in gateway.requests])
    assert gateway.asked == ["openai", "anthropic"]
    assert leaks(sent + json.dumps(answer) + repr(gateway.ledger) + repr(gateway.telemetry.calls), [KEY]) == []
    assert answer["headers"]["x-sluice-warnings"] == "authorization"


def test_each_step_has_its_own_key() -> None:
    gateway = Site({"openai": {"caller_keys": True}, "own": {"caller_keys": True}}, {"openai": BROKEN})
    steps = [{**OPENAI, "authorization": "Bearer sk-fake-one"}, step("own", "responses", {"model": "m", "input": "hi"})]

    gateway.ask("/", [steps[0], {**steps[1], "authorization": "Bearer sk-fake-two"}])

    assert [request.headers["authorization"] for request in gateway.requests] == [
        "Bearer sk-fake-one",
        "Bearer sk-fake-two",
    ]


def test_one_key_never_goes_to_two_providers() -> None:
    gateway = Site({"openai": {"caller_keys": True}, "own": {"caller_keys": True}}, {"openai": BROKEN})
    steps = [OPENAI, step("own", "chat/completions")]

    answer = gateway.ask("/", steps, {"x-sluice-provider-authorization": f"Bearer {KEY}"})

    assert answer["statusCode"] == 400
    assert "goes to one provider, and this leads to openai, own" in json.loads(answer["body"])["error"]["message"]
    assert not gateway.requests


def test_a_signature_is_no_key() -> None:
    gateway = Site({"openai": {"caller_keys": True}})

    gateway.ask("/", [{**OPENAI, "headers": {"Authorization": "AWS4-HMAC-SHA256 Credential=x"}}])

    assert "AWS4" not in gateway.requests[0].headers["authorization"]
