"""The chunks beside recorded ones: same keys in the same order, same ends."""

import json
from random import Random
from typing import Any

import pytest

from sluice_devstack.simulated.chat.wire import Answer
from sluice_devstack.simulated.completion import Call, Choice, Completion

TEXT = Completion((Choice(("Hel", "lo"), (), "stop"),), prompt_tokens=9)
TWO = Completion((Choice(("a", "b"), (), "stop"), Choice(("c",), (), "length")), prompt_tokens=9)
TOOL = Completion((Choice((), (Call("f", ('{"a', '":1}')),), "tool_calls"),), prompt_tokens=9)


def chunks(completion: Completion, **options: Any) -> list[dict[str, Any]]:
    answer = Answer(completion, "gpt-4o-2024-08-06", 1, Random(7), **options)
    *events, done = [event.data for event in answer.events()]
    assert done == b"data: [DONE]\n\n"
    assert all(event.startswith(b"data: {") and event.endswith(b"}\n\n") for event in events)
    return [json.loads(event[6:]) for event in events]


def test_a_chunk_has_the_keys_of_a_recorded_one_in_their_order() -> None:
    first = chunks(TEXT, includes_usage=True)[0]

    assert list(first) == [
        *("id", "object", "created", "model", "service_tier", "system_fingerprint", "choices", "usage", "obfuscation")
    ]
    assert first["choices"] == [
        {
            "index": 0,
            "delta": {"role": "assistant", "content": "", "refusal": None},
            "logprobs": None,
            "finish_reason": None,
        }
    ]
    assert (first["object"], first["usage"]) == ("chat.completion.chunk", None)


def test_usage_comes_in_a_chunk_of_its_own_at_the_end_if_asked_for() -> None:
    *others, last = chunks(TEXT, includes_usage=True)

    assert (last["choices"], last["usage"]["completion_tokens"]) == ([], 2)
    assert {chunk["usage"] for chunk in others} == {None}


def test_without_include_usage_no_chunk_speaks_of_usage() -> None:
    assert all("usage" not in chunk for chunk in chunks(TEXT))


def test_obfuscation_can_be_declined() -> None:
    assert all("obfuscation" not in chunk for chunk in chunks(TEXT, includes_obfuscation=False))


def test_choices_come_in_turns_and_each_ends_on_its_own() -> None:
    choices = [chunk["choices"][0] for chunk in chunks(TWO)]

    contents = [(choice["index"], choice["delta"].get("content")) for choice in choices]
    assert contents == [(0, ""), (1, ""), (0, "a"), (1, "c"), (0, "b"), (0, None), (1, None)]
    assert [choice["finish_reason"] for choice in choices[-2:]] == ["stop", "length"]


def test_a_tool_call_opens_with_its_name_and_goes_on_with_arguments() -> None:
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks(TOOL)]

    assert deltas[0] == {"role": "assistant", "content": None}
    opening = deltas[1]["tool_calls"][0]
    assert opening["id"].startswith("call_")
    assert (opening["index"], opening["type"], opening["function"]) == (0, "function", {"name": "f", "arguments": ""})
    assert deltas[2:4] == [
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '":1}'}}]},
    ]


@pytest.mark.parametrize("is_reasoning", [True, False])
def test_reasoning_models_have_neither_logprobs_nor_a_fingerprint(is_reasoning: bool) -> None:
    first = chunks(TEXT, is_reasoning=is_reasoning)[0]

    assert ("logprobs" in first["choices"][0]) is not is_reasoning
    assert (first["system_fingerprint"] is None) is is_reasoning


def test_a_whole_answer_holds_the_same_as_the_stream() -> None:
    answer = json.loads(Answer(TOOL, "gpt-4o-2024-08-06", 1, Random(7)).json())

    message = answer["choices"][0]["message"]
    assert (message["role"], message["content"], message["refusal"]) == ("assistant", None, None)
    assert message["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a":1}'}
    assert answer["usage"] == TOOL.usage
