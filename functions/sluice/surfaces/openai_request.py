"""What a chat completion request must have before it may cost anything.

The caller's JSON goes to the provider whole, so only what we read ourselves is checked here: a table of fields, what
each accepts, and the fields of other gateways that would choose a URL or a key (facts R07), which are refused.
https://platform.openai.com/docs/api-reference/chat/create
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from sluice.domain.call import ChatRequest
from sluice.domain.errors import InvalidRequest

MAX_TOKENS = 10_000_000
MAX_CHOICES = 128
MAX_MESSAGES = 20_000
STEERING = ("api_base", "base_url", "api_key", "extra_headers", "user_config", "custom_llm_provider")


class Field(NamedTuple):
    """What a field accepts, in words and as a check; None stands for absent."""

    wants: str
    accepts: Callable[[Any], bool]
    is_required: bool = False


def _is_count(most: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def _is_messages(value: Any) -> bool:
    return isinstance(value, list) and 0 < len(value) <= MAX_MESSAGES and all(map(_is_message, value))


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("role"), str)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


FIELDS = {
    "model": Field('"provider/model" or a route\'s name', _is_text, is_required=True),
    "messages": Field("a list of messages, each an object with a role, at least one", _is_messages, is_required=True),
    "stream": Field("true or false", lambda value: isinstance(value, bool)),
    "stream_options": Field("an object", lambda value: isinstance(value, dict)),
    "service_tier": Field("a string", _is_text),
    "n": Field(f"a whole number from 1 to {MAX_CHOICES}", _is_count(MAX_CHOICES)),
    "max_tokens": Field(f"a whole number from 1 to {MAX_TOKENS}", _is_count(MAX_TOKENS)),
    "max_completion_tokens": Field(f"a whole number from 1 to {MAX_TOKENS}", _is_count(MAX_TOKENS)),
}


def chat_request(body: dict[str, Any]) -> ChatRequest:
    """The request in a parsed body. Raises InvalidRequest with the `param` at fault."""
    for name, field in FIELDS.items():
        _check(name, field, body.get(name))
    for name in STEERING:
        if name in body:
            raise InvalidRequest(f"{name} is not taken from callers; providers are configured", param=name)
    if body.get("stream_options") is not None and body.get("stream") is not True:
        raise InvalidRequest("stream_options goes with stream = true", param="stream_options")
    return ChatRequest(body)


def _check(name: str, field: Field, value: Any) -> None:
    if value is None:
        if field.is_required:
            raise InvalidRequest(f"{name} is missing; want {field.wants}", param=name)
    elif not field.accepts(value):
        raise InvalidRequest(f"{name} is wrong; want {field.wants}", param=name)
