"""Answers that are not a completion, in OpenAI's error shape, each as OpenAI words it."""

import json
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Refusal:
    """A status and a body. `{key}` in the body, and `{leak}` in a header, are filled in when it is sent."""

    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


class Refused(Exception):
    """The request gets a refusal in place of a completion."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.body)
        self.refusal = refusal


def error_body(message: str, type_: str, param: str | None = None, code: str | None = None) -> str:
    return json.dumps({"error": {"message": message, "type": type_, "param": param, "code": code}}, indent=2)


def invalid(status: int, message: str, param: str | None = None, code: str | None = None) -> Refusal:
    return Refusal(status, error_body(message, "invalid_request_error", param, code))


def unknown_url(method: str, path: str) -> Refusal:
    return invalid(404, f"Invalid URL ({method} {path})")


def wrong_method(method: str, path: str) -> Refusal:
    message = f"Not allowed to {method} on {path}. (HINT: Perhaps you meant to use a different HTTP method?)"
    return invalid(405, message, code="method_not_supported")


def unknown_model(name: str) -> Refusal:
    message = f"The model `{name}` does not exist or you do not have access to it."
    return invalid(404, message, code="model_not_found")


def is_no_chat_model() -> Refusal:
    message = (
        "This is not a chat model and thus not supported in the v1/chat/completions endpoint. "
        "Did you mean to use v1/completions?"
    )
    return invalid(404, message, "model")


def is_chat_model() -> Refusal:
    message = (
        "This is a chat model and not supported in the v1/completions endpoint. "
        "Did you mean to use v1/chat/completions?"
    )
    return invalid(404, message, "model")


def is_no_image_model(name: str) -> Refusal:
    message = f"Invalid value: '{name}'. Supported values are: 'gpt-image-1-mini', 'gpt-image-1.5' and 'gpt-image-2'."
    return invalid(400, message, "model", "invalid_value")


def unsupported_here(what: str, param: str) -> Refusal:
    """For what OpenAI does and this simulation does not."""
    return invalid(400, f"The simulated OpenAI {what}", param, "unsupported_by_the_simulation")


SERVER_ERROR = "The server had an error while processing your request. Sorry about that!"
NO_EMBEDDINGS = invalid(403, "You are not allowed to generate embeddings from this model")
NO_KEY = invalid(
    401, "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth."
)
NOT_JSON = invalid(
    400,
    "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library "
    "correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)",
)
MAX_TOKENS_OF_REASONING = invalid(
    400,
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    "max_tokens",
    "unsupported_parameter",
)
TOO_LARGE = invalid(413, "The request body is too large.", code="request_too_large")


def wrong_key(key: str) -> Refusal:
    shown = f"{key[:8]}{'*' * 8}{key[-4:]}" if len(key) > 16 else "*" * len(key)
    message = (
        f"Incorrect API key provided: {shown}. "
        "You can find your API key at https://platform.openai.com/account/api-keys."
    )
    return invalid(401, message, code="invalid_api_key")
