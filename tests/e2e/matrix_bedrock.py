"""boto3 on Bedrock's own surface: Converse, and InvokeModel with the body of each family."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError
from tests.e2e.bedrock_sdk import client
from tests.e2e.matrix import IMAGE, MAX_TOKENS, PARAMETERS, PNG, SCHEMA, TOOL, Answer, Dialect, Question, Said, ToolCall
from tests.e2e.matrix_anthropic import MessagesDialect
from tests.e2e.matrix_openai import ChatDialect
from tests.e2e.rig import Rig

# https://docs.aws.amazon.com/bedrock/latest/userguide/inference-reasoning.html: each family has its own field.
THINKING: Mapping[str, Any] = {
    "bedrock_claude": {"thinking": {"type": "enabled", "budget_tokens": 1024}},
    "bedrock_nova": {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}},
    "bedrock_gpt_oss": {"reasoning_effort": "low"},
}


class ConverseDialect:
    """As boto3 takes it; Nova's body for InvokeModel has the same names and base64 where bytes are here."""

    def __init__(self, image: bytes | str = PNG) -> None:
        self._image = image

    def body(self, question: Question) -> dict[str, Any]:
        parts: list[Any] = [{"text": question.prompt}]
        parts += [{"image": {"format": "png", "source": {"bytes": self._image}}}] if question.has_image else []
        messages = [{"role": "user", "content": parts}, *self._later(question.earlier)]
        body: dict[str, Any] = {"messages": messages, "inferenceConfig": {"maxTokens": MAX_TOKENS}}
        if question.has_tool:
            body["toolConfig"] = {"tools": [{"toolSpec": {"name": TOOL, "inputSchema": {"json": PARAMETERS}}}]}
        if question.has_schema:
            structure = {"jsonSchema": {"name": "place", "schema": json.dumps(SCHEMA)}}
            body["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": structure}}
        if question.thinks:
            body["additionalModelRequestFields"] = THINKING.get(question.provider, {})
        return body

    def _later(self, earlier: Said | None) -> list[dict[str, Any]]:
        if earlier is None:
            return []
        results = [{"toolResult": {"toolUseId": id, "content": [{"text": found}]}} for id, found in earlier.results()]
        return [{"role": "assistant", "content": earlier.turn}, {"role": "user", "content": results}]

    def said(self, answer: Mapping[str, Any]) -> Said:
        blocks, usage = answer["output"]["message"]["content"], answer["usage"]
        thoughts = [block["reasoningContent"]["reasoningText"] for block in blocks if "reasoningContent" in block]
        uses = [block["toolUse"] for block in blocks if "toolUse" in block]
        return Said(
            text="".join(block.get("text", "") for block in blocks),
            calls=tuple(ToolCall(use["toolUseId"], use["name"], use["input"]) for use in uses),
            turn=blocks,
            usage=(usage["inputTokens"], usage["outputTokens"]),
            reasoning="".join(thought["text"] for thought in thoughts),
            signature="".join(thought.get("signature", "") for thought in thoughts),
        )

    def joined(self, events: list[dict[str, Any]]) -> tuple[dict[str, Any], int]:
        blocks: dict[int, list[dict[str, Any]]] = {}
        for event in events:
            for one in (event.get("contentBlockStart"), event.get("contentBlockDelta")):
                if one:
                    blocks.setdefault(one["contentBlockIndex"], []).append(one.get("start") or one["delta"])
        content = [_block(parts) for parts in blocks.values()]
        usage = next(event["metadata"]["usage"] for event in events if "metadata" in event)
        pieces = sum("text" in part for parts in blocks.values() for part in parts)
        return {"output": {"message": {"content": content}}, "usage": usage}, pieces


class ConverseSurface:
    errors = (ClientError,)

    def __init__(self, site: Rig) -> None:
        self._client = client(site)

    def dialect(self, provider: str) -> Dialect:
        return ConverseDialect()

    def send(self, model: str, body: dict[str, Any], question: Question) -> Answer:
        ask = self._client.converse_stream if question.is_stream else self._client.converse
        answer = ask(modelId=model, **body)
        documents = list(answer["stream"]) if question.is_stream else [answer]
        return Answer(documents, answer["ResponseMetadata"]["HTTPHeaders"])

    def close(self) -> None:
        self._client.close()

    def refused(self, error: ClientError) -> tuple[int, str]:
        return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]


class InvokeSurface(ConverseSurface):
    """The body is the family's own; a route that leads away from Bedrock is asked with Claude's."""

    dialects: Mapping[str, Dialect] = {"bedrock_nova": ConverseDialect(IMAGE), "bedrock_gpt_oss": ChatDialect()}

    def dialect(self, provider: str) -> Dialect:
        return self.dialects.get(provider, MessagesDialect())

    def send(self, model: str, body: dict[str, Any], question: Question) -> Answer:
        if question.provider in ("bedrock_claude", "openai", "anthropic"):
            body = {"anthropic_version": "bedrock-2023-05-31", **body}
        own = {name: value for name, value in body.items() if name not in ("stream", "stream_options")}
        asked = {"modelId": model, "body": json.dumps(own)}
        if question.is_stream:
            answer = self._client.invoke_model_with_response_stream(**asked)
            documents = [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]
        else:
            answer = self._client.invoke_model(**asked)
            documents = [json.loads(answer["body"].read())]
        return Answer(documents, answer["ResponseMetadata"]["HTTPHeaders"])


def _block(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """A block of its start, if it has one, and its deltas."""
    if "toolUse" in parts[0]:
        written = "".join(part["toolUse"].get("input", "") for part in parts[1:])
        return {"toolUse": {**parts[0]["toolUse"], "input": json.loads(written or "{}")}}
    if "reasoningContent" in parts[0]:
        told = [part["reasoningContent"] for part in parts]
        signature = "".join(one.get("signature", "") for one in told)
        text = "".join(one.get("text", "") for one in told)
        return {
            "reasoningContent": {"reasoningText": {"text": text, **({"signature": signature} if signature else {})}}
        }
    return {"text": "".join(part["text"] for part in parts)}
