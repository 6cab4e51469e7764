"""Every dialect's texts are read, sealed ones and ids are not, and masking copies."""

import copy
import json
from base64 import b64decode, b64encode
from typing import Any

import pytest

from sluice.domain.call import ModelRequest
from sluice.domain.errors import InvalidJson
from sluice.domain.operation import (
    CHAT,
    COMPLETIONS,
    CONVERSE,
    COUNT_TOKENS,
    EMBEDDINGS,
    INVOKE,
    MESSAGES,
    PROMPT,
    RESPONSES,
    Operation,
)
from sluice.policy import prompt_texts

WORD = "tell-tale"
PICTURE = "QUJD" * 100


def chat(*content: Any, **others: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": one} for one in content], **others}


def read(operation: Operation, body: dict[str, Any]) -> list[str]:
    return prompt_texts.texts(ModelRequest(body, operation))


def inside(body: dict[str, Any]) -> dict[str, Any]:
    sealed = b64encode(json.dumps(body).encode()).decode()
    return {"input": {"invokeModel": {"body": sealed}}}


CARRIERS: list[tuple[Operation, dict[str, Any]]] = [
    (CHAT, chat(WORD)),
    (CHAT, chat([{"type": "text", "text": WORD}])),
    (CHAT, {"messages": [{"role": "tool", "tool_call_id": "call_1", "content": WORD}]}),
    (CHAT, {"messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": f'{{"a":"{WORD}"}}'}}]}]}),
    (CHAT, chat("hi", tools=[{"type": "function", "function": {"name": "f", "description": WORD}}])),
    (CHAT, chat("hi", response_format={"type": "json_schema", "json_schema": {"schema": {"enum": [WORD]}}})),
    (CHAT, chat("hi", prediction={"type": "content", "content": WORD})),
    (RESPONSES, {"input": WORD}),
    (RESPONSES, {"input": "hi", "instructions": WORD}),
    (RESPONSES, {"input": [{"type": "message", "content": [{"type": "input_text", "text": WORD}]}]}),
    (RESPONSES, {"input": [{"type": "function_call_output", "call_id": "call_1", "output": WORD}]}),
    (RESPONSES, {"input": "hi", "prompt": {"id": "pmpt_1", "variables": {"name": WORD}}}),
    (COMPLETIONS, {"prompt": WORD}),
    (COMPLETIONS, {"prompt": ["hi", WORD]}),
    (EMBEDDINGS, {"input": [WORD]}),
    (MESSAGES, {"system": WORD, "messages": []}),
    (MESSAGES, {"system": [{"type": "text", "text": WORD}]}),
    (MESSAGES, chat([{"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": WORD}]}])),
    (MESSAGES, chat([{"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"deep": [{"er": WORD}]}}])),
    (MESSAGES, chat([{"type": "tool_use", "id": "toolu_1", "name": "f", "input": {WORD: 1}}])),
    (MESSAGES, chat([{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": WORD}}])),
    (MESSAGES, chat([{"type": "document", "source": {"type": "url", "url": WORD}}])),
    (CONVERSE, {"system": [{"text": WORD}], "messages": []}),
    (CONVERSE, chat([{"text": WORD}])),
    (CONVERSE, chat([{"toolResult": {"toolUseId": "t1", "content": [{"json": {"a": WORD}}]}}])),
    (CONVERSE, chat([{"guardContent": {"text": {"text": WORD}}}])),
    (CONVERSE, chat([{"text": "hi"}], promptVariables={"who": {"text": WORD}})),
    (CONVERSE, chat([{"text": "hi"}], additionalModelRequestFields={"system": WORD})),
    (INVOKE, {"inputText": WORD}),
    (INVOKE, {"prompt": WORD}),
    (INVOKE, {"message": WORD, "chat_history": []}),  # of no family that is known here
    (INVOKE, {"texts": [WORD]}),
    (PROMPT, {"prompt": WORD}),
    (COUNT_TOKENS, {"input": {"converse": {"messages": [{"role": "user", "content": [{"text": WORD}]}]}}}),
    (COUNT_TOKENS, inside({"anthropic_version": "bedrock-2023-05-31", "messages": [{"content": WORD}]})),
]


@pytest.mark.parametrize(("operation", "body"), CARRIERS, ids=[f"{one.path} {body}"[:70] for one, body in CARRIERS])
def test_every_text_is_read_wherever_it_stands(operation: Operation, body: dict[str, Any]) -> None:
    assert any(WORD in text for text in read(operation, body))


@pytest.mark.parametrize(("operation", "body"), CARRIERS, ids=[f"{one.path} {body}"[:70] for one, body in CARRIERS])
def test_a_changed_text_is_changed_in_a_copy(operation: Operation, body: dict[str, Any]) -> None:
    before = copy.deepcopy(body)

    request = prompt_texts.changed(ModelRequest(body, operation), lambda text: text.replace(WORD, "[mask]"))

    assert body == before
    assert WORD not in opened(request.body)
    assert opened(request.body) == opened(before).replace(WORD, "[mask]")


def opened(body: Any) -> str:
    """As JSON, what is base64 of JSON opened."""
    try:
        return str(json.loads(b64decode(body["input"]["invokeModel"]["body"])))
    except (KeyError, TypeError, ValueError):
        return json.dumps(body)


@pytest.mark.parametrize(("operation", "body"), CARRIERS, ids=[f"{one.path} {body}"[:70] for one, body in CARRIERS])
def test_a_request_in_which_nothing_changes_is_the_same_object(operation: Operation, body: dict[str, Any]) -> None:
    request = ModelRequest(body, operation)

    assert prompt_texts.changed(request, lambda text: text) is request


def test_what_does_not_change_is_not_copied() -> None:
    body = chat("a secret", [{"type": "text", "text": "fine"}], temperature=0.5)

    made = prompt_texts.changed(ModelRequest(body), lambda text: text.replace("secret", "[mask]"))

    assert made.body["messages"][0] == {"role": "user", "content": "a [mask]"}
    assert made.body["messages"][1] is body["messages"][1]
    assert made.body["temperature"] == 0.5
    assert list(made.body) == list(body)


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PICTURE}"},
        {"type": "input_audio", "input_audio": {"data": PICTURE, "format": "wav"}},
        {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PICTURE}"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE + "=="}},
        {"type": "thinking", "thinking": "hm", "signature": PICTURE},
        {"image": {"format": "png", "source": {"bytes": PICTURE}}},
        {"type": "reasoning", "id": "rs_1", "encrypted_content": PICTURE},
    ],
    ids=lambda part: next(iter(part.values())) if "type" in part else "converse",
)
def test_what_is_sealed_is_neither_read_nor_changed(part: dict[str, Any]) -> None:
    request = ModelRequest(chat([part]))

    assert not any("QUJD" in text for text in prompt_texts.texts(request))
    assert prompt_texts.changed(request, lambda text: text.replace("QUJD", "")) is request


def test_a_text_is_no_picture_because_of_where_it_stands() -> None:
    """Else whoever wants to get round a guard writes `data` before it."""
    for text in ("4111111111111111", "sk-fake0123456789abcdefghijklmnop", f"{PICTURE} and 4111111111111111"):
        assert text in read(MESSAGES, chat([{"type": "document", "source": {"type": "text", "data": text}}]))


def test_ids_by_which_turns_belong_together_are_left_alone() -> None:
    turns = [
        {"type": "tool_use", "id": "toolu_1111", "name": "f", "input": {"id": "1111"}},
        {"type": "tool_result", "tool_use_id": "toolu_1111", "content": "1111"},
    ]

    made = prompt_texts.changed(ModelRequest(chat(turns), MESSAGES), lambda text: text.replace("1111", "x"))

    use, result = made.body["messages"][0]["content"]
    assert (use["id"], result["tool_use_id"]) == ("toolu_1111", "toolu_1111")
    assert (use["input"], result["content"]) == ({"id": "x"}, "x")


def test_what_is_about_the_call_is_no_prompt() -> None:
    body = chat("hi", user="ann", metadata={"to": "ann"}, safety_identifier="ann", prompt_cache_key="ann", model="ann")

    assert "ann" not in read(CHAT, body)


def test_a_number_may_be_an_account() -> None:
    request = ModelRequest(chat([{"type": "tool_use", "input": {"card": 4111111111111111, "count": 12}}]), MESSAGES)

    made = prompt_texts.changed(request, lambda text: text.replace("4111111111111111", "[card]"))

    assert made.body["messages"][0]["content"][0]["input"] == {"card": "[card]", "count": 12}


def test_fields_whose_names_become_the_same_stay_apart() -> None:
    request = ModelRequest(chat([{"input": {"a@x.io": 1, "b@x.io": 2}}]))

    made = prompt_texts.changed(request, lambda text: "[email]" if "@" in text else text)

    assert list(made.body["messages"][0]["content"][0]["input"].values()) == [1, 2]


def test_a_body_to_be_counted_that_nobody_can_read_is_bedrocks_to_refuse() -> None:
    for sealed in ("no base64!", b64encode(b"no json").decode(), b64encode(b"[1]").decode(), 5):
        request = ModelRequest({"input": {"invokeModel": {"body": sealed}}}, COUNT_TOKENS)

        assert prompt_texts.changed(request, lambda text: text) is request


@pytest.mark.parametrize("depth", [101, 900])
def test_a_body_to_be_counted_may_not_be_deeper_than_any_other(depth: int) -> None:
    text = '{"a":' * depth + "1" + "}" * depth
    sealed = b64encode(text.encode()).decode()

    with pytest.raises(InvalidJson, match="deeper than 100"):
        read(COUNT_TOKENS, {"input": {"invokeModel": {"body": sealed}}})


def test_words_are_told_from_what_gives_a_body_its_structure() -> None:
    body = chat(
        "What is it?",
        [
            {"type": "text", "text": "What is it?", "cache_control": {"type": "ephemeral"}},
            {"type": "tool_use", "id": "toolu_1", "name": "look_up", "input": {"type": "of what", "id": "a b"}},
        ],
        system="Be kind",
        tools=[{"name": "f", "input_schema": {"type": "object", "properties": {"a": {"description": "An a"}}}}],
        tool_choice={"type": "auto"},
        service_tier="auto",
        reasoning_effort="high",
    )

    assert prompt_texts.prose(ModelRequest(body, MESSAGES)) == ["What is it?", "of what", "a b", "Be kind", "An a"]


def test_a_number_in_the_arguments_of_a_tool_leaves_them_json() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "pay", "arguments": '{"card":4111111111111111}'}}
    body = {"model": "m", "messages": [{"role": "assistant", "tool_calls": [call]}]}

    masked = prompt_texts.changed(ModelRequest(body), lambda text: text.replace("4111111111111111", "[card]"))

    arguments = masked.body["messages"][0]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == {"card": "[card]"}


def test_the_text_of_a_document_is_read_whatever_it_looks_like() -> None:
    source = {"type": "text", "media_type": "text/plain", "data": "4111111111111111\n" * 14}
    body = {"model": "m", "messages": [{"role": "user", "content": [{"type": "document", "source": source}]}]}

    assert source["data"] in prompt_texts.texts(ModelRequest(body, MESSAGES))
