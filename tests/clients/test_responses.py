"""JavaScript clients on the Responses API, whose turns refer to what earlier calls left at the provider."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.clients.place import SIMULATED, Place, place
from tests.clients.runner import NODE_RESPONSES, NODE_TOOLS, Runner


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("responses"), f"{SIMULATED}-instant") as running:
        yield running


def said(simulated: Place, runner: Runner) -> list[Any]:
    with runner.start("", simulated.variables) as running:
        return [json.loads(line) for line in running.end().splitlines()]


def test_the_openai_sdk_for_javascript_streams_calls_tools_and_goes_on(simulated: Place) -> None:
    streamed, tool, *strangers = said(simulated, NODE_RESPONSES)

    assert streamed["text"] == streamed["whole"]
    assert streamed["text"].startswith("Hello! Lovely to hear from you.")
    assert (streamed["status"], tool["name"], tool["arguments"]) == ("completed", "get_weather", {"city": "Paris"})
    assert "- 17 degrees and rain" in tool["answer"]
    assert strangers == [
        {"class": "BadRequestError", "status": 400, "code": "previous_response_not_found"},
        {"class": "BadRequestError", "status": 400, "code": "item_not_found"},
    ]


def test_the_vercel_ai_sdk_calls_tools_in_a_loop_and_refers_to_earlier_items(simulated: Place) -> None:
    weather, joke, requests = said(simulated, NODE_TOOLS)

    assert weather["calls"] == [{"city": "Paris"}, {"city": "Rome"}]
    assert weather["reasons"] == ["tool-calls", "stop"]
    assert "- Paris: 17 degrees and rain\n- Rome: 17 degrees and rain" in weather["text"]
    assert weather["pieces"] > 10
    assert (joke["reasons"], joke["calls"]) == (["stop"], [])
    assert len(requests["sent"]) == 3
    assert "item_reference" in requests["sent"][-1]
