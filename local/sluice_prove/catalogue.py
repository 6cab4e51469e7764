"""The faults, row by row: id in the fault catalogue, the model that picks it, what is done, what has to come out."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sluice_prove import bedrock_faults, chat_faults
from sluice_prove.scene import Script
from sluice_prove.sentence import TEXT


class Expected(StrEnum):
    """WHOLE: the provider's answer was complete, so all of it has to arrive. BROKEN: it broke off, so an error has to.
    REFUSED: there was no answer. EITHER: complete or an error, but neither mixed nor altered."""

    WHOLE = "whole"
    BROKEN = "broken"
    REFUSED = "refused"
    EITHER = "either"


class Target(StrEnum):
    """Where the model has to lead: the fault provider, or an address that no provider has."""

    CHAT = "chat"
    BEDROCK = "bedrock"
    CLOSED_PORT = "closed port"
    NO_HOST = "no host"


@dataclass(frozen=True, slots=True)
class Case:
    """`waits` is for silences, which the gateway has to end by its own timeout; `text` is what the provider said.
    `goes_on` is for a provider that ends its stream as if its fault had not been."""

    id: str
    fault: str
    does: str
    expected: Expected
    waits: bool = False
    is_stream: bool = True
    target: Target = Target.CHAT
    text: str = TEXT
    has_done: bool = True
    goes_on: bool = False

    @property
    def ends(self) -> bool:
        """Whether the provider tells of an end, and of usage."""
        return self.goes_on or self.expected in (Expected.WHOLE, Expected.EITHER)


GIANT = chat_faults.GIANT
NOT_UTF_8 = TEXT.replace(" end.", " \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}end.")
WHOLE, BROKEN, REFUSED, EITHER = Expected

CHAT_CASES = (
    Case("-", "ok", "a complete stream", WHOLE),
    Case("-", "ok-json", "a complete answer that does not stream", WHOLE, is_stream=False),
    Case("U01", "f-refused", "nobody listens at the provider's port", REFUSED, target=Target.CLOSED_PORT),
    Case("U02", "f-dns", "the provider's name does not exist", REFUSED, target=Target.NO_HOST),
    Case("U04", "f-rsthdr", "reset before any header", REFUSED),
    Case("U05", "f-stallhdr", "silence before any header", EITHER, waits=True),
    Case("U07", "f-429ra", "429 with `retry-after: 2` once, then a stream", EITHER),
    Case("U08", "f-429", "429 always, without a header", REFUSED),
    Case("U10", "f-500once", "500 once, then a stream", EITHER),
    Case("U11", "f-503", "503 always", REFUSED),
    Case("U13", "f-html", "502 with a page of HTML", REFUSED),
    Case("U13", "f-html200", "200 with a page of HTML", REFUSED),
    Case("U13", "f-empty", "200 with a stream that holds no event", REFUSED),
    Case("U14", "f-redirect", "307 to another port", REFUSED),
    Case("U15", "f-gzip", "the whole stream in gzip, unasked", EITHER),
    Case("U16", "f-length", "closes before its content-length", BROKEN),
    Case("U16", "f-jsoncut", "JSON that ends before its content-length", REFUSED, is_stream=False),
    Case("S01", "f-stall0", "headers, then silence before any event", EITHER, waits=True),
    Case("S02", "f-stallmid", "4 events, then silence", EITHER, waits=True),
    Case("S03", "f-rst", "reset after 4 events", BROKEN),
    Case("S04", "f-trunc", "clean close after 4 events", BROKEN),
    Case("S05", "f-nodone", "finish and usage, no `[DONE]`", EITHER, has_done=False),
    Case("S06", "f-chunkcut", "an HTTP chunk cut short after 4 events", BROKEN),
    Case("S07", "f-badjson", "cut JSON in one event", BROKEN, goes_on=True),
    Case("S08", "f-bytes", "one byte per HTTP chunk", WHOLE),
    Case("S10", "f-badutf8", "the bytes FF FE within a string", EITHER, text=NOT_UTF_8),
    Case("S11", "f-crlf", "lines that end in CR LF", WHOLE),
    Case("S11", "f-cr", "lines that end in CR", WHOLE),
    Case("S12", "f-bom", "a byte order mark before the first event", WHOLE),
    Case("S13", "f-ping", "comments between events and within them", WHOLE),
    Case("S14", "f-multiline", "each event's JSON over many `data:` lines", WHOLE),
    Case("S15", "f-giant", "one delta of 10 MB", EITHER, text=GIANT),
    Case("S16", "f-errevent", "an error event after 4 events, then `[DONE]`", BROKEN),
    Case("P02", "f-401", "401 whose body repeats the provider's key", REFUSED),
    Case("A10", "f-hdrleak", "the provider's key in a header, a session in a cookie", EITHER),
)


def _bedrock(number: str, fault: str, does: str, expected: Expected) -> Case:
    return Case(number, fault, does, expected, target=Target.BEDROCK)


BEDROCK_CASES = (
    _bedrock("-", "b-ok", "a complete event stream", WHOLE),
    _bedrock("B01", "b-internalserver", "internalServerException after 4 deltas", BROKEN),
    _bedrock("B01", "b-modelstreamerror", "modelStreamErrorException after 4 deltas", BROKEN),
    _bedrock("B01", "b-modeltimeout", "modelTimeoutException after 4 deltas", BROKEN),
    _bedrock("B01", "b-serviceunavailable", "serviceUnavailableException after 4 deltas", BROKEN),
    _bedrock("B01", "b-throttling", "throttlingException after 4 deltas", BROKEN),
    _bedrock("B01", "b-validation", "validationException after 4 deltas", BROKEN),
    _bedrock("B02", "b-first", "throttlingException as the first event under 200", REFUSED),
    _bedrock("B03", "b-flip", "one bit of the text flipped", BROKEN),
    _bedrock("B03", "b-fliplen", "one bit of a frame's length flipped", BROKEN),
    _bedrock("B04", "b-cut", "clean close within a frame", BROKEN),
    _bedrock("B04", "b-length", "a frame that says it has 25 MB", BROKEN),
    _bedrock("B04", "b-trunc", "clean close after 4 deltas", BROKEN),
    _bedrock("B05", "b-unknown", "an event of an unknown type, and an empty delta", EITHER),
    _bedrock("B06", "b-429", "ThrottlingException before the stream", REFUSED),
    _bedrock("B06", "b-403", "ExpiredTokenException before the stream", REFUSED),
)
CASES = (*CHAT_CASES, *BEDROCK_CASES)
SCRIPTS: Mapping[str, Script] = {**chat_faults.SCRIPTS, **bedrock_faults.SCRIPTS}
