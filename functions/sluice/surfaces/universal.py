"""Cloudflare's universal endpoint: a list of steps, each a request to a provider of its own, tried in order.

https://developers.cloudflare.com/ai-gateway/usage/universal/ and /configuration/request-handling/. A step names a
provider, the endpoint of its API and the request, in that API's own dialect; the answer is in the dialect of the step
that gave it. What a step says in headers counts before the call's own headers, and its config before both.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sluice.domain.call import Step
from sluice.domain.errors import GatewayError, InvalidRequest, ModelNotFound
from sluice.domain.operation import BEDROCK_OPERATIONS, OPERATIONS, Operation
from sluice.policy.authentication import refuse_as_providers
from sluice.surfaces import anthropic, call_headers, cf_headers, step_headers, strict_json
from sluice.surfaces.anthropic_error import ANTHROPIC_ERRORS
from sluice.surfaces.bedrock_error import BEDROCK_ERRORS
from sluice.surfaces.calls import UNIVERSAL, Calls, step
from sluice.surfaces.cloudflare import Cloudflare
from sluice.surfaces.endpoints import Endpoints
from sluice.surfaces.fields import Field, check, is_object, is_text
from sluice.surfaces.openai_error import OPENAI_ERRORS
from sluice.surfaces.request import ErrorBody, Errors, Refused, Reply, Request

SURFACE = UNIVERSAL
MAX_STEPS = 16
STEP = "x-sluice-step"
TEXT = Field("text", is_text, is_required=True)
OBJECT = Field("an object", is_object)
FIELDS = {
    "provider": TEXT._replace(wants="the name of a provider, or compat"),
    "endpoint": TEXT._replace(wants="a path of its API, such as chat/completions"),
    "query": OBJECT._replace(wants="the request, an object", is_required=True),
    "headers": OBJECT._replace(wants="an object of texts"),
    "authorization": TEXT._replace(is_required=False),
    "config": OBJECT,
}
ERRORS = {
    **dict.fromkeys(OPERATIONS, OPENAI_ERRORS),
    **dict.fromkeys(anthropic.OPERATIONS, ANTHROPIC_ERRORS),
    **dict.fromkeys(BEDROCK_OPERATIONS, BEDROCK_ERRORS),
}


@dataclass(frozen=True, slots=True)
class Universal:
    """The endpoint. `cloudflare` tells whose keys callers may send."""

    calls: Calls
    endpoints: Endpoints
    cloudflare: Cloudflare

    def call(self, request: Request, _path: str) -> Reply:
        """POST /, with a JSON array."""
        self.calls.principal(request)
        items, size = strict_json.array(request.event, request.headers)
        if not 0 < len(items) <= MAX_STEPS:
            raise InvalidRequest(f"want an array of 1 to {MAX_STEPS} steps, not of {len(items)}")
        read = [self._read(place, item, request.headers) for place, item in enumerate(items)]
        steps, unheeded = tuple(one for one, _ in read), tuple(name for _, names in read for name in names)
        try:
            return self.calls.of_steps(request, SURFACE, steps, size, _error_body, unheeded)
        except GatewayError as error:
            raise Refused(error, _errors(error, steps)) from error

    def _read(self, place: int, item: Any, headers: Mapping[str, str]) -> tuple[Step, tuple[str, ...]]:
        """One step, and the names of what it says in vain. An error tells which step is wrong."""
        try:
            return self._step(item, headers)
        except (InvalidRequest, ModelNotFound) as error:
            error.message = f"step {place}: {error.message}"
            error.param = f"[{place}]" + (f".{error.param}" if error.param else "")
            raise

    def _step(self, item: Any, headers: Mapping[str, str]) -> tuple[Step, tuple[str, ...]]:
        if not isinstance(item, dict):
            raise InvalidRequest("want an object with provider, endpoint and query")
        for name, field in FIELDS.items():
            check(name, field, item.get(name))
        own = step_headers.own(item)
        said = {**headers, **cf_headers.canonical(own), **step_headers.config(item)}
        asked, provider = self.endpoints.read(item["provider"], item["endpoint"], item["query"], said)
        made = step(asked, provider, said)
        unheeded = step_headers.unheeded(item, own, FIELDS)
        key = step_headers.key(item, own)
        for one in (key, made.key):
            refuse_as_providers(one, "headers")
        if key is None or made.key is not None:
            return made, unheeded
        if self._takes_keys(made):
            return replace(made, key=call_headers.key(key, step_headers.AUTHORIZATION)), unheeded
        return made, (step_headers.AUTHORIZATION, *unheeded)

    def _takes_keys(self, made: Step) -> bool:
        """Whether every provider that the step may lead to takes its callers' own keys."""
        route = self.endpoints.bedrock.selection.route(made.request.model, made.provider)
        return all(leg.target.provider in self.cloudflare.caller_keys for leg in route.legs)


def _error_body(operation: Operation) -> ErrorBody:
    return ERRORS[operation.path].body


def _errors(error: GatewayError, steps: tuple[Step, ...]) -> Errors:
    """The shape of the step that was tried last; before any was, that of all of them or else OpenAI's."""
    shapes = [ERRORS[one.request.operation.path] for one in steps]
    tried = error.headers.get(STEP, "")
    if tried.isdigit() and len(steps) > 1:
        return shapes[int(tried)]
    return shapes[0] if len(set(map(id, shapes))) == 1 else OPENAI_ERRORS
