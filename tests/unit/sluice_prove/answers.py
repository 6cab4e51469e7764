"""Answers of gateways, as a caller holds them in his hands."""

from sluice_prove.answer import Answer, End, Piece
from sluice_prove.catalogue import CASES, Case

EVENT_STREAM = ("content-type", "text/event-stream")


def case(fault: str) -> Case:
    return next(each for each in CASES if each.fault == fault)


def answered(
    *events: bytes,
    status: int = 200,
    headers: tuple[tuple[str, str], ...] = (EVENT_STREAM,),
    end: End = End.WHOLE,
    seconds: float = 0.1,
) -> Answer:
    """One piece for each event."""
    return Answer(status, headers, tuple(Piece(0.0, one) for one in events), end, seconds)


def document(status: int, body: bytes, *headers: tuple[str, str]) -> Answer:
    return answered(body, status=status, headers=(("content-type", "application/json"), *headers))
