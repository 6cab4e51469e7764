"""Cache points: `cache_control` on a part becomes a block behind it, at most four in a request.

https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html
"""

from collections.abc import Iterator
from typing import Any

from sluice.translation.requests.draft import Draft
from sluice.translation.requests.json_values import Value

MAX_POINTS = 4
TTLS = ("5m", "1h")
FIELD = "cache_control"


def points(marked: Value, place: str, draft: Draft) -> list[dict[str, Any]]:
    """What stands behind the blocks of this part; `place` is system, messages or tools."""
    control = marked.field(FIELD)
    if control.is_absent:
        return []
    ttl = control.field("ttl")
    asked = None if ttl.is_absent else ttl.one_of(TTLS)
    if place not in draft.family.cache_points:
        draft.warn(FIELD)
        return []
    if asked == "1h" and not draft.family.caches_an_hour:
        draft.warn(FIELD)
        asked = None
    return [{"cachePoint": {"type": "default", **({"ttl": asked} if asked else {})}}]


def cap(draft: Draft) -> None:
    """Keeps the points of system and tools, then the newest ones."""
    left = MAX_POINTS
    for blocks in _by_worth(draft.body):
        found = [index for index, block in enumerate(blocks) if "cachePoint" in block]
        surplus = set(found[: max(0, len(found) - left)])
        left -= len(found) - len(surplus)
        if surplus:
            blocks[:] = [block for index, block in enumerate(blocks) if index not in surplus]
            draft.warn(FIELD)


def _by_worth(body: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    yield body.get("system", [])
    yield body.get("toolConfig", {}).get("tools", [])
    for turn in reversed(body["messages"]):
        yield turn["content"]
