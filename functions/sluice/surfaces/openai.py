"""The OpenAI surface: what its SDKs call, in its dialect."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from sluice.domain.call import ModelRequest
from sluice.domain.errors import ModelNotFound
from sluice.domain.operation import OPERATIONS
from sluice.domain.principal import Principal
from sluice.providers import guardrail
from sluice.routing.selection import Selection
from sluice.surfaces import anthropic_models, strict_json
from sluice.surfaces.call_headers import forwarded, routed
from sluice.surfaces.calls import Calls
from sluice.surfaces.openai_error import error_body
from sluice.surfaces.openai_request import model_request
from sluice.surfaces.request import JSON, Reply, Request

SURFACE = "openai"
PROVIDER = "openai"


@dataclass(frozen=True, slots=True)
class OpenAI:
    """The surface's operations. `models` are the ids it lists, `models_since` when the list was made (epoch s)."""

    calls: Calls
    selection: Selection
    models: tuple[str, ...]
    models_since: int

    def create(self, request: Request, path: str) -> Reply:
        """POST /v1/{path}: an operation, at the target that its model names."""
        return self._answer(request, path, None)

    def provider_path(self, request: Request, path: str) -> Reply:
        """POST /openai/{path}: the same operation at that provider, whose own name the model is."""
        return self._answer(request, path, PROVIDER)

    def _answer(self, request: Request, path: str, provider: str | None) -> Reply:
        self.calls.principal(request)
        body, size = strict_json.body(request.event, request.headers)
        body, provider = routed(body, provider, request.headers)
        return self.calls.answer(request, SURFACE, asked(path, body, request.headers), size, provider, error_body)

    def list_models(self, request: Request) -> Reply:
        """GET /v1/models: every route, and the known models of each provider, of those that the caller may use."""
        caller = self.calls.principal(request)
        names = [name for name in self.models if self._may_use(caller, name)]
        if anthropic_models.is_asked(request.headers):
            return _json(anthropic_models.page(names, self.models_since))
        return _json({"object": "list", "data": [self._model(name) for name in names]})

    def retrieve_model(self, request: Request, model: str) -> Reply:
        """GET /v1/models/{model}; the id is unquoted once."""
        caller, name = self.calls.principal(request), unquote(model)
        self.selection.target(name)
        if not self._may_use(caller, name):
            raise ModelNotFound(
                f"unknown model {name[:80]!r}; GET /v1/models lists those that are yours", param="model"
            )
        if anthropic_models.is_asked(request.headers):
            return _json(anthropic_models.model(name, self.models_since))
        return _json(self._model(name))

    def _may_use(self, caller: Principal, name: str) -> bool:
        """A route by any of its targets."""
        route = self.selection.routed(name)
        goes_by = [(name, str(leg.target)) for leg in route.legs] if route else [(name,)]
        return any(self.calls.may_use(caller, names) for names in goes_by)

    def _model(self, name: str) -> dict[str, object]:
        provider = name.partition("/")[0] if "/" in name else "sluice"
        return {"id": name, "object": "model", "created": self.models_since, "owned_by": provider}


def asked(path: str, body: dict[str, Any], headers: Mapping[str, str]) -> ModelRequest:
    """The request to one of OpenAI's operations. Raises InvalidRequest with the `param` at fault."""
    return replace(model_request(OPERATIONS[path], body), headers=forwarded(headers, guardrail.HEADERS.values()))


def _json(value: object) -> Reply:
    return Reply({"content-type": JSON}, json.dumps(value, separators=(",", ":")).encode())
