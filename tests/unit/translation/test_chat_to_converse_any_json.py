"""Whatever JSON a request holds: an answer that Bedrock's own model of Converse accepts, or an InvalidRequest."""

import base64
import copy
import json
from itertools import pairwise
from typing import Any

import botocore.loaders
import pytest
from botocore.model import ServiceModel, Shape
from botocore.validate import ParamValidator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sluice.domain.errors import InvalidRequest
from sluice.translation.requests import converse_extras
from sluice.translation.requests.chat_to_converse import request

SERVICE = ServiceModel(botocore.loaders.create_loader().load_service_model("bedrock-runtime", "service-2"))
CONVERSE: Shape = SERVICE.shape_for("ConverseStreamRequest")

MODELS = (
    *("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic.claude-3-haiku-20240307-v1:0", "anthropic.claude-v2"),
    *("anthropic.claude-opus-4-6-v1", "anthropic.claude-sonnet-5", "amazon.nova-2-lite-v1:0", "amazon.nova-micro-v1:0"),
    *("amazon.titan-text-lite-v1", "meta.llama4-scout-17b-instruct-v1:0", "mistral.mistral-large-2407-v1:0"),
    *("openai.gpt-oss-120b-1:0", "openai.gpt-6-sol", "qwen.qwen3-32b-v1:0", "deepseek.r1-v1:0", "some.other-model"),
)
FIELDS = sorted({*converse_extras.TRANSLATED, *converse_extras.REFUSED, "seed", "user", "store"})
NESTED = (
    *(
        "role",
        "content",
        "type",
        "text",
        "tool_calls",
        "function",
        "name",
        "arguments",
        "id",
        "tool_call_id",
        "image_url",
    ),
    *("url", "file", "file_data", "filename", "input_audio", "data", "format", "cache_control", "ttl", "parameters"),
    *("json_schema", "schema", "strict", "thinking_blocks", "thinking", "signature", "properties", "items", "detail"),
)
WORDS = (
    *("user", "assistant", "tool", "system", "function", "text", "image_url", "file", "input_audio", "auto", "none"),
    *("required", "json_schema", "object", "high", "1h", "thinking", "redacted_thinking", "f", "{}", "[1]", "", " "),
    *("data:image/png;base64,QUJD", "s3://bucket/a.png", "https://example.com/a.png", '{"a":' * 200, "NaN", "1e999"),
)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 5), st.floats(-1, 3), st.sampled_from(WORDS), st.text(max_size=5)
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NESTED), inner, max_size=5),
    max_leaves=20,
)
TEXTS = st.sampled_from(["a", "two words ", "\n", "ü\u2028", "x" * 300])
CACHED = st.fixed_dictionaries(
    {"type": st.just("text"), "text": TEXTS},
    optional={"cache_control": st.sampled_from([{"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}])},
)
IMAGES = st.just({"type": "image_url", "image_url": {"url": "data:image/jpg;base64,QUJD", "detail": "low"}})
FILES = st.just({"type": "file", "file": {"file_data": "data:application/pdf;base64,QUJD", "filename": "Do this!"}})
IDS = st.sampled_from(["t1", "t2", "an id with blanks", "i" * 80])
USERS = st.builds(lambda content: {"role": "user", "content": content}, TEXTS | st.lists(CACHED | IMAGES | FILES))
CALLS = st.builds(
    lambda id_, text: {"id": id_, "type": "function", "function": {"name": "f", "arguments": text}},
    IDS,
    st.sampled_from(["", "{}", '{"x": [1, {"y": null}]}']),
)
THOUGHTS = st.sampled_from(
    [{"type": "thinking", "thinking": "hm", "signature": "SIG"}, {"type": "redacted_thinking", "data": "QUJD"}]
)
ANSWERS = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": TEXTS | st.none()},
    optional={"tool_calls": st.lists(CALLS, max_size=3), "thinking_blocks": st.lists(THOUGHTS, max_size=2)},
)
RESULTS = st.builds(
    lambda id_, content: {"role": "tool", "tool_call_id": id_, "content": content}, IDS, TEXTS | st.just("")
)
SYSTEMS = st.builds(lambda content: {"role": "system", "content": content}, TEXTS | st.lists(CACHED, max_size=3))
SCHEMAS = st.sampled_from(
    [
        {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}, "title": "T"},
        {"type": "object", "properties": {}, "additionalProperties": {"type": "string"}},
    ]
)
TOOLS = st.builds(
    lambda name, about, schema, is_strict: {
        "type": "function",
        "function": {"name": name, "description": about, "parameters": schema, "strict": is_strict},
    },
    st.sampled_from(["f", "g-1"]),
    TEXTS | st.just(""),
    SCHEMAS,
    st.booleans(),
)
REQUESTS = st.fixed_dictionaries(
    {"messages": st.lists(st.one_of(USERS, ANSWERS, RESULTS, SYSTEMS), min_size=1, max_size=8)},
    optional={
        "tools": st.lists(TOOLS, max_size=3),
        "tool_choice": st.sampled_from(["auto", "none", "required", {"type": "function", "function": {"name": "f"}}]),
        "parallel_tool_calls": st.booleans(),
        "response_format": SCHEMAS.map(
            lambda schema: {"type": "json_schema", "json_schema": {"name": "p", "schema": schema}}
        ),
        "reasoning_effort": st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh", "max"]),
        "max_tokens": st.integers(1, 5000),
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "top_k": st.integers(0, 100),
        "stop": st.sampled_from(["END", ["a", ""], ""]),
        "service_tier": st.sampled_from(["auto", "flex", "scale", "fast"]),
        "metadata": st.just({"team": "a", "odd": "semi;colon"}),
        "guardrailConfig": st.just({"guardrailIdentifier": "g", "guardrailVersion": "1"}),
        "seed": st.just(1),
    },
)


def native(shape: Shape, value: Any) -> Any:
    """The wire's form as botocore takes it: bytes where the shape has a blob, a document left as it is."""
    if shape.type_name == "blob":
        return base64.b64decode(value, validate=True)
    if shape.type_name == "list":
        return [native(shape.member, item) for item in value]  # type: ignore[attr-defined]
    if shape.type_name == "structure" and not getattr(shape, "is_document_type", False):
        members = shape.members  # type: ignore[attr-defined]
        return {name: native(members[name], item) for name, item in value.items()}
    return value


def complaints(body: dict[str, Any]) -> str:
    """What botocore, and the rules of Converse it does not check, say of a body; empty where all is well."""
    found = ParamValidator().validate({"modelId": "m", **native(CONVERSE, body)}, CONVERSE)
    roles = [turn["role"] for turn in body["messages"]]
    told = [found.generate_report()] if found.has_errors() else []
    told += ["two turns of one role"] if any(one == two for one, two in pairwise(roles)) else []
    told += ["an empty turn"] if not all(turn["content"] for turn in body["messages"]) else []
    kinds = {kind for turn in body["messages"] for block in turn["content"] for kind in block}
    told += ["tools in history alone"] if kinds & {"toolUse", "toolResult"} and "toolConfig" not in body else []
    told += ["too many cache points"] if json.dumps(body).count('"cachePoint"') > 4 else []
    return "; ".join(told)


def outcome(body: dict[str, Any], model: str) -> dict[str, Any] | None:
    """The body produced, None where the request was refused as a caller's mistake."""
    try:
        translated = request(body, model)
    except InvalidRequest:
        return None
    assert all(name.isascii() and name.isprintable() for name in translated.warnings)
    json.dumps(translated.body, allow_nan=False).encode()
    return translated.body


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=3), JSON, max_size=6), st.sampled_from(MODELS))
def test_any_json_is_refused_as_the_callers_mistake_or_taken(body: dict[str, Any], model: str) -> None:
    before = copy.deepcopy(body)

    outcome({"messages": [{"role": "user", "content": "q"}], **body}, model)

    assert body == before


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(JSON, st.sampled_from(MODELS))
def test_any_json_as_messages_is_refused_or_taken(messages: Any, model: str) -> None:
    outcome({"messages": messages}, model)
    outcome({"messages": [messages]}, model)
    outcome({"messages": [{"role": "user", "content": messages}]}, model)
    outcome({"messages": [{"role": "assistant", "tool_calls": messages, "content": "a"}]}, model)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(REQUESTS, st.sampled_from(MODELS))
def test_a_request_becomes_one_that_converse_accepts(body: dict[str, Any], model: str) -> None:
    before = copy.deepcopy(body)

    made = outcome(body, model)

    assert body == before
    assert made is None or complaints(made) == ""


@pytest.mark.parametrize("model", MODELS)
def test_a_plain_request_is_taken_by_every_model(model: str) -> None:
    body = {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}], "max_tokens": 20}

    made = outcome(body, model)

    assert made is not None
    assert complaints(made) == ""


def test_a_body_that_converse_refuses_is_found() -> None:
    body: dict[str, Any] = {"messages": [{"role": "user", "content": [{"image": {"format": "png", "source": {}}}]}]}

    assert "source" in complaints(body)
    assert "empty turn" in complaints({"messages": [{"role": "user", "content": []}]})
