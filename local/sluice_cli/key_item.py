"""A virtual key as the table holds it.

| name | what it means |
| --- | --- |
| h, h2 | SHA-256 of the whole key, in hexadecimal; that of the one before it, while that is good |
| until, until2 | when it ends, and when the one before does: epoch seconds |
| st | A: active, R: revoked |
| cr, ro, rv | when it was created, rotated, revoked: epoch seconds |
| nm, ow, models, budgets, rate, tags | its terms |

The gateway reads the same in functions/sluice/stores/key_row.py. It refuses a row that it does not understand; here
such a row is shown as far as it goes, so that it can be revoked.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from sluice_cli.key_terms import Terms
from sluice_cli.record import PLAIN, Item

ID = re.compile(r"[a-z2-7]{12}")
PREFIX = "K#"
ACTIVE, REVOKED = "A", "R"


@dataclass(frozen=True, slots=True)
class StoredKey:
    """One key. All times are epoch seconds, None where there is no such moment."""

    id: str
    terms: Terms
    hash: str = field(repr=False)
    created: int = 0
    rotated: int | None = None
    revoked: int | None = None
    former_until: int | None = None
    is_revoked: bool = False

    def is_good(self, now: float) -> bool:
        return self.state(now) == "active"

    def state(self, now: float) -> str:
        """What it is now: active, expired or revoked."""
        if self.is_revoked:
            return "revoked"
        return "active" if self.terms.until is None or now < self.terms.until else "expired"


def identity(id: str) -> dict[str, dict[str, str]]:
    return {"pk": {"S": PREFIX + id}, "sk": {"S": "K"}}


def item(stored: StoredKey) -> dict[str, Any]:
    """All of a new key but its place; what it does not have is left out."""
    terms = stored.terms
    row = {
        "h": stored.hash,
        "nm": terms.name,
        "ow": terms.owner,
        "st": ACTIVE,
        "cr": stored.created,
        "until": terms.until,
        "models": list(terms.models),
        "budgets": [dict(one) for one in terms.budgets],
        "rate": dict(terms.rate),
        "tags": dict(terms.tags),
    }
    return {name: attribute(value) for name, value in row.items() if value not in (None, [], {})}


def stored_key(found: Item) -> StoredKey:
    row = {name: plain(value) for name, value in found.items()}
    budgets = [one for one in _list(row.get("budgets")) if isinstance(one, dict)]
    terms = Terms(
        name=str(row.get("nm", "")),
        owner=str(row.get("ow", "")),
        models=tuple(map(str, _list(row.get("models")))),
        budgets=tuple({name: str(value) for name, value in one.items()} for one in budgets),
        rate={name: value for name, value in _map(row.get("rate")).items() if isinstance(value, int)},
        tags={name: str(value) for name, value in _map(row.get("tags")).items()},
        until=_moment(row.get("until")),
    )
    return StoredKey(
        id=str(row.get("pk", "")).removeprefix(PREFIX),
        terms=terms,
        hash=str(row.get("h", "")),
        created=_moment(row.get("cr")) or 0,
        rotated=_moment(row.get("ro")),
        revoked=_moment(row.get("rv")),
        former_until=_moment(row.get("until2")) if "h2" in row else None,
        is_revoked=row.get("st") != ACTIVE,
    )


def attribute(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, list):
        return {"L": [attribute(one) for one in value]}
    return {"M": {name: attribute(one) for name, one in value.items()}}


def plain(value: Any) -> Any:
    ((kind, held),) = value.items()
    return PLAIN.get(kind, lambda same: same)(held)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _map(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _moment(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
