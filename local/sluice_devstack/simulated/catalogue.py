"""The model names the simulated OpenAI knows, and what their names say: kind, snapshot, reasoning, pace.

Dated snapshots as in https://platform.openai.com/docs/models; any other name of these families is served under its own.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from sluice_devstack.simulated.refusal import (
    NO_EMBEDDINGS,
    Refusal,
    Refused,
    is_chat_model,
    is_no_chat_model,
    is_no_image_model,
    unknown_model,
)


class Kind(Enum):
    """What a model makes, and so which endpoint serves it. TEXT: chat completions and responses."""

    TEXT = auto()
    LEGACY = auto()
    EMBEDDINGS = auto()
    IMAGES = auto()
    SPEECH = auto()


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
    "gpt-5.4": "gpt-5.4-2026-03-05",
}
OTHERS = (
    *("gpt-3.5-turbo-instruct", "davinci-002", "babbage-002"),
    *("text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002"),
    *("gpt-image-1-mini", "gpt-image-1.5", "gpt-image-2"),
    *("gpt-4o-mini-tts", "tts-1", "tts-1-hd"),
)
KINDS = {
    re.compile(r"text-embedding-[\w.-]+$"): Kind.EMBEDDINGS,
    re.compile(r"gpt-image-[\w.-]+$|chatgpt-image-[\w.-]+$"): Kind.IMAGES,
    re.compile(r"tts-1[\w.-]*$|gpt-[\w.]+(?:-mini)?-tts[\w.-]*$"): Kind.SPEECH,
    re.compile(r"gpt-3\.5-turbo-instruct[\w.-]*$|(?:davinci|babbage)-002$"): Kind.LEGACY,
    re.compile(r"(?:gpt-\d|chatgpt-|o\d|ft:)[\w.:-]*$"): Kind.TEXT,
}
REASONING_FAMILY = re.compile(r"o\d|gpt-5(?!-chat)")
PACES: dict[str, float | None] = {"-fast": 10.0, "-slow": 0.2, "-instant": None}
OF_ANOTHER_KIND: dict[Kind, Callable[[str], Refusal]] = {
    Kind.TEXT: lambda _name: is_no_chat_model(),
    Kind.LEGACY: lambda _name: is_chat_model(),
    Kind.EMBEDDINGS: lambda _name: NO_EMBEDDINGS,
    Kind.IMAGES: is_no_image_model,
    Kind.SPEECH: unknown_model,
}


@dataclass(frozen=True, slots=True)
class Model:
    """A model as asked for. `pace` multiplies the speed of its stream; None: no waiting at all."""

    asked: str
    snapshot: str
    is_reasoning: bool
    pace: float | None


def model(name: str, kind: Kind) -> Model:
    """The model of that name; `-fast`, `-slow` or `-instant` at its end sets the pace. Refused if not of this kind."""
    suffix = pace_suffix(name)
    base = name.removesuffix(suffix)
    found = next((one for family, one in KINDS.items() if family.match(base)), None)
    if found is None:
        raise Refused(unknown_model(name))
    if found is not kind:
        raise Refused(OF_ANOTHER_KIND[kind](name))
    is_reasoning = kind is Kind.TEXT and bool(REASONING_FAMILY.match(base))
    return Model(name, SNAPSHOTS.get(base, base), is_reasoning, PACES.get(suffix, 1.0))


def pace_suffix(name: str) -> str:
    return next((suffix for suffix in PACES if name.endswith(suffix)), "")
