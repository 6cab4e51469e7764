"""Failures on demand: a part of the model's id picks one: `anthropic.claude-f-throttled`, `amazon.nova-f-crc-2`.

All of them spoil the same small answer, in five pieces; what follows the fault's name makes the id a test's own.

Refused with a status and `x-amzn-errortype`: f-accessdenied 403, f-expired 403, f-unrecognized 403, f-signature 403,
f-notfound 404, f-invalid 400, f-badmodel 400, f-toolong 400 (too many tokens), f-quota 400, f-throttled 429,
f-throttledonce 429 (only the first time), f-notready 429, f-timeout 408, f-modelerror 424, f-internal 500,
f-internalonce 500 (only the first time), f-unavailable 503, f-untyped 429 (the name in the body's `__type`),
f-bare 500 (nothing says what it was), f-html 502 (no JSON).
A stream whose first frame is an exception: f-firstthrottled, f-firstinvalid, f-firstinternal, f-firstunavailable,
f-firstmodel, f-firsttimeout, f-firstunknown; one that comes after four good frames: f-midthrottled, f-midinvalid,
f-midinternal, f-midunavailable, f-midmodel, f-midtimeout, f-midunknown (a name that nobody declared). Frames of
message-type error: f-firsterror, f-miderror.
Frames that are none: f-crc (the CRC of a message), f-prelude (the CRC of a prelude), f-length (announces 4 GB), f-type
(a header of an unknown type), f-notjson (a payload). Ends too soon: f-edge (after a frame), f-midframe (inside one),
f-leftover (bytes behind the last frame), f-nostop (neither messageStop nor what follows it), f-nometa (without usage),
f-rst (TCP reset), f-chunkcut (inside an HTTP chunk), f-empty (200 and no bytes). Silent: f-stallhdr (before the head),
f-stall0 (before the first frame), f-stallmid (after four). Odd but right: f-none, f-bytes (byte by byte), f-unknown
(events and members that nobody knows). 200 without an answer: f-nooutput. Tells of its failure in `stopReason`:
f-malformed (malformed_model_output).
An answer that does not stream is spoiled where that makes sense: its JSON in eighths takes the place of frames.
"""

import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

from sluice_devstack.simulated.bedrock.exceptions import INVALID_MODEL, refusal
from sluice_devstack.simulated.bedrock.frames import Message, error, event, exception, frame
from sluice_devstack.simulated.bedrock.invoke import METRICS
from sluice_devstack.simulated.bedrock.reply import BedrockReply, Document, Streamed
from sluice_devstack.simulated.faults import HTML, Ending
from sluice_devstack.simulated.refusal import Refusal

