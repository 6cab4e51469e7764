"""Whatever JSON comes, from a caller or a provider, ends in a translation or in an error of ours."""

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.translation.anthropic_wire import Client, asked

from sluice.domain.errors import InvalidRequest, UpstreamError
from sluice.translation.answers import chat_to_messages as chat_answers
from sluice.translation.answers import invoke_to_messages
from sluice.translation.answers import messages_to_chat as messages_answers
from sluice.translation.requests import chat_to_messages, messages_to_chat, messages_to_invoke
from sluice.translation.translation import Translated

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 5000) | st.floats(0, 2) | st.sampled_from(["", "x", "text", "{}", "{"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "x", "text"]), inner),
    max_leaves=8,
)


def objects(keys: str, values: st.SearchStrategy[Any], types: str = "") -> st.SearchStrategy[dict[str, Any]]:
    """Objects with some of these keys, the type mostly one that is known."""
    fields = dict.fromkeys(keys.split(), values)
    if types:
        fields["type"] = st.sampled_from(types.split()) | JSON
    return st.fixed_dictionaries({}, optional=fields)


BLOCK_TYPES = "text image document tool_use tool_result thinking redacted_thinking search_result"
BLOCK_KEYS = "text source id name input tool_use_id content thinking signature data is_error cache_control title"
SOURCE = objects("media_type data url content", JSON, "base64 url text content")
BLOCKS = st.lists(objects(BLOCK_KEYS, JSON | SOURCE, BLOCK_TYPES), max_size=3)
CALLS = st.lists(objects("id function index", JSON | objects("name arguments", JSON), "function"), max_size=3)
PARTS = st.lists(
    objects("text image_url file refusal cache_control", JSON | objects("url file_data", JSON), "text image_url file"),
    max_size=3,
)
ROLES = st.sampled_from(["user", "assistant", "tool", "system"]) | JSON
TURN = st.fixed_dictionaries({"role": ROLES}, optional={"content": st.just("q") | BLOCKS | JSON})
TOOL = objects(
    "name input_schema description strict function", JSON | objects("name parameters", JSON), "function custom"
)
MESSAGE = st.fixed_dictionaries(
    {"role": ROLES},
    optional={
        "content": st.just("q") | PARTS | JSON,
        "tool_calls": CALLS | JSON,
        "tool_call_id": JSON,
        "thinking_blocks": BLOCKS | JSON,
    },
)
SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def body(messages: st.SearchStrategy[Any], keys: str) -> st.SearchStrategy[dict[str, Any]]:
    fields: dict[str, st.SearchStrategy[Any]] = dict.fromkeys(keys.split(), JSON)
    fields["tools"] = st.lists(TOOL, max_size=2) | JSON
    return st.fixed_dictionaries(
        {"messages": st.lists(messages, max_size=4) | JSON, "max_tokens": st.just(9) | JSON}, optional=fields
    )


MESSAGES_KEYS = (
    "system stream tool_choice thinking output_config output_format metadata service_tier stop_sequences temperature"
    " top_p top_k container mcp_servers anthropic_beta cache_control x"
)
CHAT_KEYS = (
    "stream tool_choice parallel_tool_calls reasoning_effort thinking response_format temperature top_p top_k stop user n"
    " modalities service_tier logprobs metadata seed x"
)


def is_ours(translate: Callable[[], Translated]) -> None:
    """Every refusal names the field that it is about."""
    param: str | None = "none"
    try:
        found = translate()
    except InvalidRequest as error:
        param = error.param
    else:
        assert json.loads(json.dumps(found.body)) == found.body
    assert param


@SETTINGS
@given(body(TURN, MESSAGES_KEYS), st.booleans())
def test_any_messages_request_as_a_chat(request: dict[str, Any], extras: bool) -> None:
    is_ours(lambda: messages_to_chat.request(request, "gpt", extras=extras))


