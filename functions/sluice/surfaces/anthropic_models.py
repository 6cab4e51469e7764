"""The list of models for Anthropic's SDKs, which ask for it by the same path as OpenAI's and say who they are.

https://platform.claude.com/docs/en/api/models-list. All models are on the one page.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

VERSION_HEADER = "anthropic-version"


def is_asked(headers: Mapping[str, str]) -> bool:
    return VERSION_HEADER in headers


def model(name: str, since: int) -> dict[str, object]:
    """One model; `since` is when the list was made (epoch s)."""
    made = datetime.fromtimestamp(since, UTC).isoformat().replace("+00:00", "Z")
    return {"type": "model", "id": name, "display_name": name, "created_at": made, "lifecycle": "active"}


def page(names: Sequence[str], since: int) -> dict[str, object]:
    ends = (names[0], names[-1]) if names else (None, None)
    data = [model(name, since) for name in names]
    return {"data": data, "has_more": False, "first_id": ends[0], "last_id": ends[1]}
