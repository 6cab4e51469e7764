"""Azure OpenAI's own paths, as Cloudflare has them: the resource and the deployment stand in the path.

https://developers.cloudflare.com/ai-gateway/usage/providers/azureopenai/. Only resources of the configuration are
reached, and with the API version that it says: the query's is not looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from sluice.domain.errors import ModelNotFound
from sluice.surfaces import strict_json
from sluice.surfaces.call_headers import routed
from sluice.surfaces.calls import Calls
from sluice.surfaces.openai import SURFACE, asked
from sluice.surfaces.openai_error import error_body
from sluice.surfaces.request import Reply, Request


@dataclass(frozen=True, slots=True)
class Azure:
    """`resources` are the providers by the names of their resources, as they are written there."""

    calls: Calls
    resources: Mapping[str, str]

    def call(self, request: Request, resource: str, deployment: str, path: str) -> Reply:
        """POST /azure-openai/{resource}/{deployment}/{path}."""
        self.calls.principal(request)
        body, size = strict_json.body(request.event, request.headers)
        body, provider = routed(
            {**body, "model": unquote(deployment)}, self.provider(unquote(resource)), request.headers
        )
        return self.calls.answer(request, SURFACE, asked(path, body, request.headers), size, provider, error_body)

    def provider(self, resource: str) -> str:
        """The provider of a resource, in whatever case it is written. Raises ModelNotFound."""
        for name, provider in self.resources.items():
            if name.lower() == resource.lower():
                return provider
        known = ", ".join(sorted(self.resources)) or "none"
        raise ModelNotFound(f"no Azure resource {resource[:64]!r} is configured; resources: {known}")
