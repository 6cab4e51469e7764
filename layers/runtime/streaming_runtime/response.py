"""A handler's HTTP response, ready to be sent: its prelude, its first chunk, and the chunks to come.

The first chunk that is not empty is pulled here, before anything is posted, so that an error ahead of it is an ordinary
error of the invocation. A body always has at least one byte: one without any keeps a function URL's caller waiting for
minutes (aws-lambda-nodejs-runtime-interface-client issue 95).
"""

import binascii
import json
from collections.abc import Iterable, Iterator, Mapping

from streaming_runtime import wire
from streaming_runtime.fault import log_fields
from streaming_runtime.prelude import MAX_BYTES, header_fields, prelude
from streaming_runtime.report import report

EMPTY_EVENT_STREAM = b":\n\n"
EMPTY_BODY = b"\n"


# No dataclass: its import would cost more than the rest of this package.
class StreamedResponse:
    """Owns `body` until `close`. `chunks` iterates it."""

    __slots__ = ("body", "chunks", "first", "prelude")

    def __init__(self, prelude: bytes, first: bytes, chunks: Iterator[object], body: object) -> None:
        self.prelude = prelude
        self.first = first
        self.chunks = chunks
        self.body = body

    def frames(self, request_id: str) -> Iterator[bytes]:
        """What to send, send by send: prelude and first chunk in one, each further chunk at once, then the end."""
        yield wire.chunk(self.prelude + wire.DELIMITER) + wire.chunk(self.first)
        try:
            while data := next_chunk(self.chunks):
                yield wire.chunk(data)
        except Exception as error:
            report("the response body failed", requestId=request_id, **log_fields(error))
            yield wire.failed_end(error)
        else:
            yield wire.END

    def close(self) -> None:
        """Lets go of the body; an error in that is reported and goes no further."""
        release(self.chunks)
        if self.body is not self.chunks:
            release(self.body)


def streamed(result: Mapping[str, object]) -> StreamedResponse:
    """The response of an HTTP-shaped dict. When this raises, the body has been closed."""
    body = result.get("body")
    try:
        chunks = iter(content(body, result.get("isBase64Encoded") is True))
    except BaseException:
        release(body)
        raise
    return started(StreamedResponse(b"", b"", chunks, body), result)


def started(response: StreamedResponse, result: Mapping[str, object]) -> StreamedResponse:
    """The response with its first chunk and its prelude, or the one that says that the prelude is too large."""
    try:
        response.first = next_chunk(response.chunks) or filler(result.get("headers"))
        response.prelude = prelude(result["statusCode"], result.get("headers"), result.get("cookies"))
    except BaseException:
        response.close()
        raise
    return response if len(response.prelude + wire.DELIMITER) <= MAX_BYTES else refused(response)


def content(body: object, is_base64: bool) -> Iterable[object]:
    """The body as something to iterate: what came whole is one chunk."""
    if body is None:
        return ()
    if isinstance(body, (str, bytes, bytearray, memoryview)):
        return (binascii.a2b_base64(body) if is_base64 else body.encode() if isinstance(body, str) else body,)
    if not isinstance(body, Iterable) or isinstance(body, Mapping):
        raise TypeError(f"body must be str, bytes or an iterator of bytes, not {type(body).__name__}")
    return body


def next_chunk(chunks: Iterator[object]) -> bytes:
    """The next chunk that is not empty; b"" at the end."""
    for chunk in chunks:
        data = chunk if type(chunk) is bytes else as_bytes(chunk)
        if data:
            return data
    return b""


def as_bytes(chunk: object) -> bytes:
    if isinstance(chunk, (bytes, bytearray, memoryview)):
        return bytes(chunk)
    raise TypeError(f"a chunk of the body must be bytes, not {type(chunk).__name__}")


def filler(headers: object) -> bytes:
    """What stands for an empty body: a blank line, or a comment where events are expected."""
    types = [value for name, value in header_fields(headers).items() if name.lower() == "content-type"]
    return EMPTY_EVENT_STREAM if types and types[0].lower().startswith("text/event-stream") else EMPTY_BODY


def refused(response: StreamedResponse) -> StreamedResponse:
    """A 500 in the place of a response whose prelude Lambda would not take, so that the caller learns why."""
    response.close()
    size, most = len(response.prelude), MAX_BYTES - len(wire.DELIMITER)
    message = f"the response's status, headers and cookies take {size} bytes as JSON; at most {most} fit"
    report(message)
    chunks: Iterator[object] = iter(())
    body = json.dumps({"message": message}).encode()
    return StreamedResponse(prelude(500, {"content-type": "application/json"}, None), body, chunks, chunks)


def release(owner: object) -> None:
    """Closes what can be closed. An error of close() comes too late for the response: it is only reported."""
    close = getattr(owner, "close", None)
    try:
        if close is not None:
            close()
    except Exception as error:
        report("closing the response body failed", **log_fields(error))
