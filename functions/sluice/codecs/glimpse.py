"""What can be known of an answer too long to be held: its first and its last bytes.

A large JSON answer (images, embeddings) is forwarded as it comes. Its usage, model and tier stand before or behind the
long array, so a look at both ends finds them; where it does not, nothing is known, which is never taken for little.
"""

import json
import re
from typing import Any

END_BYTES = 64 * 1024
USAGE = re.compile(rb'"usage"\s*:\s*(?=\{)')
NAMES = {name: re.compile(b'"' + name.encode() + rb'"\s*:\s*"([^"\\]{1,256})"') for name in ("model", "service_tier")}


class Glimpse:
    """Feed it every piece; it keeps both ends."""

    __slots__ = ("_head", "_tail")

    def __init__(self) -> None:
        self._head = b""
        self._tail = b""

    def feed(self, piece: bytes) -> None:
        room = END_BYTES - len(self._head)
        if room > 0:
            self._head += piece[:room]
            piece = piece[room:]
        if piece:
            self._tail = (self._tail + piece)[-END_BYTES:]

    def read(self) -> dict[str, Any]:
        """What stands at the ends, of `usage`, `model` and `service_tier`."""
        found: dict[str, Any] = {"usage": self._usage()}
        for name, pattern in NAMES.items():
            match = pattern.search(self._head) or pattern.search(self._tail)
            found[name] = match.group(1).decode("utf-8", "replace") if match else None
        return found

    def _usage(self) -> object:
        for end in (self._tail, self._head):
            for match in reversed(list(USAGE.finditer(end))):
                try:
                    return json.JSONDecoder().raw_decode(end[match.end() :].decode("utf-8", "replace"))[0]
                except (ValueError, RecursionError):
                    continue
        return None
