"""Event streams of Bedrock through the whole gateway: unaltered to their own surface, translated to OpenAI's."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from tests import frames, recorded
from tests.fakes.gateway import Gateway, Pieces
from tests.splits import every_split

from sluice.codecs.dialects import dialect
from sluice.domain.errors import GatewayError, UpstreamError
from sluice.domain.record import Outcome, UsageRecord
from sluice.domain.usage import Usage
from sluice.metering import Meter
from sluice.passage import Passage
from sluice.providers.bedrock_refusal import failure
from sluice.translated import Translated
from sluice.translation.answers import converse_to_chat, invoke_to_messages
from sluice.translation.bedrock_errors import EXCEPTION_STATUSES
from sluice.translation.translation import Asked

MODEL = "anthropic.claude-sonnet-4-5-20250929-v1:0"
THREE = (
    {"messageStart": {"role": "assistant"}},
    {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "Hello"}}},
    {"messageStop": {"stopReason": "end_turn"}},
)
STREAM = frames.events(*THREE)
needs_recordings = pytest.mark.skipif(not recorded.FOLDER.is_dir(), reason=recorded.REASON)


def gateway(*pieces: bytes, headers: dict[str, str] | None = None) -> Gateway:
    """A gateway whose Bedrock answers with these bytes."""
    head = headers or {"content-type": frames.CONTENT_TYPE}
    return Gateway(lambda _: httpx.Response(200, headers=head, stream=Pieces(pieces)), kind="bedrock")


def raw(one: Gateway, operation: str = "converse-stream") -> tuple[int, bytes, UsageRecord]:
    """The stream through the Bedrock surface: its status, its bytes, its record."""
    asked = {"messages": [{"role": "user", "content": [{"text": "q"}]}]}
    return _sent(one, one.post(f"/model/{MODEL}/{operation}", asked))


def chat(one: Gateway, **changes: Any) -> tuple[int, bytes, UsageRecord]:
    """The same through OpenAI's surface."""
    asked = {"model": f"bedrock/{MODEL}", "stream": True, "messages": [{"role": "user", "content": "q"}], **changes}
    return _sent(one, one.post("/v1/chat/completions", asked))


def _sent(one: Gateway, answer: dict[str, Any]) -> tuple[int, bytes, UsageRecord]:
    body, sent = answer["body"], b""
    if isinstance(body, str):
        sent = body.encode()
    else:
        with suppress(GatewayError):  # the runtime makes trailers of it; what was sent before is what is judged
            for piece in body:
                sent += piece
        body.close()
    return answer["statusCode"], sent, one.ledger.settled[-1]


def chunks(body: bytes) -> Iterator[dict[str, Any]]:
    for line in body.decode().split("\n\n"):
        if line.startswith("data: {"):
            yield json.loads(line[6:])


def pieces_of(data: bytes, size: int) -> list[bytes]:
    return [data[place : place + size] for place in range(0, len(data), size)]


@needs_recordings
@pytest.mark.parametrize("size", [1, 7, 199, 65536])
@pytest.mark.parametrize("name", recorded.names("cs_", "is_"))
def test_a_recorded_stream_passes_byte_for_byte(name: str, size: int) -> None:
    recording = recorded.load(name)
    operation = "converse-stream" if name.startswith("cs_") else "invoke-with-response-stream"
    one = gateway(*pieces_of(recording.body, size), headers=frames.headers(recording))

    status, body, record = raw(one, operation)

    assert status == 200
    assert hashlib.sha256(body).digest() == hashlib.sha256(recording.body).digest()
    assert record.outcome is Outcome.COMPLETE
    expected = json.loads((recorded.FOLDER / "EXPECTED.json").read_text())[name]
    assert (record.usage.prompt, record.usage.output) == counted(expected) or counted(expected) is None


def counted(expected: dict[str, Any]) -> tuple[int, int] | None:
    """What EXPECTED.json says was used; None where the stream says nothing of it."""
    metrics = expected.get("invocationMetrics")
    if metrics:
        return metrics["inputTokenCount"], metrics["outputTokenCount"]
    usage = expected.get("usage")
    return (usage["prompt_tokens"], usage["completion_tokens"]) if usage else None


@needs_recordings
@pytest.mark.parametrize("name", recorded.names("cs_"))
def test_every_split_of_a_recording_translates_to_the_same_chunks(name: str) -> None:
    body = recorded.load(name).body
    whole = translated(body)
    expected = json.loads((recorded.FOLDER / "EXPECTED.json").read_text())[name]

    assert added_up(whole) == {key: expected[key] for key in SUMS}
    assert whole.endswith(b"data: [DONE]\n\n")
    assert all(translated(*cut) == whole for cut in every_split(body, frames.edges(body)))


SUMS = ("content", "reasoning_content", "tool_calls", "usage", "finish_reason")
ASKED = Asked("m", "id", 1, {"stream": True, "stream_options": {"include_usage": True}})


