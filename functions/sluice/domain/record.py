"""One row per call: what was promised before it and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from sluice.domain.principal import Principal
from sluice.domain.usage import Usage, UsageSource

if TYPE_CHECKING:  # most calls have neither
    from sluice.domain.hold import Hold
    from sluice.domain.idempotency import Idempotent


class Outcome(StrEnum):
    COMPLETE = "complete"  # the provider ended properly
    INCOMPLETE = "incomplete"  # content reached the caller, then it broke off
    FAILED = "failed"  # no content reached the caller
    ABANDONED = "abandoned"  # the process died; the sweeper settled


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one target. `http_status` is None where no answer came.

    `cost` is what a failed one may have cost all the same, in nano-dollars: an estimate, which the record's own cost
    does not hold; None where nothing can have been charged, or the price is unknown.
    """

    provider: str
    model: str
    http_status: int | None = None
    error_code: str | None = None
    milliseconds: int = 0
    cost: int | None = None


@dataclass(frozen=True, slots=True)
class Reservation:
    """What the ledger holds before a byte leaves for a provider.

    `request_id` is the invocation's aws_request_id and `nonce` this execution of it, so that the same event
    delivered twice is one call. Times are epoch milliseconds, `lease` epoch seconds. `bound` is the most this call
    can cost and `estimate` what such a call probably costs, both nano-dollars, None where the price is unknown.
    `holds` are the budgets it takes room in, `key_id` the virtual key that has to be good, `idempotent` the caller's
    own name of it: these and the record are written together or not at all. `notes` are what policies and guards
    remark without refusing, `tokens` those it probably takes, prompt and answer.
    """

    request_id: str
    nonce: str
    principal: Principal
    started_ms: int
    lease: int
    surface: str
    path: str
    route: str
    provider: str
    model: str
    is_stream: bool
    bound: int | None
    estimate: int | None
    price_version: str
    bytes_in: int
    metadata: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    operation: str = "chat"
    holds: "tuple[Hold, ...]" = ()
    key_id: str | None = None
    idempotent: "Idempotent | None" = None
    notes: tuple[str, ...] = ()
    tokens: int = 0

    @property
    def is_strict(self) -> bool:
        """Whether a budget holds the most that the call can cost, and nothing beyond that may be spent."""
        return any(hold.is_strict and hold.is_enforced for hold in self.holds)


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """What came of a reserved call. `cost` is nano-dollars, None where the price is unknown.

    `charges` are what each of the reservation's holds is charged, in their order: what its targets have cost, lost
    attempts included; what it held at worst, where that is unknown.
    """

    outcome: Outcome
    http_status: int
    usage: Usage
    usage_source: UsageSource
    cost: int | None
    attempts: tuple[Attempt, ...]
    model_answered: str | None = None
    finish_reason: str | None = None
    error_code: str | None = None
    provider_request_id: str | None = None
    time_to_first_chunk_ms: int | None = None
    duration_ms: int = 0
    bytes_out: int = 0
    price_version: str | None = None
    operation: str | None = None
    is_stream: bool | None = None
    charges: tuple[int, ...] = ()
