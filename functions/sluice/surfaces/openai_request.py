"""What a request must have before it may cost anything, for each operation.

The caller's JSON goes to the provider whole, so only what we read ourselves is checked here: a table of fields, what
each accepts, and the fields of other gateways that would choose a URL or a key (facts R07), which are refused.
https://platform.openai.com/docs/api-reference
"""

from collections.abc import Mapping
from typing import Any

from sluice.domain.call import ModelRequest
from sluice.domain.errors import InvalidRequest
from sluice.domain.operation import CHAT, COMPLETIONS, EMBEDDINGS, IMAGES, RESPONSES, SPEECH, Operation
from sluice.surfaces.fallbacks import with_model
from sluice.surfaces.fields import (
    Field,
    check,
    is_input,
    is_list_of,
    is_message,
    is_object,
    is_switch,
    is_text,
    is_whole,
)
from sluice.surfaces.references import references, stored_object

MAX_TOKENS = 10_000_000
MAX_CHOICES = 128
MAX_MESSAGES = 20_000
STEERING = ("api_base", "base_url", "api_key", "extra_headers", "user_config", "custom_llm_provider")
LATER = ("background", "deferred")  # OpenAI's, and xAI's: https://docs.x.ai/docs/guides/deferred-chat-completions

TOKENS = Field(f"a whole number from 1 to {MAX_TOKENS}", is_whole(1, MAX_TOKENS))
CHOICES = Field(f"a whole number from 1 to {MAX_CHOICES}", is_whole(1, MAX_CHOICES))
SWITCH = Field("true or false", is_switch)
OBJECT = Field("an object", is_object)
TEXT = Field("text", is_text)
INPUT = Field("text, a list of texts, or their tokens", is_input)

COMMON = {
    "model": Field('"provider/model" or a route\'s name', is_text, is_required=True),
    "stream": SWITCH,
    "stream_options": OBJECT,
    "service_tier": Field("a string", is_text),
}
FIELDS = {
    CHAT.path: COMMON
    | {
        "messages": Field(
            "a list of messages, each an object with a role, at least one",
            is_list_of(is_message, MAX_MESSAGES),
            is_required=True,
        ),
        "n": CHOICES,
        "max_tokens": TOKENS,
        "max_completion_tokens": TOKENS,
    },
    RESPONSES.path: COMMON
    | {
        "input": Field(
            "text, or a list of items, each an object",
            lambda value: isinstance(value, str) or is_list_of(is_object, MAX_MESSAGES)(value),
        ),
        "background": SWITCH,
        "store": SWITCH,
        "max_output_tokens": TOKENS,
        "previous_response_id": Field("the id of a response of yours", is_text),
    },
    COMPLETIONS.path: COMMON
    | {
        "prompt": INPUT,
        "n": CHOICES,
        "best_of": CHOICES,
        "max_tokens": Field(f"a whole number from 0 to {MAX_TOKENS}", is_whole(0, MAX_TOKENS)),
    },
    EMBEDDINGS.path: COMMON
    | {
        "input": INPUT._replace(is_required=True),
        "stream": Field("nothing, or false: embeddings do not stream", lambda value: value is False),
    },
    IMAGES.path: COMMON | {"prompt": TEXT._replace(is_required=True), "n": CHOICES},
    SPEECH.path: COMMON | {"input": TEXT._replace(is_required=True), "stream_format": TEXT},
}


def model_request(operation: Operation, body: dict[str, Any]) -> ModelRequest:
    """The request in a parsed body. Raises InvalidRequest with the `param` at fault."""
    body = with_model(body)
    for name, field in FIELDS[operation.path].items():
        check(name, field, body.get(name))
    refuse_steering(body)
    if body.get("stream_options") is not None and body.get("stream") is not True:
        raise InvalidRequest("stream_options goes with stream = true", param="stream_options")
    for name in LATER:
        if body.get(name):
            words = f"{name} is not served: its answer is fetched later, by a path that this gateway keeps closed"
            raise InvalidRequest(f"{words}; use stream = true", param=name)
    named = references(body) if operation is RESPONSES else ()
    return ModelRequest(body, operation, named, stored_object(body))


def refuse_steering(body: Mapping[str, Any]) -> None:
    """Raises InvalidRequest for a field of other gateways that would choose a URL or a key."""
    for name in STEERING:
        if name in body:
            raise InvalidRequest(f"{name} is not taken from callers; providers are configured", param=name)
