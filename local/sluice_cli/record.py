"""The ledger's record of one call: what DynamoDB holds, as the JSON document that `sluice logs --json` prints.

The table says which attribute is which field; a dot makes an object. An attribute that is missing is null: nothing is
known of it. Numbers stay integers.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

Item = Mapping[str, Mapping[str, Any]]  # DynamoDB's attribute values by name
Record = dict[str, Any]  # FIELDS' names -> plain values

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
# Sort key, nonce, keys of the indexes, expiry, where the answer is kept: the table's own business.
NOT_SHOWN = {"sk", "nn", "opk", "osk", "g2pk", "g2sk", "exp", "idk"}
STATUSES = {"R": "reserved", "S": "settled", "A": "abandoned"}
KEY_PREFIX = "R#"


def record(item: Item) -> Record:
    row = {name: _plain(value) for name, value in item.items()}
    row["pk"] = str(row.get("pk", "")).removeprefix(KEY_PREFIX)
    row["st"] = STATUSES.get(row.get("st", ""), row.get("st"))
    row["att"] = [_attempt(one) for one in row.get("att") or []]
    row["bud"] = [_budget(text, row["st"] == STATUSES["R"]) for text in row.get("bud") or []]
    row["nt"] = row.get("nt") or []
    moment = row.get("ts")
    at = started_at(moment) if isinstance(moment, int) else None
    return {"request_id": row["pk"], "started_at": at, **_named(row)}


def tokens_in(found: Record) -> int | None:
    """All tokens of the prompt, cached or not."""
    classes = [value for name, value in found["usage"].items() if name not in ("output", "reasoning")]
    known = [value for value in classes if value is not None]
    return sum(known) if known else None


def started_at(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def _named(row: Mapping[str, Any]) -> Record:
    document: Record = {}
    for attribute, name in FIELDS.items():
        group, _, member = name.rpartition(".")
        target = document.setdefault(group, {}) if group else document
        target[member] = row.get(attribute)
    return document


def _attempt(one: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one.get(attribute) for attribute, name in ATTEMPT_FIELDS.items()}


def _budget(text: str, is_held: bool) -> dict[str, Any]:
    """`<budget> <period> <cost>`; while the call runs `<budget> <period> <probably> <at worst> <how>`."""
    budget, period, nano_dollars, *_ = [*text.rsplit(" ", 4 if is_held else 2), None, None]
    return {"budget": budget, "period": period, "cost": int(nano_dollars) if nano_dollars else None}


PLAIN: dict[str, Callable[[Any], Any]] = {
    "N": lambda value: int(value) if value.lstrip("-").isdigit() else float(value),
    "NULL": lambda _: None,
    "L": lambda value: [_plain(one) for one in value],
    "M": lambda value: {name: _plain(one) for name, one in value.items()},
}


def _plain(value: Mapping[str, Any]) -> Any:
    ((kind, held),) = value.items()
    return PLAIN.get(kind, lambda same: same)(held)
