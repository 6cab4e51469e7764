"""Totals as the gateway's rollup writes them: made by its own sums, never by hand."""

from collections.abc import Iterable
from dataclasses import replace

from tests.unit.sluice_cli import calls

from sluice.stores import table, totals
from sluice.stores.transitions import Transition

DAY_MS = 86_400_000


def ended(name: str, days: int = 0, cost: int | None = 1500, **changes: object) -> calls.Item:
    """A settled call of so many days ago; provider and model are those of its last attempt."""
    attempt = replace(
        calls.OUTCOME.attempts[-1],
        provider=str(changes.get("provider", "openai")),
        model=str(changes.get("model", "gpt-4o-mini")),
    )
    outcome = replace(calls.OUTCOME, cost=cost, attempts=(replace(calls.OUTCOME.attempts[0], cost=40), attempt))
    return calls.settled(outcome, request_id=name, started_ms=calls.STARTED_MS - days * DAY_MS, **changes)


def rows(items: Iterable[calls.Item]) -> list[calls.Item]:
    steps = [Transition(b"", {}, table.row(item)) for item in items]
    return [
        table.item({"pk": key[0], "sk": key[1], "exp": each.expires, **dict(each.figures)})
        for key, each in totals.additions(steps).items()
    ]


def beginning(day: str) -> calls.Item:
    return table.item({**totals.BEGINNING, "day": day})
