"""The sounds: lengths, headers, frames."""

import struct

import pytest

from sluice_devstack.simulated.speech import sound

WORDS = ["one", "two", "three"]


@pytest.mark.parametrize("speed", [0.25, 1.0, 4.0])
def test_a_wave_file_tells_its_true_length(speed: float) -> None:
    whole = b"".join(sound.wav(WORDS, speed))

    assert struct.unpack("<4sI4s", whole[:12]) == (b"RIFF", len(whole) - 8, b"WAVE")
    assert struct.unpack("<4sI", whole[36:44]) == (b"data", len(whole) - 44)
    assert whole[44:] == b"".join(sound.pcm(WORDS, speed))
    assert len(whole) - 44 == pytest.approx(3 * 0.12 * 48_000 / speed, abs=12)


def test_words_have_pitches_of_their_own() -> None:
    assert len(set(sound.pcm(WORDS, 1.0))) > 1
    assert list(sound.pcm(["one", "one"], 1.0)) == list(sound.pcm(["one"], 1.0)) * 2


def test_an_mp3_frame_is_as_long_as_its_header_says() -> None:
    """https://www.iso.org/standard/22412.html: 72 * bit rate / sampling rate, of MPEG-2 layer III."""
    sync, rates = struct.unpack(">HB", sound.MP3_FRAME[:3])

    assert sync == 0xFFF3
    bit_rate = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160][rates >> 4] * 1000
    sampling_rate = [22_050, 24_000, 16_000][rates >> 2 & 3]
    assert sampling_rate == sound.RATE
    assert len(sound.MP3_FRAME) == 72 * bit_rate // sampling_rate


def test_silence_lasts_as_long_as_the_words() -> None:
    frames = len(b"".join(sound.mp3(WORDS, 1.0))) // len(sound.MP3_FRAME)

    assert frames * sound.MP3_FRAME_SECONDS == pytest.approx(3 * 0.12)
