"""What the simulated Bedrock refuses as the service does: requests that make no sense, in its own words."""

from typing import Any

import httpx
import pytest
from tests.integration.simulator.bedrock_rig import CLAUDE, NOVA, BedrockRig, tool, user

TOOLS = {"tools": [tool("look", place={"type": "string"})]}


def use(number: int) -> dict[str, Any]:
    return {"toolUse": {"toolUseId": f"t{number}", "name": "look", "input": {}}}


def result(number: int) -> dict[str, Any]:
    return {"toolResult": {"toolUseId": f"t{number}", "content": [{"text": "seen"}]}}


def document(name: str) -> dict[str, Any]:
    return {"document": {"format": "txt", "name": name, "source": {"text": "words"}}}


def turns(*contents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    roles = ("user", "assistant")
    return [{"role": roles[number % 2], "content": content} for number, content in enumerate(contents)]


def schema_of(schema: str) -> dict[str, Any]:
    return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": schema}}}}


def asking(*messages: dict[str, Any], **options: Any) -> dict[str, Any]:
    return {"messages": list(messages) or [user("hi")], **options}


CACHE_POINT = {"cachePoint": {"type": "default"}}
THINKING = {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 2000}}}
HISTORY = turns([{"text": "a"}], [use(1), use(2)], [result(1)])
REFUSED: dict[str, dict[str, Any]] = {
    "Unknown parameter in input": asking(stream=True),
    "Missing required parameter": asking({"role": "user"}),
    "enum value set: [user, assistant, system]": asking({"role": "tool", "content": [{"text": "a"}]}),
    "regular expression pattern": asking(toolConfig={"tools": [tool("not a name")]}),
    "less than or equal to 1": asking(inferenceConfig={"temperature": 1.2}),
    "valid min value: 1": asking(inferenceConfig={"maxTokens": 0}),
    "messages field is required": {"messages": []},
    "must alternate": asking(user("a"), user("b")),
    "messages.1 is empty": {"messages": turns([{"text": "a"}], [], [{"text": "b"}])},
    "messages.0.content.1 is blank": {"messages": turns([{"text": "a"}, {"text": " \n"}])},
    "toolConfig field must be defined": {"messages": turns([{"text": "a"}], [use(1)], [result(1)])},
    "for the following Ids: t2": {"messages": HISTORY, "toolConfig": TOOLS},
    "exceeds the number of toolUse": {"messages": turns([result(1)]), "toolConfig": TOOLS},
    "is already defined": asking(toolConfig={"tools": [tool("look"), tool("look")]}),
    "which toolConfig.tools does not define": asking(toolConfig={**TOOLS, "toolChoice": {"tool": {"name": "hear"}}}),
    "duplicate document names": {"messages": turns([{"text": "a"}, document("one"), document("one")])},
    "without a text block": {"messages": turns([document("one")])},
    "not base64": {"messages": turns([{"image": {"format": "png", "source": {"bytes": "***"}}}])},
    "`max_tokens` must be greater": asking(inferenceConfig={"maxTokens": 2000}, **THINKING),
    "`temperature` may only be set to 1": asking(inferenceConfig={"maxTokens": 3000, "temperature": 0.5}, **THINKING),
    "tool_choice forces tool use": asking(
        inferenceConfig={"maxTokens": 3000}, toolConfig={**TOOLS, "toolChoice": {"any": {}}}, **THINKING
    ),
    "greater than or equal to 1024": asking(
        additionalModelRequestFields={"thinking": {"type": "enabled", "budget_tokens": 100}}
    ),
    "trailing whitespace": {"messages": turns([{"text": "a"}], [{"text": "So "}])},
    "maximum of 4 blocks": {"messages": turns([{"text": "a"}, *[CACHE_POINT] * 5])},
    "seed: Extra inputs are not permitted": asking(additionalModelRequestFields={"seed": 1}),
    "not valid JSON": asking(outputConfig=schema_of("{")),
    "'additionalProperties' must be explicitly set to false": asking(outputConfig=schema_of('{"type": "object"}')),
}


def refused(answer: httpx.Response, name: str = "ValidationException") -> str:
    assert answer.headers["x-amzn-errortype"].partition(":")[0] == name
    message: str = answer.json()["message"]
    return message


@pytest.mark.parametrize("operation", ["converse", "converse-stream"])
@pytest.mark.parametrize(("told", "body"), REFUSED.items(), ids=REFUSED)
def test_converse_refuses(bedrock: BedrockRig, told: str, body: dict[str, Any], operation: str) -> None:
    answer = bedrock.post(f"/model/{CLAUDE}/{operation}", **body)

    kind = "SerializationException" if told == "not base64" else "ValidationException"
    assert answer.status_code == 400
    assert told in refused(answer, kind)


