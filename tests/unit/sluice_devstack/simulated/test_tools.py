"""Which tools a prompt calls, and with what."""

import json
from typing import Any

import pytest

from sluice_devstack.simulated.chat.request import ChatRequest
from sluice_devstack.simulated.tools import tool_calls

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_current_weather",
        "parameters": {
            "type": "object",
            "properties": {"unit": {"type": "string", "enum": ["c", "f"]}, "location": {"type": "string"}},
            "required": ["location"],
        },
    },
}
TIME = {"type": "function", "function": {"name": "localTime", "parameters": {"type": "object", "properties": {}}}}


@pytest.mark.parametrize(
    ("prompt", "places"),
    [
        ("What's the weather like in San Francisco and Boston?", ["San Francisco", "Boston"]),
        ("Weather in San Francisco, CA please", ["San Francisco, CA"]),
        ("weather for Oslo, Rome & New York", ["Oslo", "Rome", "New York"]),
        ("how is the weather", ["Lisbon"]),
        ("weather in Paris or in Paris", ["Paris"]),
    ],
)
def test_a_tool_is_called_once_for_each_place(prompt: str, places: list[str]) -> None:
    calls = tool_calls(asking(prompt))

    assert [call.name for call in calls] == ["get_current_weather"] * len(places)
    assert [json.loads(call.arguments)["location"] for call in calls] == places


@pytest.mark.parametrize(
    ("prompt", "options", "names"),
    [
        ("Tell me a joke", {}, []),
        ("Tell me a joke", {"tool_choice": "required"}, ["get_current_weather"]),
        ("the weather?", {"tool_choice": "none"}, []),
        ("the weather and the local time?", {}, ["get_current_weather", "localTime"]),
        ("the weather and the local time?", {"parallel_tool_calls": False}, ["get_current_weather"]),
        ("a joke", {"tool_choice": {"type": "function", "function": {"name": "localTime"}}}, ["localTime"]),
        ("please use get_current_weather", {}, ["get_current_weather"]),
    ],
)
def test_tools_are_chosen_by_the_prompt_and_by_tool_choice(
    prompt: str, options: dict[str, Any], names: list[str]
) -> None:
    assert [call.name for call in tool_calls(asking(prompt, **options))] == names


def test_nothing_is_called_again_once_the_tool_has_answered() -> None:
    request = asking("the weather in Rome?")
    request.body["messages"] += [
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
    ]

    assert tool_calls(request) == []


def asking(prompt: str, **options: Any) -> ChatRequest:
    return ChatRequest(
        {"model": "gpt-4o", "messages": [{"role": "user", "content": prompt}], "tools": [WEATHER, TIME], **options}
    )
