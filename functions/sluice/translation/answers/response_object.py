"""The response object of the Responses API, around what a model answered by another.

https://platform.openai.com/docs/api-reference/responses/object. The caller's settings are told as they were asked;
where none was set and OpenAI names its own, that of another model is not ours to know: null. Nothing is stored,
so `store` is false.
"""

from typing import Any, NamedTuple

from sluice.translation.answers.json_value import Json, count, mapping, sequence
from sluice.translation.translation import Asked, Event

# What is repeated from the request, and what stands for it where it was not sent.
ECHOED: Json = {
    "instructions": None,
    "max_output_tokens": None,
    "parallel_tool_calls": True,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "temperature": None,
    "tool_choice": "auto",
    "top_p": None,
    "user": None,
    "metadata": {},
}
# What is in effect whatever was asked.
FIXED: Json = {
    "background": False,
    "error": None,
    "max_tool_calls": None,
    "previous_response_id": None,
    "store": False,
    "top_logprobs": 0,
    "truncation": "disabled",
}
FUNCTION: Json = {"description": None, "parameters": None, "strict": False}
# chat's finish_reason, as what was missing at the end; the others end a complete answer
INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


class Outcome(NamedTuple):
    """How an answer stands. `service_tier` is the one that served it, None where the provider tells none."""

    status: str
    reason: str | None = None
    usage: Json | None = None
    service_tier: str | None = None


def response(asked: Asked, outcome: Outcome, output: list[Json]) -> Json:
    described = {"id": f"resp_{asked.id}", "object": "response", "created_at": asked.created, "model": asked.model}
    incomplete = None if outcome.reason is None else {"reason": outcome.reason}
    told = {"status": outcome.status, "incomplete_details": incomplete, "output": output, "usage": outcome.usage}
    return described | FIXED | told | _echo(asked.body) | {"service_tier": outcome.service_tier or _tier(asked.body)}


def usage(reported: object) -> Json | None:
    """chat's usage under the names of Responses, None where it is no usage."""
    if not isinstance(reported, dict):
        return None
    read, written = count(reported.get("prompt_tokens")), count(reported.get("completion_tokens"))
    read_as, written_as = (mapping(reported.get(f"{name}_tokens_details")) for name in ("prompt", "completion"))
    return {
        "input_tokens": read,
        "input_tokens_details": {name: count(read_as.get(name)) for name in ("cached_tokens", "cache_write_tokens")},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": count(written_as.get("reasoning_tokens"))},
        "total_tokens": count(reported.get("total_tokens")) or read + written,
    }


def _echo(body: Event) -> Json:
    echoed = {name: body[name] if body.get(name) is not None else default for name, default in ECHOED.items()}
    tools = [FUNCTION | tool for tool in sequence(body.get("tools")) if isinstance(tool, dict)]
    reasoning = {name: mapping(body.get("reasoning")).get(name) for name in ("effort", "summary")}
    form = mapping(body.get("text")).get("format") or {"type": "text"}
    return echoed | {"tools": tools, "text": {"format": form}, "reasoning": reasoning}


def _tier(body: Event) -> Any:
    return body.get("service_tier") or "auto"