HEALTHY = 4
EIGHTHS = 8
NAME = re.compile(r"(?:^|[.-])(f-[a-z0-9]+)(?=[-:.]|$)")
Messages = list[Message]
Pieces = list[bytes]
LENGTH_TOLD = 0xFFFFFFFF
NO_OUTPUT = {"Output": {"__type": "com.amazon.coral.service#InternalFailure"}, "Version": "1.0"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to fail. `messages` changes what a stream says, `pieces` the bytes of a stream or of a whole answer,
    `document` is the whole of what is said, where a stream was asked for too."""

    refusal: Refusal | None = None
    is_once: bool = False
    is_silent_before_head: bool = False
    messages: Callable[[Messages], Messages] = lambda messages: messages
    pieces: Callable[[Pieces], Pieces] = lambda pieces: pieces
    document: Mapping[str, Any] | None = None
    ending: Ending = Ending.PROPER

    def spoiled(self, reply: BedrockReply) -> BedrockReply:
        """What the answer says; its bytes are still to be spoiled."""
        if self.document is not None:
            return Document(self.document, reply.usage, reply.headers)
        if isinstance(reply, Streamed):
            return replace(reply, messages=tuple(self.messages(list(reply.messages))))
        return reply

    def sent(self, reply: BedrockReply) -> Pieces:
        """The pieces that leave, of an answer that is `spoiled`."""
        pieces = [event.data for event in reply.events()]
        return self.pieces(pieces if isinstance(reply, Streamed) else _eighths(b"".join(pieces)))


def fault(base: str) -> Fault | None:
    """The fault that a model's id asks for, None for a model that works."""
    found = NAME.search(base)
    return FAULTS.get(found[1]) if found else None


def _eighths(body: bytes) -> Pieces:
    size = max(1, -(-len(body) // EIGHTHS))
    return [body[start : start + size] for start in range(0, len(body), size)]


def _refused(name: str, message: str, **extra: Any) -> Fault:
    return Fault(refusal(name, message, extra))


def _first(message: Message) -> Fault:
    return Fault(messages=lambda _messages: [message])


def _midway(message: Message) -> Fault:
    return Fault(messages=lambda messages: [*messages[:HEALTHY], message])


def _some(pieces: Pieces) -> Pieces:
    return pieces[:HEALTHY]


def _with_half_a_piece(pieces: Pieces) -> Pieces:
    return [*pieces[:HEALTHY], pieces[HEALTHY][: len(pieces[HEALTHY]) // 2]]


def _changed(change: Callable[[bytes], bytes]) -> Callable[[Pieces], Pieces]:
    return lambda pieces: [change(piece) if place == HEALTHY else piece for place, piece in enumerate(pieces)]


def _flipped(place: int) -> Callable[[bytes], bytes]:
    """One bit of one byte."""
    return lambda piece: piece[:place] + bytes([piece[place] ^ 1]) + piece[place:][1:]


def _without_stop(messages: Messages) -> Messages:
    ends = ("message_delta", "message_stop", "messageStop", "metadata")
    kept = [one for one in messages if one.name not in ends and not _is_end(one.document or {}, ends)]
    return kept if len(kept) < len(messages) else messages[:-1]


def _is_end(document: Mapping[str, Any], ends: tuple[str, ...]) -> bool:
    return document.get("type") in ends or any(name in ends for name in document)


def _without_usage(messages: Messages) -> Messages:
    *others, last = messages
    if last.name == "metadata":
        return others
    return [
        *others,
        replace(last, document={name: value for name, value in (last.document or {}).items() if name != METRICS}),
    ]


def _with_the_unknown(messages: Messages) -> Messages:
    strange = event("somethingNew", {"contentBlockIndex": 0, "news": [1, {"deep": None}]})
    if messages[0].name != "messageStart":
        return [messages[0], replace(messages[1], document={**(messages[1].document or {}), "news": 1}), *messages[2:]]
    unknown = event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"hologram": {"depth": 3}}})
    return [messages[0], strange, unknown, *messages[1:], strange]


def _malformed(messages: Messages) -> Messages:
    stop = event("messageStop", {"stopReason": "malformed_model_output"})
    return [stop if one.name == "messageStop" else one for one in messages]


def _renamed_type(piece: bytes) -> bytes:
    """The same message with its first header of a type that there is not."""
    headers = piece[12 : 12 + struct.unpack(">I", piece[4:8])[0]]
    payload = piece[12 + len(headers) : -4]
    broken = bytearray(frame({":event-type": "chunk"}, payload))
    broken[12 + 1 + len(":event-type")] = 99
    return with_checksums(bytes(broken))


def with_checksums(message: bytes) -> bytes:
    """The message with both of its CRCs made right again."""
    prelude = message[:8] + struct.pack(">I", crc32(message[:8]))
    body = prelude + message[12:-4]
    return body + struct.pack(">I", crc32(body))


def _not_json(piece: bytes) -> bytes:
    named = {":event-type": "contentBlockDelta", ":content-type": "application/json", ":message-type": "event"}
    return frame(named, b'{"contentBlockIndex":0,"delta":{"te') if piece[:1] == b"\0" else piece


def _told_length(piece: bytes) -> bytes:
    return with_checksums(struct.pack(">I", LENGTH_TOLD) + piece[4:])


def _single_bytes(pieces: Pieces) -> Pieces:
    return [bytes([byte]) for byte in b"".join(pieces)]


SLOW_DOWN = "Too many requests, please wait before trying again."
UNAVAILABLE = "Bedrock is unable to process your request."
INTERNAL = "The system encountered an unexpected error during processing. Try your request again."
TIMED_OUT = "Model has timed out in processing the request. Try your request again."
FAILED = "The model stopped because of an internal error."
MODEL = {"originalStatusCode": 500, "originalMessage": "model worker died"}
TOLD = {
    "throttled": exception("throttlingException", {"message": SLOW_DOWN}),
    "invalid": exception("validationException", {"message": "The model cannot answer this request."}),
    "internal": exception("internalServerException", {"message": INTERNAL}),
    "unavailable": exception("serviceUnavailableException", {"message": UNAVAILABLE}),
    "model": exception("modelStreamErrorException", {"message": FAILED, **MODEL}),
    "timeout": exception("modelTimeoutException", {"message": TIMED_OUT}),
    "unknown": exception("somethingNewException", {"message": "Nobody has heard of this one."}),
    "error": error("InternalFailure", "The stream failed."),
}
THROTTLED = refusal("ThrottlingException", SLOW_DOWN)
UNTYPED = Refusal(429, '{"__type": "com.amazon.bedrock#ThrottlingException", "message": "' + SLOW_DOWN + '"}')
FAULTS: Mapping[str, Fault] = {
    "f-none": Fault(),
    "f-accessdenied": _refused(
        "AccessDeniedException", "You don't have access to the model with the specified model ID."
    ),
    "f-expired": _refused("ExpiredTokenException", "The security token included in the request is expired"),
    "f-unrecognized": _refused("UnrecognizedClientException", "The security token included in the request is invalid."),
    "f-signature": _refused(
        "InvalidSignatureException", "The request signature we calculated does not match the signature you provided."
    ),
    "f-notfound": _refused(
        "ResourceNotFoundException", "Could not resolve the foundation model from the model identifier."
    ),
    "f-invalid": _refused("ValidationException", "The model cannot answer this request."),
    "f-badmodel": _refused("ValidationException", INVALID_MODEL),
    "f-toolong": _refused("ValidationException", "Input is too long for requested model."),
    "f-quota": _refused("ServiceQuotaExceededException", "Your request exceeds the service quota for your account."),
    "f-throttled": Fault(THROTTLED),
    "f-throttledonce": Fault(THROTTLED, is_once=True),
    "f-notready": _refused("ModelNotReadyException", "The model is not ready for inference. Try again later."),
    "f-timeout": _refused("ModelTimeoutException", TIMED_OUT),
    "f-modelerror": _refused("ModelErrorException", FAILED, originalStatusCode=500, resourceName="simulated"),
    "f-internal": _refused("InternalServerException", INTERNAL),
    "f-internalonce": Fault(refusal("InternalServerException", INTERNAL), is_once=True),
    "f-unavailable": _refused("ServiceUnavailableException", UNAVAILABLE),
    "f-untyped": Fault(UNTYPED),
    "f-bare": Fault(Refusal(500, "{}")),
    "f-html": Fault(Refusal(502, HTML, content_type="text/html")),
    **{f"f-first{name}": _first(message) for name, message in TOLD.items()},
    **{f"f-mid{name}": _midway(message) for name, message in TOLD.items()},
    "f-crc": Fault(pieces=_changed(_flipped(-1 - 4))),
    "f-prelude": Fault(pieces=_changed(_flipped(8))),
    "f-length": Fault(pieces=_changed(_told_length)),
    "f-type": Fault(pieces=_changed(_renamed_type)),
    "f-notjson": Fault(pieces=_changed(_not_json)),
    "f-edge": Fault(pieces=_some),
    "f-midframe": Fault(pieces=_with_half_a_piece),
    "f-leftover": Fault(pieces=lambda pieces: [*pieces, b"\0\0\0"]),
    "f-nostop": Fault(messages=_without_stop),
    "f-nometa": Fault(messages=_without_usage),
    "f-rst": Fault(pieces=_some, ending=Ending.RESET),
    "f-chunkcut": Fault(pieces=_some, ending=Ending.CUT_CHUNK),
    "f-empty": Fault(pieces=lambda _pieces: []),
    "f-stallhdr": Fault(is_silent_before_head=True),
    "f-stall0": Fault(pieces=lambda _pieces: [], ending=Ending.SILENCE),
    "f-stallmid": Fault(pieces=_some, ending=Ending.SILENCE),
    "f-bytes": Fault(pieces=_single_bytes),
    "f-unknown": Fault(messages=_with_the_unknown),
    "f-nooutput": Fault(document=NO_OUTPUT),
    "f-malformed": Fault(messages=_malformed),
}
