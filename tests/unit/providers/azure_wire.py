"""Azure OpenAI in one process: a gateway before it, and streams as its content filter makes them."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
from tests.fakes.gateway import Gateway, MemoryBudget, Pieces

from sluice.domain.record import UsageRecord
from sluice.provider_settings import Azure

CLASSIC, V1 = Azure("east", "2024-10-21"), Azure("east")
SSE = {"content-type": "text/event-stream; charset=utf-8"}
JSON = {"content-type": "application/json"}
DEPLOYMENT = "azure/prod-mini"
ASKED: Any = [{"role": "user", "content": "hi"}]
SAFE = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}
NOT_CHECKED = {"error": {"code": "content_filter_error", "message": "The contents are not filtered"}}
DONE = b"data: [DONE]\n\n"


def event(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def chunk(*choices: object, **more: object) -> bytes:
    return event({"id": "c", "object": "chat.completion.chunk", "model": "gpt-5-mini", "choices": choices, **more})


def said(text: str, finish_reason: str | None = None) -> bytes:
    return chunk({"index": 0, "delta": {"content": text}, "finish_reason": finish_reason, "content_filter_results": {}})


def annotated(finish_reason: str | None = None, results: object = SAFE) -> bytes:
    """What the asynchronous filter says of text that was sent before: a choice without a delta."""
    offsets = {"check_offset": 44, "start_offset": 44, "end_offset": 198}
    about = {"content_filter_results": results, "content_filter_offsets": offsets}
    choice = {"index": 0, "finish_reason": finish_reason, **about}
    return event({"id": "", "object": "", "created": 0, "model": "", "choices": [choice], "usage": None})


PROMPT = event(
    {
        "choices": [],
        "created": 0,
        "id": "",
        "model": "",
        "object": "",
        "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": SAFE}],
        "usage": None,
    }
)
USED = {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}
USAGE = chunk(usage=USED, latency_checkpoint={"service_ttft_ms": 90})
STREAMS = {
    "filtered as it goes": (PROMPT, said(""), said("Héllo 😀"), said("", "stop"), USAGE, DONE),
    "filtered later": (PROMPT, said("Hé"), annotated(), said("llo", "stop"), annotated(), USAGE, DONE),
    "blocked later": (PROMPT, said("Hé Ju"), annotated(), annotated("content_filter"), USAGE, DONE),
    "not filtered at all": (PROMPT, said("Héllo"), annotated(results=NOT_CHECKED), said("", "stop"), USAGE, DONE),
}
ENDS = dict.fromkeys(STREAMS, "stop") | {"blocked later": "content_filter"}


def gateway(
    *body: bytes, headers: dict[str, str] = JSON, status: int = 200, azure: Azure = CLASSIC, **settings: Any
) -> Gateway:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers=headers, stream=Pieces(body))

    return Gateway(answer, kind="azure", azure=azure, **settings)


class Repeating(Gateway):
    """Made once and asked many times, each time of another answer; it remembers the last call alone."""

    def __init__(self, headers: dict[str, str] = SSE) -> None:
        self._headers = headers
        self._body: tuple[bytes, ...] = (b"",)
        super().__init__(self._reply, kind="azure", azure=CLASSIC)

    def when(self, *body: bytes) -> "Repeating":
        """As if new, before a provider that answers with this."""
        self._body = body
        for kept in (self.ledger.reserved, self.ledger.settled, self.requests, self.telemetry.calls):
            kept.clear()
        self.budget.retries = MemoryBudget.retries
        return self

    def _reply(self, _: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers=self._headers, stream=Pieces(tuple(filter(None, self._body))))


def pieces(answer: dict[str, Any]) -> Iterator[bytes]:
    """What the caller gets, one by one; closes the answer."""
    if isinstance(answer["body"], str):
        yield bytes(answer["body"], "utf-8")
        return
    with closing(answer["body"]) as body:
        yield from body


def read(answer: dict[str, Any]) -> bytes:
    return b"".join(pieces(answer))


def record(made: Gateway) -> UsageRecord:
    (one,) = made.ledger.settled
    return one


def sent(made: Gateway) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(made.requests[0].content)
    return found


def sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
