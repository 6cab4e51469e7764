"""Reasoning that only its maker can read: `encrypted_content`, which a stateless caller brings back unchanged.

Strategy: base64 of random bytes and their HMAC. Nothing is inside; what counts is that a single changed character is
noticed, as OpenAI notices it.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from hmac import compare_digest, new
from random import Random

FERNET_VERSION = b"\x80\x00\x00\x00\x00"  # so that it begins as OpenAI's does: gAAAAA
SEAL_BYTES = 32
KEY = b"the simulated OpenAI"


def seal(random: Random, size: int) -> str:
    content = FERNET_VERSION + random.randbytes(size)
    return urlsafe_b64encode(content + _mac(content)).decode("ascii")


def is_intact(sealed: str) -> bool:
    try:
        whole = urlsafe_b64decode(sealed.encode("ascii"))
    except (UnicodeEncodeError, binascii.Error):
        return False
    content, mac = whole[:-SEAL_BYTES], whole[-SEAL_BYTES:]
    is_canonical = urlsafe_b64encode(whole).decode("ascii") == sealed
    return is_canonical and content.startswith(FERNET_VERSION) and compare_digest(mac, _mac(content))


def _mac(content: bytes) -> bytes:
    return new(KEY, content, sha256).digest()
