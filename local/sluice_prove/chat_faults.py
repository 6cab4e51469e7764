"""The scripts of OpenAI's chat completions: each one way for a provider to go wrong, or to be right in a rare way."""

import gzip
import json
import re
from collections.abc import Sequence

from sluice_prove.peer import Peer
from sluice_prove.scene import Scene, Script
from sluice_prove.sentence import (
    BEGUN,
    DELTAS,
    DONE,
    ENDING,
    FINISH,
    REST,
    SPOKEN,
    STREAM,
    USED,
    chunk,
    completion,
    event,
    spoken,
)

EVENT_STREAM = "content-type: text/event-stream"
JSON = "content-type: application/json"
HTML = "content-type: text/html"
CHUNKED = "transfer-encoding: chunked"
PAGE = b"<html><body><h1>Bad Gateway</h1></body></html>"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
NOT_UTF_8 = b"\xff\xfe"
GIANT = "giant " * (10 * 1024 * 1024 // 6)
RETRY_AFTER_SECONDS = 2
RESERVED = re.compile(rb'([{,] ?)(?=")')


def stream(events: Sequence[bytes] = STREAM, *headers: str) -> Script:
    """These events, each a chunk of its own, properly ended."""

    def script(peer: Peer, _scene: Scene) -> None:
        begin(peer, events, *headers)
        peer.end()

    return script


def begin(peer: Peer, events: Sequence[bytes], *headers: str) -> None:
    peer.head(200, EVENT_STREAM, CHUNKED, *headers)
    for one in events:
        peer.chunk(one)


def document(peer: Peer, status: int, body: bytes, *headers: str) -> None:
    peer.head(status, f"content-length: {len(body)}", *headers)
    peer.send(body)


def failure(message: str, kind: str, code: str) -> bytes:
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}}).encode()


SLOW_DOWN = failure("Slow down.", "rate_limit_error", "rate_limit_exceeded")
OVERLOADED = failure("Overloaded.", "server_error", "overloaded")


def refused(status: int, body: bytes, *headers: str) -> Script:
    return lambda peer, _scene: document(peer, status, body, *(headers or (JSON,)))


def once(status: int, body: bytes, *headers: str) -> Script:
    """The first request is refused, all others are answered."""

    def script(peer: Peer, scene: Scene) -> None:
        if scene.number == 1:
            document(peer, status, body, JSON, *headers)
        else:
            stream()(peer, scene)

    return script


def whole(peer: Peer, _scene: Scene) -> None:
    document(peer, 200, completion(), JSON)


