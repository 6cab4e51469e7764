"""The Anthropic surface: Messages and the counting of their tokens, as its SDKs and Claude Code call them.

https://platform.claude.com/docs/en/api/messages. The caller's JSON goes on whole; only what is read here is checked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sluice.domain.call import ModelRequest
from sluice.domain.operation import COUNT_MESSAGES, MESSAGES
from sluice.providers import guardrail
from sluice.surfaces import strict_json
from sluice.surfaces.anthropic_error import error_body
from sluice.surfaces.call_headers import forwarded, routed
from sluice.surfaces.calls import Calls
from sluice.surfaces.fallbacks import with_model
from sluice.surfaces.fields import Field, check, is_list_of, is_message, is_switch, is_text, is_whole
from sluice.surfaces.openai_request import MAX_MESSAGES, MAX_TOKENS, refuse_steering
from sluice.surfaces.references import OWN_DATA, stored_object
from sluice.surfaces.request import Reply, Request

SURFACE = "anthropic"
PROVIDER = "anthropic"
HEADERS = ("anthropic-version", "anthropic-beta", *guardrail.HEADERS.values())
FIELDS = {
    "model": Field('"provider/model" or a route\'s name', is_text, is_required=True),
    "messages": Field(
        "a list of messages, each an object with a role, at least one",
        is_list_of(is_message, MAX_MESSAGES),
        is_required=True,
    ),
    "stream": Field("true or false", is_switch),
    "service_tier": Field("a string", is_text),
}
LIMIT = Field(f"a whole number from 1 to {MAX_TOKENS}", is_whole(1, MAX_TOKENS), is_required=True)
OPERATIONS = {MESSAGES.path: MESSAGES, COUNT_MESSAGES.path: COUNT_MESSAGES}
FIELDS_OF = {MESSAGES.path: FIELDS | {"max_tokens": LIMIT}, COUNT_MESSAGES.path: FIELDS}


@dataclass(frozen=True, slots=True)
class Anthropic:
    """The surface's operations."""

    calls: Calls

    def create(self, request: Request) -> Reply:
        """POST /v1/messages."""
        return self._answer(request, MESSAGES.path, None)

    def count(self, request: Request) -> Reply:
        """POST /v1/messages/count_tokens."""
        return self._answer(request, COUNT_MESSAGES.path, None)

    def provider_path(self, request: Request, path: str) -> Reply:
        """POST /anthropic/v1/{path}: the same at that provider, whose own name the model is."""
        return self._answer(request, path, PROVIDER)

    def _answer(self, request: Request, path: str, provider: str | None) -> Reply:
        self.calls.principal(request)
        body, size = strict_json.body(request.event, request.headers)
        body, provider = routed(body, provider, request.headers)
        reply = self.calls.answer(request, SURFACE, asked(path, body, request.headers), size, provider, error_body)
        return replace(reply, headers={"request-id": request.request_id, **reply.headers})  # where its SDK looks


def asked(path: str, body: dict[str, Any], headers: Mapping[str, str]) -> ModelRequest:
    """The request to one of the two operations. Raises InvalidRequest with the `param` at fault."""
    body = with_model(body)
    for name, field in FIELDS_OF[path].items():
        check(name, field, body.get(name))
    refuse_steering(body)
    stored = stored_object(body, OWN_DATA | {"input"})
    return ModelRequest(body, OPERATIONS[path], stored_object=stored, headers=forwarded(headers, HEADERS))
