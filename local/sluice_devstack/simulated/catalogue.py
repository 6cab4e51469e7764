"""The model names the simulated OpenAI knows, and what their names say: snapshot, reasoning, pace.

Dated snapshots as in https://platform.openai.com/docs/models; any other name of these families is served under its own.
"""

import re
from dataclasses import dataclass

CREATED = 1_715_367_049
SNAPSHOTS = {
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
    "gpt-4.1-nano": "gpt-4.1-nano-2025-04-14",
    "gpt-3.5-turbo": "gpt-3.5-turbo-0125",
    "o3": "o3-2025-04-16",
    "o3-mini": "o3-mini-2025-01-31",
    "o4-mini": "o4-mini-2025-04-16",
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "gpt-5-nano": "gpt-5-nano-2025-08-07",
}
KNOWN_FAMILY = re.compile(r"(gpt-\d|chatgpt-|o\d|ft:)[\w.:-]*$")
REASONING_FAMILY = re.compile(r"o\d|gpt-5(?!-chat)")
PACES: dict[str, float | None] = {"-fast": 10.0, "-slow": 0.2, "-instant": None}


@dataclass(frozen=True, slots=True)
class Model:
    """A model as asked for. `pace` multiplies the speed of its stream; None: no waiting at all."""

    asked: str
    snapshot: str
    is_reasoning: bool
    pace: float | None


def model(name: str) -> Model | None:
    """The model of that name, or None. `-fast`, `-slow` or `-instant` at the end of the name sets its pace."""
    suffix = pace_suffix(name)
    base = name.removesuffix(suffix)
    if not KNOWN_FAMILY.match(base):
        return None
    return Model(name, SNAPSHOTS.get(base, base), bool(REASONING_FAMILY.match(base)), PACES.get(suffix, 1.0))


def pace_suffix(name: str) -> str:
    return next((suffix for suffix in PACES if name.endswith(suffix)), "")
