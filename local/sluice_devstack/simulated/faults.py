"""Failures on demand: the model's name picks one. All of them are ways to spoil the same small answer, `ok`.

`f-429-anything` is `f-429` too, so that a test can have a model name, and so a once-only failure, of its own. Where in
a stream a fault strikes is said by the endpoint (`endpoint.py`); what edits text does not touch audio.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from sluice_devstack.simulated.endpoint import Failure, Shape
from sluice_devstack.simulated.refusal import SERVER_ERROR, Refusal, error_body, invalid
from sluice_devstack.simulated.reply import sse

GIANT_BYTES = 10 * 1024 * 1024
DATA = b"data: "
WHOLE = Shape(healthy=4)  # an answer that does not stream, in eighths

Edit = Callable[[list[bytes], Shape], list[bytes]]


class Sent(Enum):
    """How much of the answer leaves before it ends."""

    ALL = auto()
    SOME = auto()
    NONE = auto()


class Ending(Enum):
    """How the connection ends after the last event that is sent."""

    PROPER = auto()
    RESET = auto()
    CUT_CHUNK = auto()
    SILENCE = auto()


def _unchanged(events: list[bytes], _shape: Shape) -> list[bytes]:
    return events


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to fail. Without `refusal` an answer begins; `sent` is how much of it leaves."""

    refusal: Refusal | None = None
    is_once: bool = False
    is_silent_before_head: bool = False
    sent: Sent = Sent.ALL
    ending: Ending = Ending.PROPER
    edit: Edit = _unchanged
    edit_json: Edit = _unchanged
    edits_audio: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    is_gzip: bool = False

    def stream(self, events: list[bytes], shape: Shape) -> list[bytes]:
        """The pieces of a stream that are sent."""
        edited = self.edit(events, shape) if shape.is_text or self.edits_audio else events
        return edited[: self._count(shape.healthy)]

    def document(self, body: bytes) -> list[bytes]:
        """The pieces of a whole answer that are sent: half of it where it breaks off."""
        size = max(1, len(body) // 8 if self.sent is not Sent.ALL else len(body))
        pieces = [body[start : start + size] for start in range(0, len(body), size)]
        return self.edit_json(pieces, WHOLE)[: self._count(WHOLE.healthy)]

    def _count(self, some: int) -> int | None:
        return {Sent.ALL: None, Sent.SOME: some, Sent.NONE: 0}[self.sent]


def _without_end(events: list[bytes], shape: Shape) -> list[bytes]:
    return [event for event in events if not shape.last(event)]


def _single_bytes(events: list[bytes], _shape: Shape) -> list[bytes]:
    return [bytes([byte]) for byte in b"".join(events)]


def _line_end(end: bytes) -> Edit:
    return lambda events, _shape: [event.replace(b"\n", end) for event in events]


def _with_byte_order_mark(events: list[bytes], _shape: Shape) -> list[bytes]:
    return [b"\xef\xbb\xbf" + events[0], *events[1:]]


def _with_comments(events: list[bytes], _shape: Shape) -> list[bytes]:
    commented = [b": keepalive\n\n"]
    for number, event in enumerate(events):
        commented += [event, b": ping - %d\n\n" % number]
    return commented


def _on_many_lines(events: list[bytes], _shape: Shape) -> list[bytes]:
    return [_lines(event) if DATA + b"{" in event else event for event in events]


def _lines(event: bytes) -> bytes:
    name, _, data = event.partition(DATA)
    text = json.dumps(json.loads(data), ensure_ascii=False, indent=1)
    return name + b"".join(DATA + line.encode() + b"\n" for line in text.split("\n")) + b"\n"


def _with_giant_delta(events: list[bytes], shape: Shape) -> list[bytes]:
    name, _, data = events[shape.content].partition(DATA)
    document = json.loads(data)
    holder: Any = document
    for step in shape.path[:-1]:
        holder = holder[step]
    holder[shape.path[-1]] = "0123456789abcdef" * (GIANT_BYTES // 16)
    return [*events[: shape.content], name + sse(document), *events[shape.content + 1 :]]


def _broken(change: Callable[[bytes], bytes]) -> Edit:
    def edit(events: list[bytes], shape: Shape) -> list[bytes]:
        number = min(shape.content, len(events) - 1)
        return [*events[:number], change(events[number]), *events[number + 1 :]]

    return edit


def _with_invalid_utf_8(event: bytes) -> bytes:
    if b"rld" in event:
        return event.replace(b"rld", b"\xff\xfeld")
    before, quote, after = event.rpartition(b'"')
    return before + b"\xff\xfe" + quote + after


def _failing(failure: Failure) -> Edit:
    return lambda events, shape: shape.failed(events, failure)


_cut_json = _broken(lambda event: event[: len(event) // 2] + b"\n\n")
_invalid_utf_8 = _broken(_with_invalid_utf_8)
OVERLOADED = "The engine is currently overloaded, please try again later"
RATE_LIMIT = "Rate limit reached for requests. Limit: 3 / min. Please try again in 2s."


def _rate_limited(**headers: str) -> Refusal:
    body = error_body(RATE_LIMIT, "requests", code="rate_limit_exceeded")
    return Refusal(429, body, {name.replace("_", "-"): value for name, value in headers.items()})


ECHOED_KEY = invalid(401, "Incorrect API key provided: {key}.", code="invalid_api_key")
HTML = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
FAULTS: Mapping[str, Fault] = {
    "ok": Fault(),
    "f-empty": Fault(sent=Sent.NONE),
    "f-nodone": Fault(edit=_without_end),
    "f-trunc": Fault(sent=Sent.SOME),
    "f-rst": Fault(sent=Sent.SOME, ending=Ending.RESET),
    "f-chunkcut": Fault(sent=Sent.SOME, ending=Ending.CUT_CHUNK),
    "f-stall0": Fault(sent=Sent.NONE, ending=Ending.SILENCE),
    "f-stallmid": Fault(sent=Sent.SOME, ending=Ending.SILENCE),
    "f-stallhdr": Fault(is_silent_before_head=True),
    "f-429ra": Fault(_rate_limited(retry_after="2"), is_once=True),
    "f-429": Fault(_rate_limited()),
    "f-503": Fault(Refusal(503, error_body(OVERLOADED, "server_error"))),
    "f-500once": Fault(Refusal(500, error_body(SERVER_ERROR, "server_error")), is_once=True),
    "f-401": Fault(ECHOED_KEY),
    "f-html": Fault(Refusal(502, HTML, content_type="text/html")),
    "f-bytes": Fault(edit=_single_bytes, edit_json=_single_bytes, edits_audio=True),
    "f-crlf": Fault(edit=_line_end(b"\r\n")),
    "f-cr": Fault(edit=_line_end(b"\r")),
    "f-bom": Fault(edit=_with_byte_order_mark),
    "f-ping": Fault(edit=_with_comments),
    "f-multiline": Fault(edit=_on_many_lines),
    "f-giant": Fault(edit=_with_giant_delta),
    "f-badjson": Fault(edit=_cut_json, edit_json=_cut_json),
    "f-badutf8": Fault(edit=_invalid_utf_8, edit_json=_invalid_utf_8),
    "f-errevent": Fault(edit=_failing(Failure.ON_THE_WIRE)),
    "f-errflat": Fault(edit=_failing(Failure.AS_DOCUMENTED)),
    "f-failed": Fault(edit=_failing(Failure.STATUS_ONLY)),
    "f-gzip": Fault(is_gzip=True),
    "f-hdrleak": Fault(headers={"x-secret-echo": "Bearer {key}"}),
    "f-redirect": Fault(Refusal(307, "", {"location": "{leak}"})),
}


def fault(model: str) -> Fault | None:
    """The fault that a model's name asks for, None for a model that works."""
    if model in FAULTS:
        return FAULTS[model]
    return next((found for name, found in FAULTS.items() if model.startswith(f"{name}-")), None)
