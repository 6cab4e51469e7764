"""The cases of kind `request`, read from the folder beside this repository, and requests that Bedrock accepted."""

import json
import re
from typing import Any

import pytest
from tests import recorded

from sluice.domain.errors import InvalidRequest
from sluice.translation.requests.chat_to_converse import request

CASES = recorded.FOLDER / "cases.json"
pytestmark = pytest.mark.skipif(not CASES.exists(), reason=recorded.REASON)

STEP = re.compile(r"([^.\[\]]+)|\[(-?\d+)\]")
PARSED = re.compile(r"parsed\((.*)\)")
MISSING = object()
A_USER = [{"role": "user", "content": "q"}]


def given() -> list[Any]:
    """Each input of each case beside what is expected of it."""
    if not CASES.exists():
        return []
    cases = [case for case in json.loads(CASES.read_text())["cases"] if case["kind"] == "request"]
    found = []
    for case in cases:
        inputs, expected = case["input"], case["expected"]
        pairs = zip(inputs, expected, strict=True) if isinstance(inputs, list) else [(inputs, expected)]
        found += [pytest.param(*pair, id=f"{case['id']}-{index}") for index, pair in enumerate(pairs)]
    return found


def at(body: Any, path: str) -> Any:
    """What stands at a dotted path; MISSING where nothing does."""
    parsed = PARSED.fullmatch(path)
    if parsed:
        return json.loads(at(body, parsed[1]))
    for name, index in STEP.findall(path):
        try:
            body = body[name] if name else body[int(index)]
        except (KeyError, IndexError):
            return MISSING
    return body


def outcome(body: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...], dict[str, Any]]:
    """The body produced, its warnings, and the error's own fields."""
    try:
        translated = request(body, body["model"])
    except InvalidRequest as error:
        told = {"http": error.status, "error.type": error.type, "error.code": error.code, "error.param": error.param}
        return {}, (), told
    return translated.body, translated.warnings, {"ok": True}


@pytest.mark.parametrize(("asked", "expected"), given())
def test_a_case_holds(asked: dict[str, Any], expected: dict[str, Any]) -> None:
    expected = dict(expected)
    absent, warned = expected.pop("absent", []), expected.pop("warning", "")

    body, warnings, told = outcome({"messages": A_USER, **asked})

    assert {path: told[path] if path in told else at(body, path) for path in expected} == expected
    assert [path for path in absent if at(body, path) is not MISSING] == []
    assert set(warned.split(",")) - {""} <= set(warnings)


def test_the_file_has_cases() -> None:
    assert len(given()) >= 20


def accepted(name: str) -> dict[str, Any]:
    """A recorded request, without the empty boxes that its client sent."""
    return {key: value for key, value in recorded.load(name).request.items() if value not in ({}, [])}


def tool_of(spec: dict[str, Any]) -> dict[str, Any]:
    function = {**spec["toolSpec"], "parameters": spec["toolSpec"]["inputSchema"]["json"]}
    del function["inputSchema"]
    return {"type": "function", "function": function}


HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"


def test_parallel_results_are_asked_as_bedrock_accepted_them() -> None:
    wanted = accepted("cj_claude_parallel_tools_turn2")
    question, calls, results = (turn["content"] for turn in wanted["messages"])
    asked = [
        {"role": "user", "content": question[0]["text"]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": one["toolUse"]["toolUseId"],
                    "type": "function",
                    "function": {"name": one["toolUse"]["name"], "arguments": json.dumps(one["toolUse"]["input"])},
                }
                for one in calls
            ],
        },
        *(
            {
                "role": "tool",
                "tool_call_id": one["toolResult"]["toolUseId"],
                "content": one["toolResult"]["content"][0]["text"],
            }
            for one in results
        ),
    ]

    translated = request({"messages": asked, "tools": list(map(tool_of, wanted["toolConfig"]["tools"]))}, SONNET)

    assert translated == (wanted, ())


def test_a_cache_point_is_asked_as_bedrock_accepted_it() -> None:
    wanted = accepted("cj_claude_haiku45_cache")
    text, point = wanted["system"]
    part = {"type": "text", "text": text["text"], "cache_control": {"type": "ephemeral"}}
    question = wanted["messages"][0]["content"][0]["text"]

    translated = request(
        {"messages": [{"role": "system", "content": [part]}, {"role": "user", "content": question}]}, HAIKU
    )

    assert point == {"cachePoint": {"type": "default"}}
    assert {"system": translated.body["system"], "messages": translated.body["messages"]} == {
        "system": wanted["system"],
        "messages": wanted["messages"],
    }


def test_thoughts_come_back_as_bedrock_accepted_them() -> None:
    wanted = accepted("cj_claude_haiku45_thinking_turn2")
    question, answer, then = (turn["content"] for turn in wanted["messages"])
    thought = answer[0]["reasoningContent"]["reasoningText"]
    asked = [
        {"role": "user", "content": question[0]["text"]},
        {
            "role": "assistant",
            "content": answer[1]["text"],
            "thinking_blocks": [{"type": "thinking", "thinking": thought["text"], "signature": thought["signature"]}],
        },
        {"role": "user", "content": then[0]["text"]},
    ]

    translated = request({"messages": asked, "reasoning_effort": "low"}, HAIKU)

    assert translated.body["messages"] == wanted["messages"]
    recorded_budget = wanted["additionalModelRequestFields"]["reasoning_config"]
    assert translated.body["additionalModelRequestFields"]["thinking"] == recorded_budget


@pytest.mark.parametrize("name", ["cj_claude_haiku45_json_schema", "cs_claude45_native_json_schema"])
def test_a_schema_is_asked_as_bedrock_accepted_it(name: str) -> None:
    wanted = accepted(name)["outputConfig"]
    definition = wanted["textFormat"]["structure"]["jsonSchema"]
    asked = {**definition, "schema": json.loads(definition["schema"])}

    translated = request({"messages": A_USER, "response_format": {"type": "json_schema", "json_schema": asked}}, SONNET)

    made = translated.body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    made["schema"], definition["schema"] = json.loads(made["schema"]), json.loads(definition["schema"])
    assert translated.body["outputConfig"] == wanted


@pytest.mark.parametrize(
    "name", ["cj_nova_two_tools", "cs_claude_sonnet5_text_then_tool", "cs_claude3_tool_split_args"]
)
def test_tools_are_offered_as_bedrock_accepted_them(name: str) -> None:
    wanted = accepted(name)
    tools = list(map(tool_of, wanted["toolConfig"]["tools"]))

    translated = request({"messages": A_USER, "tools": tools}, "amazon.nova-micro-v1:0")

    assert translated.body["toolConfig"] == wanted["toolConfig"]