@SETTINGS
@given(body(TURN, MESSAGES_KEYS))
def test_any_messages_request_as_an_invocation(request: dict[str, Any]) -> None:
    is_ours(lambda: messages_to_invoke.request(request, "claude", {}))


@SETTINGS
@given(
    body(MESSAGE, CHAT_KEYS),
    st.sampled_from(["claude-3-5-sonnet-20241022", "claude-opus-4-1", "claude-sonnet-4-5", "claude-opus-4-6", "x"]),
)
def test_any_chat_request_as_messages(request: dict[str, Any], model: str) -> None:
    is_ours(lambda: chat_to_messages.request(request, model))


USAGE = objects("input_tokens output_tokens prompt_tokens completion_tokens prompt_tokens_details service_tier", JSON)
DELTA_TYPES = "text_delta thinking_delta signature_delta input_json_delta citations_delta"
EVENT_TYPES = (
    "message_start content_block_start content_block_delta content_block_stop message_delta message_stop ping error"
)
EVENT = st.fixed_dictionaries(
    {"type": st.sampled_from(EVENT_TYPES.split()) | JSON},
    optional={
        "index": st.integers(0, 2) | JSON,
        "message": objects("usage", USAGE | JSON) | JSON,
        "content_block": objects(BLOCK_KEYS, JSON, f"{BLOCK_TYPES} server_tool_use") | JSON,
        "delta": objects("text thinking signature partial_json citation stop_reason", JSON, DELTA_TYPES) | JSON,
        "usage": USAGE | JSON,
    },
)
CHAT_DELTA = st.fixed_dictionaries(
    {},
    optional={
        "content": JSON,
        "refusal": JSON,
        "reasoning_content": JSON,
        "thinking_blocks": BLOCKS | JSON,
        "annotations": st.lists(objects("url_citation", objects("url title start_index", JSON)), max_size=2) | JSON,
        "tool_calls": CALLS | JSON,
    },
)
CHOICE = st.fixed_dictionaries(
    {},
    optional={
        "index": st.just(0) | JSON,
        "delta": CHAT_DELTA | JSON,
        "message": CHAT_DELTA | JSON,
        "finish_reason": st.none() | JSON,
    },
)
CHUNK = st.fixed_dictionaries({}, optional={"choices": st.lists(CHOICE, max_size=2) | JSON, "usage": USAGE | JSON})


@SETTINGS
@given(st.lists(EVENT, max_size=8))
@pytest.mark.parametrize("module", [messages_answers, invoke_to_messages])
def test_any_events_of_anthropic(module: ModuleType, events: list[dict[str, Any]]) -> None:
    stream = module.Stream(asked({"stream_options": {"include_usage": True}}))
    try:
        told = [event for given in events for event in stream.add(given)] + list(stream.end())
    except UpstreamError:
        return
    assert json.loads(json.dumps(told)) == told
    assert stream.is_over


@SETTINGS
@given(st.lists(CHUNK, max_size=8))
def test_any_chunks_are_events_in_their_order(chunks: list[dict[str, Any]]) -> None:
    stream, client = chat_answers.Stream(asked()), CarelessClient()
    for given_chunk in chunks:
        client.read(stream.add(given_chunk))
    try:
        client.read(stream.end())
    except UpstreamError:
        return
    assert client.is_stopped


class CarelessClient(Client):
    """Watches the order alone: a model may write arguments that are no JSON."""

    def _content_block_stop(self, event: dict[str, Any]) -> None:
        self._json = "{}"
        super()._content_block_stop(event)


@SETTINGS
@given(CHUNK | st.fixed_dictionaries({"content": BLOCKS | JSON}, optional={"usage": USAGE | JSON, "stop_reason": JSON}))
@pytest.mark.parametrize("module", [messages_answers, invoke_to_messages, chat_answers])
def test_any_whole_answer(module: ModuleType, answer: dict[str, Any]) -> None:
    try:
        found = module.whole(answer, asked())
    except UpstreamError:
        return
    assert json.loads(json.dumps(found)) == found
