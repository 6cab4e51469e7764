"""The table's stream of made-up calls: rows on their way to their ends, and the records that tell of it."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from tests.unit.stores.calls import LEASE, record, reservation

from sluice.domain.principal import Principal
from sluice.domain.record import Attempt, Outcome
from sluice.domain.usage import Usage
from sluice.stores import table, totals
from sluice.stores.table import Row

RETENTION = 400 * 86_400


def held(
    number: int = 0, principal: str = "ada", model: str = "gpt-5-mini", route: str = "smart", **changes: Any
) -> Row:
    """A reserved call's row."""
    who = Principal(f"arn:aws:iam::123456789012:role/{principal}", "123456789012")
    given = {"request_id": f"call-{number}", "principal": who, "model": model, "route": route, **changes}
    return table.reserved(reservation(**given))


def settled(row: Row, cost: int | None = 100, provider: str = "openai", seconds: int = 0, **changes: Any) -> Row:
    attempts = (
        Attempt("azure-east", "first", 500, "server_error", 12, 7),
        Attempt(provider, row["md"], 200, None, 830),
    )
    given = {"cost": cost, "attempts": attempts, "usage": Usage(input=11, cache_read=3, cache_write_1h=2, output=5)}
    ended = record(**{**given, **changes})
    call = reservation(request_id=table.request_id(row["pk"]), principal=Principal(row["pr"], row["ac"]))
    after = {**row, **table.settled(call, ended, LEASE + seconds + RETENTION)}
    return {name: value for name, value in after.items() if value is not None}


def failed(row: Row, seconds: int = 0) -> Row:
    return settled(row, cost=0, seconds=seconds, outcome=Outcome.FAILED, attempts=(), usage=Usage())


def abandoned(row: Row, seconds: int = 0) -> Row:
    after = {**row, **table.abandoned(row, LEASE + seconds + RETENTION)}
    return {name: value for name, value in after.items() if value is not None}


def told(before: Row, after: Row, number: int = 0) -> dict[str, Any]:
    """A record of the stream as Lambda gets it."""
    images = {name: table.item(row) for name, row in (("OldImage", before), ("NewImage", after)) if row}
    keys = {name: images[next(iter(images))][name] for name in ("pk", "sk")}
    change = {"Keys": keys, "SequenceNumber": str(number), "StreamViewType": "NEW_AND_OLD_IMAGES", **images}
    return {"eventID": f"{number:032x}", "eventName": "MODIFY" if before else "INSERT", "dynamodb": change}


def sums(rows: Iterable[Row]) -> dict[tuple[str, str], dict[str, int]]:
    """What the totals of these calls are, one after the other: the oracle."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for row in rows:
        for key in totals.keys(row):
            into = found.setdefault(key, Counter())
            for name, figure in totals.figures(row).items():
                into[name] += figure
    return {key: {name: value for name, value in figures.items() if value} for key, figures in found.items()}
