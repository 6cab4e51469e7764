"""A request for a response as OpenAI reads it: accessors over the caller's JSON, and what it asks of it.

https://platform.openai.com/docs/api-reference/responses/create
"""

from dataclasses import dataclass
from typing import Any

from sluice_devstack.simulated.refusal import Refusal, invalid, unsupported_here
from sluice_devstack.simulated.rules import (
    Body,
    Rule,
    at_least,
    has_model,
    invalid_value,
    known,
    one_of,
    options_only_of_a_stream,
    required,
    typed,
    when,
)

Item = dict[str, Any]

ENCRYPTED_REASONING = "reasoning.encrypted_content"
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
SUMMARIES = ("auto", "concise", "detailed")
FORMATS = ("text", "json_object", "json_schema")
MOVED = {
    "messages": "input",
    "response_format": "text.format",
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "reasoning_effort": "reasoning.effort",
    "verbosity": "text.verbosity",
}
PARAMETERS = (
    *("access_programs", "background", "context_management", "conversation", "frequency_penalty", "image", "include"),
    *("input", "instructions", "max_output_tokens"),
    *("max_tool_calls", "metadata", "model", "moderation", "parallel_tool_calls", "presence_penalty"),
    *("previous_response_id", "prompt", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"),
    *("reasoning", "safety_identifier", "service_tier", "store", "stream", "stream_options", "temperature", "text"),
    *("tool_choice", "tools", "top_logprobs", "top_p", "truncation", "user"),
)


@dataclass(frozen=True, slots=True)
class ResponsesRequest:
    body: Body

    @property
    def is_stream(self) -> bool:
        return self.body.get("stream") is True

    @property
    def is_stored(self) -> bool:
        return self.body.get("store") is not False

    @property
    def input(self) -> list[Item]:
        """The items; a text alone is a message of the user."""
        given = self.body.get("input") or []
        return [{"role": "user", "content": given}] if isinstance(given, str) else list(given)

    @property
    def previous_response_id(self) -> str | None:
        return self.body.get("previous_response_id")

    @property
    def reasoning(self) -> dict[str, Any]:
        return self.body.get("reasoning") or {}

    @property
    def format(self) -> dict[str, Any]:
        return (self.body.get("text") or {}).get("format") or {"type": "text"}

    @property
    def tools(self) -> list[dict[str, Any]]:
        return list(self.body.get("tools") or [])

    @property
    def includes_encrypted_reasoning(self) -> bool:
        return ENCRYPTED_REASONING in (self.body.get("include") or [])

    @property
    def includes_obfuscation(self) -> bool:
        return bool((self.body.get("stream_options") or {}).get("include_obfuscation", True))


def _moved(body: Body) -> Refusal | None:
    name = next((name for name in body if name in MOVED), None)
    if name is None:
        return None
    message = f"Unsupported parameter: '{name}'. In the Responses API, this parameter has moved to '{MOVED[name]}'."
    return invalid(400, message, name, "unsupported_parameter")


def _wrong_input(body: Body) -> bool:
    given = body.get("input")
    items = given if isinstance(given, list) else []
    is_fit = given is None or isinstance(given, str | list)
    return not (is_fit and all(isinstance(item, dict) for item in items))


def _lacks_input(body: Body) -> bool:
    return not any(body.get(name) for name in ("input", "previous_response_id", "conversation", "prompt"))


def _tool(body: Body) -> Refusal | None:
    """Function tools, each with a name; the built-in ones would need the services behind them."""
    for number, tool in enumerate(body.get("tools") or []):
        kind = tool.get("type") if isinstance(tool, dict) else None
        if kind != "function":
            return unsupported_here(f"runs function tools only, and no '{kind}'.", f"tools[{number}].type")
        if not tool.get("name"):
            place = f"tools[{number}].name"
            return invalid(400, f"Missing required parameter: '{place}'.", place, "missing_required_parameter")
    return None


def _format(body: Body) -> Refusal | None:
    given = ResponsesRequest(body).format
    if not isinstance(given, dict):
        return invalid(400, "Invalid type for 'text.format': expected an object.", "text.format", "invalid_type")
    if given.get("type") not in FORMATS:
        return invalid_value("text.format.type", given.get("type"), FORMATS)
    missing = next((name for name in ("name", "schema") if not given.get(name)), None)
    if given["type"] == "json_schema" and missing:
        place = f"text.format.{missing}"
        return invalid(400, f"Missing required parameter: '{place}'.", place, "missing_required_parameter")
    return None


def _reasoning(body: Body) -> Refusal | None:
    given = body.get("reasoning") or {}
    for name, values in (("effort", EFFORTS), ("summary", SUMMARIES)):
        if given.get(name) is not None and given[name] not in values:
            return invalid_value(f"reasoning.{name}", given[name], values)
    return None


RULES: tuple[Rule, ...] = (
    _moved,
    known(PARAMETERS),
    has_model,
    *(typed(name, bool, "a boolean") for name in ("stream", "store", "background", "parallel_tool_calls")),
    *(typed(name, list, "an array") for name in ("tools", "include")),
    *(typed(name, dict, "an object") for name in ("reasoning", "text", "metadata")),
    *(typed(name, str, "a string") for name in ("instructions", "previous_response_id", "user")),
    typed("temperature", (int, float), "a number"),
    *options_only_of_a_stream(("include_obfuscation",)),
    when(_wrong_input, invalid(400, "Invalid type for 'input': expected a string or an array of objects.", "input")),
    when(_lacks_input, required("input")({}) or invalid(400, "")),
    when(
        lambda body: bool(body.get("previous_response_id")) and bool(body.get("conversation")),
        invalid(
            400,
            "Mutually exclusive parameters: 'previous_response_id' and 'conversation'.",
            "conversation",
            "mutually_exclusive_parameters",
        ),
    ),
    when(
        lambda body: body.get("background") is True, unsupported_here("does not work in the background.", "background")
    ),
    when(lambda body: bool(body.get("prompt")), unsupported_here("keeps no prompt templates.", "prompt")),
    at_least("max_output_tokens", 16),
    one_of("truncation", ("auto", "disabled")),
    _tool,
    _format,
    _reasoning,
    when(
        lambda body: (
            bool(body.get("tool_choice")) and body["tool_choice"] not in ("none", "auto") and not body.get("tools")
        ),
        invalid(400, "Tool choice 'required' must be specified with 'tools' parameter.", "tool_choice"),
    ),
)
