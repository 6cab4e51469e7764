"""The OpenAI SDK on two surfaces: chat completions and Responses."""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx2
import openai
from tests.e2e.matrix import IMAGE, MAX_TOKENS, PARAMETERS, SCHEMA, TOOL, Answer, Dialect, Question, Said, ToolCall
from tests.e2e.rig import Rig

DATA_URL = f"data:image/png;base64,{IMAGE}"
FUNCTION = {"name": TOOL, "parameters": PARAMETERS}
TIMEOUT_SECONDS = 60
SEALED = "reasoning.encrypted_content"


class ChatDialect:
    """Chat completions: also the body of gpt-oss by InvokeModel."""

    def body(self, question: Question) -> dict[str, Any]:
        parts: list[Any] = [{"type": "text", "text": question.prompt}]
        parts += [{"type": "image_url", "image_url": {"url": DATA_URL}}] if question.has_image else []
        body: dict[str, Any] = {"messages": [{"role": "user", "content": parts}, *self._later(question.earlier)]}
        if question.is_stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        if question.has_tool:
            body["tools"] = [{"type": "function", "function": FUNCTION}]
        if question.has_schema:
            named = {"name": "place", "schema": SCHEMA, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        return body | ({"reasoning_effort": "low"} if question.thinks else {})

    def _later(self, earlier: Said | None) -> Iterator[dict[str, Any]]:
        if earlier:
            yield earlier.turn
            for id, found in earlier.results():
                yield {"role": "tool", "tool_call_id": id, "content": found}

    def said(self, answer: Mapping[str, Any]) -> Said:
        message, usage = answer["choices"][0]["message"], answer["usage"]
        text = message.get("content") or ""
        hidden, is_tagged, shown = text.removeprefix("<reasoning>").partition("</reasoning>")
        thoughts = message.get("thinking_blocks") or [{}]
        counted = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens")
        return Said(
            text=shown if is_tagged else text,
            calls=tuple(_call(one["id"], one["function"]) for one in message.get("tool_calls") or []),
            turn=message,
            usage=(usage["prompt_tokens"], usage["completion_tokens"]),
            reasoning=message.get("reasoning_content") or (hidden if is_tagged else "") or str(counted or ""),
            signature=str(thoughts[0].get("signature") or ""),
        )

    def joined(self, events: list[dict[str, Any]]) -> tuple[dict[str, Any], int]:
        deltas = [event["choices"][0]["delta"] for event in events if event["choices"]]
        texts = [delta["content"] for delta in deltas if delta.get("content")]
        message: dict[str, Any] = {"role": "assistant", "content": "".join(texts) or None}
        parts = [part for delta in deltas for part in delta.get("tool_calls") or []]
        calls = [_joined_call([part for part in parts if part["index"] == index]) for index in _indexes(parts)]
        thoughts = [block for delta in deltas for block in delta.get("thinking_blocks") or []]
        thought = "".join(delta.get("reasoning_content") or "" for delta in deltas)
        extras = {"tool_calls": calls, "thinking_blocks": thoughts, "reasoning_content": thought}
        message |= {name: value for name, value in extras.items() if value}
        usage = next(event["usage"] for event in events if event.get("usage"))
        return {"choices": [{"message": message}], "usage": usage}, len(texts)


class ResponsesDialect:
    """Nothing is stored: items go back whole, thoughts sealed."""

    def body(self, question: Question) -> dict[str, Any]:
        parts: list[Any] = [{"type": "input_text", "text": question.prompt}]
        parts += [{"type": "input_image", "image_url": DATA_URL, "detail": "auto"}] if question.has_image else []
        items = [{"role": "user", "content": parts}, *self._later(question.earlier)]
        body: dict[str, Any] = {"input": items, "store": False, "include": [SEALED], "max_output_tokens": MAX_TOKENS}
        if question.is_stream:
            body["stream"] = True
        if question.has_tool:
            body["tools"] = [{"type": "function", "strict": False, **FUNCTION}]
        if question.has_schema:
            body["text"] = {"format": {"type": "json_schema", "name": "place", "schema": SCHEMA, "strict": True}}
        if question.thinks:
            body["reasoning"] = {"effort": "low", "summary": "auto"}
        return body

    def _later(self, earlier: Said | None) -> Iterator[dict[str, Any]]:
        if earlier:
            yield from earlier.turn
            for id, found in earlier.results():
                yield {"type": "function_call_output", "call_id": id, "output": found}

    def said(self, answer: Mapping[str, Any]) -> Said:
        items, usage = answer["output"], answer["usage"]
        parts = [part for item in items if item["type"] == "message" for part in item["content"]]
        thoughts = [item for item in items if item["type"] == "reasoning"]
        told = [part["text"] for item in thoughts for part in [*item["summary"], *(item.get("content") or [])]]
        return Said(
            text="".join(part["text"] for part in parts),
            calls=tuple(_call(item["call_id"], item) for item in items if item["type"] == "function_call"),
            turn=items,
            usage=(usage["input_tokens"], usage["output_tokens"]),
            reasoning="".join(told),
            signature=_unsealed(thoughts[0].get("encrypted_content") or "") if thoughts else "",
        )

    def joined(self, events: list[dict[str, Any]]) -> tuple[dict[str, Any], int]:
        pieces = sum(event["type"] == "response.output_text.delta" for event in events)
        answer: dict[str, Any] = events[-1]["response"]
        return answer, pieces


def client(site: Rig) -> openai.OpenAI:
    """Signed, and with one attempt."""
    http = httpx2.Client(auth=site.auth(), timeout=TIMEOUT_SECONDS)
    return openai.OpenAI(base_url=f"{site.stack.url}/v1", api_key="unused", max_retries=0, http_client=http)


class OpenAISurface:
    """`chat` or `responses`."""

    errors = (openai.APIError,)
    dialects: Mapping[str, Dialect] = {"chat": ChatDialect(), "responses": ResponsesDialect()}

    def __init__(self, name: str, site: Rig) -> None:
        self._name = name
        self._client = client(site)

    def dialect(self, provider: str) -> Dialect:
        return self.dialects[self._name]

    def send(self, model: str, body: dict[str, Any], question: Question) -> Answer:
        ways: dict[str, Any] = {"chat": self._client.chat.completions, "responses": self._client.responses}
        raw = ways[self._name].with_raw_response.create(model=model, **body)
        parsed = raw.parse()
        documents = parsed if question.is_stream else [parsed]
        return Answer([one.model_dump(exclude_unset=True, mode="json") for one in documents], raw.headers)

    def close(self) -> None:
        self._client.close()

    def refused(self, error: Any) -> tuple[int, str]:
        return error.status_code, str(error.code)


def _indexes(parts: list[dict[str, Any]]) -> list[int]:
    return list(dict.fromkeys(part["index"] for part in parts))


def _joined_call(parts: list[dict[str, Any]]) -> dict[str, Any]:
    first = parts[0]
    arguments = "".join(part["function"].get("arguments") or "" for part in parts)
    return {"id": first["id"], "type": "function", "function": {**first["function"], "arguments": arguments}}


def _call(id: str, function: Mapping[str, Any]) -> ToolCall:
    return ToolCall(id, function["name"], json.loads(function["arguments"]))


def _unsealed(content: str) -> str:
    """The model's own signature in what the gateway packed; what OpenAI sealed stays as it is."""
    try:
        signature: str = json.loads(base64.urlsafe_b64decode(content))["thinking_blocks"][0]["signature"]
    except ValueError:
        return content
    return signature
