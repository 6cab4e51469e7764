"""Cloudflare's names of providers, models and gateways, and what they are here.

https://developers.cloudflare.com/ai-gateway/usage/providers/. A name of the configuration is itself; one of
Cloudflare's is the first configured provider that is the same API.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sluice.domain.errors import InvalidRequest, ModelNotFound
from sluice.surfaces.cf_headers import GATEWAY_ID


class Api(NamedTuple):
    """What a provider of the configuration is: its kind and, for a compatible one, its preset."""

    kind: str
    preset: str | None = None


COMPATIBLE = "compatible"
DYNAMIC = "dynamic/"  # before the name of a route of theirs
NAMES = {
    "openai": Api("openai"),
    "anthropic": Api("anthropic"),
    "aws-bedrock": Api("bedrock"),
    "azure-openai": Api("azure"),
    "google-ai-studio": Api(COMPATIBLE, "gemini"),
    "grok": Api(COMPATIBLE, "xai"),
    "xai": Api(COMPATIBLE, "xai"),
    "groq": Api(COMPATIBLE, "groq"),
    "mistral": Api(COMPATIBLE, "mistral"),
    "deepseek": Api(COMPATIBLE, "deepseek"),
    "openrouter": Api(COMPATIBLE, "openrouter"),
}


@dataclass(frozen=True, slots=True)
class Cloudflare:
    """What the configuration says about it.

    `providers` are the configured ones, first one first, `routes` the names of routes, `caller_keys` those providers
    that take a caller's own key. `prefix` is the path that stands for `gateway`, None where none is configured.
    """

    providers: Mapping[str, Api] = field(default_factory=dict)
    routes: Collection[str] = ()
    caller_keys: Collection[str] = ()
    prefix: str | None = None

    @property
    def gateway(self) -> str | None:
        return self.prefix.rpartition("/")[2] if self.prefix else None

    def provider(self, name: str) -> str:
        """The configured provider of a name. Raises ModelNotFound, naming the known ones."""
        found = name if name in self.providers else self._first(name)
        if found is None:
            known = ", ".join(sorted({*self.providers, *filter(self._first, NAMES)}))
            raise ModelNotFound(f"no provider is configured for {name[:80]!r}; known: {known}", param="provider")
        return found

    def known_as(self, name: str) -> str:
        """The configured name of a provider, or the name itself where there is none."""
        return name if name in self.providers else self._first(name) or name

    def model(self, text: str) -> str:
        """A model string with the configured name of its provider; what is no name of Cloudflare's stays as it is."""
        provider, _, model = text.partition("/")
        if text in self.routes or provider in self.providers:
            return text
        if text.startswith(DYNAMIC):
            return model
        found = self._first(provider)
        return f"{found}/{model}" if found and model else text

    def check(self, headers: Mapping[str, str]) -> None:
        """Raises InvalidRequest where another gateway is meant."""
        meant = headers.get(GATEWAY_ID, self.gateway)
        if self.gateway is not None and meant != self.gateway:
            raise InvalidRequest(f"{GATEWAY_ID}: this gateway is {self.gateway}")

    def is_theirs(self, path: str) -> bool:
        """Whether only a caller of Cloudflare's would take this path."""
        return path == "/" or (self.prefix is not None and f"{path}/".startswith(f"{self.prefix}/"))

    def _first(self, name: str) -> str | None:
        """The first configured provider that is what Cloudflare calls so."""
        api = NAMES.get(name)
        return next((one for one, what in self.providers.items() if what == api), None)
