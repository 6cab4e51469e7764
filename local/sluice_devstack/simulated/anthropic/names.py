"""The model names the simulated Anthropic knows: https://platform.claude.com/docs/en/about-claude/models/overview.

Any other name that begins with `claude-` is served under its own; `-fast`, `-slow` or `-instant` at its end sets the
pace.
"""

import re
from typing import Any

from sluice_devstack.simulated import catalogue
from sluice_devstack.simulated.anthropic.failures import FAULTS
from sluice_devstack.simulated.anthropic.refusals import not_found

CREATED = "2025-10-01T00:00:00Z"
SNAPSHOTS = {
    "claude-opus-4-5": "claude-opus-4-5-20251101",
    "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",
    "claude-haiku-4-5": "claude-haiku-4-5-20251001",
    "claude-opus-4-1": "claude-opus-4-1-20250805",
}
OTHERS = ("claude-opus-5", "claude-sonnet-5", "claude-opus-4-6", "claude-sonnet-4-6")
NAME = re.compile(r"claude-[\w.-]+")


def served(name: str) -> tuple[str, float | None]:
    """The snapshot of that name and its pace. Raises Refused for a name that is none."""
    suffix = catalogue.pace_suffix(name)
    base = name.removesuffix(suffix)
    if not NAME.fullmatch(base):
        raise not_found(f"model: {name}")
    return SNAPSHOTS.get(base, base), catalogue.PACES.get(suffix, 1.0)


def listed() -> list[dict[str, Any]]:
    names = (*OTHERS, *SNAPSHOTS.values(), *FAULTS)
    return [{"type": "model", "id": name, "display_name": name, "created_at": CREATED} for name in names]
