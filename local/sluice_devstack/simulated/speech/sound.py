"""The sound of a text: one tone per word as WAV or PCM, silence of the same length as MP3.

WAV and PCM are 16 bits, mono, 24 kHz, as OpenAI's are. An MP3 that sounds would need an encoder; a silent one does not:
frames of MPEG-2 layer III whose side information is zero decode to silence everywhere, so that the SDK's default format
gives a file that players accept.
"""

import math
import struct
from collections.abc import Iterator
from functools import lru_cache
from zlib import crc32

RATE = 24_000
BYTES_PER_SECOND = RATE * 2
WORD_SECONDS, PAUSE_SECONDS = 0.08, 0.04
LOUDNESS = 8_000
PITCHES = (262, 294, 330, 392, 440, 523, 587, 659)  # Hz, a scale in which nothing sounds wrong
MP3_FRAME = b"\xff\xf3\x44\xc4" + bytes(92)  # MPEG-2 layer III, 32 kbit/s, 24 kHz, mono
MP3_FRAME_SECONDS = 576 / RATE


def seconds(word: str, speed: float) -> float:
    return (WORD_SECONDS + PAUSE_SECONDS) / speed if word else 0.0


def pcm(words: list[str], speed: float) -> Iterator[bytes]:
    """One piece per word."""
    for word in words:
        yield _tone(PITCHES[crc32(word.encode("utf-8", "replace")) % len(PITCHES)], speed)


def wav(words: list[str], speed: float) -> Iterator[bytes]:
    """The header with the first word; its lengths are true."""
    pieces = list(pcm(words, speed))
    size = sum(map(len, pieces))
    fields = (b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1, RATE, BYTES_PER_SECOND, 2, 16, b"data", size)
    header = struct.pack("<4sI4s4sIHHIIHH4sI", *fields)
    yield header + pieces[0]
    yield from pieces[1:]


def mp3(words: list[str], speed: float) -> Iterator[bytes]:
    """Silence, at least as long as each word is said."""
    for word in words:
        yield MP3_FRAME * math.ceil(seconds(word, speed) / MP3_FRAME_SECONDS)


@lru_cache(maxsize=64)
def _tone(pitch: int, speed: float) -> bytes:
    sounding, silent = (int(RATE * part / speed) for part in (WORD_SECONDS, PAUSE_SECONDS))
    samples = [round(LOUDNESS * math.sin(2 * math.pi * pitch * n / RATE)) for n in range(sounding)]
    return struct.pack(f"<{sounding}h", *samples) + bytes(2 * silent)
