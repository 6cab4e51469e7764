"""What a request names by id: stored answers of its own principal, and objects that are nobody's."""

import json
from typing import Any

import httpx
import pytest
from tests.fakes import responses
from tests.fakes.gateway import Gateway
from tests.unit.surfaces.test_bad_input import refused

from sluice.domain.call import ModelRequest
from sluice.domain.errors import InvalidRequest
from sluice.domain.operation import CHAT, IMAGES, RESPONSES, SPEECH, Operation
from sluice.domain.reference import Reference
from sluice.surfaces.openai_request import model_request
from sluice.surfaces.references import MAX_REFERENCES

ADA = "arn:aws:iam::123456789012:user/ada"
REASONING = {"type": "reasoning", "id": "rs_1", "summary": []}
MESSAGE = {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": ""}
SCHEMA = {"type": "object", "properties": {"file_id": {"type": "string"}, "container": {"const": "x"}}}


def asked(operation: Operation = RESPONSES, **body: Any) -> ModelRequest:
    return model_request(operation, {"model": "mini", **body})


def named(*items: dict[str, Any], **body: Any) -> list[str]:
    """The ids that a request with these input items names."""
    given: dict[str, Any] = {**body, "input": list(items)} if items else body
    found = asked(**given).references
    return [one.id for one in found]


@pytest.mark.parametrize(
    ("body", "reference"),
    [
        ({"previous_response_id": "resp_1"}, Reference("response", "resp_1", "previous_response_id")),
        ({"conversation": "conv_1"}, Reference("conversation", "conv_1", "conversation")),
        ({"conversation": {"id": "conv_1"}}, Reference("conversation", "conv_1", "conversation")),
        (
            {"prompt_cache_options": {"comparison_response_id": "resp_2"}},
            Reference("response", "resp_2", "prompt_cache_options"),
        ),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, Reference("item", "msg_1", "input")),
    ],
)
def test_a_stored_answer_is_named(body: dict[str, Any], reference: Reference) -> None:
    assert asked(**body).references == (reference,)


