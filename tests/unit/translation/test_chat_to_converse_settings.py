"""Reasoning, sampling, bounds, and the fields that only one of the two APIs knows."""

from typing import Any

import pytest

from sluice.domain.errors import InvalidRequest, UnsupportedParameter
from sluice.translation.requests.chat_to_converse import request
from sluice.translation.translation import Translated

CLAUDE_4 = "us.anthropic.claude-sonnet-4-20250514-v1:0"
CLAUDE_4_5 = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
CLAUDE_4_6 = "global.anthropic.claude-opus-4-6-v1"
SONNET_5 = "anthropic.claude-sonnet-5"
NOVA = "amazon.nova-lite-v1:0"
NOVA_2 = "us.amazon.nova-2-lite-v1:0"
OSS = "openai.gpt-oss-120b-1:0"
GPT = "openai.gpt-6-sol"
DEEPSEEK = "deepseek.v3-v1:0"
QWEN = "qwen.qwen3-32b-v1:0"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"
UNKNOWN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"
COUNT = "/usage/output_tokens_details"


def made(model: str = NOVA, **body: Any) -> Translated:
    return request({"messages": [{"role": "user", "content": "q"}], **body}, model)


def fields(model: str, **body: Any) -> Any:
    return made(model, **body).body.get("additionalModelRequestFields")


def config(model: str = NOVA, **body: Any) -> Any:
    return made(model, **body).body.get("inferenceConfig")


