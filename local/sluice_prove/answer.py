"""What a caller got through the gateway: status, headers, and bytes with the time of their arrival."""

from dataclasses import dataclass
from enum import StrEnum


class End(StrEnum):
    """How an answer's bytes ended: as HTTP says, broken off, or not at all while the caller waited."""

    WHOLE = "whole"
    CUT = "cut"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of one read, `at` seconds after the call."""

    at: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """`seconds` is from the call to its end. A connection that broke before any status has the status 0."""

    status: int
    headers: tuple[tuple[str, str], ...]
    pieces: tuple[Piece, ...]
    end: End
    seconds: float

    @property
    def body(self) -> bytes:
        return b"".join(piece.data for piece in self.pieces)

    def header(self, name: str) -> str:
        return next((value for each, value in self.headers if each.lower() == name), "")
