"""What we answered comes back in the caller's next request, from the objects of his SDK, and loses nothing on the way."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from anthropic.types import Message
from openai.types.chat import ChatCompletion
from openai.types.responses import Response
from tests.unit.translation.anthropic_wire import asked, completion, sdk_message, translated

from sluice.translation.answers import chat_to_messages, chat_to_responses, converse_to_chat, messages_to_chat
from sluice.translation.requests import chat_to_converse, responses_to_chat
from sluice.translation.requests import chat_to_messages as to_messages
from sluice.translation.requests import messages_to_chat as from_messages
from sluice.translation.translation import Chain

Json = dict[str, Any]

BEDROCK = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
DIRECT = "claude-sonnet-4-5-20250929"
TOOLS: list[Json] = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
NUMBERS = '{"z":1000000000000000000000000000000,"a":-0.0,"text":"é\\u2028\\"","nested":[{"b":1e-7}]}'
IDS = ("toolu_1", "toolu_2")
QUESTION: Json = {"role": "user", "content": "q"}

# Claude thinks, speaks and calls, and thinks again before it calls once more.
ANSWER: list[Json] = [
    {"type": "thinking", "thinking": "First.", "signature": "c2lnMQ=="},
    {"type": "redacted_thinking", "data": "aGlkZGVu"},
    {"type": "text", "text": "One moment. "},
    {"type": "tool_use", "id": IDS[0], "name": "f", "input": json.loads(NUMBERS)},
    {"type": "thinking", "thinking": "Second.", "signature": "c2lnMg=="},
    {"type": "text", "text": "And this:"},
    {"type": "tool_use", "id": IDS[1], "name": "f", "input": {}},
]
CONVERSE: dict[str, Callable[[Json], Json]] = {
    "thinking": lambda block: {
        "reasoningContent": {"reasoningText": {"text": block["thinking"], "signature": block["signature"]}}
    },
    "redacted_thinking": lambda block: {"reasoningContent": {"redactedContent": block["data"]}},
    "text": lambda block: {"text": block["text"]},
    "tool_use": lambda block: {"toolUse": {"toolUseId": block["id"], "name": block["name"], "input": block["input"]}},
}
IN_CONVERSE = [CONVERSE[block["type"]](block) for block in ANSWER]
USAGE = {"input_tokens": 3, "output_tokens": 2}
DELTAS: dict[str, Callable[[Json], list[Json]]] = {
    "thinking": lambda block: [
        {"type": "thinking_delta", "thinking": block["thinking"]},
        {"type": "signature_delta", "signature": block["signature"]},
    ],
    "redacted_thinking": lambda _: [],
    "text": lambda block: [{"type": "text_delta", "text": block["text"]}],
    "tool_use": lambda block: [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}],
}
EMPTIED: dict[str, Json] = {
    "thinking": {"thinking": "", "signature": ""},
    "text": {"text": ""},
    "tool_use": {"input": {}},
}


def converse_answer() -> Json:
    usage = {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}
    return {
        "output": {"message": {"role": "assistant", "content": IN_CONVERSE}},
        "stopReason": "tool_use",
        "usage": usage,
    }


def converse_stream() -> list[Json]:
    events: list[Json] = [{"messageStart": {"role": "assistant"}}]
    for index, block in enumerate(IN_CONVERSE):
        events += [{kind: {"contentBlockIndex": index, **told}} for kind, told in converse_events(block)]
    return [*events, {"messageStop": {"stopReason": "tool_use"}}, {"metadata": {"usage": converse_answer()["usage"]}}]


def converse_events(block: Json) -> list[tuple[str, Json]]:
    kind, value = next(iter(block.items()))
    start: list[Json] = []
    deltas: list[Json] = [{kind: value}]
    if kind == "toolUse":
        start = [{"toolUse": {"toolUseId": value["toolUseId"], "name": value["name"]}}]
        deltas = [{kind: {"input": json.dumps(value["input"])}}] if value["input"] else []
    if "reasoningText" in value:
        deltas = [{kind: {key: said}} for key, said in value["reasoningText"].items()]
    told = [*(("contentBlockStart", {"start": one}) for one in start)]
    return [*told, *(("contentBlockDelta", {"delta": one}) for one in deltas), ("contentBlockStop", {})]


def messages_stream() -> list[Json]:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": USAGE}
    events: list[Json] = [{"type": "message_start", "message": head}]
    for index, block in enumerate(ANSWER):
        start = {**block, **EMPTIED.get(block["type"], {})}
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        deltas = DELTAS[block["type"]](block)
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    end = {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": USAGE}
    return [*events, end, {"type": "message_stop"}]


def messages_answer() -> Json:
    return {"type": "message", "role": "assistant", "content": ANSWER, "stop_reason": "tool_use", "usage": USAGE}


CHATS: dict[str, Callable[[], Json]] = {
    "converse": lambda: converse_to_chat.whole(converse_answer(), asked()),
    "converse-stream": lambda: completion(translated(converse_to_chat.Stream(asked()), converse_stream())),
    "messages": lambda: messages_to_chat.whole(messages_answer(), asked()),
    "messages-stream": lambda: completion(translated(messages_to_chat.Stream(asked()), messages_stream())),
}


def results() -> list[Json]:
    return [{"role": "tool", "tool_call_id": each, "content": each} for each in IDS]


@pytest.mark.parametrize("way", CHATS)
def test_a_chat_client_sends_the_message_back(way: str) -> None:
    answered = ChatCompletion.model_validate(CHATS[way]()).choices[0].message.model_dump()

    body = {"messages": [QUESTION, answered, *results()], "tools": TOOLS}

    converse, messages = chat_to_converse.request(body, BEDROCK), to_messages.request(body, DIRECT)
    assert (converse.warnings, messages.warnings) == ((), ())
    assert converse.body["messages"][1]["content"] == IN_CONVERSE
    assert messages.body["messages"][1]["content"] == ANSWER
    assert [block["toolResult"]["toolUseId"] for block in converse.body["messages"][2]["content"]] == list(IDS)
    assert [block["tool_use_id"] for block in messages.body["messages"][2]["content"]] == list(IDS)


def response(way: str) -> Json:
    """The response object of the same answer by the Responses API."""
    streams: dict[str, Callable[[], Any]] = {
        "converse-stream": lambda: (converse_to_chat.Stream(asked()), converse_stream()),
        "messages-stream": lambda: (messages_to_chat.Stream(asked()), messages_stream()),
    }
    if way not in streams:
        return chat_to_responses.whole(CHATS[way](), asked())
    first, events = streams[way]()
    told: Json = translated(Chain(first, chat_to_responses.Stream(asked())), events)[-1]["response"]
    return told


@pytest.mark.parametrize("is_bare", [False, True], ids=["every field", "set fields"])
@pytest.mark.parametrize("way", CHATS)
def test_a_responses_client_sends_the_items_back(way: str, is_bare: bool) -> None:
    output = [item.model_dump(exclude_unset=is_bare) for item in Response.model_validate(response(way)).output]
    told = [{"type": "function_call_output", "call_id": each, "output": each} for each in IDS]
    tools = [{"type": "function", **tool["function"]} for tool in TOOLS]

    chat = responses_to_chat.request({"input": [QUESTION, *output, *told], "tools": tools}, BEDROCK)

    converse, messages = chat_to_converse.request(chat.body, BEDROCK), to_messages.request(chat.body, DIRECT)
    assert (chat.warnings, converse.warnings, messages.warnings) == ((), (), ())
    assert converse.body["messages"][1]["content"] == IN_CONVERSE
    assert messages.body["messages"][1]["content"] == ANSWER


@pytest.mark.parametrize("is_stream", [False, True])
def test_an_anthropic_client_sends_the_blocks_back(is_stream: bool) -> None:
    chain = Chain(converse_to_chat.Stream(asked()), chat_to_messages.Stream(asked()))
    streamed = sdk_message(translated(chain, converse_stream())) if is_stream else None
    found = streamed or chat_to_messages.whole(converse_to_chat.whole(converse_answer(), asked()), asked())
    answered = {"role": "assistant", "content": Message.model_validate(found).model_dump()["content"]}
    told = [{"type": "tool_result", "tool_use_id": each, "content": each} for each in IDS]
    tools = [{"name": "f", "input_schema": {"type": "object"}}]

    body = {"max_tokens": 9, "messages": [QUESTION, answered, {"role": "user", "content": told}], "tools": tools}
    chat = from_messages.request(body, BEDROCK, extras=True)

    converse = chat_to_converse.request(chat.body, BEDROCK)
    assert (chat.warnings, converse.warnings) == ((), ())
    assert converse.body["messages"][1]["content"] == IN_CONVERSE
