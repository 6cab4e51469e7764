"""The first list: LiteLLM's price map, a JSON object inside its wheel, none of whose code is run.

Its keys are explained at https://docs.litellm.ai/docs/provider_registration/add_model_pricing: a rate is
`<class>[_above_<n>k_tokens][_<service tier>]`, in dollars per token.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from prices_row import STANDARD, TIERS, Key, Rates, Row, pico

FAMILIES = {
    "openai": "openai",
    "text-completion-openai": "openai",
    "azure": "azure",
    "azure_text": "azure",
    "bedrock": "bedrock",
    "bedrock_converse": "bedrock",
    "anthropic": "anthropic",
}
# Providers whose ids may hold a slash: `<provider>/<id>`. What stands bare there is a copy, or a class of prices. A
# retired id is left out: it is answered by another model, at another price, or by none.
PREFIXED = {
    "deepseek": "deepseek",
    "gemini": "gemini",
    "groq": "groq",
    "mistral": "mistral",
    "together_ai": "together",
    "xai": "xai",
}
MODES = {"chat", "responses", "completion", "embedding"}
INPUT, OUTPUT = "input_cost_per_token", "output_cost_per_token"
READ, WRITE = "cache_read_input_token_cost", "cache_creation_input_token_cost"
LONGER_WRITES = (f"{WRITE}_above_1hr", f"{WRITE}_above_12hr")  # Anthropic's and OpenAI's longer retention
THRESHOLD = re.compile(rf"{INPUT}_above_(\d+)k_tokens$")
# What these do is not paid by the token alone, so a price made of their token rates would be too low.
UNPRICEABLE_KEYS = {"input_cost_per_image", "input_cost_per_query", "input_cost_per_video_per_second"}
UNPRICEABLE_KEYS |= {"output_cost_per_video_token"}
# Every answer also pays for searches, or is sound.
UNPRICEABLE_MODELS = re.compile(r"search-(preview|api)|deep-research-(pro-|max-)?preview|-preview-tts$")
NOT_BEDROCK = re.compile(r"^[^.]*$|@")  # ids of other platforms that stand under Bedrock

Entry = Mapping[str, Any]


def rows(text: str, day: date) -> dict[Key, Row]:
    """The models of our families that can be priced by their tokens on a day."""
    found: dict[Key, Row] = {}
    for name, entry in sorted(json.loads(text, parse_float=Decimal).items(), key=lambda item: "/" in item[0]):
        key = _key(name, entry, day)
        if key and _is_priced(name, entry):
            found.setdefault(key, _row({OUTPUT: 0, **entry}))  # `bedrock/<id>` repeats an `<id>` read before it
    return found


def _key(name: str, entry: Entry, day: date) -> Key | None:
    """The model as it is called at one of our families' providers."""
    provider = entry.get("litellm_provider", "")
    prefix, _, rest = name.partition("/")
    if provider in PREFIXED:
        is_served = prefix == provider and entry.get("deprecation_date", "9") > str(day)
        return Key(PREFIXED[provider], rest) if is_served else None
    if provider not in FAMILIES or "/" in rest:
        return None
    key = Key(FAMILIES[provider], rest or name)
    return None if key.family == "bedrock" and NOT_BEDROCK.search(key.model) else key


def _is_priced(name: str, entry: Entry) -> bool:
    """Whether tokens alone are paid for. Free is how the list writes a preview, or a price it has not."""
    return (
        entry.get("mode") in MODES
        and bool(entry.get(INPUT))
        and (entry.get(OUTPUT) is not None or entry["mode"] == "embedding")
        and not UNPRICEABLE_KEYS & entry.keys()
        and not UNPRICEABLE_MODELS.search(name)
    )


def _row(entry: Entry) -> Row:
    above = [match[1] for match in map(THRESHOLD.match, entry) if match]
    if len(above) > 1:
        raise ValueError(f"more than one long-context threshold: {above}")
    tiers = dict(_tiers(entry, ""))
    long_tiers = dict(_tiers(entry, f"_above_{above[0]}k_tokens")) if above else {}
    return Row(
        tiers=tiers,
        long_above=int(above[0]) * 1000 if above else None,
        long_tiers={tier: rates for tier, rates in long_tiers.items() if tier in tiers},
        max_input_tokens=entry.get("max_input_tokens"),
        max_output_tokens=entry.get("max_output_tokens"),
    )


def _tiers(entry: Entry, length: str) -> Iterator[tuple[str, Rates]]:
    """The tiers whose input and output are both published. What else a tier leaves out keeps its standard rate."""
    standard = _rates(entry, length, "")
    for tier in TIERS:
        rates = _rates(entry, length, f"_{tier}" if tier != STANDARD else "")
        if rates[0] is not None and rates[-1] is not None:
            yield tier, tuple(own if own is not None else usual for own, usual in zip(rates, standard, strict=True))


def _rates(entry: Entry, length: str, tier: str) -> Rates:
    """A write that is free is no class of its own: what was written is paid as input."""
    longer_write = next((name for name in LONGER_WRITES if name + length + tier in entry), LONGER_WRITES[0])
    rates = [_rate(entry, name + length + tier) for name in (INPUT, READ, WRITE, longer_write, OUTPUT)]
    rates[2:4] = [rate or None for rate in rates[2:4]]
    return tuple(rates)


def _rate(entry: Entry, name: str) -> int | None:
    value = entry.get(name)
    return None if value is None else pico(Decimal(value))
