"""The Anthropic SDK on its surface; its dialect is also the body of Claude by InvokeModel."""

import json
from collections.abc import Mapping
from typing import Any

import anthropic
import httpx2
from tests.e2e.matrix import IMAGE, MAX_TOKENS, PARAMETERS, SCHEMA, TOOL, Answer, Dialect, Question, Said, ToolCall
from tests.e2e.rig import Rig

TIMEOUT_SECONDS = 60
SOURCE = {"type": "base64", "media_type": "image/png", "data": IMAGE}
THOUGHT = {"thinking": "", "signature": ""}
DELTAS = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}


class MessagesDialect:
    def body(self, question: Question) -> dict[str, Any]:
        parts: list[Any] = [{"type": "text", "text": question.prompt}]
        parts += [{"type": "image", "source": SOURCE}] if question.has_image else []
        messages = [{"role": "user", "content": parts}, *self._later(question.earlier)]
        body: dict[str, Any] = {"max_tokens": MAX_TOKENS, "messages": messages}
        if question.is_stream:
            body["stream"] = True
        if question.has_tool:
            body["tools"] = [{"name": TOOL, "input_schema": PARAMETERS}]
        if question.has_schema:
            body["output_config"] = {"format": {"type": "json_schema", "schema": SCHEMA}}
        return body | ({"thinking": {"type": "enabled", "budget_tokens": 1024}} if question.thinks else {})

    def _later(self, earlier: Said | None) -> list[dict[str, Any]]:
        if earlier is None:
            return []
        results = [{"type": "tool_result", "tool_use_id": id, "content": found} for id, found in earlier.results()]
        return [{"role": "assistant", "content": earlier.turn}, {"role": "user", "content": results}]

    def said(self, answer: Mapping[str, Any]) -> Said:
        blocks, usage = answer["content"], answer["usage"]
        thought = next((block for block in blocks if block["type"] == "thinking"), THOUGHT)
        counted = (usage.get("output_tokens_details") or {}).get("thinking_tokens")
        return Said(
            text="".join(block["text"] for block in blocks if block["type"] == "text"),
            calls=tuple(
                ToolCall(block["id"], block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"
            ),
            turn=blocks,
            usage=(usage["input_tokens"], usage["output_tokens"]),
            reasoning=thought["thinking"] or str(counted or ""),
            signature=thought.get("signature") or "",
        )

    def joined(self, events: list[dict[str, Any]]) -> tuple[dict[str, Any], int]:
        """As the SDK's own accumulator does it, so that InvokeModel's events can be read too."""
        blocks: list[dict[str, Any]] = []
        usage: dict[str, Any] = {}
        pieces = 0
        for event in events:
            if event["type"] == "message_start":
                usage |= event["message"]["usage"]
            elif event["type"] == "content_block_start":
                blocks.append(dict(event["content_block"]))
            elif event["type"] == "content_block_delta":
                pieces += event["delta"]["type"] == "text_delta"
                _add(blocks[event["index"]], event["delta"])
            elif event["type"] == "message_delta":
                usage |= {name: value for name, value in event["usage"].items() if value is not None}
        return {"content": [_ended(block) for block in blocks], "usage": usage}, pieces


def anthropic_client(site: Rig) -> anthropic.Anthropic:
    """Signed, and with one attempt."""
    http = httpx2.Client(auth=site.auth(), timeout=TIMEOUT_SECONDS)
    return anthropic.Anthropic(base_url=site.stack.url, api_key="unused", max_retries=0, http_client=http)


class AnthropicSurface:
    errors = (anthropic.APIError,)

    def __init__(self, site: Rig) -> None:
        self._client = anthropic_client(site)

    def dialect(self, provider: str) -> Dialect:
        return MessagesDialect()

    def send(self, model: str, body: dict[str, Any], question: Question) -> Answer:
        raw = self._client.messages.with_raw_response.create(model=model, **body)
        parsed: Any = raw.parse()
        documents = parsed if question.is_stream else [parsed]
        return Answer([one.model_dump(exclude_unset=True, mode="json") for one in documents], raw.headers)

    def close(self) -> None:
        self._client.close()

    def refused(self, error: Any) -> tuple[int, str]:
        return error.status_code, error.body["error"]["type"]


def _add(block: dict[str, Any], delta: Mapping[str, Any]) -> None:
    if delta["type"] == "input_json_delta":
        block["json"] = block.get("json", "") + delta["partial_json"]
    elif name := DELTAS.get(delta["type"]):
        block[name] = (block.get(name) or "") + delta[name]


def _ended(block: dict[str, Any]) -> dict[str, Any]:
    written = block.pop("json", "")
    return {**block, "input": json.loads(written or "{}")} if block["type"] == "tool_use" else block
