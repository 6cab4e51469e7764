"""InvokeModel of the simulated Bedrock: each family's own body, its stream, its counts, embeddings, a guardrail."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.integration.simulator.bedrock_rig import CLAUDE, NOVA, BedrockRig, user

METRICS = "amazon-bedrock-invocationMetrics"
SAY = "Say: hi there"
MESSAGES = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 4000,
    "messages": [{"role": "user", "content": SAY}],
}
Read = Callable[[dict[str, Any]], str]
Family = tuple[str, dict[str, Any], Read, Read]
FAMILIES: dict[str, Family] = {
    "Claude": (
        CLAUDE,
        MESSAGES,
        lambda one: one["content"][0]["text"],
        lambda one: one.get("delta", {}).get("text", ""),
    ),
    "Claude 2, Messages": (
        "anthropic.claude-v2",
        MESSAGES,
        lambda one: one["content"][0]["text"],
        lambda one: one.get("delta", {}).get("text", ""),
    ),
    "Claude 2": (
        "anthropic.claude-v2:1",
        {"prompt": f"\n\nHuman: {SAY}\n\nAssistant:", "max_tokens_to_sample": 99},
        lambda one: one["completion"].strip(),
        lambda one: one["completion"],
    ),
    "Nova": (
        NOVA,
        {"schemaVersion": "messages-v1", "messages": [user(SAY)], "inferenceConfig": {"max_new_tokens": 99}},
        lambda one: one["output"]["message"]["content"][0]["text"],
        lambda one: one.get("contentBlockDelta", {}).get("delta", {}).get("text", ""),
    ),
    "Titan": (
        "amazon.titan-text-express-v1",
        {"inputText": SAY, "textGenerationConfig": {"maxTokenCount": 99}},
        lambda one: one["results"][0]["outputText"],
        lambda one: one["outputText"],
    ),
    "Llama": (
        "meta.llama3-8b-instruct-v1:0",
        {"prompt": SAY, "max_gen_len": 99},
        lambda one: one["generation"],
        lambda one: one["generation"],
    ),
    "Mistral": (
        "mistral.mistral-7b-instruct-v0:2",
        {"prompt": f"<s>[INST] {SAY} [/INST]"},
        lambda one: one["outputs"][0]["text"],
        lambda one: one["outputs"][0]["text"],
    ),
    "Cohere": (
        "cohere.command-text-v14",
        {"prompt": SAY},
        lambda one: one["generations"][0]["text"],
        lambda one: one["text"],
    ),
    "Qwen": (
        "qwen.qwen3-32b-v1:0",
        {"messages": [{"role": "user", "content": SAY}]},
        lambda one: one["choices"][0]["message"]["content"],
        lambda one: "".join(choice["delta"].get("content", "") for choice in one["choices"]),
    ),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_speaks_its_own_words_whole_and_in_chunks(bedrock: BedrockRig, family: str) -> None:
    model, body, of_whole, of_chunk = FAMILIES[family]

    answer = bedrock.client.invoke_model(modelId=model, body=json.dumps(body))
    whole = json.loads(answer["body"].read())
    chunks = bedrock.chunks(model, **body)

    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert of_whole(whole).startswith("hi there")
    assert "".join(map(of_chunk, chunks)) == of_whole(whole)
    assert chunks[-1][METRICS]["inputTokenCount"] == int(headers["x-amzn-bedrock-input-token-count"])
    assert chunks[-1][METRICS]["outputTokenCount"] == int(headers["x-amzn-bedrock-output-token-count"])
    assert not any(METRICS in chunk for chunk in chunks[:-1])


def test_the_head_of_a_stream_tells_what_is_inside(bedrock: BedrockRig) -> None:
    answer = bedrock.post(f"/model/{CLAUDE}/invoke-with-response-stream", **MESSAGES)

    assert answer.headers["content-type"] == "application/vnd.amazon.eventstream"
    assert answer.headers["x-amzn-bedrock-content-type"] == "application/json"
    assert len(answer.headers["x-amzn-requestid"]) == 36


def test_claude_thinks_calls_tools_and_ends_as_the_messages_api_does(bedrock: BedrockRig) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tools = [{"name": "get_weather", "input_schema": schema}, {"name": "get_time", "input_schema": {"type": "object"}}]
    said = [{"role": "user", "content": [{"type": "text", "text": "The weather in Paris and Rome, and the time?"}]}]
    body = {**MESSAGES, "messages": said, "tools": tools, "thinking": {"type": "enabled", "budget_tokens": 1024}}

    chunks = bedrock.chunks(CLAUDE, **body)

    blocks = [chunk["content_block"]["type"] for chunk in chunks if chunk["type"] == "content_block_start"]
    inputs: dict[int, str] = {}
    for chunk in chunks:
        if chunk.get("delta", {}).get("type") == "input_json_delta":
            inputs[chunk["index"]] = inputs.get(chunk["index"], "") + chunk["delta"]["partial_json"]
    assert blocks == ["thinking", "text", "tool_use", "tool_use", "tool_use"]
    assert [json.loads(text or "{}") for text in inputs.values()] == [{"city": "Paris"}, {"city": "Rome"}, {}]
    assert any(chunk.get("delta", {}).get("type") == "signature_delta" for chunk in chunks)
    assert chunks[-2]["delta"]["stop_reason"] == "tool_use"


def test_claude_reads_what_it_wrote_to_the_cache(bedrock: BedrockRig) -> None:
    system = [{"type": "text", "text": "Be exact. " * 60, "cache_control": {"type": "ephemeral"}}]

    first, second = (bedrock.post(f"/model/{CLAUDE}/invoke", **MESSAGES, system=system).json() for _ in range(2))

    assert first["usage"]["cache_creation_input_tokens"] == second["usage"]["cache_read_input_tokens"] > 50
    assert second["usage"]["cache_creation_input_tokens"] == 0
    assert first["id"] != second["id"]


def test_a_guardrail_of_the_headers_leaves_no_metrics_where_it_blocks(bedrock: BedrockRig) -> None:
    body = json.dumps({"inputText": "the guardrail"})
    model, options = "amazon.titan-text-express-v1", {"guardrailIdentifier": "g1", "guardrailVersion": "DRAFT"}

    answer = bedrock.client.invoke_model_with_response_stream(modelId=model, body=body, trace="ENABLED", **options)
    last = [json.loads(event["chunk"]["bytes"]) for event in answer["body"]][-1]

    assert (last["amazon-bedrock-guardrailAction"], METRICS in last) == ("INTERVENED", False)
    assert "g1" in last["amazon-bedrock-trace"]["guardrail"]["inputAssessment"]


def nova(text: str, size: int) -> dict[str, Any]:
    asked = {"embeddingPurpose": "GENERIC_INDEX", "embeddingDimension": size, "text": {"value": text}}
    return {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": asked}


def cohere(*texts: str, **options: Any) -> dict[str, Any]:
    return {"texts": list(texts), "input_type": "search_document", **options}


EMBEDDED: dict[str, tuple[str, dict[str, Any], Callable[[Any], list[list[float]]], int, int]] = {
    "Titan": ("amazon.titan-embed-text-v2:0", {"inputText": "a"}, lambda one: [one["embedding"]], 1, 1024),
    "Titan, shorter": (
        "amazon.titan-embed-text-v2:0",
        {"inputText": "a", "dimensions": 256, "normalize": True},
        lambda one: [one["embedding"]],
        1,
        256,
    ),
    "Titan 1": ("amazon.titan-embed-text-v1", {"inputText": "a"}, lambda one: [one["embedding"]], 1, 1536),
    "Cohere 3": ("cohere.embed-english-v3", cohere("a", "b"), lambda one: one["embeddings"], 2, 1024),
    "Cohere 4": (
        "cohere.embed-v4:0",
        cohere("a", "b", output_dimension=512, embedding_types=["float"]),
        lambda one: one["embeddings"]["float"],
        2,
        512,
    ),
    "Nova": (
        "amazon.nova-2-multimodal-embeddings-v1:0",
        nova("a", 384),
        lambda one: [one["embeddings"][0]["embedding"]],
        1,
        384,
    ),
}


@pytest.mark.parametrize("family", EMBEDDED)
def test_embeddings_have_their_size_and_their_tokens_in_a_header(bedrock: BedrockRig, family: str) -> None:
    model, body, vectors, count, size = EMBEDDED[family]

    answer = bedrock.post(f"/model/{model}/invoke", **body)

    assert [len(vector) for vector in vectors(answer.json())] == [size] * count
    assert answer.headers["x-amzn-bedrock-input-token-count"] == str(count)
    assert "x-amzn-bedrock-output-token-count" not in answer.headers


@pytest.mark.parametrize(
    ("model", "body"),
    [
        ("amazon.titan-embed-text-v2:0", {"inputText": ""}),
        ("amazon.titan-embed-text-v2:0", {"inputText": "a", "dimensions": 300}),
        ("amazon.titan-embed-text-v2:0", {"inputText": "a", "model": "b"}),
        ("cohere.embed-english-v3", cohere(*["a"] * 97)),
        ("cohere.embed-english-v3", {"texts": ["a"]}),
        ("amazon.nova-2-multimodal-embeddings-v1:0", nova("a", 300)),
        ("amazon.nova-2-multimodal-embeddings-v1:0", {"inputText": "a"}),
        ("amazon.titan-text-express-v1", {"prompt": "a"}),
        ("meta.llama3-8b-instruct-v1:0", {"prompt": "a", "max_tokens": 5}),
        (NOVA, {"inputText": "a"}),
        (NOVA, {"messages": [{"role": "user"}]}),
    ],
)
def test_a_body_of_another_family_is_refused(bedrock: BedrockRig, model: str, body: dict[str, Any]) -> None:
    answer = bedrock.post(f"/model/{model}/invoke", **body)

    assert answer.status_code == 400
    assert answer.json()["message"].startswith("Malformed input request: ")


def test_embeddings_do_not_stream(bedrock: BedrockRig) -> None:
    with pytest.raises(ClientError, match="unsupported for streaming"):
        bedrock.chunks("amazon.titan-embed-text-v2:0", inputText="a")
