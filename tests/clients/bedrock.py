"""A gateway whose one provider is a Bedrock of the test's own, that waits for each word where a call is watched."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tests.clients.place import ROLE, WORDS, Place
from tests.e2e.provider import Asked, provider
from tests.e2e.rig import rig
from tests.fakes.raw_provider import Peer
from tests.frames import CONTENT_TYPE, chunk, event

CONFIG = """[providers.bedrock]
kind = "bedrock"
[routes]
claude-haiku-4-5 = "bedrock/us.anthropic.claude-haiku-4-5-20251001-v1:0"
claude-sonnet-4-5 = "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0"
"""
UNNAMED = "None"  # Bedrock's bodies name no model, its paths do
USAGE = {"inputTokens": 1, "outputTokens": 3, "totalTokens": 4}
COUNTED = 5
UNKNOWN = "amazon.no-such-model-v1:0"
INVALID = b'{"message":"The provided model identifier is invalid."}'
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "stop_sequence": None}
CLAUDE_USAGE = {"input_tokens": 1, "output_tokens": 3}


def claude_event(kind: str, **document: Any) -> bytes:
    return chunk({"type": kind, **document})


CONVERSE_STREAM = [
    event("messageStart", {"role": "assistant"}),
    *(event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": word}}) for word in WORDS),
    event("contentBlockStop", {"contentBlockIndex": 0})
    + event("messageStop", {"stopReason": "end_turn"})
    + event("metadata", {"usage": USAGE, "metrics": {"latencyMs": 1}}),
]
INVOKE_STREAM = [
    claude_event("message_start", message={**MESSAGE, "content": [], "stop_reason": None, "usage": CLAUDE_USAGE})
    + claude_event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
    *(claude_event("content_block_delta", index=0, delta={"type": "text_delta", "text": word}) for word in WORDS),
    claude_event("content_block_stop", index=0)
    + claude_event(
        "message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 3}
    )
    + claude_event("message_stop"),
]
STREAMS = {"converse-stream": CONVERSE_STREAM, "invoke-with-response-stream": INVOKE_STREAM}
DOCUMENTS: dict[str, dict[str, Any]] = {
    "converse": {
        "output": {"message": {"role": "assistant", "content": [{"text": "".join(WORDS)}]}},
        "stopReason": "end_turn",
        "usage": USAGE,
        "metrics": {"latencyMs": 1},
    },
    "invoke": {
        **MESSAGE,
        "content": [{"type": "text", "text": "".join(WORDS)}],
        "stop_reason": "end_turn",
        "usage": CLAUDE_USAGE,
    },
    "count-tokens": {"inputTokens": COUNTED},
}


class BedrockPlace(Place):
    """Its provider answers each of Bedrock's operations with the same three words, and refuses one model."""

    __slots__ = ()

    def answer(self, peer: Peer, asked: Asked) -> None:
        model, _, operation = unquote(asked.line.split()[1]).removeprefix("/model/").rpartition("/")
        if model == UNKNOWN:
            peer.send(document(INVALID, "400 Bad Request", "x-amzn-errortype: ValidationException"))
        elif operation in STREAMS:
            self._stream(peer, STREAMS[operation])
        else:
            peer.send(document(json.dumps(DOCUMENTS[operation]).encode()))

    def _stream(self, peer: Peer, pieces: list[bytes]) -> None:
        """The first piece opens the answer, the last one ends it; each between them is a word."""
        peer.send(head(CONTENT_TYPE, "transfer-encoding: chunked"))
        gate = self._gate
        opening, *words, closing = pieces
        peer.chunk(opening)
        for word in words:
            peer.chunk(word)
            if gate:
                gate.wait()
        peer.chunk(closing)
        peer.end()


def head(content_type: str, *headers: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", f"content-type: {content_type}", *headers, "", ""]).encode()


def document(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    return head("application/json", f"content-length: {len(body)}", *headers, status=status) + body


@contextmanager
def bedrock_place(folder: Path) -> Iterator[BedrockPlace]:
    with provider() as upstream:
        config = folder / "routes.toml"
        config.write_text(CONFIG, encoding="utf-8")
        variables = {"SLUICE_PROVIDER_URL_BEDROCK": upstream.url.removesuffix("/v1")}  # not the simulated one
        with rig(folder, {}, config=config, identities=[ROLE], environment_variables=variables) as site:
            running = BedrockPlace(site)
            upstream.play(UNNAMED, running.answer)
            yield running
