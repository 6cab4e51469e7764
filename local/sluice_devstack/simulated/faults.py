"""Failures on demand: the model's name picks one. All of them are ways to spoil the same small answer, `ok`.

`f-429-anything` is `f-429` too, so that a test can have a model name, and so a once-only failure, of its own.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from sluice_devstack.simulated.completion import Choice, Completion
from sluice_devstack.simulated.refusal import Refusal, error_body, invalid
from sluice_devstack.simulated.wire import DONE, sse

OK_PIECES = ("héllo", " wörld", " 日本語", " 😀", " end.")
OK = Completion((Choice(OK_PIECES, (), "stop"),), prompt_tokens=11)
EVENTS_BEFORE_FAILURE = 4
GIANT_BYTES = 10 * 1024 * 1024
BROKEN_EVENT = 2  # the event that is made invalid: one with content

Edit = Callable[[list[bytes]], list[bytes]]


class Ending(Enum):
    """How the connection ends after the last event that is sent."""

    PROPER = auto()
    RESET = auto()
    CUT_CHUNK = auto()
    SILENCE = auto()


def _unchanged(events: list[bytes]) -> list[bytes]:
    return events


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to fail. Without `refusal` a stream begins; `events` is how many of its events are sent, None for all."""

    refusal: Refusal | None = None
    is_once: bool = False
    is_silent_before_head: bool = False
    events: int | None = None
    ending: Ending = Ending.PROPER
    edit: Edit = _unchanged
    edit_json: Edit = _unchanged
    headers: dict[str, str] = field(default_factory=dict)
    is_gzip: bool = False


def _without_done(events: list[bytes]) -> list[bytes]:
    return [event for event in events if event != DONE]


def _single_bytes(events: list[bytes]) -> list[bytes]:
    return [bytes([byte]) for byte in b"".join(events)]


def _line_end(end: bytes) -> Edit:
    return lambda events: [event.replace(b"\n", end) for event in events]


def _with_byte_order_mark(events: list[bytes]) -> list[bytes]:
    return [b"\xef\xbb\xbf" + events[0], *events[1:]]


def _with_comments(events: list[bytes]) -> list[bytes]:
    commented = [b": keepalive\n\n"]
    for number, event in enumerate(events):
        commented += [event, b": ping - %d\n\n" % number]
    return commented


def _on_many_lines(events: list[bytes]) -> list[bytes]:
    return [event if event == DONE else _lines(json.loads(event[6:])) for event in events]


def _lines(document: object) -> bytes:
    text = json.dumps(document, ensure_ascii=False, indent=1)
    return b"".join(b"data: " + line.encode() + b"\n" for line in text.split("\n")) + b"\n"


def _with_giant_delta(events: list[bytes]) -> list[bytes]:
    giant = json.loads(events[BROKEN_EVENT][6:])
    giant["choices"][0]["delta"]["content"] = "0123456789abcdef" * (GIANT_BYTES // 16)
    return [*events[:BROKEN_EVENT], sse(giant), *events[BROKEN_EVENT + 1 :]]


def _broken(change: Callable[[bytes], bytes]) -> Edit:
    def edit(events: list[bytes]) -> list[bytes]:
        number = min(BROKEN_EVENT, len(events) - 1)
        return [*events[:number], change(events[number]), *events[number + 1 :]]

    return edit


_cut_json = _broken(lambda event: event[: len(event) // 2] + b"\n\n")
_invalid_utf_8 = _broken(lambda event: event.replace(b"rld", b"\xff\xfeld"))
SERVER_ERROR = "The server had an error while processing your request. Sorry about that!"
OVERLOADED = "The engine is currently overloaded, please try again later"
RATE_LIMIT = "Rate limit reached for requests. Limit: 3 / min. Please try again in 2s."


def _with_error_event(events: list[bytes]) -> list[bytes]:
    error = json.loads(error_body(SERVER_ERROR, "server_error", code="server_error"))
    return [*events[:EVENTS_BEFORE_FAILURE], sse(error), DONE]


def _rate_limited(**headers: str) -> Refusal:
    body = error_body(RATE_LIMIT, "requests", code="rate_limit_exceeded")
    return Refusal(429, body, {name.replace("_", "-"): value for name, value in headers.items()})


ECHOED_KEY = invalid(401, "Incorrect API key provided: {key}.", code="invalid_api_key")
HTML = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
FAULTS: dict[str, Fault] = {
    "ok": Fault(),
    "f-nodone": Fault(edit=_without_done),
    "f-trunc": Fault(events=EVENTS_BEFORE_FAILURE),
    "f-rst": Fault(events=EVENTS_BEFORE_FAILURE, ending=Ending.RESET),
    "f-chunkcut": Fault(events=EVENTS_BEFORE_FAILURE, ending=Ending.CUT_CHUNK),
    "f-stall0": Fault(events=0, ending=Ending.SILENCE),
    "f-stallmid": Fault(events=EVENTS_BEFORE_FAILURE, ending=Ending.SILENCE),
    "f-stallhdr": Fault(is_silent_before_head=True),
    "f-429ra": Fault(_rate_limited(retry_after="2"), is_once=True),
    "f-429": Fault(_rate_limited()),
    "f-503": Fault(Refusal(503, error_body(OVERLOADED, "server_error"))),
    "f-500once": Fault(Refusal(500, error_body(SERVER_ERROR, "server_error")), is_once=True),
    "f-401": Fault(ECHOED_KEY),
    "f-html": Fault(Refusal(502, HTML, content_type="text/html")),
    "f-bytes": Fault(edit=_single_bytes, edit_json=_single_bytes),
    "f-crlf": Fault(edit=_line_end(b"\r\n")),
    "f-cr": Fault(edit=_line_end(b"\r")),
    "f-bom": Fault(edit=_with_byte_order_mark),
    "f-ping": Fault(edit=_with_comments),
    "f-multiline": Fault(edit=_on_many_lines),
    "f-giant": Fault(edit=_with_giant_delta),
    "f-badjson": Fault(edit=_cut_json, edit_json=_cut_json),
    "f-badutf8": Fault(edit=_invalid_utf_8, edit_json=_invalid_utf_8),
    "f-errevent": Fault(edit=_with_error_event),
    "f-gzip": Fault(is_gzip=True),
    "f-hdrleak": Fault(headers={"x-secret-echo": "Bearer {key}"}),
    "f-redirect": Fault(Refusal(307, "", {"location": "{leak}"})),
}


def fault(model: str) -> Fault | None:
    """The fault that a model's name asks for, None for a model that works."""
    if model in FAULTS:
        return FAULTS[model]
    return next((found for name, found in FAULTS.items() if model.startswith(f"{name}-")), None)
