"""Streams of the Responses API: recorded ones as server-sent events, and ones made event by event."""

import json
from typing import Any

from tests import recorded

RECORDINGS = recorded.names("or_", "mantle_responses_gpt56")
USAGE = {
    "input_tokens": 20,
    "input_tokens_details": {"cached_tokens": 4},
    "output_tokens": 9,
    "output_tokens_details": {"reasoning_tokens": 3},
    "total_tokens": 29,
}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "status": "completed",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "word", "annotations": []}],
}


def recording(name: str) -> bytes:
    """A recorded stream; one of which only the payloads were kept is framed again."""
    body = recorded.load(name).body
    if not body.startswith(b"{"):
        return body
    return b"".join(event(json.loads(line)) for line in body.splitlines())


def event(value: dict[str, Any]) -> bytes:
    """One event as OpenAI frames it."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return f"event: {value['type']}\ndata: {text}\n\n".encode()


def response(status: str = "completed", **changes: Any) -> dict[str, Any]:
    """A response object; it is over unless its status says otherwise."""
    is_over = status in ("completed", "incomplete")
    return {
        "id": "resp_1",
        "object": "response",
        "status": status,
        "error": None,
        "incomplete_details": None,
        "model": "gpt-5-mini-x",
        "output": [MESSAGE] if is_over else [],
        "service_tier": "default",
        "store": True,
        "usage": USAGE if is_over else None,
        "metadata": {},
        **changes,
    }


def created(number: int = 0) -> bytes:
    return event({"type": "response.created", "sequence_number": number, "response": response("in_progress")})


def said(text: str, number: int) -> bytes:
    return event({"type": "response.output_text.delta", "sequence_number": number, "item_id": "msg_1", "delta": text})


def ended(status: str, number: int, **changes: Any) -> bytes:
    return event({"type": f"response.{status}", "sequence_number": number, "response": response(status, **changes)})


def failed(number: int, message: str = "it broke") -> bytes:
    return ended("failed", number, error={"code": "server_error", "message": message})


def error(number: int, message: str = "it broke") -> bytes:
    """As OpenAI sends it: the failure under `error`."""
    detail = {"type": "server_error", "code": "server_error", "message": message, "param": None}
    return event({"type": "error", "sequence_number": number, "error": detail})


def data_of(raw: bytes) -> dict[str, Any]:
    """What an event of one data line carries."""
    line = next(line for line in raw.splitlines() if line.startswith(b"data:"))
    value: dict[str, Any] = json.loads(line[5:])
    return value
