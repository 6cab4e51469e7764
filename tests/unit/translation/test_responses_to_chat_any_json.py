from copy import deepcopy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.translation.response_inputs import PAPER, PIXEL, SIGNED, Json, call, thought

from sluice.domain.errors import InvalidRequest
from sluice.translation.requests.responses_to_chat import request

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def spoiled(*valid: Json) -> st.SearchStrategy[Any]:
    """One of the values, as it is, or with something else in one of its fields, or without it."""
    fields = st.sampled_from(valid).flatmap(lambda one: st.tuples(st.just(one), st.sampled_from(sorted(one)), ANY))
    changed = fields.map(lambda found: {**found[0], found[1]: found[2]})
    return st.sampled_from(valid) | changed


PARTS = st.lists(
    spoiled(
        {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"ttl": "12h"}},
        {"type": "input_image", "image_url": PIXEL, "detail": "low", "file_id": None},
        {"type": "input_file", "file_data": PAPER, "filename": "a.pdf", "file_url": None},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "refusal", "refusal": "no", "cache_control": None},
    ),
    max_size=2,
)
ITEM = PARTS.flatmap(
    lambda parts: spoiled(
        {"type": "message", "role": "user", "content": parts},
        {"role": "assistant", "content": parts},
        call("c1"),
        {"type": "function_call_output", "call_id": "c1", "output": parts},
        thought(SIGNED) | {"content": parts},
    )
)
TOOLS = st.lists(
    spoiled({"type": "function", "name": "f", "description": "d", "parameters": {}, "strict": True}), max_size=2
)
CHOICE = spoiled(
    {"type": "function", "name": "f"},
    {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
)
FORMAT = spoiled({"type": "json_schema", "name": "a", "schema": {}, "strict": True}, {"type": "json_object"})
BODY = st.fixed_dictionaries(
    {"input": st.lists(ITEM, max_size=4) | ANY},
    optional={
        "tools": TOOLS | ANY,
        "tool_choice": CHOICE | ANY,
        "text": st.fixed_dictionaries({"format": FORMAT, "verbosity": ANY}) | ANY,
        "reasoning": st.dictionaries(st.just("effort"), ANY | st.just("low")) | ANY,
        "stream": st.booleans(),
        **dict.fromkeys(("include", "store", "stream_options", "x", "metadata"), ANY),
    },
)


def outcome(body: Json) -> Json | InvalidRequest:
    try:
        return request(body, "model-1").body
    except InvalidRequest as error:
        return error


@settings(max_examples=400, deadline=None)
@given(body=BODY)
def test_whatever_a_caller_sends_is_translated_or_refused(body: Json) -> None:
    before = deepcopy(body)

    told = outcome(body)

    assert told.param if isinstance(told, InvalidRequest) else all(message["role"] for message in told["messages"])
    assert repr(body) == repr(before)
