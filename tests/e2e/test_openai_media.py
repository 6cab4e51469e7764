"""Images and speech through the whole stack, as the official SDK asks for them: bytes as they come, usage where told."""

import base64
import io
import json
import wave
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from tests.e2e.rig import Rig
from tests.e2e.sdk import CLIENTS, Sdk, sdk, simulated

IMAGE, SPEECH = "gpt-image-1.5-instant", "gpt-4o-mini-tts-instant"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with simulated(tmp_path_factory.mktemp("media")) as running:
        yield running


@pytest.fixture(params=CLIENTS)
def caller(request: pytest.FixtureRequest, site: Rig) -> Iterator[Sdk]:
    with sdk(request.param, site) as made:
        yield made


def image(caller: Sdk, model: str = IMAGE, **body: Any) -> tuple[Any, str]:
    asked = {"model": caller.model(model), "prompt": "a sluice at dawn", **body}
    raw = caller.done(caller.client.images.with_raw_response.generate(**asked))
    return raw.parse(), raw.headers["x-request-id"]


def speech(caller: Sdk, model: str = SPEECH, **body: Any) -> Any:
    asked = {"model": caller.model(model), "input": "one two three", "voice": "alloy", **body}
    return caller.done(caller.client.audio.speech.create(**asked))


def test_an_image_comes_as_it_was_made_and_its_usage_is_on_the_ledger(caller: Sdk, site: Rig) -> None:
    answer, request_id = image(caller, quality="low")

    assert base64.b64decode(answer.data[0].b64_json).startswith(PNG)
    record = site.record(request_id)
    assert (record["operation"], record["outcome"], record["cost"]) == ("image_generation", "complete", None)
    assert (record["usage_source"], record["usage"]["input"], record["usage"]["output"]) == ("provider", 4, 272)


def test_an_image_streams_in_partial_images(caller: Sdk, site: Rig) -> None:
    stream, request_id = image(caller, stream=True, partial_images=2)

    events = caller.listed(stream)

    kinds = [event.type for event in events]
    assert kinds == ["image_generation.partial_image"] * 2 + ["image_generation.completed"]
    record = site.record(request_id)
    assert (record["outcome"], record["cost"]) == ("complete", None)
    assert record["usage"]["output"] == events[-1].usage.output_tokens


def test_speech_is_a_wave_file_that_plays(caller: Sdk, site: Rig) -> None:
    audio = speech(caller, response_format="wav")

    assert audio.response.headers["content-type"] == "audio/wav"
    with wave.open(io.BytesIO(audio.content)) as sound:
        assert sound.getnframes() == 3 * 2880
    record = site.record(audio.response.headers["x-request-id"])
    assert (record["operation"], record["outcome"], record["cost"]) == ("speech", "complete", None)
    assert record["bytes_out"] == len(audio.content)


def test_the_sdks_default_format_arrives_whole(caller: Sdk) -> None:
    audio = speech(caller)

    assert audio.response.headers["content-type"] == "audio/mpeg"
    assert audio.content.startswith(b"\xff\xf3")
    assert len(audio.content) % 96 == 0


def test_speech_as_events_tells_its_usage(caller: Sdk, site: Rig) -> None:
    audio = speech(caller, response_format="wav", stream_format="sse")

    events = [json.loads(block.removeprefix(b"data: ")) for block in audio.content.split(b"\n\n") if block]
    assert b"".join(base64.b64decode(event["audio"]) for event in events[:-1]).startswith(b"RIFF")
    usage = events[-1]["usage"]
    record = site.record(audio.response.headers["x-request-id"])
    assert (record["usage_source"], record["outcome"], record["cost"]) == ("provider", "complete", None)
    assert (record["usage"]["input"], record["usage"]["output"]) == (usage["input_tokens"], usage["output_tokens"])


@pytest.mark.parametrize("model", ["f-rst", "f-chunkcut"])
def test_speech_that_breaks_off_is_told_of_in_the_trailers_and_on_the_ledger(
    caller: Sdk, site: Rig, model: str
) -> None:
    """Bytes carry no error in band, and a function URL ends properly behind trailers: the SDK sees a short file."""
    request_id = speech(caller, model).response.headers["x-request-id"]

    trailers = site.call(request_id).trailers
    assert trailers is not None
    assert trailers.error_type == "Function.UpstreamTruncated"
    assert (site.record(request_id)["outcome"], site.record(request_id)["cost"]) == ("incomplete", None)


def test_an_image_that_never_comes_raises(caller: Sdk, site: Rig) -> None:
    events: list[Any] = []
    stream, request_id = image(caller, "f-trunc", stream=True)

    with pytest.raises(openai.APIError) as raised:
        caller.gathered(stream, events)

    assert raised.value.code == "upstream_stream_truncated"
    assert [event.type for event in events] == ["image_generation.partial_image"]
    assert site.record(request_id)["outcome"] == "incomplete"


@pytest.mark.parametrize(
    ("model", "body", "kind"),
    [
        (IMAGE, {"size": "huge"}, openai.BadRequestError),
        (IMAGE, {"prompt": 5}, openai.BadRequestError),
        ("f-429", {}, openai.RateLimitError),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_an_image_that_is_refused_is_the_sdks_own_exception(
    caller: Sdk, stream: bool, model: str, body: Any, kind: type[openai.APIStatusError]
) -> None:
    with pytest.raises(kind) as raised:
        image(caller, model, stream=stream, **body)

    assert raised.value.request_id


@pytest.mark.parametrize(
    ("model", "body", "kind"),
    [
        (SPEECH, {"voice": "robot"}, openai.BadRequestError),
        (SPEECH, {"input": 5}, openai.BadRequestError),
        ("f-503", {}, openai.InternalServerError),
    ],
)
def test_speech_that_is_refused_is_the_sdks_own_exception(
    caller: Sdk, model: str, body: Any, kind: type[openai.APIStatusError]
) -> None:
    with pytest.raises(kind) as raised:
        speech(caller, model, **body)

    assert raised.value.request_id
