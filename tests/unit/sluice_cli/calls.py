"""Records as the gateway writes them: made by its own table, never by hand."""

from dataclasses import replace
from typing import Any

from sluice.domain.principal import Principal
from sluice.domain.record import Attempt, Outcome, Reservation, UsageRecord
from sluice.domain.usage import Usage, UsageSource
from sluice.stores import table

STARTED_MS = 1_795_209_901_241  # 2026-11-20T21:25:01.241Z
RESERVATION = Reservation(
    request_id="d4b2aac8",
    nonce="5b3bc79f",
    principal=Principal("arn:aws:iam::123456789012:role/Developers", "123456789012", "ann"),
    started_ms=STARTED_MS,
    lease=1_795_210_861,
    surface="openai",
    path="/v1/chat/completions",
    route="mini",
    provider="openai",
    model="gpt-4o-mini",
    is_stream=True,
    bound=9_851_400,
    estimate=312_150,
    price_version="2026-11-20",
    bytes_in=84,
    metadata={"team": "search", "try": 2, "share": 0.5, "is_test": True},
)
OUTCOME = UsageRecord(
    outcome=Outcome.COMPLETE,
    http_status=200,
    usage=Usage(input=5, cache_read=2, output=53, reasoning=8),
    usage_source=UsageSource.PROVIDER,
    cost=32_850,
    attempts=(
        Attempt("openai", "gpt-4o-mini", None, "upstream_unreachable", 12),
        Attempt("openai", "gpt-4o-mini", 200, None, 304),
    ),
    model_answered="gpt-4o-mini-2024-07-18",
    finish_reason="stop",
    provider_request_id="req_1",
    time_to_first_chunk_ms=403,
    duration_ms=2129,
    bytes_out=18218,
)

Item = dict[str, dict[str, Any]]


def reserved(**changes: Any) -> Item:
    return table.item(table.reserved(replace(RESERVATION, **changes)))


def settled(outcome: UsageRecord = OUTCOME, **changes: Any) -> Item:
    reservation = replace(RESERVATION, **changes)
    row = {**table.reserved(reservation), **table.settled(reservation, outcome, 2_000_000_000)}
    return table.item(row)


def abandoned(**changes: Any) -> Item:
    held = table.reserved(replace(RESERVATION, **changes))
    return table.item({**held, **table.abandoned(held, 2_000_000_000)})
