"""Simulated images and speech as the official SDK sees them, and their refusals."""

import base64
import io
import json
import struct
import wave
from typing import Any

import httpx
import openai
import pytest
from tests.integration.simulator.rig import Rig

IMAGE: Any = {"model": "gpt-image-1.5", "prompt": "a sluice at dawn"}
SPEECH: Any = {"model": "gpt-4o-mini-tts", "input": "one two three four five", "voice": "alloy"}
PNG = b"\x89PNG\r\n\x1a\n"


def size_of(picture: bytes) -> tuple[int, int]:
    assert picture.startswith(PNG)
    width, height = struct.unpack(">II", picture[16:24])
    return width, height


def test_images_come_as_png_of_the_size_with_their_usage(rig: Rig) -> None:
    answer = rig.sdk.images.generate(**IMAGE, n=2, size="1024x1536", quality="low")

    assert answer.data is not None
    pictures = [base64.b64decode(image.b64_json or "") for image in answer.data]
    assert [size_of(picture) for picture in pictures] == [(1024, 1536)] * 2
    assert pictures[0] != pictures[1]
    assert answer.usage is not None
    assert (answer.usage.output_tokens, answer.usage.input_tokens) == (2 * 408, 4)
    assert answer.usage.input_tokens_details.text_tokens == 4
    assert (answer.quality, answer.size, answer.output_format) == ("low", "1024x1536", "png")


def test_an_image_streams_in_partial_images(rig: Rig) -> None:
    events = list(rig.sdk.images.generate(**IMAGE, stream=True, partial_images=2))

    kinds = [event.type for event in events]
    assert kinds == ["image_generation.partial_image"] * 2 + ["image_generation.completed"]
    assert len({event.b64_json for event in events}) == 3
    last = events[-1]
    assert last.type == "image_generation.completed"
    assert last.usage.output_tokens == 1056 + 2 * 100
    assert {size_of(base64.b64decode(event.b64_json)) for event in events} == {(1024, 1024)}


def test_a_streams_events_have_their_names(rig: Rig) -> None:
    body = rig.to("/images/generations", **IMAGE, stream=True).text

    assert body.startswith('event: image_generation.completed\ndata: {"type":"image_generation.completed",')


