"""What can be known of an answer too long to be held: its first and its last bytes.

A large JSON answer (images, embeddings) is forwarded as it comes. What stands before the long array is read exactly:
only members of the outermost object count, since what a caller chose may be repeated deeper inside. Behind it a look
finds usage, model and tier; where it does not, nothing is known, which is never taken for little.
"""

import json
import re
from typing import Any

END_BYTES = 64 * 1024
MOST_TRIED = 8
NAMES = ("object", "id", "status", "model", "service_tier", "usage")  # those that are read
MEMBER = re.compile(r'\s*[{,]\s*"([^"\\]*)"\s*:\s*')
USAGE = re.compile(rb'"usage"\s*:\s*(?=\{)')
BEHIND = {name: re.compile(b'"' + name.encode() + rb'"\s*:\s*"([^"\\]{1,256})"') for name in ("model", "service_tier")}
DECODER = json.JSONDecoder()


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
        self._tail = (self._tail + piece)[-END_BYTES:]

    def read(self) -> dict[str, Any]:
        """What stands at the ends, of `NAMES`."""
        found = self._first_members()
        for name, pattern in BEHIND.items():
            match = pattern.search(self._tail)
            if name not in found and match:
                found[name] = match.group(1).decode("utf-8", "replace")
        found["usage"] = self._last_usage() or found.get("usage")
        return found

    def _first_members(self) -> dict[str, Any]:
        """The members of the outermost object that are whole in the head."""
        text, place, found = self._head.decode("utf-8", "replace"), 0, {}
        while match := MEMBER.match(text, place):
            try:
                value, place = DECODER.raw_decode(text, match.end())
            except (ValueError, RecursionError):
                break
            if match[1] in NAMES:
                found[match[1]] = value
        return found

    def _last_usage(self) -> object:
        text = self._tail
        for match in list(USAGE.finditer(text))[: -MOST_TRIED - 1 : -1]:
            try:
                return DECODER.raw_decode(text[match.end() :].decode("utf-8", "replace"))[0]
            except (ValueError, RecursionError):
                continue
        return None
