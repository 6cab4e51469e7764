"""A real boto3 client on the whole stack, signed by attach(): each operation, under each path, with each kind of id."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.e2e.bedrock_sdk import BASES, CLAUDE, MESSAGES, NOVA, PROFILE, client, read, simulated_bedrock
from tests.e2e.rig import Rig

GREETING = "Hello! Lovely to hear from you."
CLAUDE_BODY = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 500,
    "messages": [{"role": "user", "content": "Hello!"}],
}
WEATHER: Any = {
    "tools": [
        {
            "toolSpec": {
                "name": "get_weather",
                "inputSchema": {
                    "json": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
                },
            }
        }
    ]
}
TWO_CITIES: Any = [{"role": "user", "content": [{"text": "What is the weather in Paris and Rome?"}]}]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with simulated_bedrock(tmp_path_factory.mktemp("boto3")) as running:
        yield running


@pytest.fixture(params=BASES, ids=lambda base: base or "/")
def boto3_client(request: pytest.FixtureRequest, site: Rig) -> Any:
    return client(site, request.param)


def text_of(content: list[Any]) -> str:
    return "".join(block.get("text", "") for block in content)


def converse(client: Any, model: str) -> str:
    return text_of(client.converse(modelId=model, messages=MESSAGES)["output"]["message"]["content"])


def converse_stream(client: Any, model: str) -> str:
    events = read(client.converse_stream(modelId=model, messages=MESSAGES)["stream"]).events
    assert events[-1]["metadata"]["usage"]["outputTokens"] > 0
    return text_of([event.get("contentBlockDelta", {}).get("delta", {}) for event in events])


def invoke(client: Any, model: str) -> str:
    answer = client.invoke_model(modelId=model, body=json.dumps(CLAUDE_BODY))
    assert answer["contentType"] == "application/json"
    return text_of(json.loads(answer["body"].read())["content"])


def invoke_stream(client: Any, model: str) -> str:
    answer = client.invoke_model_with_response_stream(modelId=model, body=json.dumps(CLAUDE_BODY))
    events = [json.loads(chunk["chunk"]["bytes"]) for chunk in read(answer["body"]).events]
    assert events[-1]["type"] == "message_stop"
    return text_of([event.get("delta", {}) for event in events])


CALLS: dict[str, Callable[[Any, str], str]] = {
    "Converse": converse,
    "ConverseStream": converse_stream,
    "InvokeModel": invoke,
    "InvokeModelWithResponseStream": invoke_stream,
}


@pytest.mark.parametrize("name", CALLS)
def test_an_operation_works_under_every_path(name: str, boto3_client: Any) -> None:
    assert CALLS[name](boto3_client, CLAUDE).startswith(GREETING)


@pytest.mark.parametrize("model", [NOVA, PROFILE])
@pytest.mark.parametrize("name", ["Converse", "ConverseStream"])
def test_a_name_with_a_colon_and_an_arn_with_slashes_are_models(name: str, model: str, boto3_client: Any) -> None:
    assert CALLS[name](boto3_client, model).startswith(GREETING)


def test_tokens_are_counted(boto3_client: Any) -> None:
    counted = boto3_client.count_tokens(modelId=CLAUDE, input={"converse": {"messages": MESSAGES}})

    assert counted["inputTokens"] > 0


def test_parallel_tool_calls_come_with_their_input(site: Rig) -> None:
    made = client(site)
    asked: Any = {"modelId": CLAUDE, "messages": TWO_CITIES, "toolConfig": WEATHER}

    whole = made.converse(**asked)
    events = read(made.converse_stream(**asked)["stream"]).events

    uses = [block["toolUse"] for block in whole["output"]["message"]["content"] if "toolUse" in block]
    assert [use["input"] for use in uses] == [{"city": "Paris"}, {"city": "Rome"}]
    pieces: dict[int, str] = {}
    for event in events:
        delta = event.get("contentBlockDelta", {})
        if "toolUse" in delta.get("delta", {}):
            index = delta["contentBlockIndex"]
            pieces[index] = pieces.get(index, "") + delta["delta"]["toolUse"]["input"]
    assert [json.loads(piece) for piece in pieces.values()] == [{"city": "Paris"}, {"city": "Rome"}]


def test_the_conversation_goes_on_with_the_tools_results(site: Rig) -> None:
    made = client(site)
    first = made.converse(modelId=CLAUDE, messages=TWO_CITIES, toolConfig=WEATHER)["output"]["message"]
    uses = [block["toolUse"] for block in first["content"] if "toolUse" in block]
    results = [
        {"toolResult": {"toolUseId": use["toolUseId"], "content": [{"text": f"{use['input']['city']}: 17 degrees"}]}}
        for use in uses
    ]

    answer = made.converse(
        modelId=CLAUDE, messages=[*TWO_CITIES, first, {"role": "user", "content": results}], toolConfig=WEATHER
    )

    assert "17 degrees" in text_of(answer["output"]["message"]["content"])


@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_in_the_books_under_its_model_and_path(name: str, site: Rig) -> None:
    before = len(site.stack.calls)

    CALLS[name](client(site), CLAUDE)

    (call,) = site.stack.wait_for_calls(before + 1)[before:]
    record = site.record(call.request_id)
    assert (record["surface"], record["provider"], record["model"]) == ("bedrock", "bedrock", CLAUDE)
    assert record["usage"]["input"] > 0
    assert record["usage"]["output"] > 0


@pytest.mark.parametrize("name", ["Converse", "ConverseStream"])
def test_an_unknown_model_is_bedrocks_own_exception(name: str, boto3_client: Any) -> None:
    with pytest.raises(boto3_client.exceptions.ValidationException, match="model identifier is invalid"):
        CALLS[name](boto3_client, "no-such-model")


def test_a_wrong_body_is_bedrocks_own_exception(site: Rig) -> None:
    made = client(site)

    with pytest.raises(made.exceptions.ValidationException, match="anthropic_version: Field required"):
        made.invoke_model(modelId=CLAUDE, body=b'{"messages": []}')


def test_a_region_without_a_provider_says_which_there_are(site: Rig) -> None:
    made = client(site, "/aws-bedrock/bedrock-runtime/eu-west-3")

    with pytest.raises(ClientError, match="no Bedrock provider in eu-west-3; configured regions: us-east-1") as raised:
        converse(made, CLAUDE)

    assert raised.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_the_id_of_the_record_is_in_the_answer(site: Rig) -> None:
    metadata = client(site).converse(modelId=CLAUDE, messages=MESSAGES)["ResponseMetadata"]

    assert site.record(metadata["HTTPHeaders"]["x-request-id"])["model"] == CLAUDE
