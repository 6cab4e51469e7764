"""Which providers of a configuration are simulated, and with which secrets.

Providers of kind "openai" go to the simulated OpenAI unless the developer gave a real key; all others stay where the
configuration says. A provider that is simulated and has no secret gets a fake one.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FAKE_KEY = "sk-fake-sluice-dev"
SIMULATED_KIND = "openai"


@dataclass(frozen=True, slots=True)
class Upstreams:
    """`providers` are the names of those that are simulated."""

    providers: tuple[str, ...]
    secrets: dict[str, object]

    @property
    def accepted_keys(self) -> list[str]:
        """What the simulated OpenAI takes: the fake key, and every one in the secrets unless OpenAI is real."""
        keys = [FAKE_KEY]
        for secret in self.secrets.values() if self.providers else ():
            keys += _keys(secret)
        return list(dict.fromkeys(keys))

    def variables(self, simulated_url: str) -> dict[str, str]:
        return {f"SLUICE_PROVIDER_URL_{name.upper().replace('-', '_')}": simulated_url for name in self.providers}


def upstreams(config: Path, secrets: Mapping[str, object], openai_api_key: str | None) -> Upstreams:
    """Reads the providers of gateway.toml; one that is no TOML has none, and the gateway says what is wrong with it."""
    try:
        providers = tomllib.loads(config.read_text(encoding="utf-8")).get("providers", {})
    except (OSError, tomllib.TOMLDecodeError):
        providers = {}
    tables = providers if isinstance(providers, dict) else {}
    simulated = {name: entry for name, entry in tables.items() if _is_openai(entry)}
    default = {"api_key": openai_api_key or FAKE_KEY}
    named = {str(entry["secret"]): default for entry in simulated.values() if "secret" in entry}
    return Upstreams(() if openai_api_key else tuple(simulated), {**named, **secrets})


def _is_openai(entry: Any) -> bool:
    return isinstance(entry, dict) and entry.get("kind") == SIMULATED_KIND


def _keys(secret: object) -> list[str]:
    if isinstance(secret, str):
        try:
            secret = json.loads(secret)
        except ValueError:
            return []
    if not isinstance(secret, Mapping):
        return []
    found = [secret.get("api_key"), *(secret.get("api_keys") or [])]
    return [key for key in found if isinstance(key, str)]
