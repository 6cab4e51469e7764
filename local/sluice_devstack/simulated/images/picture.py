"""A real PNG of the size that was asked for: a gate of stripes in two colours that the prompt decides.

One bit per pixel and a palette, so that a million pixels are less than a kilobyte.
https://www.w3.org/TR/png-3/
"""

import struct
import zlib
from hashlib import sha256

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PALETTE_OF_ONE_BIT = (1, 3, 0, 0, 0)  # depth, colour type, and the only methods there are
STRIPE = bytes([0xFF, 0xFF, 0x00, 0x00])
BLANK = bytes(4)


def png(prompt: str, width: int, height: int, painted: float = 1.0) -> bytes:
    """The picture, its upper part `painted` (0 to 1) and the rest still blank."""
    colours = sha256(prompt.encode("utf-8", "replace")).digest()
    row_bytes = (width + 7) // 8
    stripes = (STRIPE * (row_bytes // 4 + 1))[:row_bytes]
    blank = (BLANK * (row_bytes // 4 + 1))[:row_bytes]
    done = round(height * painted)
    rows = (b"\0" + stripes) * done + (b"\0" + blank) * (height - done)
    header = struct.pack(">II5B", width, height, *PALETTE_OF_ONE_BIT)
    chunks = {b"IHDR": header, b"PLTE": colours[:6], b"IDAT": zlib.compress(rows), b"IEND": b""}
    return SIGNATURE + b"".join(_chunk(name, data) for name, data in chunks.items())


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
