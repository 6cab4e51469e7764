"""Budgets' rows and the records that were charged to them, as the gateway's own tables write them."""

from dataclasses import replace
from typing import Any

from tests.unit.sluice_cli import calls

from sluice.domain.hold import Hold
from sluice.stores import table

DAY, WEEK, MONTH = "D20261120", "W2026-47", "M202611"
HOLD = Hold(
    key="team#0123456789ab",
    period=DAY,
    name="team",
    of="arn:aws:iam::123456789012:role/Developers",
    limit=10_000_000_000,
    ceiling=12_000_000_000,
    reserved=1_000_000_000,
    worst=2_000_000_000,
    targets=frozenset({"openai/gpt-4o-mini"}),
    resets_at=1_795_219_200,
)


def row(hold: Hold = HOLD, used: int = 0, reserved: int = 0, **others: Any) -> calls.Item:
    """The budget's row; `used` is spent and reserved together."""
    facts = {"nm": hold.name, "of": hold.of, "lim": hold.limit, "ceil": hold.ceiling, "rs": hold.resets_at}
    place = {"pk": f"B#{hold.key}", "sk": hold.period}
    return table.item({**place, **facts, "u": used, "r": reserved, "w": used, **others})


def call(name: str, *charges: tuple[Hold, int], days: int = 0) -> calls.Item:
    """A settled call that was charged so much to each."""
    outcome = replace(calls.OUTCOME, charges=tuple(charge for _, charge in charges))
    started = calls.STARTED_MS - days * 86_400_000
    return calls.settled(outcome, request_id=name, started_ms=started, holds=tuple(hold for hold, _ in charges))


def running(name: str, *holds: Hold) -> calls.Item:
    return calls.reserved(request_id=name, holds=holds)
