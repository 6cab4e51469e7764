"""Answers in pieces: their text, their end and their usage."""

from typing import Any

import pytest

from sluice_devstack.simulated import tokens
from sluice_devstack.simulated.chat.request import ChatRequest
from sluice_devstack.simulated.completion import Completion, complete
from sluice_devstack.simulated.refusal import Refused


def completion(prompt: str, is_reasoning: bool = False, **options: Any) -> Completion:
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": prompt}], **options}
    return complete(ChatRequest(body), is_reasoning)


def text(answer: Completion, number: int = 0) -> str:
    return "".join(answer.choices[number].pieces)


@pytest.mark.parametrize("sample", ["héllo wörld 日本語 😀 end.", "a\n\n  b__c\td 12345 'x'", "naïve—“quoted”…", ""])
def test_pieces_joined_are_the_text(sample: str) -> None:
    assert "".join(tokens.pieces(sample)) == sample


@pytest.mark.parametrize(
    ("prompt", "beginning"),
    [
        ("Say this is a test", "this is a test\n"),
        ("Please count to 5", "1, 2, 3, 4, 5.\n"),
        ("What is the capital of France?", "The capital of France is Paris."),
        ("What is 6 * 7?", "6 * 7 = 42."),
        ("Hello!", "Hello! Lovely to hear from you."),
    ],
)
def test_the_answer_fits_the_prompt_and_says_that_it_is_simulated(prompt: str, beginning: str) -> None:
    answer = text(completion(prompt))

    assert answer.startswith(beginning)
    assert "(Simulated: " in answer


def test_the_same_prompt_gets_the_same_answer() -> None:
    assert completion("Tell me about tides") == completion("Tell me about tides")


def test_usage_counts_what_is_sent() -> None:
    answer = completion("Hello there")

    assert answer.usage["completion_tokens"] == len(answer.choices[0].pieces)
    assert answer.usage["prompt_tokens"] == tokens.count("Hello there") + 6
    assert answer.usage["total_tokens"] == answer.usage["prompt_tokens"] + answer.usage["completion_tokens"]


def test_max_tokens_ends_the_answer_with_length() -> None:
    answer = completion("Tell me about tides", max_tokens=5)

    assert answer.choices[0].finish_reason == "length"
    assert answer.usage["completion_tokens"] == 5


def test_max_tokens_may_end_inside_the_arguments_of_a_tool() -> None:
    tool = {"type": "function", "function": {"name": "find_tides", "parameters": {"properties": {"name": {}}}}}

    answer = completion("tides", tools=[tool], max_tokens=9)

    assert answer.choices[0].finish_reason == "length"
    assert answer.usage["completion_tokens"] == 9
    assert answer.choices[0].calls[0].pieces == ('{"', "name")


def test_reasoning_counts_and_can_use_up_the_whole_budget() -> None:
    roomy = completion("Hello", is_reasoning=True, reasoning_effort="low")
    tight = completion("Hello", is_reasoning=True, max_completion_tokens=100)

    assert roomy.usage["completion_tokens_details"]["reasoning_tokens"] == 64
    assert roomy.usage["completion_tokens"] == 64 + len(roomy.choices[0].pieces)
    assert (text(tight), tight.choices[0].finish_reason) == ("", "length")
    assert tight.usage["completion_tokens_details"]["reasoning_tokens"] == 100


def test_several_choices_open_differently() -> None:
    answer = completion("Tell me about tides", n=2)

    assert text(answer, 0) != text(answer, 1)
    assert answer.usage["completion_tokens"] == sum(len(choice.pieces) for choice in answer.choices)


def test_a_stop_sequence_ends_the_answer() -> None:
    answer = completion("count to 9", stop=["5", "7"])

    assert text(answer) == "1, 2, 3, 4, "
    assert answer.choices[0].finish_reason == "stop"


def test_what_tools_answered_is_told() -> None:
    messages = [{"role": "user", "content": "weather?"}, {"role": "tool", "content": "sunny, 21 C"}]

    assert "- sunny, 21 C" in text(completion("", messages=messages))


@pytest.mark.parametrize("schema", [{"$ref": "#/nowhere"}, {"type": "unheard-of"}, {"type": "string", "pattern": "("}])
def test_a_broken_schema_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        completion("json", response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}})

    assert refused.value.refusal.status == 400
