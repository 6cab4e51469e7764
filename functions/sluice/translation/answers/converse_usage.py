"""Token usage of a Converse answer as OpenAI's `usage` object.

Converse's `inputTokens` leaves out what the prompt cache read and wrote; OpenAI's `prompt_tokens` holds all three.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html
"""

from typing import Any

from sluice.translation.answers.json_value import Json, count, mapping

# where the answers of the families count reasoning, inside what additionalModelResponseFieldPaths asked for
REASONING_PATHS = (
    ("usage", "output_tokens_details", "thinking_tokens"),
    ("output_tokens_details", "thinking_tokens"),
    ("/usage/output_tokens_details", "thinking_tokens"),
    ("usage", "output_tokens_details", "reasoning_tokens"),
    ("usage", "completion_tokens_details", "reasoning_tokens"),
)


def usage(reported: Any, additional_fields: Any) -> Json | None:
    """Of Converse's `usage` and its additionalModelResponseFields; None where it reports no usage."""
    if not isinstance(reported, dict):
        return None
    cached, written = count(reported.get("cacheReadInputTokens")), count(reported.get("cacheWriteInputTokens"))
    prompt, completion = count(reported.get("inputTokens")) + cached + written, count(reported.get("outputTokens"))
    told: Json = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
    }
    reasoning = reasoning_tokens(additional_fields)
    if reasoning is not None:
        told["completion_tokens_details"] = {"reasoning_tokens": reasoning}
    return told


def reasoning_tokens(additional_fields: Any) -> int | None:
    """Only what the model reported; nothing is estimated."""
    found = (_at(additional_fields, path) for path in REASONING_PATHS)
    return next((count(value) for value in found if isinstance(value, int)), None)


def service_tier(answer: Json) -> Json:
    """The field as OpenAI names it, to be merged in; empty where Bedrock names no tier."""
    tier = mapping(answer.get("serviceTier")).get("type")
    return {"service_tier": tier} if isinstance(tier, str) else {}


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        value = mapping(value).get(key)
    return value