def test_speech_is_a_wave_file_that_plays(rig: Rig) -> None:
    audio = rig.sdk.audio.speech.create(**SPEECH, response_format="wav")

    assert audio.response.headers["content-type"] == "audio/wav"
    with wave.open(io.BytesIO(audio.content)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (24_000, 1, 2)
        assert sound.getnframes() == 5 * 2880
        assert any(sound.readframes(100))


def test_the_default_is_mp3_and_every_frame_of_it_is_whole(rig: Rig) -> None:
    audio = rig.sdk.audio.speech.create(**SPEECH)

    assert audio.response.headers["content-type"] == "audio/mpeg"
    frames = [audio.content[start : start + 96] for start in range(0, len(audio.content), 96)]
    assert {frame[:4] for frame in frames} == {b"\xff\xf3\x44\xc4"}
    assert len(frames[-1]) == 96


def test_speech_arrives_word_by_word(rig: Rig) -> None:
    with rig.http.stream("POST", f"{rig.url}/audio/speech", json={**SPEECH, "response_format": "pcm"}) as response:
        assert response.headers["transfer-encoding"] == "chunked"
        body = b"".join(response.iter_raw())

    assert len(body) == 5 * 2880 * 2


def test_speech_comes_as_events_with_usage(rig: Rig) -> None:
    plain = rig.to("/audio/speech", **SPEECH, response_format="wav").content
    body = rig.to("/audio/speech", **SPEECH, response_format="wav", stream_format="sse")

    events = [json.loads(block.removeprefix(b"data: ")) for block in body.content.split(b"\n\n") if block]
    assert body.headers["content-type"].startswith("text/event-stream")
    assert b"".join(base64.b64decode(event["audio"]) for event in events[:-1]) == plain
    assert events[-1] == {
        "type": "speech.audio.done",
        "usage": {"input_tokens": 5, "output_tokens": 12, "total_tokens": 17},
    }


@pytest.mark.parametrize("model", ["f-crlf", "f-ping", "f-badutf8", "f-giant", "f-bytes", "f-errevent", "f-bom"])
def test_what_edits_text_leaves_audio_alone(rig: Rig, model: str) -> None:
    whole = rig.to("/audio/speech", **{**SPEECH, "model": "ok", "response_format": "wav"}).content

    assert rig.to("/audio/speech", **{**SPEECH, "model": model, "response_format": "wav"}).content == whole


@pytest.mark.parametrize("model", ["f-rst", "f-chunkcut", "f-stallmid"])
@pytest.mark.parametrize("stream_format", ["audio", "sse"])
def test_speech_breaks_in_the_middle(rig: Rig, model: str, stream_format: str) -> None:
    body = {**SPEECH, "model": model, "stream_format": stream_format}

    with pytest.raises(httpx.TransportError):
        rig.to("/audio/speech", **body)


@pytest.mark.parametrize(("path", "body"), [("/images/generations", IMAGE), ("/audio/speech", SPEECH)])
def test_a_stream_of_events_says_what_went_wrong(rig: Rig, path: str, body: Any) -> None:
    option = {"stream_format": "sse"} if "voice" in body else {"stream": True}

    answer = rig.to(path, **{**body, **option, "model": "f-errevent"}).content

    last = answer.rstrip().rpartition(b"\n\n")[2]
    assert last.startswith(b"event: error\n")
    assert json.loads(last.partition(b"data: ")[2])["error"]["code"] == "server_error"


@pytest.mark.parametrize("model", ["f-trunc", "f-nodone"])
def test_an_image_that_never_comes_leaves_partial_ones(rig: Rig, model: str) -> None:
    body = rig.to("/images/generations", **{**IMAGE, "model": model, "stream": True}).content

    assert b"partial_image" in body
    assert b"completed" not in body


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "param"),
    [
        ("/images/generations", {**IMAGE, "prompt": None}, 400, "missing_required_parameter", "prompt"),
        ("/images/generations", {**IMAGE, "prompt": "x" * 32_001}, 400, "string_above_max_length", "prompt"),
        ("/images/generations", {**IMAGE, "size": "huge"}, 400, "invalid_value", "size"),
        ("/images/generations", {**IMAGE, "n": 11}, 400, "integer_above_max_value", "n"),
        ("/images/generations", {**IMAGE, "partial_images": 4}, 400, "integer_above_max_value", "partial_images"),
        ("/images/generations", {**IMAGE, "response_format": "url"}, 400, "unknown_parameter", "response_format"),
        ("/images/generations", {**IMAGE, "output_format": "webp"}, 400, "unsupported_by_the_simulation", None),
        ("/images/generations", {**IMAGE, "model": "gpt-4o"}, 400, "invalid_value", "model"),
        ("/audio/speech", {**SPEECH, "input": ""}, 400, None, "input"),
        ("/audio/speech", {**SPEECH, "input": "x" * 4097}, 400, None, "input"),
        ("/audio/speech", {**SPEECH, "voice": None}, 400, "missing_required_parameter", "voice"),
        ("/audio/speech", {**SPEECH, "voice": "robot"}, 400, "invalid_value", "voice"),
        ("/audio/speech", {**SPEECH, "speed": 9}, 400, None, "speed"),
        ("/audio/speech", {**SPEECH, "response_format": "opus"}, 400, "unsupported_by_the_simulation", None),
        ("/audio/speech", {**SPEECH, "response_format": "midi"}, 400, "invalid_value", "response_format"),
        ("/audio/speech", {**SPEECH, "model": "tts-1", "stream_format": "sse"}, 400, None, "stream_format"),
        ("/audio/speech", {**SPEECH, "model": "gpt-4o"}, 404, "model_not_found", None),
        ("/audio/speech", {**SPEECH, "model": "f-503"}, 503, None, None),
    ],
)
def test_mistakes_are_refused_in_openais_shape(
    rig: Rig, path: str, body: Any, status: int, code: str | None, param: str | None
) -> None:
    answer = rig.to(path, **body)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert param is None or error["param"] == param


def test_the_sdk_raises_its_own_exceptions(rig: Rig) -> None:
    with pytest.raises(openai.RateLimitError):
        rig.sdk.images.generate(model="f-429", prompt="x")
    with pytest.raises(openai.InternalServerError):
        rig.sdk.audio.speech.create(model="f-503", input="x", voice="alloy")