def cut_document(peer: Peer, _scene: Scene) -> None:
    body = completion()
    peer.head(200, JSON, f"content-length: {len(body)}")
    peer.send(body[: len(body) // 2])
    peer.close()


def reset_before_head(peer: Peer, _scene: Scene) -> None:
    peer.reset()


def silent_before_head(peer: Peer, scene: Scene) -> None:
    peer.wait(scene.stall_seconds)
    stream()(peer, scene)


def silent_before_events(peer: Peer, scene: Scene) -> None:
    begin(peer, ())
    peer.wait(scene.stall_seconds)
    for one in STREAM:
        peer.chunk(one)
    peer.end()


def silent_within(peer: Peer, scene: Scene) -> None:
    begin(peer, BEGUN)
    peer.wait(scene.stall_seconds)
    for one in REST:
        peer.chunk(one)
    peer.end()


def reset_within(peer: Peer, _scene: Scene) -> None:
    begin(peer, BEGUN)
    peer.reset()


def chunk_cut(peer: Peer, _scene: Scene) -> None:
    begin(peer, BEGUN)
    peer.send(b"ff\r\ndata: {.." + b"\r")
    peer.close()


def length_cut(peer: Peer, _scene: Scene) -> None:
    """A content-length that is never reached."""
    peer.head(200, EVENT_STREAM, f"content-length: {sum(map(len, STREAM))}")
    for one in BEGUN:
        peer.send(one)
    peer.close()


def byte_by_byte(peer: Peer, _scene: Scene) -> None:
    begin(peer, [bytes([one]) for one in b"".join(STREAM)])
    peer.end()


def pinged(peer: Peer, scene: Scene) -> None:
    comments = [b": ping - %d\n\n" % number for number in range(len(STREAM))]
    within = [one.replace(b"data:", b": keepalive\ndata:", 1) for one in STREAM]
    stream([each for pair in zip(comments, within, strict=True) for each in pair])(peer, scene)


def over_many_lines(one: bytes) -> bytes:
    """The event's JSON over many `data:` lines; a line may end wherever JSON may have white space."""
    return one if one == DONE else RESERVED.sub(rb"\1\ndata: ", one)


def bad_utf_8(peer: Peer, scene: Scene) -> None:
    last = SPOKEN[-1].replace(b" end.", b" " + NOT_UTF_8 + b"end.")
    stream([*BEGUN, last, *ENDING])(peer, scene)


def zipped(peer: Peer, _scene: Scene) -> None:
    document(peer, 200, gzip.compress(b"".join(STREAM), mtime=0), EVENT_STREAM, "content-encoding: gzip")


def echoes_the_key(peer: Peer, scene: Scene) -> None:
    message = f"Incorrect API key provided: {scene.key}. Seen by {scene.canary}."
    document(peer, 401, failure(message, "invalid_request_error", "invalid_api_key"), JSON)


def key_in_a_header(peer: Peer, scene: Scene) -> None:
    stream(STREAM, f"x-secret-echo: Bearer {scene.key}", f"set-cookie: session={scene.canary}; Path=/")(peer, scene)


def redirect(peer: Peer, scene: Scene) -> None:
    document(peer, 307, b"", f"location: {scene.leak_url}")


ERROR_EVENT = event(json.loads(OVERLOADED))
SECOND_HALF = event(chunk({"content": DELTAS[-1]}))

SCRIPTS: dict[str, Script] = {
    "ok": stream(),
    "ok-json": whole,
    "f-rsthdr": reset_before_head,
    "f-stallhdr": silent_before_head,
    "f-401": echoes_the_key,
    "f-429ra": once(429, SLOW_DOWN, f"retry-after: {RETRY_AFTER_SECONDS}"),
    "f-429": refused(429, SLOW_DOWN),
    "f-500once": once(500, OVERLOADED),
    "f-503": refused(503, OVERLOADED),
    "f-html": refused(502, PAGE, HTML),
    "f-html200": refused(200, PAGE, HTML),
    "f-empty": stream(()),
    "f-redirect": redirect,
    "f-gzip": zipped,
    "f-length": length_cut,
    "f-jsoncut": cut_document,
    "f-stall0": silent_before_events,
    "f-stallmid": silent_within,
    "f-rst": reset_within,
    "f-trunc": stream(BEGUN),
    "f-nodone": stream([*SPOKEN, FINISH, USED]),
    "f-chunkcut": chunk_cut,
    "f-badjson": stream([*BEGUN, SECOND_HALF[: len(SECOND_HALF) // 2] + b"\n\n", *ENDING]),
    "f-bytes": byte_by_byte,
    "f-badutf8": bad_utf_8,
    "f-crlf": stream([one.replace(b"\n", b"\r\n") for one in STREAM]),
    "f-cr": stream([one.replace(b"\n", b"\r") for one in STREAM]),
    "f-bom": stream([BYTE_ORDER_MARK + STREAM[0], *STREAM[1:]]),
    "f-ping": pinged,
    "f-multiline": stream(list(map(over_many_lines, STREAM))),
    "f-giant": stream([*spoken(GIANT), *ENDING]),
    "f-errevent": stream([*BEGUN, ERROR_EVENT, DONE]),
    "f-hdrleak": key_in_a_header,
}
