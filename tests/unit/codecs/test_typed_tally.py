from typing import Any

import pytest
from tests.fakes import responses
from tests.fakes.responses import MESSAGE, USAGE, data_of

from sluice.codecs.typed_tally import MAX_STORED, ImageTally, TypedTally
from sluice.domain.reference import Stored
from sluice.domain.usage import Usage


def tally(*chunks: dict[str, Any]) -> TypedTally:
    made = TypedTally(1)
    for chunk in chunks:
        made.add(chunk)
    return made


def whole(**changes: Any) -> TypedTally:
    """A response that did not stream."""
    return tally(responses.response(**changes))


@pytest.mark.parametrize("is_stream", [True, False])
def test_a_response_tells_what_it_used(is_stream: bool) -> None:
    found = tally(data_of(responses.ended("completed", 1))) if is_stream else whole()

    assert found.usage == Usage(input=16, cache_read=4, output=9, reasoning=3)
    assert (found.model, found.service_tier, found.finish_reason) == ("gpt-5-mini-x", "default", "completed")
    assert found.is_known
    assert not found.is_finished  # never without its last event


def test_the_tier_of_the_end_wins() -> None:
    begun = {"type": "response.created", "response": responses.response("in_progress", service_tier="auto")}

    assert tally(begun, data_of(responses.ended("completed", 1))).service_tier == "default"


@pytest.mark.parametrize("reason", ["max_output_tokens", "content_filter"])
def test_an_incomplete_response_says_why(reason: str) -> None:
    found = whole(status="incomplete", incomplete_details={"reason": reason})

    assert found.finish_reason == reason
    assert found.usage is not None


@pytest.mark.parametrize("details", [None, "why", {"reason": 5}, []])
def test_a_reason_that_is_none_leaves_the_status(details: object) -> None:
    assert whole(status="incomplete", incomplete_details=details).finish_reason == "incomplete"


@pytest.mark.parametrize(
    "kind",
    ["web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call", "shell_call"],
)
def test_a_tool_that_the_provider_charges_makes_the_cost_unknown(kind: str) -> None:
    assert whole(output=[{"type": kind, "id": "x"}, MESSAGE]).usage == Usage(16, 4, 0, 0, 9, 3, is_priced=False)


@pytest.mark.parametrize("kind", ["function_call", "custom_tool_call", "reasoning", "message", "computer_call"])
def test_a_tool_of_the_callers_own_does_not(kind: str) -> None:
    usage = whole(output=[{"type": kind, "id": "x"}]).usage

    assert usage is not None
    assert usage.is_priced


@pytest.mark.parametrize("output", [None, "text", {}])
def test_items_that_were_not_seen_make_the_cost_unknown(output: object) -> None:
    usage = whole(output=output).usage

    assert usage is not None
    assert not usage.is_priced


def test_what_is_stored_is_the_response_its_conversation_and_its_items() -> None:
    found = whole(
        conversation={"id": "conv_1"},
        output=[{"type": "reasoning", "id": "rs_1"}, MESSAGE, {"type": "web_search_call", "id": "ws_1"}, {"type": "x"}],
    )

    assert found.stored == (
        Stored("resp_1"),
        Stored("conv_1"),
        Stored("rs_1", is_generated=True),
        Stored("msg_1", is_generated=True),
        Stored("ws_1"),
    )


@pytest.mark.parametrize(
    "changes",
    [{"status": "failed"}, {"status": "cancelled"}, {"status": "in_progress"}, {"id": None}],
)
def test_what_did_not_end_is_not_stored(changes: dict[str, Any]) -> None:
    assert whole(**{"output": [], **changes}).stored == ()


def test_a_response_without_usage_is_stored_all_the_same() -> None:
    found = whole(usage=None)

    assert found.usage is None
    assert [one.id for one in found.stored] == ["resp_1", "msg_1"]


def test_what_a_provider_says_it_does_not_store_may_still_be_named() -> None:
    assert [one.id for one in whole(store=False).stored] == ["resp_1", "msg_1"]


@pytest.mark.parametrize("id", ["", "a b", "a\nb", "é", "x" * 129, 7, None, ["a"]])
def test_an_id_that_is_none_is_not_stored(id: object) -> None:
    assert whole(id=id, output=[]).stored == ()


def test_no_answer_stores_more_than_its_cap() -> None:
    output = [{"type": "message", "id": f"msg_{number}"} for number in range(2 * MAX_STORED)]

    assert len(whole(output=output).stored) == MAX_STORED


def test_the_same_id_is_stored_once() -> None:
    assert len(whole(output=[MESSAGE, MESSAGE]).stored) == 2


@pytest.mark.parametrize("output", [[None], ["x"], [[]], [{"content": 3}], [{"content": [None, {"text": 5}]}], {}])
def test_an_answer_of_any_shape_is_read(output: object) -> None:
    assert whole(output=output, usage=None).said_bytes == 0


def test_text_and_arguments_are_counted_where_no_usage_is_reported() -> None:
    call = {"type": "function_call", "name": "find", "arguments": '{"a":1}'}

    assert whole(output=[MESSAGE, call]).said_bytes == len("word" + "find" + '{"a":1}')
    assert tally(data_of(responses.said("wörd", 1)), data_of(responses.said("x", 2))).said_bytes == 6


def test_reading_back_needs_no_more_than_the_last_event() -> None:
    found = TypedTally(1)
    found.add_earlier(data_of(responses.ended("completed", 2)))
    found.add_earlier(data_of(responses.ended("incomplete", 1)))
    sum_of_all = tally(data_of(responses.created()))

    sum_of_all.adopt(found)

    assert sum_of_all.finish_reason == "completed"
    assert sum_of_all.usage == found.usage


@pytest.mark.parametrize(("asked", "came", "is_finished"), [(1, 0, False), (1, 1, True), (2, 1, False), (2, 2, True)])
def test_images_are_finished_when_all_have_come(asked: int, came: int, is_finished: bool) -> None:
    found = ImageTally(asked)
    found.add({"type": "image_generation.partial_image", "b64_json": "AA=="})
    for _ in range(came):
        found.add({"type": "image_generation.completed", "b64_json": "AA==", "usage": USAGE})

    assert found.is_finished is is_finished
    assert not found.is_known