@pytest.mark.parametrize(
    ("model", "messages", "status"),
    [
        ("amazon.titan-text-express-v1", [user("a"), user("b")], 200),
        (CLAUDE, [{"role": "assistant", "content": [{"text": "Hello"}]}], 200),
        (NOVA, [{"role": "assistant", "content": [{"text": "Hello"}]}], 400),
    ],
)
def test_families_differ(bedrock: BedrockRig, model: str, messages: list[dict[str, Any]], status: int) -> None:
    assert bedrock.post(f"/model/{model}/converse", messages=messages).status_code == status


IMAGE_IN_S3 = {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://bucket/one.png"}}}}
LLAMA, TITAN, SONNET_4 = (
    "meta.llama3-1-8b-v1:0",
    "amazon.titan-text-express-v1",
    "anthropic.claude-sonnet-4-20250514-v1:0",
)
ONCE = {"role": "user", "content": [{"text": "a"}, CACHE_POINT]}
BY_FAMILY: dict[str, tuple[str, str, dict[str, Any]]] = {
    "extraneous key [top_k]": (NOVA, CLAUDE, asking(additionalModelRequestFields={"top_k": 5})),
    "doesn't support tool use": (TITAN, NOVA, asking(toolConfig=TOOLS)),
    "toolConfig.toolChoice.any field": (LLAMA, NOVA, asking(toolConfig={**TOOLS, "toolChoice": {"any": {}}})),
    "doesn't support system messages": (TITAN, LLAMA, asking(system=[{"text": "Be brief."}])),
    "did not allow prompt caching": (LLAMA, NOVA, asking(ONCE)),
    "beside toolResult blocks": (
        LLAMA,
        CLAUDE,
        {"messages": turns([{"text": "a"}], [use(1)], [result(1), {"text": "b"}]), "toolConfig": TOOLS},
    ),
    "doesn't support the s3Uri field": (CLAUDE, NOVA, {"messages": turns([{"text": "a"}, IMAGE_IN_S3])}),
    "outputConfig.textFormat field": (
        SONNET_4,
        CLAUDE,
        asking(outputConfig=schema_of('{"type": "object", "additionalProperties": false}')),
    ),
    "cannot both be specified": (CLAUDE, SONNET_4, asking(inferenceConfig={"temperature": 0.5, "topP": 0.5})),
    "thinking.type.disabled": (
        "anthropic.claude-opus-4-7-v1",
        CLAUDE,
        asking(additionalModelRequestFields={"thinking": {"type": "disabled"}}),
    ),
}


@pytest.mark.parametrize("told", BY_FAMILY)
def test_a_family_refuses_what_another_takes(bedrock: BedrockRig, told: str) -> None:
    refusing, taking, body = BY_FAMILY[told]

    answer = bedrock.post(f"/model/{refusing}/converse", **body)
    other = bedrock.post(f"/model/{taking}/converse", **body)

    assert told in refused(answer)
    assert other.status_code == 200


@pytest.mark.parametrize("model", ["does-not-exist", "gpt-4o", "xx.anthropic.claude", "nobody.model-v1"])
def test_an_id_that_is_none_is_invalid(bedrock: BedrockRig, model: str) -> None:
    answer = bedrock.post(f"/model/{model}/converse", **asking())

    assert answer.status_code == 400
    assert refused(answer) == "The provided model identifier is invalid."


def test_a_model_of_embeddings_does_not_converse(bedrock: BedrockRig) -> None:
    answer = bedrock.post("/model/amazon.titan-embed-text-v2:0/converse", **asking())

    assert "doesn't support the model" in refused(answer)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"max_tokens": 5, "messages": []}, "anthropic_version: Field required"),
        ({"model": "x", "messages": [{"role": "user", "content": "a"}]}, "model: Extra inputs are not permitted"),
        ({"messages": []}, "at least one message"),
        ({"messages": [{"role": "user", "content": ""}]}, "non-empty content"),
        ({"messages": [{"role": "system", "content": "a"}]}, "messages.0.role"),
        (
            {"messages": [{"role": "user", "content": "a"}], "thinking": {"type": "enabled", "budget_tokens": 5}},
            "greater",
        ),
        ({"messages": [{"role": "user", "content": [{"text": "a"}]}]}, "Malformed input request"),
    ],
)
def test_claude_refuses_a_body_of_its_own(bedrock: BedrockRig, body: dict[str, Any], told: str) -> None:
    usual = {} if "max_tokens" in body else {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 5}

    answer = bedrock.post(f"/model/{CLAUDE}/invoke", **usual, **body)

    assert answer.status_code == 400
    assert told in refused(answer)


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff"])
def test_what_is_no_json_object_is_refused(bedrock: BedrockRig, content: bytes) -> None:
    answer = bedrock.http.post(f"{bedrock.url}/model/{NOVA}/converse", content=content)

    assert answer.status_code == 400
    assert "JSON" in refused(answer, "SerializationException")


@pytest.mark.parametrize("path", ["/", f"/model/{NOVA}", f"/model/{NOVA}/paint", "/openai/v2/chat/completions"])
def test_a_path_that_is_no_operation_is_404(bedrock: BedrockRig, path: str) -> None:
    answer = bedrock.post(path, **asking())

    assert answer.status_code == 404
    assert path in refused(answer, "UnknownOperationException")
