"""What the tests of Anthropic's dialect share: recordings as events, and what a client makes of events."""

import json
from base64 import b64decode
from collections.abc import Iterable, Iterator
from typing import Any

import httpx2
from anthropic import Anthropic
from botocore.eventstream import EventStreamBuffer
from openai import LengthFinishReasonError
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk
from tests.recorded import load

from sluice.translation.translation import Asked, Translator

Json = dict[str, Any]


def asked(body: Json | None = None) -> Asked:
    return Asked(model="asked-model", id="call1", created=1700000000, body=body or {})


def invoke_events(name: str) -> list[Json]:
    """The JSON inside each chunk of a recorded InvokeModelWithResponseStream."""
    buffer = EventStreamBuffer()
    buffer.add_data(load(name).body)
    return [json.loads(b64decode(json.loads(frame.payload)["bytes"])) for frame in buffer]


def chat_chunks(name: str) -> list[Json]:
    """The chunks of a recorded chat completion's stream."""
    lines = [line[6:] for line in load(name).body.decode().split("\n") if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def translated(stream: Translator, events: Iterable[Json]) -> list[Json]:
    told = [told for event in events for told in stream.add(event)]
    return [*told, *stream.end()]


def completion(chunks: Iterable[Json]) -> Json:
    """The chat.completion that the OpenAI SDK's `.stream()` makes of the chunks."""
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    try:
        for chunk in chunks:
            list(state.handle_chunk(ChatCompletionChunk.model_validate(chunk)))
        return state.get_final_completion().to_dict()
    except LengthFinishReasonError as reached:  # the SDK raises it for every answer that was cut
        return reached.completion.to_dict()


def sdk_message(events: Iterable[Json]) -> Json:
    """The Message that the Anthropic SDK's `.stream()` makes of the events."""
    body = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    answer = httpx2.Response(200, headers={"content-type": "text/event-stream"}, text=body)
    transport = httpx2.MockTransport(lambda _: answer)
    with (
        httpx2.Client(transport=transport) as http,
        Anthropic(api_key="fake-key", http_client=http).messages.stream(
            model="m", max_tokens=9, messages=[{"role": "user", "content": "q"}]
        ) as stream,
    ):
        return stream.get_final_message().to_dict()


class Client:
    """Builds the Message as a client does that relies on the order of the events: AssertionError where it breaks."""

    def __init__(self) -> None:
        self.message: Json = {}
        self.is_stopped = False
        self._open: int | None = None
        self._json = ""

    def read(self, events: Iterable[Json]) -> Json:
        for event in events:
            assert not self.is_stopped, f"{event} came after message_stop"
            getattr(self, f"_{event['type']}")(event)
        return self.message

    def _message_start(self, event: Json) -> None:
        assert not self.message
        assert event["message"]["usage"].keys() >= {"input_tokens", "output_tokens"}
        self.message = json.loads(json.dumps(event["message"]))
        assert self.message["content"] == []

    def _content_block_start(self, event: Json) -> None:
        assert self._open is None
        assert event["index"] == len(self.message["content"])
        self._open, self._json = event["index"], ""
        self.message["content"].append(dict(event["content_block"]))

    def _content_block_delta(self, event: Json) -> None:
        assert event["index"] == self._open
        block, delta = self.message["content"][-1], event["delta"]
        kind, field = DELTAS[delta["type"]]
        assert block["type"] == kind
        if field == "partial_json":
            self._json += delta[field]
        elif field == "citation":
            block.setdefault("citations", []).append(delta[field])
        elif field == "signature":
            block[field] = delta[field]
        else:
            block[field] += delta[field]

    def _content_block_stop(self, event: Json) -> None:
        assert event["index"] == self._open
        self._open = None
        if self.message["content"][-1]["type"] == "tool_use":
            self.message["content"][-1]["input"] = json.loads(self._json or "{}")

    def _message_delta(self, event: Json) -> None:
        assert self._open is None
        self.message |= event["delta"]
        self.message["usage"] |= event["usage"]

    def _message_stop(self, event: Json) -> None:
        assert self.message["stop_reason"]
        self.is_stopped = True


DELTAS = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("thinking", "signature"),
    "input_json_delta": ("tool_use", "partial_json"),
    "citations_delta": ("text", "citation"),
}


def message(events: Iterable[Json]) -> Json:
    client = Client()
    found = client.read(events)
    assert client.is_stopped
    return found


def said(found: Json) -> str:
    return "".join(block["text"] for block in found["content"] if block["type"] == "text")


def calls(found: Json) -> list[tuple[str, str, Json]]:
    return [(block["id"], block["name"], block["input"]) for block in found["content"] if block["type"] == "tool_use"]


def chunk(delta: Json, finish_reason: str | None = None, **fields: Any) -> Json:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return {"object": "chat.completion.chunk", "choices": [choice], **fields}


def block_events(index: int, block: Json, *deltas: Json) -> Iterator[Json]:
    """A streamed block as Anthropic sends it."""
    yield {"type": "content_block_start", "index": index, "content_block": block}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def streamed(*blocks: Iterable[Json], stop_reason: str = "end_turn", usage: Json | None = None) -> list[Json]:
    """A streamed Message of these blocks."""
    start = {"role": "assistant", "content": [], "usage": {"input_tokens": 3, "output_tokens": 1}}
    delta = {"stop_reason": stop_reason, "stop_sequence": None}
    return [
        {"type": "message_start", "message": start},
        {"type": "ping"},
        *(event for block in blocks for event in block),
        {"type": "message_delta", "delta": delta, "usage": usage or {"output_tokens": 7}},
        {"type": "message_stop"},
    ]
