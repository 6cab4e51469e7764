"""A Responses request as one of chat.completions, for a model whose provider has neither the API nor its store.

https://platform.openai.com/docs/api-reference/responses/create. A conversation has to be in the request whole: what
refers to one that OpenAI would keep is refused. Fields that change the answer's text are translated or refused; the
rest is dropped, and named.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sluice.domain.errors import UnsupportedParameter
from sluice.translation.requests.json_values import Value
from sluice.translation.requests.responses_fields import kept
from sluice.translation.requests.responses_items import messages
from sluice.translation.requests.responses_tools import chosen
from sluice.translation.translation import Translated

Body = Mapping[str, Any]

WHOLE = "send the conversation whole, in input"
REFUSED = {
    "previous_response_id": f"no answer is stored for this model; {WHOLE}",
    "conversation": f"no conversation is stored for this model; {WHOLE}",
    "background": "this model answers while the call lasts; use stream = true",
    "prompt": "prompts that OpenAI stores are unknown to this model's provider; send the text, in instructions",
    "top_logprobs": "this model's API tells no probabilities; leave it out",
}
COPIED = (
    "temperature",
    "top_p",
    "parallel_tool_calls",
    "service_tier",
    "metadata",
    "user",
    "prompt_cache_key",
    "safety_identifier",
    # Bedrock's own, which OpenAI's clients send by `extra_body`
    "guardrailConfig",
    "performanceConfig",
    "requestMetadata",
    "promptVariables",
    "additionalModelRequestFields",
    "additionalModelResponseFieldPaths",
    "top_k",
)
TRANSLATED = ("model", "input", "instructions", "max_output_tokens", "tools", "tool_choice", "text", "reasoning")
ENCRYPTED = "reasoning.encrypted_content"  # always answered
# Fields with values that ask for nothing more than is done anyway.
HARMLESS: dict[str, Callable[[Any], bool]] = {
    "stream": lambda _: True,
    "store": lambda value: value is False,
    "truncation": lambda value: value == "disabled",
    "include": lambda value: isinstance(value, list) and all(one == ENCRYPTED for one in value),
    "stream_options": lambda value: isinstance(value, Mapping) and not value.get("include_obfuscation"),
}
# The fields of chat that have another name here.
CALLERS_NAMES = {
    "messages": "input",
    "max_completion_tokens": "max_output_tokens",
    "response_format": "text",
    "reasoning_effort": "reasoning",
}


def request(body: Body, model: str) -> Translated:
    """Raises InvalidRequest, or UnsupportedParameter, with the `param` at fault."""
    given = kept(body, *body)
    _refuse(given)
    said, is_lossy = messages(Value(given.get("input"), "input"))
    chat = {"model": model, "messages": [*_instructions(given), *said], **kept(given, *COPIED)}
    chat |= _most_tokens(given) | chosen(given) | _response_format(given) | _effort(given) | _stream(given)
    return Translated(chat, _warnings(given, is_lossy))


def callers_name(name: str) -> str:
    """What the caller calls a field of chat that a translation behind this one drops.

    A place inside of a field that is built here is told as the field.
    """
    return CALLERS_NAMES.get(name.partition(".")[0].partition("[")[0], name)


def callers_place(path: str, body: Body) -> str:
    """Where in the caller's `body` is what a translation behind this one blames (`param`)."""
    is_choice = isinstance(body.get("tool_choice"), Mapping) and body["tool_choice"].get("type") == "allowed_tools"
    if path.startswith("tools[") and is_choice:
        return "tools"  # some of them were left out
    is_of_tools = path.startswith(("tools[", "tool_choice."))
    return path.replace(".function", "", 1) if is_of_tools else callers_name(path)


def _refuse(given: Body) -> None:
    for name, words in REFUSED.items():
        if given.get(name):
            raise UnsupportedParameter(f"{name}: {words}", param=name)


def _warnings(given: Body, is_lossy: bool) -> tuple[str, ...]:
    known = {*REFUSED, *COPIED, *TRANSLATED}
    lossy = {
        "input": is_lossy or _has_cache_lifetime(given["input"]),
        "text": _more_than(given, "text", "format"),
        "reasoning": _more_than(given, "reasoning", "effort", "summary", "generate_summary"),
    }
    dropped = [name for name in given if name not in known and not HARMLESS.get(name, _never)(given[name])]
    return (*(name for name, is_dropped in lossy.items() if is_dropped), *dropped)


def _never(_: Any) -> bool:
    return False


def _has_cache_lifetime(given: Any) -> bool:
    """A cache breakpoint with a lifetime, which other families do not offer in OpenAI's lengths."""
    items = given if isinstance(given, list) else []
    contents = [item.get(name) for item in items for name in ("content", "output")]
    parts = [part for content in contents if isinstance(content, list) for part in content]
    marks = [part.get("prompt_cache_breakpoint") for part in parts if isinstance(part, Mapping)]
    return any(isinstance(mark, Mapping) and mark.get("ttl") is not None for mark in marks)


def _more_than(given: Body, name: str, *known: str) -> bool:
    field = given.get(name, {})
    return bool(kept(field, *field).keys() - set(known))


def _instructions(given: Body) -> list[dict[str, Any]]:
    words = Value(given.get("instructions", ""), "instructions").text()
    return [{"role": "system", "content": words}] if words else []


def _most_tokens(given: Body) -> dict[str, Any]:
    most = Value(given.get("max_output_tokens"), "max_output_tokens")
    return {} if most.is_absent else {"max_completion_tokens": most.whole(1)}


def _response_format(given: Body) -> dict[str, Any]:
    wanted = Value(given.get("text", {}), "text").field("format")
    return {} if wanted.is_absent else FORMATS[wanted.field("type").one_of(FORMATS)](wanted)


def _json_schema(wanted: Value) -> dict[str, Any]:
    named = {"name": wanted.field("name").text(), "schema": wanted.field("schema").object()}
    schema = named | kept(wanted.raw, "description", "strict")
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


FORMATS: dict[str, Callable[[Value], dict[str, Any]]] = {
    "text": lambda _: {},
    "json_object": lambda _: {"response_format": {"type": "json_object"}},
    "json_schema": _json_schema,
}


def _effort(given: Body) -> dict[str, Any]:
    effort = Value(given.get("reasoning", {}), "reasoning").field("effort")
    return {} if effort.is_absent else {"reasoning_effort": effort.text()}


def _stream(given: Body) -> dict[str, Any]:
    is_stream = given.get("stream") is True
    return {"stream": True, "stream_options": {"include_usage": True}} if is_stream else {}
