"""One finished call of the function URL, as the stack tells of it."""

from dataclasses import dataclass
from datetime import datetime

from sluice_devstack.invocation import ErrorTrailers, FunctionError


@dataclass(frozen=True, slots=True)
class Call:
    """A call that reached the function. `status` is what the caller was sent: it stays 200 for a stream that was cut
    (`error` is set then) or that ended in error trailers."""

    request_id: str
    method: str
    path: str
    status: int
    started_at: datetime
    time_to_first_byte_seconds: float | None
    duration_seconds: float
    bytes_out: int
    trailers: ErrorTrailers | None
    error: FunctionError | None
    is_caller_gone: bool
    environment_pid: int | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that the function URL answered itself: no valid signature, too large, a preflight."""

    method: str
    path: str
    status: int
    at: datetime
    reason: str
