"""The cases of kind `anthropic` in the recordings' cases.json."""

import json
from itertools import groupby
from typing import Any

import pytest
from tests.recorded import FOLDER, REASON
from tests.unit.translation.anthropic_wire import asked, invoke_events, translated

from sluice.domain.call import ModelRequest, Target
from sluice.domain.operation import MESSAGES
from sluice.providers import bedrock_plans
from sluice.translation.answers import invoke_to_messages
from sluice.translation.requests import messages_to_invoke

CASES = FOLDER / "cases.json"
pytestmark = pytest.mark.skipif(not CASES.exists(), reason=REASON)


def case(name: str) -> dict[str, Any]:
    cases = json.loads(CASES.read_text())["cases"]
    found: dict[str, Any] = next(case for case in cases if case["id"] == name)
    return found


def test_every_case_of_this_kind_is_tested_here() -> None:
    found = {case["id"] for case in json.loads(CASES.read_text())["cases"] if case["kind"] == "anthropic"}

    assert found == {"an_request", "an_stream"}


def test_a_messages_body_becomes_an_invoke_body() -> None:
    given, expected = case("an_request")["input"], case("an_request")["expected"]
    model = given["body"]["model"]

    found = messages_to_invoke.request(given["body"], model, given["headers"])

    assert found.body == expected["body"]
    assert found.warnings == ()
    target = Target("bedrock", model)
    plan = bedrock_plans.messages(target, ModelRequest(given["body"], MESSAGES, headers=given["headers"]))
    assert plan.path == expected["path"]
    assert json.loads(plan.payloads[0]) == expected["body"]


def test_chunks_become_the_events_of_the_messages_api() -> None:
    given, expected = case("an_stream")["input"], case("an_stream")["expected"]
    recorded = invoke_events(given["fixture"])

    events = translated(invoke_to_messages.Stream(asked()), recorded)

    names = [name for name, _ in groupby(event["type"] for event in events)]
    assert names == [name.rstrip("*") for name in expected["sse_event_names"]]
    assert any(expected["no_key"] in event for event in recorded)
    assert not any(expected["no_key"] in event for event in events)
