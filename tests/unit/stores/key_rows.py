"""Virtual keys for tests, and rows that hold them. All are obvious fakes."""

from typing import Any

from sluice.stores import table
from sluice.stores.keys import digest_of, key

ID, OTHER_ID = "fakefakefake", "otherfake234"
SHOWN = f"slu_{ID}_{'fake-secret' * 3}{'x' * 10}"
FORMER = f"slu_{ID}_{'past-secret' * 3}{'x' * 10}"
OTHER = f"slu_{OTHER_ID}_{'fake-secret' * 3}{'y' * 10}"
NOW = 1_795_208_400


def row(shown: str = SHOWN, **changes: Any) -> dict[str, Any]:
    """Plain values; None takes one out."""
    made = {"h": digest_of(shown), "nm": "search", "ow": "ann@example.com", "st": "A", "cr": NOW - 100}
    return {**key(shown.split("_")[1]), **made, **changes}


def item(shown: str = SHOWN, **changes: Any) -> dict[str, Any]:
    return table.item(row(shown, **changes))
