"""The scripts of Bedrock's ConverseStream, for gateways that serve chat completions by it."""

import json
from collections.abc import Sequence

from sluice_prove import frames
from sluice_prove.peer import Peer
from sluice_prove.scene import Scene, Script
from sluice_prove.sentence import DELTAS, EVENTS_BEFORE_A_FAULT, USAGE

TOO_MANY_BYTES = 25 * 1024 * 1024  # a payload may have 24 MB
STARTED = frames.event("messageStart", {"role": "assistant"})
SPOKEN = [frames.event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": one}}) for one in DELTAS]
BLOCK_STOP = frames.event("contentBlockStop", {"contentBlockIndex": 0})
STOPPED = frames.event("messageStop", {"stopReason": "end_turn"})
USED = dict(zip(("inputTokens", "outputTokens", "totalTokens"), USAGE.values(), strict=True))
METADATA = frames.event("metadata", {"usage": USED, "metrics": {"latencyMs": 1}})
ENDING = (BLOCK_STOP, STOPPED, METADATA)
BEGUN = (STARTED, *SPOKEN[:EVENTS_BEFORE_A_FAULT])
REST = (*SPOKEN[EVENTS_BEFORE_A_FAULT:], *ENDING)
STREAM = (*BEGUN, *REST)
IN_THE_TEXT = -9  # the last letter, before a full stop, `"}}` and the checksum
UNKNOWN = frames.event("somethingNew", {"value": 1})
NOTHING = frames.event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": ""}})
EXCEPTIONS = (
    *("internalServerException", "modelStreamErrorException", "modelTimeoutException"),
    *("serviceUnavailableException", "throttlingException", "validationException"),
)


def stream(sent: Sequence[bytes]) -> Script:
    def script(peer: Peer, _scene: Scene) -> None:
        peer.head(200, f"content-type: {frames.CONTENT_TYPE}", "transfer-encoding: chunked")
        for one in sent:
            peer.chunk(one)
        peer.end()

    return script


def refused(status: int, name: str) -> Script:
    """Before the stream, as Bedrock does."""

    def script(peer: Peer, _scene: Scene) -> None:
        body = json.dumps({"message": "refused by the fault provider"}).encode()
        headers = ("content-type: application/json", f"x-amzn-errortype: {name}", f"content-length: {len(body)}")
        peer.head(status, *headers)
        peer.send(body)

    return script


def fault_of(exception: str) -> str:
    return f"b-{exception.removesuffix('Exception').lower()}"


SCRIPTS: dict[str, Script] = {
    "b-ok": stream(STREAM),
    **{fault_of(name): stream((*BEGUN, frames.exception(name, "x"))) for name in EXCEPTIONS},
    "b-first": stream((frames.exception("throttlingException", "x"),)),
    "b-flip": stream((*BEGUN, frames.flipped(SPOKEN[-1], IN_THE_TEXT), *ENDING)),
    "b-fliplen": stream((*BEGUN, frames.flipped(SPOKEN[-1], 3), *ENDING)),
    "b-cut": stream((*BEGUN, SPOKEN[-1][:-9])),
    "b-length": stream((*BEGUN, frames.with_length(SPOKEN[-1], TOO_MANY_BYTES), *ENDING)),
    "b-trunc": stream(BEGUN),
    "b-unknown": stream((STARTED, UNKNOWN, *SPOKEN, NOTHING, *ENDING)),
    "b-429": refused(429, "ThrottlingException"),
    "b-403": refused(403, "ExpiredTokenException"),
}
