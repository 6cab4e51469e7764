"""From a provider's name and a path of its API to a request: what Cloudflare's universal endpoint is told in a step."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from sluice.domain.call import ModelRequest
from sluice.domain.errors import InvalidRequest, ModelNotFound
from sluice.domain.operation import BEDROCK_OPERATIONS, OPERATIONS
from sluice.surfaces import anthropic, bedrock, openai
from sluice.surfaces.azure import Azure
from sluice.surfaces.bedrock import Bedrock
from sluice.surfaces.call_headers import route, routed
from sluice.surfaces.cloudflare import DYNAMIC, Cloudflare
from sluice.surfaces.compat import translated

COMPAT, AZURE_NAME = "compat", "azure-openai"


def _any_of(paths: Mapping[str, object]) -> str:
    return "|".join(map(re.escape, paths))


BEDROCK_ENDPOINT = re.compile(rf"(?:bedrock-runtime/([a-z0-9-]+)/)?model/(.+)/({_any_of(BEDROCK_OPERATIONS)})")
AZURE_ENDPOINT = re.compile(rf"([^/]+)/([^/]+)/({_any_of(OPERATIONS)})")
MESSAGES_ENDPOINT = re.compile(rf"(?:v1/)?({_any_of(anthropic.OPERATIONS)})")
OPENAI_ENDPOINT = re.compile(rf"(?:v1/)?({_any_of(OPERATIONS)})")

Asked = tuple[ModelRequest, str | None]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Knows the endpoints of all surfaces."""

    bedrock: Bedrock
    azure: Azure
    cloudflare: Cloudflare

    def read(self, provider: str, endpoint: str, query: dict[str, Any], headers: Mapping[str, str]) -> Asked:
        """The request, and the configured provider that is meant; None where the model says it.

        Raises InvalidRequest, ModelNotFound.
        """
        path = endpoint.partition("?")[0].strip("/")
        try:
            return self._read(provider, path, query, headers)
        except ModelNotFound as error:
            error.param = error.param or "endpoint"
            raise

    def _read(self, provider: str, path: str, query: dict[str, Any], headers: Mapping[str, str]) -> Asked:
        if "models" in query:
            raise InvalidRequest("models is not taken in a step; add a step for each model", param="models")
        if self._is_azures(provider):
            return self._azure(path, query, headers)
        if found := BEDROCK_ENDPOINT.fullmatch(path):
            return self._bedrock(provider, found, query, headers)
        query, where = self._placed(provider, query)
        query, where = routed(query, where, headers)
        if found := MESSAGES_ENDPOINT.fullmatch(path):
            return anthropic.asked(found[1], query, headers), where
        if found := OPENAI_ENDPOINT.fullmatch(path):
            return openai.asked(found[1], query, headers), where
        known = ", ".join([*OPERATIONS, *anthropic.OPERATIONS, "model/{id}/converse"])
        raise InvalidRequest(f"the endpoint {path[:80]!r} is not served; known: {known}", param="endpoint")

    def _is_azures(self, provider: str) -> bool:
        return provider == AZURE_NAME and provider not in self.cloudflare.providers

    def _placed(self, provider: str, query: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
        """The request with the configured name of its model, and its provider."""
        if provider not in self.cloudflare.providers:
            if provider == COMPAT:
                return translated(query, self.cloudflare), None
            if provider.startswith(DYNAMIC):
                return {**query, "model": provider.removeprefix(DYNAMIC)}, None
        return query, self.cloudflare.provider(provider)

    def _azure(self, path: str, query: dict[str, Any], headers: Mapping[str, str]) -> Asked:
        found = AZURE_ENDPOINT.fullmatch(path)
        if found is None:
            wants = "{resource}/{deployment}/chat/completions"
            raise InvalidRequest(f"the endpoint {path[:80]!r} is not served; want {wants}", param="endpoint")
        resource, deployment, operation = unquote(found[1]), unquote(found[2]), found[3]
        query, where = routed({**query, "model": deployment}, self.azure.provider(resource), headers)
        return openai.asked(operation, query, headers), where

    def _bedrock(self, provider: str, found: re.Match[str], query: dict[str, Any], headers: Mapping[str, str]) -> Asked:
        region, model, operation = found.groups()
        where = self._place(self.cloudflare.provider(provider), region)
        named = route(headers)
        asked = bedrock.asked(operation, named or unquote(model), query, headers)
        return asked, self.bedrock.provider_of(asked.model) if named else where

    def _place(self, provider: str, region: str | None) -> str:
        if provider not in self.bedrock.regions:
            known = ", ".join(self.bedrock.regions) or "none"
            raise ModelNotFound(f"{provider} is no provider of kind bedrock; those are: {known}", param="provider")
        return provider if region is None else self.bedrock.provider_in(region)
