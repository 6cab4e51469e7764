"""Speech: audio bytes as they are made, or as events. Both leave piece by piece, one for each word.

https://platform.openai.com/docs/api-reference/audio/createSpeech. The simulation makes wav, pcm and (silent) mp3, which
is the SDK's default; the other formats are refused. No recording of the events was found; they are data lines without a
name here, as the reference shows those of the sister endpoint for transcriptions.
"""

from base64 import b64encode
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from sluice_devstack.simulated import tokens
from sluice_devstack.simulated.catalogue import Kind, Model
from sluice_devstack.simulated.completion import OK_PIECES
from sluice_devstack.simulated.endpoint import ERROR, Failure, Shape
from sluice_devstack.simulated.refusal import Refusal, invalid, unsupported_here
from sluice_devstack.simulated.reply import EVENT_STREAM, Event, sse
from sluice_devstack.simulated.rules import (
    Body,
    Rule,
    has_model,
    invalid_value,
    known,
    one_of,
    required,
    typed,
    when,
)
from sluice_devstack.simulated.speech.sound import mp3, pcm, seconds, wav

FORMATS: dict[str, tuple[str, Callable[[list[str], float], Iterator[bytes]]]] = {
    "mp3": ("audio/mpeg", mp3),
    "wav": ("audio/wav", wav),
    "pcm": ("audio/pcm", pcm),
}
NOT_MADE = ("opus", "aac", "flac")
VOICES = (
    *("alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer"),
    "verse",
)
PARAMETERS = ("input", "instructions", "model", "response_format", "speed", "stream_format", "voice")
MAX_INPUT = 4096
AUDIO_TOKENS_PER_SECOND = 20
SILENT_STREAM = ("tts-1", "tts-1-hd")  # they know no events


def _format(body: Body) -> Refusal | None:
    name = body.get("response_format")
    if name in NOT_MADE:
        return unsupported_here(f"makes {', '.join(FORMATS)}, and no '{name}'.", "response_format")
    return one_of("response_format", (*FORMATS, *NOT_MADE))(body)


def _voice(body: Body) -> Refusal | None:
    voice = body["voice"]
    is_own = isinstance(voice, dict) and bool(voice.get("id"))
    return None if is_own or voice in VOICES else invalid_value("voice", voice, VOICES)


def _speed(body: Body) -> Refusal | None:
    speed = body.get("speed")
    is_fit = speed is None or 0.25 <= speed <= 4.0
    return None if is_fit else invalid(400, "Invalid 'speed': expected a number from 0.25 to 4.0.", "speed")


RULES: tuple[Rule, ...] = (
    has_model,
    known(PARAMETERS),
    required("input"),
    typed("input", str, "a string"),
    when(
        lambda body: not 0 < len(body["input"]) <= MAX_INPUT,
        invalid(400, f"Invalid 'input': expected a string of 1 to {MAX_INPUT} characters.", "input"),
    ),
    required("voice"),
    _voice,
    _format,
    typed("speed", (int, float), "a number"),
    _speed,
    one_of("stream_format", ("sse", "audio")),
    when(
        lambda body: body.get("stream_format") == "sse" and body["model"] in SILENT_STREAM,
        invalid(400, "'sse' is not supported for 'stream_format' with this model.", "stream_format"),
    ),
)


@dataclass(frozen=True, slots=True)
class SpeechReply:
    """The words, said in a format at a speed; `is_sse` as events."""

    words: list[str]
    format: str
    speed: float
    is_sse: bool
    input_tokens: int

    @property
    def output_tokens(self) -> int:
        return round(AUDIO_TOKENS_PER_SECOND * sum(seconds(word, self.speed) for word in self.words))

    @property
    def content_type(self) -> str:
        return EVENT_STREAM if self.is_sse else FORMATS[self.format][0]

    def events(self) -> Iterator[Event]:
        for piece in FORMATS[self.format][1](self.words, self.speed):
            yield Event(_delta(piece) if self.is_sse else piece, 1.0)
        if self.is_sse:
            counts = {"input_tokens": self.input_tokens, "output_tokens": self.output_tokens}
            usage = {**counts, "total_tokens": sum(counts.values())}
            yield Event(sse({"type": "speech.audio.done", "usage": usage}))


def _delta(piece: bytes) -> bytes:
    return sse({"type": "speech.audio.delta", "audio": b64encode(piece).decode("ascii")})


AUDIO = Shape(healthy=2, is_text=False)
EVENTS = Shape(
    healthy=2,
    content=1,
    path=("audio",),
    last=lambda event: b'"type":"speech.audio.done"' in event,
    failing={Failure.ON_THE_WIRE: lambda _events: [sse({"type": "error", "error": ERROR}, "error")]},
)


class Speech:
    """`POST /v1/audio/speech`; never whole."""

    kind = Kind.SPEECH
    rules: Collection[Rule] = RULES

    def is_stream(self, _body: Body) -> bool:
        return True

    def shape(self, body: Body) -> Shape:
        return EVENTS if body.get("stream_format") == "sse" else AUDIO

    def reply(self, body: Body, model: Model | None) -> SpeechReply:
        return SpeechReply(
            words=(body["input"].split() or [body["input"]]) if model else list(OK_PIECES),
            format=body.get("response_format") or "mp3",
            speed=float(body.get("speed") or 1.0),
            is_sse=body.get("stream_format") == "sse",
            input_tokens=tokens.count(body["input"]),
        )
