"""Token counts as providers report them: believed, or not."""

from collections.abc import Mapping
from typing import Any

from sluice.codecs.openai_usage import MOST

NONE: Mapping[str, Any] = {}


def table(found: Any, *path: str) -> Mapping[str, Any]:
    """The object at a path of names; an empty one where there is none."""
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else NONE


def count(value: object) -> int | None:
    """The value if it is a whole number between 0 and 2^53; Titan writes its own as 3.0."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST
    return value if is_count and isinstance(value, int) else None


def counts(reported: Mapping[str, Any], *names: str) -> tuple[int, ...] | None:
    """The counts of those names, 0 where one is absent; None if one is there that cannot be believed."""
    found = tuple(0 if reported.get(name) is None else count(reported[name]) for name in names)
    known = tuple(one for one in found if one is not None)
    return known if len(known) == len(found) else None
