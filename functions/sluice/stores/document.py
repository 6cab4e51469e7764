"""A usage record as others read it: the JSON document that `sluice logs --json` prints, made of the ledger's row.

The table says which attribute is which field; a dot makes an object. An attribute that is missing is null: nothing is
known of it. A test holds it beside the command line's own table, local/sluice_cli/record.py.
"""

from datetime import UTC, datetime
from typing import Any

from sluice.stores import table
from sluice.stores.table import Row, Status

FIELDS = {
    "pk": "request_id",
    "st": "status",
    "oc": "outcome",
    "http": "http_status",
    "err": "error_code",
    "ts": "started_ms",
    "day": "day",
    "pr": "principal",
    "ac": "account",
    "se": "session",
    "vk": "virtual_key",
    "iam": "role",
    "sf": "surface",
    "pth": "path",
    "op": "operation",
    "rt": "route",
    "pv": "provider",
    "md": "model",
    "ma": "model_answered",
    "stm": "stream",
    "fin": "finish_reason",
    "it": "usage.input",
    "cr": "usage.cache_read",
    "c5": "usage.cache_write_5m",
    "c1": "usage.cache_write_1h",
    "ot": "usage.output",
    "rs": "usage.reasoning",
    "src": "usage_source",
    "act": "cost",
    "est": "cost_bound",
    "ce": "cost_estimate",
    "pver": "price_version",
    "ttft": "time_to_first_chunk_ms",
    "dur": "duration_ms",
    "bi": "bytes_in",
    "bo": "bytes_out",
    "att": "attempts",
    "pid": "provider_request_id",
    "meta": "metadata",
    "bud": "budgets",
    "nt": "notes",
    "lease": "lease",
}
ATTEMPT_FIELDS = {
    "pv": "provider",
    "md": "model",
    "http": "http_status",
    "err": "error_code",
    "ms": "duration_ms",
    "ce": "cost_estimate",
}
STATUSES = {Status.RESERVED: "reserved", Status.SETTLED: "settled", Status.ABANDONED: "abandoned"}


def document(row: Row) -> dict[str, Any]:
    """Money is whole nano-dollars, times are epoch milliseconds but for `started_at` (ISO 8601, UTC)."""
    known = {
        **row,
        "pk": table.request_id(row["pk"]),
        "st": STATUSES.get(row["st"], row["st"]),
        "att": [{name: one.get(key) for key, name in ATTEMPT_FIELDS.items()} for one in row.get("att") or []],
        "bud": [budget(text) for text in row.get("bud") or []],
        "nt": row.get("nt") or [],
    }
    made: dict[str, Any] = {"request_id": known["pk"], "started_at": started_at(row.get("ts"))}
    for attribute, name in FIELDS.items():
        group, _, member = name.rpartition(".")
        into = made.setdefault(group, {}) if group else made
        into[member] = known.get(attribute)
    return made


def budget(charged: str) -> dict[str, Any]:
    """Of a call that has ended: which budget paid, in which window, how much."""
    name, period, cost, *_ = [*charged.rsplit(" ", 2), None, None]
    return {"budget": name, "period": period, "cost": int(cost) if cost else None}


def started_at(milliseconds: int | None) -> str | None:
    if not isinstance(milliseconds, int):
        return None
    return f"{datetime.fromtimestamp(milliseconds // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"
