"""Calls to write on a ledger, and a clock that a test holds."""

from dataclasses import replace
from typing import Any

from sluice.domain.clock import Clock
from sluice.domain.hold import Hold
from sluice.domain.principal import Principal
from sluice.domain.record import Attempt, Outcome, Reservation, UsageRecord
from sluice.domain.usage import Usage, UsageSource

STARTED_MS = 1_795_208_400_123  # 2026-11-20T21:00:00.123Z
LEASE = 1_795_209_000
BOUND = 9_000_000
ESTIMATE = 700_000
COST = 123_457

RESERVATION = Reservation(
    request_id="11111111-2222-4333-8444-555555555555",
    nonce="nonce-1",
    principal=Principal("arn:aws:iam::123456789012:role/Developers", "123456789012", "ada"),
    started_ms=STARTED_MS,
    lease=LEASE,
    surface="openai",
    path="/v1/chat/completions",
    route="smart",
    provider="openai",
    model="gpt-5-mini",
    is_stream=True,
    bound=BOUND,
    estimate=ESTIMATE,
    price_version="2026-11-01",
    bytes_in=812,
    metadata={"team": "search", "run": 7, "is_test": True},
)
RECORD = UsageRecord(
    outcome=Outcome.COMPLETE,
    http_status=200,
    usage=Usage(input=11, cache_read=3, output=5, reasoning=2),
    usage_source=UsageSource.PROVIDER,
    cost=COST,
    attempts=(
        Attempt("openai", "gpt-5-mini", None, "upstream_unreachable", 12),
        Attempt("azure-east", "gpt-5-mini-2", 200, None, 830),
    ),
    model_answered="gpt-5-mini-2026-08-07",
    finish_reason="stop",
    provider_request_id="req_fake",
    time_to_first_chunk_ms=310,
    duration_ms=1234,
    bytes_out=4096,
)


HOLD = Hold(
    key="developers#0123456789ab",
    period="M202611",
    name="developers",
    of="arn:aws:iam::123456789012:role/Developers",
    limit=50 * 10**9,
    ceiling=55 * 10**9,
    reserved=ESTIMATE,
    worst=BOUND,
    targets=frozenset({"openai/gpt-5-mini"}),
    resets_at=1_796_083_200,  # 2026-12-01T00:00:00Z
    expires=1_798_761_600,
)


def hold(**changes: Any) -> Hold:
    return replace(HOLD, **changes)


def strict(limit: int, worst: int, **changes: Any) -> Hold:
    """Of a budget that holds the most a call can cost, and lets nothing beyond its limit."""
    return hold(limit=limit, ceiling=limit, reserved=worst, worst=worst, is_strict=True, **changes)


def reservation(**changes: Any) -> Reservation:
    return replace(RESERVATION, **changes)


def record(**changes: Any) -> UsageRecord:
    return replace(RECORD, **changes)


class HandClock:
    """Stands still until it is moved or slept on. `slept` holds every pause."""

    def __init__(self, now: float = STARTED_MS / 1000) -> None:
        self.seconds = now
        self.slept: list[float] = []
        self.clock = Clock(now=lambda: self.seconds, monotonic=lambda: self.seconds, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds
