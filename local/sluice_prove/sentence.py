"""What the fault provider says, so what an honest gateway hands on: a text of every width of UTF-8, and usage."""

import json
from typing import Any

DELTAS = ("héllo", " wörld", " 日本語", " 😀", " end.")
TEXT = "".join(DELTAS)
USAGE = {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}
FINISH_REASON = "stop"
DONE = b"data: [DONE]\n\n"
NAMED = {"id": "chatcmpl-prove", "created": 1700000000, "model": "prove"}
EVENTS_BEFORE_A_FAULT = 4


def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {**NAMED, "object": "chat.completion.chunk", "choices": [choice]}


def event(value: object) -> bytes:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


def spoken(*deltas: str) -> list[bytes]:
    """An event for each; the first one names the speaker."""
    first: dict[str, Any] = {"role": "assistant"}
    return [event(chunk({**(first if number == 0 else {}), "content": text})) for number, text in enumerate(deltas)]


SPOKEN = spoken(*DELTAS)
FINISH = event(chunk({}, FINISH_REASON))
USED = event({**NAMED, "object": "chat.completion.chunk", "choices": [], "usage": USAGE})
ENDING = (FINISH, USED, DONE)
BEGUN = SPOKEN[:EVENTS_BEFORE_A_FAULT]
REST = (*SPOKEN[EVENTS_BEFORE_A_FAULT:], *ENDING)
STREAM = (*SPOKEN, *ENDING)


def completion() -> bytes:
    """The answer that does not stream."""
    message = {"role": "assistant", "content": TEXT}
    choice = {"index": 0, "message": message, "finish_reason": FINISH_REASON}
    whole = {**NAMED, "object": "chat.completion", "choices": [choice], "usage": USAGE}
    return json.dumps(whole, ensure_ascii=False).encode()
