"""Every surface by which a stream of Bedrock's reaches a caller, over a socket, and how each tells of an error in it."""

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx
from tests import frames
from tests.fakes.gateway import Context, Gateway, event
from tests.fakes.raw_provider import Peer, Script, raw_provider

from sluice.domain.errors import GatewayError
from sluice.domain.record import UsageRecord
from sluice.providers.transport import Transport

CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "amazon.nova-lite-v1:0"
HEAD = f"HTTP/1.1 200 OK\r\ncontent-type: {frames.CONTENT_TYPE}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
USED = {"inputTokens": 11, "outputTokens": 5, "totalTokens": 16}
CONVERSED = tuple(
    frames.event(*one)
    for one in (
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hello"}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "end_turn"}),
        ("metadata", {"usage": USED, "metrics": {"latencyMs": 1}}),
    )
)
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": []}
INVOKED = tuple(
    frames.chunk(one)
    for one in (
        {"type": "message_start", "message": MESSAGE | {"usage": {"input_tokens": 11, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    )
)
BEGUN = {CONVERSED: 2, INVOKED: 3}  # frames until the text was said
ASKED = [{"role": "user", "content": "hi"}]


class Surface(NamedTuple):
    """A way to a stream: what is asked, what Bedrock streams, and what the answer tells of its error."""

    method: str
    path: str
    body: dict[str, Any]
    frames: tuple[bytes, ...]
    code: Callable[[bytes], str]


def objects(body: bytes) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in body.decode().split("\n") if line.startswith("data: {")]


def code_of_frames(body: bytes) -> str:
    found = list(frames.decoded(body))
    assert [set(one) == {"exception"} for one in found] == [False] * (len(found) - 1) + [True]
    message = str(found[-1]["exception"]["message"])
    assert Context().aws_request_id in message
    return message.rpartition("(")[2].partition(",")[0]


def code_of_chat(body: bytes) -> str:
    found = objects(body)
    assert ["error" in one for one in found] == [False] * (len(found) - 1) + [True]
    assert b"[DONE]" not in body
    return code_in(found[-1]["error"])


def code_of_events(body: bytes) -> str:
    found = objects(body)
    assert [one["type"] == "error" for one in found] == [False] * (len(found) - 1) + [True]
    assert not {one["type"] for one in found} & {"message_stop", "response.completed", "response.incomplete"}
    return code_in(found[-1].get("error", found[-1]))


def code_of_text(body: bytes) -> str:
    text, _, last = body.decode().partition("\n[error: ")
    assert text == "Hello"
    return last.removesuffix(")]\n").rpartition("(")[2]


def code_in(error: dict[str, Any]) -> str:
    return str(error["code"])


MODEL = {"model": f"bedrock/{NOVA}", "stream": True}
SURFACES = {
    "bedrock": Surface("POST", f"/model/{NOVA}/converse-stream", {"messages": []}, CONVERSED, code_of_frames),
    "invoke": Surface("POST", f"/model/{CLAUDE}/invoke-with-response-stream", {}, INVOKED, code_of_frames),
    "chat": Surface("POST", "/v1/chat/completions", MODEL | {"messages": ASKED}, CONVERSED, code_of_chat),
    "responses": Surface("POST", "/v1/responses", MODEL | {"input": "hi"}, CONVERSED, code_of_events),
    "messages": Surface(
        "POST", "/v1/messages", MODEL | {"messages": ASKED, "max_tokens": 5}, CONVERSED, code_of_events
    ),
    "messages of claude": Surface(
        "POST",
        "/v1/messages",
        {"model": f"bedrock/{CLAUDE}", "stream": True, "messages": ASKED, "max_tokens": 5},
        INVOKED,
        code_of_events,
    ),
    "quick": Surface("GET", f"/api/bedrock/{CLAUDE}", {"p": "hi", "stream": "true"}, INVOKED, code_of_text),
}


@dataclass(slots=True)
class Ended:
    """All that a caller got, what was raised behind it, and the call's record."""

    status: int
    body: bytes
    raised: GatewayError | None
    record: UsageRecord


@contextmanager
def played(*scripts: Callable[[Peer, Gateway], None]) -> Iterator[Gateway]:
    """A gateway whose requests to Bedrock leave over a socket; its clock stands still unless a script moves it."""
    transport = Transport(lambda: 0.0, ssl.create_default_context(), tick_seconds=0.01)

    def send(request: httpx.Request) -> httpx.Response:
        url = httpx.URL(raw.url)
        request.url = request.url.copy_with(scheme="http", host=url.host, port=url.port)
        return transport.handle_request(request)

    made = Gateway(send, kind="bedrock")

    def bound(script: Callable[[Peer, Gateway], None]) -> Script:
        return lambda peer: script(peer, made)

    with raw_provider(*map(bound, scripts)) as raw:
        yield made
        transport.close()


def asked(made: Gateway, surface: Surface, milliseconds: int = 60_000) -> dict[str, Any]:
    is_post = surface.method == "POST"
    query = {} if is_post else {"queryStringParameters": surface.body}
    asking = event(surface.method, surface.path, body=json.dumps(surface.body) if is_post else None, **query)
    return made.handler(asking, Context(remaining_milliseconds=milliseconds))


def ended(made: Gateway, surface: Surface, milliseconds: int = 60_000) -> Ended:
    answer = asked(made, surface, milliseconds)
    body, raised = b"", None
    if isinstance(answer["body"], str):
        body = answer["body"].encode()
    else:
        try:
            for piece in answer["body"]:
                body += piece
        except GatewayError as error:
            raised = error
        answer["body"].close()
    (record,) = made.ledger.settled
    return Ended(answer["statusCode"], body, raised, record)


def begun(peer: Peer, surface: Surface) -> None:
    """The head, and the frames until the text was said, each a chunk."""
    peer.request()
    peer.send(HEAD)
    for one in surface.frames[: BEGUN[surface.frames]]:
        peer.chunk(one)


def rest(surface: Surface) -> tuple[bytes, ...]:
    return surface.frames[BEGUN[surface.frames] :]
