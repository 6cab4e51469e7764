"""What the front door hands to a surface, and what it gets back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from sluice.answer import Pieces
from sluice.domain.errors import GatewayError

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """One invocation. `deadline` is monotonic seconds."""

    event: Mapping[str, Any]
    headers: Mapping[str, str]
    path: str
    request_id: str
    started: float
    deadline: float


@dataclass(frozen=True, slots=True)
class Reply:
    """What the front door sends."""

    headers: Mapping[str, str]
    body: bytes | Pieces
    status: int = 200


class ErrorBody(Protocol):
    """An error in a surface's shape, for a stream; never an exception's own text, which could hold anything."""

    def __call__(self, error: GatewayError, request_id: str) -> dict[str, object]: ...


class Refusal(Protocol):
    """An error as an answer of a surface."""

    def __call__(self, error: GatewayError, request_id: str) -> Reply: ...


class Refused(Exception):
    """An error whose shape is not the one of its path."""

    def __init__(self, error: GatewayError, errors: "Errors") -> None:
        super().__init__(error.message)
        self.error = error
        self.errors = errors


class Errors(NamedTuple):
    """The errors of one surface."""

    body: ErrorBody
    reply: Refusal