@pytest.mark.parametrize(
    "item",
    [
        {"id": "it_1"},
        {"id": "it_1", "type": None},
        {"id": "it_1", "role": "assistant"},
        {"id": "it_1", "type": "message", "role": "assistant", "content": []},
        {"id": "it_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "a"}]},
        {"id": "it_1", "type": "reasoning", "summary": [], "encrypted_content": None},
        {"id": "it_1", "type": "reasoning", "summary": [], "encrypted_content": ""},
        {"id": "it_1", "type": "image_generation_call"},
        {"id": "it_1", "type": "image_generation_call", "result": None, "status": "completed"},
        {"id": "it_1", "type": "web_search_call", "status": "completed"},
        {"id": "it_1", "type": "file_search_call", "queries": ["a"], "results": None},
        {"id": "it_1", "type": "code_interpreter_call", "code": None},
        {"id": "it_1", "type": "compaction"},
        {"id": "it_1", "type": "of_tomorrow", "status": "completed"},
        {"id": "it_1", "type": ["message"], "content": "a"},
        {"id": "it_1", "type": "item_reference", "content": "a"},
    ],
    ids=str,
)
def test_an_item_without_what_it_stands_for_is_looked_up_by_its_id(item: dict[str, Any]) -> None:
    assert named(item) == ["it_1"]


@pytest.mark.parametrize(
    "item",
    [
        {"role": "user", "content": "hi"},
        MESSAGE,
        {**MESSAGE, "type": None},
        {**REASONING, "encrypted_content": "gAAAA"},
        {**REASONING, "content": [{"type": "reasoning_text", "text": "a"}]},
        CALL,
        {"type": "function_call_output", "id": "fo_1", "call_id": "c", "output": ""},
        {"type": "custom_tool_call", "id": "ct_1", "call_id": "c", "name": "f", "input": ""},
        {"type": "image_generation_call", "id": "ig_1", "result": "QUFB"},
        {"type": "web_search_call", "id": "ws_1", "action": {"type": "search", "query": "a"}},
        {"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAAA"},
        {"type": "reasoning", "summary": []},
    ],
    ids=str,
)
def test_an_item_with_what_it_stands_for_names_nothing(item: dict[str, Any]) -> None:
    assert named(item) == []


def test_several_turns_as_clients_replay_them() -> None:
    vercel: list[dict[str, Any]] = [
        {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        {"type": "item_reference", "id": "rs_1"},
        {"type": "item_reference", "id": "fc_1"},
        {"type": "function_call_output", "call_id": "c", "output": '{"file_id": "file-1"}'},
        {"role": "user", "content": "and then?"},
    ]

    assert named(*vercel) == ["rs_1", "fc_1"]
    assert named(REASONING, MESSAGE, CALL) == ["rs_1"]
    assert named({**REASONING, "encrypted_content": "gAAAA"}, MESSAGE, store=False) == []


@pytest.mark.parametrize("id", ["", 5, None, {}, ["resp_1"], "a b", "a\n", "x" * 129, "é", True])
@pytest.mark.parametrize(
    ("param", "body"),
    [
        ("conversation", lambda id: {"conversation": {"id": id}}),
        ("input", lambda id: {"input": [{"type": "item_reference", "id": id}]}),
    ],
)
def test_an_id_that_is_none_is_refused(id: object, param: str, body: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        asked(**body(id))

    assert caught.value.param == param


@pytest.mark.parametrize("conversation", ["", 5, [], {}, True])
def test_a_conversation_that_is_none_is_refused(conversation: object) -> None:
    with pytest.raises(InvalidRequest, match="want the id of a conversation"):
        asked(conversation=conversation)


def test_what_is_null_names_nothing() -> None:
    assert named(previous_response_id=None, conversation=None, prompt_cache_options=None) == []
    assert named(prompt_cache_options={"comparison_response_id": None}) == []


def test_more_than_the_cap_are_refused() -> None:
    items = [{"type": "item_reference", "id": f"it_{number}"} for number in range(MAX_REFERENCES + 1)]

    assert len(named(*items[1:])) == MAX_REFERENCES
    with pytest.raises(InvalidRequest, match=f"at most {MAX_REFERENCES}"):
        named(*items)


def test_other_operations_name_none() -> None:
    body = {"messages": [{"role": "user", "content": "hi"}], "previous_response_id": "resp_1"}

    assert asked(CHAT, **body).references == ()


def part(**content: Any) -> dict[str, Any]:
    return {"input": [{"role": "user", "content": [content]}]}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (part(type="input_file", file_id="file-1"), "input"),
        (part(type="input_image", file_id="file-1"), "input"),
        ({"input": [{"type": "computer_call_output", "output": {"file_id": "file-1"}}]}, "input"),
        ({"input": [{"type": "function_call_output", "output": [{"type": "input_file", "file_id": "f"}]}]}, "input"),
        ({"input": [{"type": "code_interpreter_call", "id": "ci", "code": "1", "container_id": "cntr_1"}]}, "input"),
        ({"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]}, "tools"),
        ({"tools": [{"type": "code_interpreter", "container": "cntr_1"}]}, "tools"),
        ({"tools": [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file-1"]}}]}, "tools"),
        ({"tools": [{"type": "image_generation", "input_image_mask": {"file_id": "file-1"}}]}, "tools"),
        ({"tools": [{"type": "shell", "environment": {"container_id": "cntr_1"}}]}, "tools"),
        ({"tools": [{"type": "shell", "environment": {"skills": [{"skill_id": "skill_1"}]}}]}, "tools"),
        ({"tools": [{"type": "namespace", "tools": [{"type": "mcp", "tunnel_id": "t"}]}]}, "tools"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
    ],
    ids=str,
)
def test_an_object_of_the_providers_project_is_refused_unless_all_may_use_them(
    body: dict[str, Any], param: str
) -> None:
    answer = json.dumps(responses.response()).encode()
    closed, shared = (
        Gateway(lambda _: httpx.Response(200, content=answer, headers={"content-type": "application/json"}), **settings)
        for settings in ({}, {"stored_objects": True})
    )

    message = refused(closed, closed.post("/v1/responses", {"model": "mini", **body}), 400, "invalid_request", param)

    assert "which this gateway does not share" in message
    assert shared.post("/v1/responses", {"model": "mini", **body})["statusCode"] == 200


@pytest.mark.parametrize(
    ("operation", "body", "param"),
    [
        (CHAT, {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]}, "messages"),
        (CHAT, {"messages": [{"role": "assistant", "audio": {"id": "audio_1"}}]}, "messages"),
        (CHAT, {"messages": [{"role": "user"}], "audio": {"voice": {"id": "voice_1"}}}, "audio"),
        (SPEECH, {"input": "hi", "voice": {"id": "voice_1"}}, "voice"),
        (IMAGES, {"prompt": "a cat", "image": [{"file_id": "file-1"}]}, "image"),
        (RESPONSES, {"file_ids": ["file-1"]}, "file_ids"),
        (RESPONSES, {"of_tomorrow": {"deep": [{"vector_store_id": "vs_1"}]}}, "of_tomorrow"),
        (CHAT, {"messages": [{"role": "user"}], "audio": {"voice": "alloy", "format": "wav"}}, None),
        (SPEECH, {"input": "hi", "voice": "alloy"}, None),
    ],
)
def test_so_it_is_in_other_operations(operation: Operation, body: dict[str, Any], param: str | None) -> None:
    assert asked(operation, **body).stored_object == param


@pytest.mark.parametrize(
    "body",
    [
        {"metadata": {"file_id": "file-1", "container": "a"}},
        {"tools": [{"type": "function", "name": "f", "parameters": SCHEMA}]},
        {"text": {"format": {"type": "json_schema", "name": "s", "schema": SCHEMA}}},
        {"input": [{"type": "mcp_list_tools", "tools": [{"name": "f", "input_schema": SCHEMA}]}]},
        {"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"file_id": "file-1"}'}]},
        {"input": [{"type": "function_call_output", "call_id": "c", "output": '{"vector_store_ids": ["a"]}'}]},
        part(type="output_text", text="a", annotations=[{"type": "file_citation", "file_id": "file-1"}]),
        part(type="input_text", text='{"file_id": "file-1"}'),
        part(type="input_file", file_data="data:application/pdf;base64,AA==", file_id=None),
        {"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]},
        {"tools": [{"type": "file_search", "vector_store_ids": []}]},
        {"prompt": None},
        {"input": "file_id"},
        {"file_ids": []},
        {"user": "file_id", "prompt_cache_key": "container"},
    ],
    ids=str,
)
def test_names_in_a_callers_own_data_are_only_names(body: dict[str, Any]) -> None:
    assert asked(**body).stored_object is None


def test_a_deep_body_is_looked_through() -> None:
    box: dict[str, Any] = {"file_id": "file-1"}
    for _ in range(90):
        box = {"a": [box]}

    assert asked(tools=[box]).stored_object == "tools"


def gateway() -> Gateway:
    answer = json.dumps(responses.response()).encode()
    return Gateway(lambda _: httpx.Response(200, content=answer, headers={"content-type": "application/json"}))


def test_an_answer_of_ones_own_is_continued_and_another_is_not() -> None:
    own = gateway()
    first = own.post("/v1/responses", {"model": "mini", "input": "hi"})
    list(first["body"])
    first["body"].close()

    followed = own.post("/v1/responses", {"model": "mini", "input": "and?", "previous_response_id": "resp_1"})
    own.owners.kept[("openai", "resp_2")] = ("arn:aws:iam::123456789012:user/bob", 5)
    foreign = own.post("/v1/responses", {"model": "mini", "input": "and?", "previous_response_id": "resp_2"})

    assert followed["statusCode"] == 200
    assert foreign["statusCode"] == 400
    assert len(own.requests) == 2
    assert own.owners.kept[("openai", "resp_1")][0] == ADA


def test_what_is_read_again_is_in_the_bound_the_estimate_and_the_count() -> None:
    alone, continuing = gateway(), gateway()
    continuing.owners.kept[("openai", "resp_0")] = (ADA, 1000)
    asked_for = {"model": "mini", "input": "hi", "previous_response_id": "resp_0"}

    for one, body in ((alone, {**asked_for, "previous_response_id": None}), (continuing, asked_for)):
        one.post("/v1/responses", body)["body"].close()

    (before,), (after,) = alone.ledger.reserved, continuing.ledger.reserved
    assert (after.bound or 0) - (before.bound or 0) >= 1000 * 1000
    assert (after.estimate or 0) - (before.estimate or 0) >= 1000 * 1000


def test_a_continuation_that_breaks_off_is_charged_what_it_read_again() -> None:
    stream = responses.created() + responses.said("a", 1)
    site = Gateway(lambda _: httpx.Response(200, content=stream, headers={"content-type": "text/event-stream"}))
    site.owners.kept[("openai", "resp_0")] = (ADA, 1000)

    body = site.post(
        "/v1/responses", {"model": "mini", "input": "hi", "stream": True, "previous_response_id": "resp_0"}
    )["body"]
    with pytest.raises(Exception, match="ended before completion"):
        list(body)
    body.close()

    assert site.ledger.settled[0].usage_source == "counted"
    assert site.ledger.settled[0].usage.input >= 1000
