"""Plain text, for people who call with curl: what a quick prompt streams as.

It is only ever made, from what a model says: nobody reads it back. A failure is a last line that looks like one.
"""

from collections.abc import Mapping
from typing import Any

from sluice.codecs import chat, sse, typed
from sluice.codecs.chat_tally import ChatTally
from sluice.codecs.dialect import Dialect
from sluice.codecs.sse_events import SSE

CONTENT_TYPE = "text/plain; charset=utf-8"


def encode(event: Mapping[str, Any]) -> bytes:
    return str(event["text"]).encode("utf-8", "replace")


def error_event(body: Mapping[str, Any], _last: bytes = b"", _replaces: bool = False) -> bytes:
    """The last line of a text that broke off."""
    error = body["error"]
    return f"\n[error: {error['message']} ({error['code']})]\n".encode()


def is_marked(_block: bytes, _drops_usage: bool) -> bool:
    return False


def is_end(_event: sse.Event, _chunk: Mapping[str, Any] | None) -> bool:
    return False


TEXT = Dialect(
    tally=ChatTally,
    is_marked=is_marked,
    is_error=is_end,
    is_final=chat.is_final,
    is_end=is_end,
    is_extra=typed.is_extra,
    is_foreign=chat.is_foreign,
    has_content=chat.has_content,
    end=b"",
    error_event=error_event,
    framing=SSE._replace(content_type=CONTENT_TYPE, heartbeat=b""),
    encode=encode,
)
DIALECTS = {"text": TEXT}