def translated(*pieces: bytes) -> bytes:
    """A stream of Converse as chat, without the gateway around it: there are many ways to cut one."""
    meter = Meter(lambda: 0, lambda: 0.0, 1, dialect("converse"))
    way = Translated(meter, dialect("converse"), dialect("chat"), converse_to_chat.Stream(ASKED), failure)
    sent = b"".join(way.feed(piece) for piece in pieces)
    return sent if way.is_over else sent + way.close()


def added_up(body: bytes) -> dict[str, Any]:
    """What the chunks of a stream say together, in the words of EXPECTED.json."""
    content, reasoning, usage, finish = "", "", None, None
    calls: dict[int, dict[str, Any]] = {}
    for chunk in chunks(body):
        usage = chunk.get("usage") or usage
        for choice in chunk["choices"]:
            delta = choice["delta"]
            content += delta.get("content") or ""
            reasoning += delta.get("reasoning_content") or ""
            finish = choice["finish_reason"] or finish
            for call in delta.get("tool_calls", ()):
                kept = calls.setdefault(call["index"], {"index": call["index"], "id": "", "name": "", "arguments": ""})
                kept["id"] += call.get("id", "")
                kept["name"] += call["function"].get("name", "")
                kept["arguments"] += call["function"].get("arguments", "")
    assert usage
    details = usage.get("prompt_tokens_details") or {}
    used = {name: usage[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
    used |= {name: details.get(name, 0) for name in ("cached_tokens", "cache_write_tokens")}
    return {
        "content": content,
        "reasoning_content": reasoning,
        "tool_calls": list(calls.values()),
        "usage": used,
        "finish_reason": finish,
    }


def is_honest_raw(status: int, body: bytes, sound: bytes) -> bool:
    """Whole frames as they were sent, then one exception frame; or an answer that is an error."""
    if status != 200:
        return b"messageStart" not in body
    found = list(frames.decoded(body))
    last_edge = ([0, *frames.edges(body)])[-2]
    return sound.startswith(body[:last_edge]) and set(found[-1]) == {"exception"} and "exception" not in str(found[:-1])


def is_honest_chat(status: int, body: bytes) -> bool:
    found = list(chunks(body)) if status == 200 else [json.loads(body)]
    return "error" in found[-1] and b"[DONE]" not in body and not any("error" in one for one in found[:-1])


@pytest.mark.fault("B04")
def test_every_truncation_ends_honestly() -> None:
    for place in range(len(STREAM)):
        for status, body, record in (raw(gateway(STREAM[:place])), chat(gateway(STREAM[:place]))):
            is_honest = is_honest_chat(status, body) if b'"choices"' in body else is_honest_raw(status, body, STREAM)
            assert is_honest, place
            assert record.outcome is not Outcome.COMPLETE


@pytest.mark.fault("B03")
def test_every_flipped_bit_ends_honestly_and_never_reaches_the_caller() -> None:
    """One bit of every byte through the gateway; each of its bits through the passage, as it has no others to pass."""
    for place in range(len(STREAM)):
        flipped = bytearray(STREAM)
        flipped[place] ^= 1 << place % 8
        status, body, record = raw(gateway(bytes(flipped)))
        assert is_honest_raw(status, body, STREAM), place
        assert record.outcome is not Outcome.COMPLETE
        status, body, record = chat(gateway(bytes(flipped)))
        assert is_honest_chat(status, body), place
        assert "".join(added_texts(body)) in ("", "Hello")


@pytest.mark.fault("B03")
def test_every_bit_of_a_stream_that_is_flipped_is_noticed() -> None:
    whole = translated(STREAM)
    for place in range(len(STREAM) * 8):
        flipped = bytearray(STREAM)
        flipped[place // 8] ^= 1 << place % 8
        meter = Meter(lambda: 0, lambda: 0.0, 1, dialect("converse"))
        way = Passage(meter, dialect("converse"), failure=failure)
        hit = next(edge for edge in (0, *frames.edges(STREAM)[:-1])[::-1] if edge <= place // 8)
        assert way.feed(bytes(flipped)) == STREAM[:hit]
        with pytest.raises(UpstreamError):
            way.close()
        told = Translated(meter, dialect("converse"), dialect("chat"), converse_to_chat.Stream(ASKED), failure)
        sent = told.feed(bytes(flipped))
        assert told.close() == b""
        assert told.broken
        assert whole.startswith(sent)
        assert b"[DONE]" not in sent


def added_texts(body: bytes) -> Iterator[str]:
    for chunk in chunks(body):
        for choice in chunk.get("choices", ()):
            yield choice["delta"].get("content") or ""


@pytest.mark.fault("B03")
def test_what_came_before_damage_in_one_read_is_sent() -> None:
    damaged = bytearray(STREAM)
    damaged[-1] ^= 1

    _, body, _ = raw(gateway(bytes(damaged)))
    assert body.startswith(STREAM[: frames.edges(STREAM)[1]])
    _, body, _ = chat(gateway(bytes(damaged)))
    assert "".join(added_texts(body)) == "Hello"


@pytest.mark.fault("B02")
def test_an_exception_as_the_first_frame_is_an_answer_with_its_own_status() -> None:
    first = frames.exception("throttlingException", "Too many tokens")

    answer = gateway(first).post(f"/model/{MODEL}/converse-stream", {"messages": []})
    assert (answer["statusCode"], answer["headers"]["x-amzn-errortype"]) == (429, "ThrottlingException")
    status, body, record = chat(gateway(first))
    assert status == 429
    assert json.loads(body)["error"] | {"request_id": ""} == {
        "message": "Too many tokens",
        "type": "rate_limit_error",
        "param": None,
        "code": "rate_limit_exceeded",
        "request_id": "",
    }
    assert record.outcome is Outcome.FAILED


@pytest.mark.fault("B02")
@pytest.mark.parametrize("exception", EXCEPTION_STATUSES)
def test_on_bedrocks_own_surface_a_first_exception_keeps_its_name_and_status(exception: str) -> None:
    one = gateway(frames.exception(exception, "it broke"))

    answer = one.post(f"/model/{MODEL}/converse-stream", {"messages": []})

    name = exception[0].upper() + exception[1:]
    assert (answer["statusCode"], answer["headers"]["x-amzn-errortype"]) == (EXCEPTION_STATUSES[exception], name)
    assert json.loads(answer["body"]) == {"__type": name, "message": "it broke"}
    assert one.ledger.settled[0].http_status == EXCEPTION_STATUSES[exception]


def test_an_exception_behind_content_passes_as_it_came() -> None:
    stream = frames.events(*THREE[:2]) + frames.exception("modelStreamErrorException", "The model broke off")

    status, body, record = raw(gateway(stream))

    assert (status, body) == (200, stream)
    assert (record.outcome, record.error_code) == (Outcome.INCOMPLETE, "model_error")


@pytest.mark.fault("B01")
def test_an_exception_behind_content_is_one_error_event_in_chat() -> None:
    stream = frames.events(*THREE[:2]) + frames.exception("throttlingException", "Too many tokens") + STREAM

    status, body, record = chat(gateway(stream))

    assert is_honest_chat(status, body)
    assert list(chunks(body))[-1]["error"]["code"] == "rate_limit_exceeded"
    assert record.outcome is Outcome.INCOMPLETE


def test_a_stream_without_usage_is_counted() -> None:
    _, _, record = raw(gateway(STREAM))

    assert record.outcome is Outcome.COMPLETE
    assert record.usage == Usage(input=record.usage.input, output=2)
    assert record.usage_source == "counted"


def test_an_answer_that_is_no_event_stream_is_refused() -> None:
    status, body, _ = chat(gateway(b"{}", headers={"content-type": "application/json"}))
    assert (status, json.loads(body)["error"]["code"]) == (502, "upstream_protocol")


@needs_recordings
@pytest.mark.parametrize("name", recorded.names("is_claude2_m", "is_claude3"))
def test_every_split_of_claudes_own_stream_gives_the_same_messages(name: str) -> None:
    body = recorded.load(name).body
    whole = as_messages(body)
    expected = json.loads((recorded.FOLDER / "EXPECTED.json").read_text())[name]

    deltas = [
        one["delta"] for one in chunks(whole.replace(b"\ndata", b"\n\ndata")) if one["type"] == "content_block_delta"
    ]
    assert "".join(one.get("text", "") for one in deltas) == expected["content"]
    assert b"amazon-bedrock" not in whole
    assert all(as_messages(*cut) == whole for cut in every_split(body, frames.edges(body)))


def as_messages(*pieces: bytes) -> bytes:
    """A stream of InvokeModel as Anthropic's own."""
    meter = Meter(lambda: 0, lambda: 0.0, 1, dialect("invoke"))
    way = Translated(meter, dialect("invoke"), dialect("messages"), invoke_to_messages.Stream(ASKED), failure)
    sent = b"".join(way.feed(piece) for piece in pieces)
    return sent if way.is_over else sent + way.close()


def test_a_whole_answer_of_converse_without_output_is_a_502() -> None:
    body = Pieces([b'{"Output":{"__type":"com.amazon.coral.service#InternalFailure"}}'])
    head = {"content-type": "application/json"}
    one = Gateway(lambda _: httpx.Response(200, headers=head, stream=body), kind="bedrock")

    answer = one.post(f"/model/{MODEL}/converse", {"messages": []})

    assert (answer["statusCode"], one.ledger.settled[0].error_code) == (502, "upstream_protocol")
    assert one.ledger.settled[0].outcome is Outcome.FAILED
