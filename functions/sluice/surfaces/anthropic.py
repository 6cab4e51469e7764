"""The Anthropic surface: Messages and the counting of their tokens, as its SDKs and Claude Code call them.

https://platform.claude.com/docs/en/api/messages. The caller's JSON goes on whole; only what is read here is checked.
"""

from dataclasses import dataclass, replace
from typing import Any

from sluice.domain.call import ModelRequest
from sluice.domain.operation import COUNT_MESSAGES, MESSAGES, Operation
from sluice.policy.authentication import principal
from sluice.providers import guardrail
from sluice.surfaces import strict_json
from sluice.surfaces.anthropic_error import error_body
from sluice.surfaces.call_headers import forwarded
from sluice.surfaces.calls import Calls
from sluice.surfaces.fields import Field, check, is_list_of, is_message, is_switch, is_text, is_whole
from sluice.surfaces.openai_request import MAX_MESSAGES, MAX_TOKENS, refuse_steering
from sluice.surfaces.references import OWN_DATA, stored_object
from sluice.surfaces.request import Reply, Request

SURFACE = "anthropic"
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


@dataclass(frozen=True, slots=True)
class Anthropic:
    """The surface's operations."""

    calls: Calls

    def create(self, request: Request) -> Reply:
        """POST /v1/messages."""
        return self._answer(request, MESSAGES, FIELDS | {"max_tokens": LIMIT})

    def count(self, request: Request) -> Reply:
        """POST /v1/messages/count_tokens."""
        return self._answer(request, COUNT_MESSAGES, FIELDS)

    def _answer(self, request: Request, operation: Operation, fields: dict[str, Field]) -> Reply:
        principal(request.event)
        body, size = strict_json.body(request.event, request.headers)
        asked = _asked(operation, body, fields, request)
        reply = self.calls.answer(request, SURFACE, asked, size, None, error_body)
        return replace(reply, headers={"request-id": request.request_id, **reply.headers})  # where its SDK looks


def _asked(operation: Operation, body: dict[str, Any], fields: dict[str, Field], request: Request) -> ModelRequest:
    for name, field in fields.items():
        check(name, field, body.get(name))
    refuse_steering(body)
    headers = forwarded(request.headers, HEADERS)
    return ModelRequest(body, operation, stored_object=stored_object(body, OWN_DATA | {"input"}), headers=headers)
