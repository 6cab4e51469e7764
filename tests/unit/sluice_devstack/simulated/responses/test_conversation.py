"""What a request for a response is about, item by item."""

from typing import Any

import pytest

from sluice_devstack.simulated.refusal import Refused
from sluice_devstack.simulated.responses.conversation import chat_request, history
from sluice_devstack.simulated.responses.request import ResponsesRequest
from sluice_devstack.simulated.responses.store import StoredResponses

CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "sunny"}


def messages(given: Any, stored: StoredResponses | None = None, **options: Any) -> list[dict[str, Any]]:
    request = ResponsesRequest({"model": "gpt-4o", "input": given, **options})
    return chat_request(request, history(request, stored or StoredResponses())).messages


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Hello", [{"role": "user", "content": "Hello"}]),
        ([{"role": "developer", "content": "Be kind"}], [{"role": "developer", "content": "Be kind"}]),
        (
            [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}],
            [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
        ),
        (
            [{"role": "user", "content": [{"type": "input_image", "image_url": "data:,"}]}],
            [{"role": "user", "content": [{"type": "image_url"}]}],
        ),
        (
            [{"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}],
            [{"role": "assistant", "content": [{"type": "text", "text": "No."}]}],
        ),
    ],
)
def test_an_item_becomes_a_message(given: Any, expected: list[dict[str, Any]]) -> None:
    assert messages(given) == expected


def test_a_call_and_its_output_become_the_assistants_and_the_tools() -> None:
    found = messages([CALL, OUTPUT])

    assert [message["role"] for message in found] == ["assistant", "tool"]
    assert found[0]["tool_calls"][0]["function"] == {"name": "f", "arguments": "{}"}
    assert found[1]["content"] == "sunny"


def test_what_was_said_before_comes_first_and_instructions_before_that() -> None:
    stored = StoredResponses()
    stored.keep("resp_1", [{"role": "user", "content": "one"}], [{"id": "m", "role": "assistant", "content": "two"}])

    found = messages("three", stored, previous_response_id="resp_1", instructions="Be brief")

    assert [message["content"] for message in found] == ["Be brief", "one", "two", "three"]


def test_a_reference_is_followed_to_what_was_put_out() -> None:
    stored = StoredResponses()
    stored.keep("resp_1", [], [CALL])

    assert messages([{"id": "fc_1"}, OUTPUT], stored) == messages([CALL, OUTPUT])


@pytest.mark.parametrize("given", [[CALL], [OUTPUT], [CALL, {**OUTPUT, "call_id": "call_2"}]])
def test_calls_and_outputs_belong_together(given: Any) -> None:
    with pytest.raises(Refused):
        messages(given)
