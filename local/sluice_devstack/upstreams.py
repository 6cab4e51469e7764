"""Which providers of a configuration are simulated, and with which secrets.

Providers of kind "openai" and "anthropic" go to their simulation unless the developer gave a real key, those of kind
"bedrock" always; all others stay where the configuration says. A provider that is simulated and has no secret gets a
fake one.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FAKE_KEY = "sk-fake-sluice-dev"
OPENAI, ANTHROPIC, BEDROCK = "openai", "anthropic", "bedrock"
SIMULATED_KINDS = (OPENAI, ANTHROPIC, BEDROCK)


@dataclass(frozen=True, slots=True)
class Upstreams:
    """`providers` are those that are simulated, with their kinds; `real_keys` those that no simulation may take;
    `regions` those that a Bedrock provider names."""

    providers: Mapping[str, str]
    secrets: dict[str, object]
    real_keys: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()

    @property
    def accepted_keys(self) -> list[str]:
        """What the simulations take: the fake key, and every one in the secrets if anything is simulated."""
        keys = [FAKE_KEY]
        for secret in self.secrets.values() if self.providers else ():
            keys += _keys(secret)
        return [key for key in dict.fromkeys(keys) if key not in self.real_keys]

    def variables(self, urls: Mapping[str, str]) -> dict[str, str]:
        """`urls` is by kind; a provider of a kind that has none stays where it is."""
        return {_variable(name): urls[kind] for name, kind in self.providers.items() if kind in urls}


def upstreams(
    config: Path, secrets: Mapping[str, object], openai_api_key: str | None, anthropic_api_key: str | None = None
) -> Upstreams:
    """Reads the providers of gateway.toml; one that is no TOML has none, and the gateway says what is wrong with it."""
    try:
        providers = tomllib.loads(config.read_text(encoding="utf-8")).get("providers", {})
    except (OSError, tomllib.TOMLDecodeError):
        providers = {}
    tables = providers if isinstance(providers, dict) else {}
    known = {name: entry for name, entry in tables.items() if _kind(entry) in SIMULATED_KINDS}
    given = {OPENAI: openai_api_key, ANTHROPIC: anthropic_api_key}
    real = {kind: key for kind, key in given.items() if key}
    named = {
        str(entry["secret"]): {"api_key": real.get(_kind(entry), FAKE_KEY)}
        for entry in known.values()
        if "secret" in entry
    }
    simulated = {name: _kind(entry) for name, entry in known.items() if _kind(entry) not in real}
    regions = (str(entry["region"]) for entry in known.values() if "region" in entry)
    return Upstreams(simulated, {**named, **secrets}, tuple(real.values()), tuple(regions))


def _kind(entry: Any) -> str:
    return str(entry.get("kind")) if isinstance(entry, dict) else ""


def _variable(name: str) -> str:
    return f"SLUICE_PROVIDER_URL_{name.upper().replace('-', '_')}"


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
