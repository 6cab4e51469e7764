"""The Bedrock surface: the runtime's own paths, for boto3 and every other AWS SDK.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html. The model's id is in
the path, percent-encoded or raw; it is unquoted once. It may be a route's name, where that leads to Bedrock.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from sluice.domain.call import ModelRequest
from sluice.domain.errors import InvalidRequest, ModelNotFound
from sluice.domain.operation import BEDROCK_OPERATIONS, PROMPT
from sluice.routing.selection import Selection
from sluice.surfaces import strict_json
from sluice.surfaces.bedrock_error import error_body
from sluice.surfaces.call_headers import forwarded, route
from sluice.surfaces.calls import Calls
from sluice.surfaces.openai_error import error_body as openai_error_body
from sluice.surfaces.request import Reply, Request

SURFACE, QUICK = "bedrock", "quick"
MAX_PROMPT = 32_000  # characters; an URL has no room for more
# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html
HEADERS = (
    "accept",
    "x-amzn-bedrock-accept",
    "x-amzn-bedrock-trace",
    "x-amzn-bedrock-guardrailidentifier",
    "x-amzn-bedrock-guardrailversion",
    "x-amzn-bedrock-performanceconfig-latency",
    "x-amzn-bedrock-service-tier",
    "x-amzn-bedrock-request-metadata",
)


@dataclass(frozen=True, slots=True)
class Bedrock:
    """The surface's operations. `regions` are those of the providers of this kind, by name, the first one first."""

    calls: Calls
    selection: Selection
    regions: Mapping[str, str]

    def call(self, request: Request, model: str, operation: str) -> Reply:
        """POST /model/{id}/{operation}."""
        return self._answer(request, model, operation, None)

    def call_in_region(self, request: Request, region: str, model: str, operation: str) -> Reply:
        """POST /aws-bedrock/bedrock-runtime/{region}/model/{id}/{operation}."""
        return self._answer(request, model, operation, self.provider_in(region))

    def prompt(self, request: Request, model: str) -> Reply:
        """GET /api/bedrock/{model}?p=...: {"modelId", "prompt", "res"}, with stream=true the text as it comes."""
        self.calls.principal(request)
        query = request.event.get("queryStringParameters") or {}
        text, stream = str(query.get("p") or ""), query.get("stream", "false")
        if stream not in ("true", "false"):
            raise InvalidRequest("stream is wrong; want stream=true or stream=false", param="stream")
        if not text:
            raise InvalidRequest("p is missing; want the prompt, as in ?p=hello", param="p")
        if len(text) > MAX_PROMPT:
            raise InvalidRequest(f"p has {len(text)} characters; at most {MAX_PROMPT} are taken", param="p")
        name = route(request.headers) or unquote(model)
        prompt = ModelRequest({"prompt": text, "stream": stream == "true"}, PROMPT, named=name)
        size = len(text.encode("utf-8", "replace"))
        return self.calls.answer(request, QUICK, prompt, size, self.provider_of(name), openai_error_body)

    def _answer(self, request: Request, model: str, operation: str, provider: str | None) -> Reply:
        self.calls.principal(request)
        body, size = strict_json.body(request.event, request.headers, strict_json.JSON_OR_BYTES)
        named = route(request.headers)
        call = asked(operation, named or unquote(model), body, request.headers)
        where = self.provider_of(call.model) if named or provider is None else provider
        return self.calls.answer(request, SURFACE, call, size, where, error_body)

    def provider_of(self, model: str) -> str | None:
        """The provider of a model that is named alone; None where it is a route's name, which says so itself."""
        if model.partition("/")[0] in self.regions:  # written as on the other surfaces
            return None
        routed = self.selection.routed(model)
        if routed is None:
            return self._first()
        if not any(leg.target.provider in self.regions for leg in routed.legs):
            elsewhere = ", ".join(dict.fromkeys(leg.target.provider for leg in routed.legs))
            words = f"the route {model} leads to {elsewhere}; here only models at Bedrock are reached"
            raise ModelNotFound(words, param="model")
        return None

    def _first(self) -> str:
        for name in self.regions:
            return name
        raise ModelNotFound('no provider of kind "bedrock" is configured')

    def provider_in(self, region: str) -> str:
        """The first provider in a region. Raises ModelNotFound."""
        for name, where in self.regions.items():
            if where == region:
                return name
        known = ", ".join(sorted(set(self.regions.values()))) or "none"
        raise ModelNotFound(f"no Bedrock provider in {region[:40]}; configured regions: {known}")


def asked(operation: str, model: str, body: dict[str, Any], headers: Mapping[str, str]) -> ModelRequest:
    """The request to one of the runtime's operations."""
    return ModelRequest(body, BEDROCK_OPERATIONS[operation], named=model, headers=forwarded(headers, HEADERS))
