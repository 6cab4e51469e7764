"""Which providers of a configuration are simulated, and with which secrets.

Providers of kind "openai" and "anthropic" go to their simulation unless the developer gave a real key, those of kind
"bedrock" always, and those of kind "azure" unless their endpoint is on this machine already; all others stay where the
configuration says. A provider that is simulated and has no secret gets a fake one.
"""

import json
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

FAKE_KEY = "sk-fake-sluice-dev"
FAKE_TOKEN = "eyJhbGciOiJub25lIn0.fake.sluice-dev"  # has the form of one of Microsoft Entra ID
OPENAI, ANTHROPIC, BEDROCK, AZURE = "openai", "anthropic", "bedrock", "azure"
SIMULATED_KINDS = (OPENAI, ANTHROPIC, BEDROCK, AZURE)
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SINGLE, SEVERAL = ("api_key", "entra_token"), ("api_keys", "entra_tokens")


@dataclass(frozen=True, slots=True)
class Upstreams:
    """`providers` are those that are simulated, with their kinds; `real_keys` those that no simulation may take;
    `regions` those that a Bedrock provider names, `deployments` the models of an Azure resource's."""

    providers: Mapping[str, str]
    secrets: dict[str, object]
    real_keys: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    deployments: Mapping[str, str] = field(default_factory=dict)

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
    document = _document(config)
    known = {name: entry for name, entry in _table(document, "providers").items() if _is_known(entry)}
    given = {OPENAI: openai_api_key, ANTHROPIC: anthropic_api_key}
    real = {kind: key for kind, key in given.items() if key}
    named = {
        str(entry["secret"]): _secret(entry, real.get(_kind(entry), FAKE_KEY))
        for entry in known.values()
        if "secret" in entry
    }
    simulated = {name: _kind(entry) for name, entry in known.items() if _kind(entry) not in real}
    regions = (str(entry["region"]) for entry in known.values() if "region" in entry)
    deployments = _deployments(document, [name for name, kind in simulated.items() if kind == AZURE])
    return Upstreams(simulated, {**named, **secrets}, tuple(real.values()), tuple(regions), deployments)


def _document(config: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(config.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError):
        return {}


def _table(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def _is_known(entry: Any) -> bool:
    kind = _kind(entry)
    return kind in SIMULATED_KINDS and not (kind == AZURE and _is_here(entry))


def _is_here(entry: Mapping[str, Any]) -> bool:
    """Whether its address is on this machine; the gateway says what is wrong with one that is none."""
    try:
        return urlsplit(str(entry.get("endpoint") or entry.get("base_url"))).hostname in LOOPBACK
    except ValueError:
        return False


def _secret(entry: Mapping[str, Any], key: str) -> dict[str, str]:
    return {"entra_token": FAKE_TOKEN} if entry.get("auth") == "entra" else {"api_key": key}


def _deployments(document: Mapping[str, Any], resources: Collection[str]) -> dict[str, str]:
    """The model of each deployment of these providers, as far as a route tells."""
    routes = [route for route in _table(document, "routes").values() if isinstance(route, dict)]
    lists = [route["targets"] for route in routes if isinstance(route.get("targets"), list)]
    found = {}
    for target in (one for targets in lists for one in targets if isinstance(one, dict)):
        provider, _, deployment = str(target.get("model")).partition("/")
        if provider in resources and isinstance(target.get("base_model"), str):
            found[deployment] = target["base_model"]
    return found


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
    found = [secret.get(name) for name in SINGLE] + [key for name in SEVERAL for key in secret.get(name) or []]
    return [key for key in found if isinstance(key, str)]
