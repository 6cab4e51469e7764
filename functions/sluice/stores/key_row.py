"""What the row of a virtual key says of it.

| name | what it means |
| --- | --- |
| nm, ow | name and owner |
| models | patterns of the only models that it may use, absent for all |
| budgets | a list of maps with the keys of a policy's budget |
| rate | a map with the keys of a policy's rate |
| tags | a map of texts |

Whoever may write to the table may have written anything: what is not understood is refused, since it may be a limit.
"""

from collections.abc import Mapping
from typing import Any

from sluice import policy_settings
from sluice.domain.errors import Misconfigured
from sluice.domain.policy import Budget, Rate
from sluice.domain.virtual_key import VirtualKey
from sluice.stores.table import Row

WHOSE = {"per": "key"}  # whatever the row says: it counts for the key and for nobody else


class DamagedKey(Exception):
    """A row that says something else than a key's would. The message is the attribute's name."""


def virtual_key(id: str, row: Row) -> VirtualKey:
    """Raises DamagedKey."""
    name = _text(row, "nm")
    return VirtualKey(
        id=id,
        name=name,
        owner=_text(row, "ow"),
        models=_models(row.get("models", [])),
        budgets=_budgets(row.get("budgets", []), f"key {name}"),
        rate=_rate(row["rate"], f"key {name}") if "rate" in row else None,
        tags=_tags(row.get("tags", {})),
    )


def _text(row: Row, attribute: str) -> str:
    found = row.get(attribute)
    if not isinstance(found, str) or not found:
        raise DamagedKey(attribute)
    return found


def _models(stored: object) -> tuple[str, ...]:
    if not isinstance(stored, list) or not all(isinstance(one, str) and one for one in stored):
        raise DamagedKey("models")
    return tuple(stored)


def _budgets(stored: object, name: str) -> tuple[Budget, ...]:
    """Named as callers are told: by the key, and from the second on with a number."""
    if not isinstance(stored, list):
        raise DamagedKey("budgets")
    names = [name, *(f"{name}:{place}" for place in range(2, len(stored) + 1))]
    return tuple(_budget(one, called) for one, called in zip(stored, names, strict=False))


def _budget(stored: Any, name: str) -> Budget:
    if not (isinstance(stored, Mapping) and {"usd", "window"} <= set(stored)):
        raise DamagedKey("budgets")
    try:
        return policy_settings.budget({**stored, **WHOSE}, "budgets", name)
    except Misconfigured:
        raise DamagedKey("budgets") from None


def _rate(stored: Any, name: str) -> Rate:
    if not isinstance(stored, Mapping):
        raise DamagedKey("rate")
    try:
        return policy_settings.rate({**stored, **WHOSE}, "rate", name)
    except Misconfigured:
        raise DamagedKey("rate") from None


def _tags(stored: object) -> dict[str, str]:
    if not isinstance(stored, Mapping) or not all(isinstance(one, str) for one in stored.values()):
        raise DamagedKey("tags")
    return dict(stored)
