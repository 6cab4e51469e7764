"""The second list: genai-prices of Pydantic, whose models, matching and tiers are Python objects inside its wheel.

https://github.com/pydantic/genai-prices. It is imported from where its wheel was unpacked, and needs pydantic and
httpx2. Rates are in dollars per million tokens.
"""

import importlib
import sys
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from prices_row import CLASSES, STANDARD, TIERS, Key, Rates, Row, pico

PROVIDERS = {"openai": "openai", "azure": "azure", "bedrock": "aws", "anthropic": "anthropic"}
PROVIDERS |= {"gemini": "google", "xai": "x-ai"}
PROVIDERS |= {name: name for name in ("deepseek", "groq", "mistral", "together")}
NAMES = {
    "input": ("input_mtok",),
    "cache_read": ("cache_read_mtok",),
    "cache_write_5m": ("cache_write_5m_mtok", "cache_write_mtok"),
    "cache_write_1h": ("cache_write_1h_mtok",),
    "output": ("output_mtok",),
}
MILLION = 1_000_000


class GenaiPrices:
    """The list as it stands on one day: a price in it may have a first day."""

    def __init__(self, folder: Path, day: date) -> None:
        sys.path.insert(0, str(folder))
        self._providers = list(importlib.import_module("genai_prices.data").providers)
        self._at = datetime.combine(day, time(), UTC)

    def row(self, key: Key) -> Row | None:
        provider = next(one for one in self._providers if one.id == PROVIDERS[key.family])
        model = provider.find_model(key.model, all_providers=self._providers)
        if model is None:
            return None
        prices = {tier: self._prices(model, tier) for tier in TIERS if tier == STANDARD or _has_tier(model, tier)}
        above = {start for price in prices.values() for start in _starts(price)}
        if len(above) > 1:
            raise ValueError(f"{key}: more than one long-context threshold: {sorted(above)}")
        return Row(
            tiers={tier: _rates(price, is_long=False) for tier, price in prices.items()},
            long_above=above.pop() if above else None,
            long_tiers={tier: _rates(price, is_long=True) for tier, price in prices.items() if _starts(price)},
        )

    def _prices(self, model: Any, tier: str) -> Any:
        return model.get_prices(self._at, None if tier == STANDARD else {"service_tier": tier})


def _has_tier(model: Any, tier: str) -> bool:
    return any(variant.when == {"service_tier": tier} for variant in model.price_variants or ())


def _starts(price: Any) -> set[int]:
    """The thresholds, read off the input rate, which every tiered price has."""
    return {tier.start for tier in getattr(price.input_mtok, "tiers", ())}


def _rates(price: Any, *, is_long: bool) -> Rates:
    return tuple(_rate(price, name, is_long=is_long) for name in CLASSES)


def _rate(price: Any, name: str, *, is_long: bool) -> int | None:
    value: Any = next((found for field in NAMES[name] if (found := getattr(price, field)) is not None), None)
    if hasattr(value, "tiers"):
        value = value.tiers[-1].price if is_long else value.base
    return None if value is None else pico(Decimal(value), MILLION)
