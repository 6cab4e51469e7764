import json
from typing import Any

import pytest
from tests.fakes import responses

from sluice.codecs import chat, sse, typed
from sluice.codecs.dialects import DIALECTS, IMAGE, RESPONSES, SPEECH

COMPLETED = responses.ended("completed", 7)


def judged(judge: Any, raw: bytes) -> bool:
    event = sse.event(raw)
    return bool(judge(event, chat.chunk(event)))


@pytest.mark.parametrize("status", ["completed", "incomplete"])
def test_a_response_ends_with_what_says_so(status: str) -> None:
    raw = responses.ended(status, 3)

    assert judged(RESPONSES.is_end, raw)
    assert not judged(RESPONSES.is_error, raw)
    assert RESPONSES.is_marked(raw, False)


@pytest.mark.parametrize(
    "raw",
    [
        responses.created(),
        responses.said("response.completed", 1),
        responses.event({"type": "response.output_item.done", "item": responses.MESSAGE}),
        b"data: [DONE]\n\n",
        b": comment\n\n",
        b"data: not JSON\n\n",
        b'data: ["response.completed"]\n\n',
    ],
)
def test_nothing_else_ends_a_response(raw: bytes) -> None:
    assert not judged(RESPONSES.is_end, raw)
    assert not judged(RESPONSES.is_error, raw)


@pytest.mark.parametrize(
    ("raw", "is_final"),
    [
        (responses.error(2), False),
        (responses.failed(2), True),
        (b'data: {"type":"error","code":"x","message":"flat","param":null,"sequence_number":2}\n\n', False),
        (b'event: error\ndata: {"message":"no type"}\n\n', False),
        (b"event:error\ndata: not JSON\n\n", False),
        (b'data: {"error":{"message":"as chat has it"}}\n\n', False),
        (b'data: {"object":"error","message":"as vLLM had it"}\n\n', False),
    ],
)
def test_an_error_is_known_in_every_shape(raw: bytes, is_final: bool) -> None:
    assert judged(RESPONSES.is_error, raw)
    assert judged(RESPONSES.is_final, raw) is is_final
    assert RESPONSES.is_marked(raw, False)


@pytest.mark.parametrize("dialect", [IMAGE, SPEECH])
def test_nothing_follows_an_error_of_another_typed_stream(dialect: Any) -> None:
    assert judged(dialect.is_error, responses.error(0))
    assert judged(dialect.is_final, responses.error(0))


@pytest.mark.parametrize("text", ["response.completed", "error", "[DONE]", "event: error", '"type":"response.failed"'])
def test_marks_in_generated_text_end_nothing(text: str) -> None:
    raw = responses.said(text, 4)

    assert not judged(RESPONSES.is_end, raw)
    assert not judged(RESPONSES.is_error, raw)


def test_plain_text_is_not_even_looked_at() -> None:
    assert not RESPONSES.is_marked(responses.said("word", 4), False)
    assert not RESPONSES.is_marked(responses.said('"error"', 4), False)  # its quotes are escaped


def test_sound_ends_with_its_last_event_and_images_with_the_connection() -> None:
    done = responses.event({"type": "speech.audio.done", "usage": responses.USAGE})
    image = responses.event({"type": "image_generation.completed", "b64_json": "AA=="})

    assert judged(SPEECH.is_end, done)
    assert SPEECH.is_marked(done, False)
    assert not judged(IMAGE.is_end, image)


@pytest.mark.parametrize(
    "chunk",
    [
        {"type": "response.output_text.delta", "delta": "a"},
        {"type": "response.image_generation_call.partial_image", "partial_image_b64": "AA=="},
        {"type": "image_generation.partial_image", "b64_json": "AA=="},
        {"type": "speech.audio.delta", "audio": "AA=="},
    ],
)
def test_text_an_image_and_sound_are_content(chunk: dict[str, Any]) -> None:
    assert typed.has_content(chunk)
    assert not typed.has_content({"type": chunk["type"]})


ERROR = {"message": "m", "type": "server_error", "param": None, "code": "upstream_stream_truncated", "request_id": "r"}


@pytest.mark.parametrize(
    ("last", "number"),
    [
        (b"", 0),
        (b": ping\n\n", 0),
        (responses.said("a", 41), 42),
        (responses.said("a", 41) + responses.said("b", 42), 43),
        (responses.said('"sequence_number":999', 7), 8),
        (b'data: {"type":"x","sequence_number" : 5}\n\n', 6),
    ],
)
def test_our_error_event_goes_on_with_the_sequence(last: bytes, number: int) -> None:
    raw = RESPONSES.error_event({"error": ERROR}, last, False)

    assert raw.startswith(b"event: error\ndata: {")
    assert raw.endswith(b"}\n\n")
    assert responses.data_of(raw) == {
        "type": "error",
        "sequence_number": number,
        "code": "upstream_stream_truncated",
        "message": "m",
        "param": None,
        "error": ERROR,
    }


def test_an_error_event_in_the_place_of_another_has_its_number() -> None:
    raw = RESPONSES.error_event({"error": ERROR}, responses.error(9), True)

    assert responses.data_of(raw)["sequence_number"] == 9


def test_an_error_event_holds_no_line_break_of_its_own() -> None:
    raw = RESPONSES.error_event({"error": {**ERROR, "message": "a\n\ndata: [DONE]\u2028"}}, b"", False)

    assert raw.count(b"\n\n") == 1
    assert json.loads(raw.splitlines()[1][6:])["message"] == "a\n\ndata: [DONE]\u2028"


def test_every_dialect_has_its_rules() -> None:
    assert set(DIALECTS) == {"chat", "responses", "image", "speech"}
    assert COMPLETED.startswith(b"event: response.completed\n")
