"""The OpenAI surface: what its SDKs call, in its dialect."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import unquote

from sluice.answer import Body
from sluice.domain.call import Call
from sluice.domain.clock import Clock
from sluice.domain.operation import OPERATIONS
from sluice.pipeline import Pipeline
from sluice.policy.authentication import principal
from sluice.routing.selection import Selection
from sluice.surfaces import call_headers, strict_json
from sluice.surfaces.openai_error import error_body
from sluice.surfaces.openai_request import model_request

SURFACE = "openai"
PROVIDER = "openai"
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """One invocation, as the front door hands it to a surface. `deadline` is monotonic seconds."""

    event: Mapping[str, Any]
    headers: Mapping[str, str]
    path: str
    request_id: str
    started: float
    deadline: float


@dataclass(frozen=True, slots=True)
class Reply:
    """What the front door sends."""

    headers: Mapping[str, str]
    body: bytes | Body
    status: int = 200


@dataclass(frozen=True, slots=True)
class OpenAI:
    """The surface's operations. `models` are the ids it lists, `models_since` when the list was made (epoch s)."""

    pipeline: Pipeline
    selection: Selection
    models: tuple[str, ...]
    models_since: int
    clock: Clock

    def create(self, request: Request, path: str) -> Reply:
        """POST /v1/{path}: an operation, at the target that its model names."""
        return self._answer(request, path, None)

    def provider_path(self, request: Request, path: str) -> Reply:
        """POST /openai/{path}: the same operation at that provider, whose own name the model is."""
        return self._answer(request, path, PROVIDER)

    def _answer(self, request: Request, path: str, provider: str | None) -> Reply:
        caller = principal(request.event)
        body, size = strict_json.body(request.event, request.headers)
        call = Call(
            request_id=request.request_id,
            surface=SURFACE,
            path=request.path,
            request=model_request(OPERATIONS[path], body),
            principal=caller,
            started=request.started,
            started_ms=round((self.clock.now() - self.clock.monotonic() + request.started) * 1000),
            deadline=request.deadline,
            bytes_in=size,
            provider=provider,
            timeouts=call_headers.timeouts(request.headers),
            metadata=call_headers.metadata(request.headers),
        )
        answer = self.pipeline.answer(call, partial(error_body, request_id=request.request_id))
        return Reply(answer.headers, answer.body)

    def list_models(self, request: Request) -> Reply:
        """GET /v1/models: every route, and the known models of each provider."""
        principal(request.event)
        return _json({"object": "list", "data": [self._model(name) for name in self.models]})

    def retrieve_model(self, request: Request, model: str) -> Reply:
        """GET /v1/models/{model}; the id is unquoted once."""
        principal(request.event)
        name = unquote(model)
        self.selection.target(name)
        return _json(self._model(name))

    def _model(self, name: str) -> dict[str, object]:
        provider = name.partition("/")[0] if "/" in name else "sluice"
        return {"id": name, "object": "model", "created": self.models_since, "owned_by": provider}


def _json(value: object) -> Reply:
    return Reply({"content-type": JSON}, json.dumps(value, separators=(",", ":")).encode())
