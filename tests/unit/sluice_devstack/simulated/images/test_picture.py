"""The pictures, decoded again by hand as the PNG specification says."""

import struct
import zlib
from collections.abc import Iterator

import pytest

from sluice_devstack.simulated.images.picture import SIGNATURE, png


def chunks(picture: bytes) -> Iterator[tuple[bytes, bytes]]:
    assert picture.startswith(SIGNATURE)
    rest = picture[len(SIGNATURE) :]
    while rest:
        (size,) = struct.unpack(">I", rest[:4])
        name, data, check = rest[4:8], rest[8 : 8 + size], rest[8 + size : 12 + size]
        assert check == struct.pack(">I", zlib.crc32(name + data))
        yield name, data
        rest = rest[12 + size :]


@pytest.mark.parametrize(("width", "height"), [(1024, 1024), (1536, 864), (17, 3)])
def test_a_picture_has_a_row_for_every_line_of_its_size(width: int, height: int) -> None:
    found = dict(chunks(png("a gate", width, height)))

    assert list(found) == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    assert found[b"IHDR"] == struct.pack(">II5B", width, height, 1, 3, 0, 0, 0)
    assert len(found[b"PLTE"]) == 6
    assert len(zlib.decompress(found[b"IDAT"])) == height * (1 + (width + 7) // 8)


def test_the_prompt_decides_the_colours_and_painting_the_lines() -> None:
    whole, other, half = png("a", 64, 64), png("b", 64, 64), png("a", 64, 64, 0.5)

    palettes = [dict(chunks(picture))[b"PLTE"] for picture in (whole, other, half)]
    assert palettes[0] == palettes[2] != palettes[1]
    rows = zlib.decompress(dict(chunks(half))[b"IDAT"])
    assert any(rows[: len(rows) // 2])
    assert not any(rows[len(rows) // 2 :])
