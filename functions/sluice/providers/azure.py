"""Azure OpenAI: OpenAI's dialect at an Azure resource, where a target's model is the name of a deployment.

Two addresses. The v1 API takes no api-version, and the deployment as the model in the body; the classic one has both
in its URL, but for responses, which only the v1 API serves in full. The content filter's chunks pass as they come.
https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle (v1, key, Entra token),
https://learn.microsoft.com/azure/ai-services/openai/reference (classic),
https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-streaming (the filter's chunks).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import quote

import httpx

from sluice.domain.call import ModelRequest, Target
from sluice.domain.errors import InvalidRequest, UpstreamError, UpstreamRefused
from sluice.domain.operation import RESPONSES
from sluice.presets import OLDER_LIMIT
from sluice.provider_settings import Azure as Resource
from sluice.provider_settings import ProviderSettings
from sluice.providers import openai
from sluice.providers.plan import Plan
from sluice.providers.posting import HEADERS, key_refused, post
from sluice.providers.upstream import Upstream
from sluice.providers.watch import Watch

PASSED_HEADERS = ("retry-after", "retry-after-ms")
PASSED_PREFIX = "x-ratelimit-"
REQUEST_ID_HEADERS = ("apim-request-id", "x-request-id")  # a refusal may have the first alone
# Asks for a search of an index, which the resource may read with its own identity. It is refused beside stream_options:
# https://learn.microsoft.com/azure/ai-services/openai/references/on-your-data,
# https://github.com/openai/openai-python/issues/2296
SOURCES = ("data_sources", "dataSources")
# Older versions refuse stream_options (https://github.com/jamesrochabrun/SwiftOpenAI/issues/67), and know the limit by
# its older name alone. 2024-09-01-preview takes them (https://github.com/openai/openai-python/issues/2296); of stable
# ones 2024-10-21 is the first: https://github.com/Azure/azure-rest-api-specs, AzureOpenAI/inference/stable.
OLDER_THAN = "2024-09-01"
TOKEN_REFUSED = "the provider refused the gateway's token; put one that is valid now into its secret"
V1_API = Resource("")


@dataclass(frozen=True, slots=True)
class Azure:
    """One configured resource."""

    settings: ProviderSettings
    client: httpx.Client

    def plan(self, target: Target, request: ModelRequest) -> Plan:
        """Raises InvalidRequest for what this provider does not serve, or may not be asked for."""
        self._check_sources(request)
        plan = openai.Provider(self._settings_for(request), self.client).plan(target, request)
        return replace(plan, path=path(self._resource, target.model, plan.path))

    def open(self, plan: Plan, key: str | None, watch: Watch) -> Upstream:
        """Posts to an operation; returns once an answer with status 200 has begun. Raises UpstreamError."""

        def refuse(upstream: Upstream, body: bytes) -> UpstreamError:
            return refusal(upstream, body, key, self._resource)

        url = _url(f"{self.settings.base_url}/{plan.path}")
        return post(self.client, url, plan.payloads[0], headers(key, self._resource), watch, refuse)

    def passed(self, headers: Mapping[str, str]) -> dict[str, str]:
        return passed_headers(headers)

    def request_id(self, headers: Mapping[str, str]) -> str | None:
        return next((headers[name] for name in REQUEST_ID_HEADERS if name in headers), None)

    @property
    def _resource(self) -> Resource:
        return self.settings.azure or V1_API

    def _check_sources(self, request: ModelRequest) -> None:
        for name in SOURCES:
            if request.body.get(name) and not self.settings.stored_objects:
                words = f"{name} is read with the rights of the Azure resource, which this gateway does not share"
                raise InvalidRequest(f"{words}; send the content itself", param=name)

    def _settings_for(self, request: ModelRequest) -> ProviderSettings:
        """Without usage where asking for it would be refused; it is counted from the text then."""
        settings, version = self.settings, self._resource.api_version
        if version is not None and version < OLDER_THAN:
            return replace(settings, usage=False, quirks=replace(settings.quirks, renames=OLDER_LIMIT))
        has_sources = any(request.body.get(name) for name in SOURCES)
        return replace(settings, usage=False) if has_sources else settings


def path(resource: Resource, deployment: str, operation: str) -> str:
    """Where an operation is, behind the resource's endpoint."""
    if resource.api_version is None or operation == RESPONSES.path:
        return f"openai/v1/{operation}"
    return f"openai/deployments/{quote(deployment, safe='')}/{operation}?api-version={resource.api_version}"


@lru_cache(maxsize=256)  # parsed once: httpx takes 25 us to parse one, and callers may name any number of deployments
def _url(text: str) -> httpx.URL:
    return httpx.URL(text)


def headers(key: str | None, resource: Resource) -> dict[str, str]:
    if key is None:
        return HEADERS
    return {**HEADERS, **({"authorization": f"Bearer {key}"} if resource.is_entra else {"api-key": key})}


def passed_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The provider's headers a caller may see. Azure's own tell of the account: its region, its filter's setting."""
    return {name: value for name, value in headers.items() if name in PASSED_HEADERS or name.startswith(PASSED_PREFIX)}


def refusal(upstream: Upstream, body: bytes, key: str | None, resource: Resource) -> UpstreamError:
    """What an answer of 4xx or 5xx means; that of the content filter is relayed, as the caller's own."""
    if upstream.status == 401 and resource.is_entra:
        return key_refused(TOKEN_REFUSED)
    error = openai.refusal(upstream, body, key)
    if isinstance(error, UpstreamRefused):
        error.headers = passed_headers(upstream.headers)
    return error
