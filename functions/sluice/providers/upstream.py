"""An answer that has begun: its head is here, its body comes."""

import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

import httpx

from sluice.domain.errors import UpstreamProtocol, UpstreamTruncated
from sluice.providers.transport import Body

MAX_RATIO = 100
MAX_INFLATED_BYTES = 64 * 1024 * 1024
GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


class Answered(Protocol):
    """An answer that has begun. Iterate `pieces` (b"" is a silent tick), `over()` once all is known, then `close()`."""

    pieces: Iterator[bytes]

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> httpx.Headers: ...
    @property
    def content_type(self) -> str: ...
    def over(self) -> None: ...
    def close(self) -> None: ...


class Upstream:
    """One answer of a provider. Iterate `pieces` (b"" is a silent tick), `over()` once all is known, then `close()`."""

    __slots__ = ("_body", "_response", "pieces")

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._body = response.extensions.get("body", response.stream)
        self.pieces = decoded(iter(self._body), response.headers.get("content-encoding", "identity"))

    @property
    def status(self) -> int:
        return self._response.status_code

    @property
    def headers(self) -> httpx.Headers:
        return self._response.headers

    @property
    def content_type(self) -> str:
        return str(self.headers.get("content-type", "")).partition(";")[0].strip().lower()

    def read(self, max_bytes: int) -> bytes:
        """The whole body. Raises UpstreamProtocol when it is larger than max_bytes."""
        pieces, size = [], 0
        for piece in self.pieces:
            size += len(piece)
            if size > max_bytes:
                raise UpstreamProtocol(f"the provider's answer is larger than {max_bytes} bytes")
            pieces.append(piece)
        return b"".join(pieces)

    def over(self) -> None:
        """Everything that matters has been read; the connection may be kept."""
        if isinstance(self._body, Body):
            self._body.over()

    def close(self) -> None:
        self._response.close()


def decoded(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """The pieces without their content encoding. We ask for none; some providers compress all the same (U15)."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return pieces
    return _inflated(pieces) if name in ("gzip", "x-gzip", "deflate") else _refused()


def _refused() -> Iterator[bytes]:
    """Raises when it is read, so that the status is known before."""
    raise UpstreamProtocol("the provider's answer is in an encoding that nobody asked for")
    yield b""


def _inflated(pieces: Iterator[bytes]) -> Iterator[bytes]:
    inflate = zlib.decompressobj(GZIP_OR_ZLIB)
    taken = made = 0
    for piece in pieces:
        taken += len(piece)
        data = _inflate(inflate.decompress, piece)
        while inflate.unused_data:  # several members, one after the other
            inflate, rest = zlib.decompressobj(GZIP_OR_ZLIB), inflate.unused_data
            data += _inflate(inflate.decompress, rest)
        made += len(data)
        if made > MAX_INFLATED_BYTES or made > MAX_RATIO * max(taken, 1024):
            raise UpstreamProtocol("the provider's compressed answer is too large")
        if data or not piece:
            yield data
    if not inflate.eof:
        raise UpstreamTruncated("the provider's compressed answer was cut off")


def _inflate(decompress: Callable[[bytes, int], bytes], piece: bytes) -> bytes:
    try:
        return decompress(piece, MAX_INFLATED_BYTES)
    except zlib.error:
        raise UpstreamProtocol("the provider's compressed answer is damaged") from None
