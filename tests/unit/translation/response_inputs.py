"""Inputs of Responses requests, and what the chat request of one is."""

from typing import Any

import pytest

from sluice.domain.errors import InvalidRequest, UnsupportedParameter
from sluice.translation.requests.responses_to_chat import request
from sluice.translation.sealed_thinking import sealed

Json = dict[str, Any]

SIGNED: Json = {"type": "thinking", "thinking": "Let me see.", "signature": "c2lnbmVk"}
REDACTED: Json = {"type": "redacted_thinking", "data": "aGlkZGVu"}
PIXEL = "data:image/png;base64,iVBORw0KGgo="
PAPER = "data:application/pdf;base64,JVBERi0="


def chat(**body: Any) -> Json:
    return request({"input": "hi", **body}, "model-1").body


def said(*items: Any) -> list[Json]:
    messages: list[Json] = chat(input=list(items))["messages"]
    return messages


def content(*parts: Any) -> Any:
    return said({"role": "user", "content": list(parts)})[0]["content"]


def call(call_id: str, name: str = "weather") -> Json:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": "{}"}


def called(call_id: str, name: str = "weather") -> Json:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}}


def thought(*blocks: Json) -> Json:
    return {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": sealed(blocks)}


def refused(**body: Any) -> str | None:
    with pytest.raises(UnsupportedParameter) as caught:
        chat(**body)
    return caught.value.param


def wrong(**body: Any) -> str | None:
    with pytest.raises(InvalidRequest) as caught:
        chat(**body)
    return caught.value.param