def adaptive(effort: str) -> dict[str, Any]:
    return {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": effort}}


def nova(effort: str) -> dict[str, Any]:
    return {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": effort}}


@pytest.mark.parametrize(
    ("model", "effort", "expected", "is_named"),
    [
        (CLAUDE_4_6, "none", None, False),
        (CLAUDE_4_6, "minimal", adaptive("low"), True),
        (CLAUDE_4_6, "high", adaptive("high"), False),
        (CLAUDE_4_6, "xhigh", adaptive("high"), True),
        (CLAUDE_4_6, "max", adaptive("max"), False),
        (SONNET_5, "xhigh", adaptive("xhigh"), False),
        (OSS, "none", None, True),
        (OSS, "minimal", {"reasoning_effort": "low"}, True),
        (OSS, "medium", {"reasoning_effort": "medium"}, False),
        (DEEPSEEK, "none", {"reasoning_effort": "none"}, False),
        (DEEPSEEK, "high", {"reasoning_effort": "high"}, False),
        ("deepseek.r1-v1:0", "high", None, True),
        (GPT, "none", {"reasoning": {"effort": "none"}}, False),
        (GPT, "xhigh", {"reasoning": {"effort": "xhigh"}}, False),
        (NOVA_2, "low", nova("low"), False),
        (NOVA_2, "max", nova("high"), True),
        (NOVA_2, "none", None, False),
        (QWEN, "low", {"reasoning_config": "low"}, False),
        (QWEN, "medium", {"reasoning_config": "low"}, True),
        (QWEN, "high", {"reasoning_config": "high"}, False),
        (NOVA, "high", None, True),
        (NOVA, "none", None, False),
        (UNKNOWN, "high", None, True),
        ("anthropic.claude-3-haiku-20240307-v1:0", "low", None, True),
    ],
)
def test_an_effort_is_said_in_the_familys_words(
    model: str, effort: str, expected: dict[str, Any] | None, is_named: bool
) -> None:
    translated = made(model, reasoning_effort=effort)

    assert translated.body.get("additionalModelRequestFields") == expected
    assert ("reasoning_effort" in translated.warnings) is is_named


@pytest.mark.parametrize(
    ("effort", "most", "budget", "tokens"),
    [
        ("minimal", None, 1024, 5120),
        ("low", None, 1024, 5120),
        ("medium", 8000, 2048, 8000),
        ("high", 8000, 4096, 8000),
        ("xhigh", 9000, 8192, 9000),
        ("high", 2000, 1999, 2000),
        ("low", 1025, 1024, 1025),
    ],
)
def test_claude_has_a_budget_below_its_bound(effort: str, most: int | None, budget: int, tokens: int) -> None:
    translated = made(CLAUDE_4, reasoning_effort=effort, max_tokens=most)

    assert translated.body["additionalModelRequestFields"] == {"thinking": {"type": "enabled", "budget_tokens": budget}}
    assert translated.body["inferenceConfig"] == {"maxTokens": tokens}
    assert translated.body["additionalModelResponseFieldPaths"] == [COUNT]
    assert translated.warnings == ()


def test_a_bound_too_small_to_think_under_wins() -> None:
    translated = made(CLAUDE_4, reasoning_effort="high", max_tokens=1024)

    assert "additionalModelRequestFields" not in translated.body
    assert translated.warnings == ("reasoning_effort",)


def test_claude_does_not_think_on_from_thoughts_that_did_not_come_back() -> None:
    function = {"name": "f", "arguments": "{}"}
    calls = {"role": "assistant", "tool_calls": [{"id": "t", "type": "function", "function": function}]}
    messages = [{"role": "user", "content": "q"}, calls, {"role": "tool", "tool_call_id": "t", "content": "r"}]
    tools = [{"type": "function", "function": {"name": "f"}}]

    translated = request({"messages": messages, "tools": tools, "reasoning_effort": "low"}, CLAUDE_4)

    assert "additionalModelRequestFields" not in translated.body
    assert translated.warnings == ("reasoning_effort",)


def test_claude_samples_nothing_while_it_thinks() -> None:
    translated = made(CLAUDE_4, reasoning_effort="low", temperature=0.5, top_p=0.5, top_k=5)

    assert translated.body["inferenceConfig"] == {"maxTokens": 5120}
    assert set(translated.body["additionalModelRequestFields"]) == {"thinking"}
    assert translated.warnings == ("temperature", "top_p", "top_k")


def test_thinking_by_the_models_own_field_counts_as_thinking() -> None:
    own = {"thinking": {"type": "enabled", "budget_tokens": 2000}}
    translated = made(CLAUDE_4, additionalModelRequestFields=own, reasoning_effort="low", temperature=1)

    assert translated.body["additionalModelRequestFields"] == own
    assert translated.body["additionalModelResponseFieldPaths"] == [COUNT]
    assert "inferenceConfig" not in translated.body
    assert translated.warnings == ("reasoning_effort", "temperature")


def test_the_count_of_thoughts_joins_the_callers_paths() -> None:
    paths = ["/stop_sequence"]

    translated = made(CLAUDE_4, reasoning_effort="low", additionalModelResponseFieldPaths=paths)

    assert translated.body["additionalModelResponseFieldPaths"] == ["/stop_sequence", COUNT]
    assert paths == ["/stop_sequence"]


def test_nova_keeps_the_bound_rather_than_its_high_effort() -> None:
    bound, free = (
        made(NOVA_2, reasoning_effort="high", max_tokens=50),
        made(NOVA_2, reasoning_effort="high", temperature=0.1, top_p=0.2, top_k=3),
    )

    assert bound.body["inferenceConfig"] == {"maxTokens": 50}
    assert bound.body["additionalModelRequestFields"] == nova("medium")
    assert bound.warnings == ("reasoning_effort",)
    assert free.body["additionalModelRequestFields"] == nova("high")
    assert free.warnings == ("temperature", "top_p", "top_k")


@pytest.mark.parametrize(
    ("model", "expected", "warnings"),
    [
        (NOVA, {"temperature": 0.2, "topP": 0.5}, ()),
        (CLAUDE_4, {"temperature": 0.2, "topP": 0.5}, ()),
        (CLAUDE_4_5, {"temperature": 0.2}, ("top_p",)),
        (CLAUDE_4_6, {"temperature": 0.2}, ("top_p",)),
        (SONNET_5, None, ("temperature", "top_p")),
        (GPT, None, ("temperature", "top_p")),
    ],
)
def test_sampling_is_as_much_as_the_family_takes(model: str, expected: Any, warnings: tuple[str, ...]) -> None:
    translated = made(model, temperature=0.2, top_p=0.5)

    assert translated.body.get("inferenceConfig") == expected
    assert translated.warnings == warnings
    assert config(CLAUDE_4_5, top_p=0.5) == {"topP": 0.5}


def test_what_goes_beyond_converse_is_clamped_by_name() -> None:
    translated = made(temperature=2, top_p=1.5)

    assert translated.body["inferenceConfig"] == {"temperature": 1.0, "topP": 1.0}
    assert translated.warnings == ("temperature", "top_p")


@pytest.mark.parametrize(
    ("model", "expected"),
    [(CLAUDE_4, {"top_k": 20}), (NOVA, {"inferenceConfig": {"topK": 20}}), (LLAMA, None), (SONNET_5, None)],
)
def test_top_k_is_said_in_the_familys_words(model: str, expected: Any) -> None:
    assert fields(model, top_k=20) == expected
    assert made(model, top_k=20).warnings == (() if expected else ("top_k",))


@pytest.mark.parametrize("model", [LLAMA, QWEN, OSS])
def test_some_families_stop_at_nothing(model: str) -> None:
    assert config(model, stop=["END"]) is None
    assert made(model, stop=["END"]).warnings == ("stop",)
    assert made(model, stop="").warnings == ()


@pytest.mark.parametrize("model", [GPT, "xai.grok-4", "moonshotai.kimi-k3"])
def test_some_families_answer_sixteen_tokens_at_least(model: str) -> None:
    assert config(model, max_tokens=5) == {"maxTokens": 16}
    assert made(model, max_tokens=5).warnings == ("max_tokens",)
    assert made(model, max_completion_tokens=16).warnings == ()


@pytest.mark.parametrize(
    ("asked", "expected", "warnings"),
    [
        ("auto", None, ()),
        ("default", "default", ()),
        ("flex", "flex", ()),
        ("priority", "priority", ()),
        ("fast", "priority", ()),
        ("reserved", "reserved", ()),
        ("scale", None, ("service_tier",)),
    ],
)
def test_a_tier_is_bedrocks_or_left_out(asked: str, expected: str | None, warnings: tuple[str, ...]) -> None:
    translated = made(service_tier=asked)

    assert translated.body.get("serviceTier") == ({"type": expected} if expected else None)
    assert translated.warnings == warnings


def test_metadata_is_taken_as_far_as_bedrock_takes_it() -> None:
    asked = {"team": "a b", "odd": "semi;colon", "long": "x" * 257, "count": 5, "": "v", "who": "openai"}

    translated = made(metadata=asked, requestMetadata={"who": "bedrock"})

    assert translated.body["requestMetadata"] == {"team": "a b", "who": "bedrock"}
    assert translated.warnings == ("metadata",)


def test_metadata_stays_within_sixteen_pairs() -> None:
    translated = made(metadata={f"k{index}": "v" for index in range(17)})

    assert len(translated.body["requestMetadata"]) == 16
    assert translated.warnings == ("metadata",)


def test_bedrocks_own_fields_go_through() -> None:
    guardrail = {"guardrailIdentifier": "g", "guardrailVersion": "1", "streamProcessingMode": "async"}
    asked: dict[str, Any] = {
        "performanceConfig": {"latency": "optimized"},
        "promptVariables": {"name": {"text": "a"}},
        "additionalModelRequestFields": {"own": 1},
        "additionalModelResponseFieldPaths": ["/a"],
    }

    translated = made(stream=True, stream_options={"include_usage": True}, guardrailConfig=guardrail, **asked)

    messages = [{"role": "user", "content": [{"text": "q"}]}]
    assert translated == ({"messages": messages, "guardrailConfig": guardrail, **asked}, ())


@pytest.mark.parametrize(
    "body",
    [
        {"n": 2},
        {"n": True},
        {"logprobs": True},
        {"top_logprobs": 1},
        {"modalities": ["text", "audio"]},
        {"audio": {"voice": "alloy"}},
        {"web_search_options": {}},
        {"functions": []},
        {"function_call": "auto"},
    ],
)
def test_what_would_change_the_answers_shape_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedParameter) as refusal:
        made(**body)

    assert [refusal.value.param] == list(body)
    assert refusal.value.code == "unsupported_parameter"


def test_what_asks_for_nothing_special_is_no_matter() -> None:
    body: dict[str, Any] = {
        "n": 1,
        "logprobs": False,
        "modalities": ["text"],
        "frequency_penalty": 0,
        "store": False,
        "seed": None,
    }

    assert made(**body) == made()


@pytest.mark.parametrize(
    "field",
    [
        *("seed", "user", "frequency_penalty", "presence_penalty", "logit_bias", "store", "prediction", "verbosity"),
        *("safety_identifier", "prompt_cache_key", "extra_body", "a_field_of_tomorrow"),
    ],
)
def test_what_makes_no_difference_to_the_form_is_left_out_by_name(field: str) -> None:
    translated = made(**{field: "x"})

    assert translated.body == made().body
    assert translated.warnings == (field,)


@pytest.mark.parametrize("body", [{"a\r\nb": 1}, {"": 1}, {"ü": 1}, {f"field_{index}": 1 for index in range(17)}])
def test_fields_that_no_header_could_name_are_refused(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        made(**body)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_tokens", 0),
        ("max_tokens", "5"),
        ("max_completion_tokens", True),
        ("temperature", -1),
        ("temperature", "hot"),
        ("top_p", []),
        ("top_p", 10**400),
        ("top_k", 1.5),
        ("stop", 5),
        ("reasoning_effort", "much"),
        ("reasoning_effort", ["low"]),
        ("service_tier", 5),
        ("metadata", []),
        ("requestMetadata", "a"),
        ("guardrailConfig", 5),
        ("performanceConfig", "fast"),
        ("promptVariables", []),
        ("additionalModelRequestFields", "a"),
        ("additionalModelResponseFieldPaths", "/a"),
        ("additionalModelResponseFieldPaths", ["/a"] * 11),
        ("parallel_tool_calls", "no"),
    ],
)
def test_a_value_of_another_type_is_refused_with_its_field(field: str, value: Any) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        made(tools=[{"type": "function", "function": {"name": "f"}}], **{field: value})

    assert refusal.value.param == field
