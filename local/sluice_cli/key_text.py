"""Virtual keys for people and for programs. Times are local for people, UTC for programs."""

from collections.abc import Mapping, Sequence
from typing import Any

from sluice_cli.key_item import StoredKey
from sluice_cli.key_terms import STRICT, TYPICAL, Terms
from sluice_cli.record import started_at
from sluice_cli.record_text import NOTHING, local_time
from sluice_cli.table_text import Column, table
from sluice_cli.terminal import Screen, printable

COLUMNS = (
    Column("id", is_number=False),
    Column("name", is_number=False),
    Column("owner", rank=2, is_number=False),
    Column("state", is_number=False),
    Column("models", rank=5, is_number=False),
    Column("budget", rank=3, is_number=False),
    Column("rate", rank=6, is_number=False),
    Column("tags", rank=4, is_number=False),
    Column("expires", rank=1, is_number=False),
)
FIELD_WIDTH = 12
RATES = {"requests_per_minute": "requests/min", "tokens_per_minute": "tokens/min", "concurrent": "at once"}
STATE_STYLES = {"active": "green", "expired": "yellow", "revoked": "dim"}


def listing(keys: Sequence[StoredKey], now: float, screen: Screen) -> str:
    """A line for each key."""
    made = table(COLUMNS, [_cells(one, now) for one in keys], screen.width)
    head, *lines = made.lines
    shown = [screen.paint(line, STATE_STYLES[one.state(now)]) for one, line in zip(keys, lines, strict=True)]
    left_out = [screen.paint(f"left out: {', '.join(made.left_out)}", "dim")] if made.left_out else []
    return "\n".join([screen.paint(head, "bold"), *shown, *left_out])


def whole(stored: StoredKey, now: float, screen: Screen) -> str:
    """All that is known of a key, which is not the key."""
    terms = stored.terms
    fields = {
        "name": printable(terms.name),
        "owner": printable(terms.owner),
        "state": stored.state(now),
        "models": _models(terms),
        "budget": _budgets(terms.budgets),
        "rate": _rate(terms.rate),
        "tags": _tags(terms.tags),
        "created": local_time(_milliseconds(stored.created), None),
        "expires": _expires(terms),
        "rotated": local_time(_milliseconds(stored.rotated), None),
        "former until": _former(stored, now),
        "revoked": local_time(_milliseconds(stored.revoked), None),
    }
    lines = [f"  {screen.paint(f'{name:{FIELD_WIDTH}}', 'dim')}  {shown}" for name, shown in fields.items()]
    return "\n".join([screen.paint(f"key {stored.id}", "bold"), *lines])


def created(stored: StoredKey) -> str:
    """What was made, for whoever has the key itself on standard output."""
    terms = stored.terms
    parts = [f"key {stored.id}, {terms.name}, for {terms.owner}: models {_models(terms)}"]
    parts += [f"budget {_budgets(terms.budgets)}"] if terms.budgets else []
    parts += [f"rate {_rate(terms.rate)}"] if terms.rate else []
    parts += [f"until {_expires(terms)}" if terms.until else "until it is revoked"]
    return f"{', '.join(parts)}. It is shown this once: the table has its SHA-256 only"


def rotated(stored: StoredKey) -> str:
    if stored.former_until is None:
        return f"key {stored.id}, {stored.terms.name}, is another one now; the one before is refused"
    until = local_time(_milliseconds(stored.former_until), None)
    return f"key {stored.id}, {stored.terms.name}, is another one now; the one before is good until {until}"


def document(stored: StoredKey, now: float) -> dict[str, Any]:
    """For programs; without a hash, which is nobody's business."""
    terms = stored.terms
    return {
        "id": stored.id,
        "name": terms.name,
        "owner": terms.owner,
        "state": stored.state(now),
        "models": list(terms.models),
        "budgets": [dict(one) for one in terms.budgets],
        "rate": dict(terms.rate),
        "tags": dict(terms.tags),
        "created_at": _moment(stored.created),
        "expires_at": _moment(terms.until),
        "rotated_at": _moment(stored.rotated),
        "former_until": _moment(stored.former_until),
        "revoked_at": _moment(stored.revoked),
    }


def _cells(stored: StoredKey, now: float) -> list[str]:
    terms = stored.terms
    texts = [_models(terms), _budgets(terms.budgets), _rate(terms.rate), _tags(terms.tags), _expires(terms)]
    return [stored.id, printable(terms.name), printable(terms.owner), stored.state(now), *texts]


def _models(terms: Terms) -> str:
    return printable(", ".join(terms.models)) if terms.models else "all"


def _budgets(budgets: Sequence[Mapping[str, str]]) -> str:
    return printable(", ".join(map(_budget, budgets))) or NOTHING


def _budget(one: Mapping[str, str]) -> str:
    strict = " strict" if one.get("estimate", TYPICAL) == STRICT else ""
    over = f" +{_amount(one['overshoot'])}" if "overshoot" in one else ""
    return f"${one.get('usd', '?')}/{one.get('window', '?')}{over}{strict}"


def _amount(text: str) -> str:
    return text if text.endswith("%") else f"${text}"


def _rate(rate: Mapping[str, int]) -> str:
    return printable(", ".join(f"{limit} {RATES.get(name, name)}" for name, limit in rate.items())) or NOTHING


def _tags(tags: Mapping[str, str]) -> str:
    return printable(", ".join(f"{name}={value}" for name, value in tags.items())) or NOTHING


def _expires(terms: Terms) -> str:
    return local_time(_milliseconds(terms.until), None) if terms.until is not None else "never"


def _former(stored: StoredKey, now: float) -> str:
    is_good = stored.former_until is not None and now < stored.former_until and not stored.is_revoked
    return local_time(_milliseconds(stored.former_until), None) if is_good else NOTHING


def _milliseconds(seconds: int | None) -> int | None:
    return None if seconds is None else seconds * 1000


def _moment(seconds: int | None) -> str | None:
    return None if seconds is None else started_at(seconds * 1000)
