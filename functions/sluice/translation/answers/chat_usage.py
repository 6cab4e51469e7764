"""OpenAI's `usage` object as the token usage of Anthropic's Messages API.

OpenAI's `prompt_tokens` holds what the prompt cache read and wrote; Anthropic's `input_tokens` leaves both out.
https://platform.claude.com/docs/en/build-with-claude/prompt-caching
"""

from typing import Any

from sluice.translation.answers.json_value import Json, count, mapping

TIERS = {"default": "standard", "priority": "priority"}
UNKNOWN = {"input_tokens": 0, "output_tokens": 0}  # both are required, also before anything is known


def usage(reported: Any) -> Json:
    if not isinstance(reported, dict):
        return dict(UNKNOWN)
    details = mapping(reported.get("prompt_tokens_details"))
    cached, written = count(details.get("cached_tokens")), count(details.get("cache_write_tokens"))
    told: Json = {
        "input_tokens": max(count(reported.get("prompt_tokens")) - cached - written, 0),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "output_tokens": count(reported.get("completion_tokens")),
    }
    reasoning = count(mapping(reported.get("completion_tokens_details")).get("reasoning_tokens"))
    return {**told, "output_tokens_details": {"thinking_tokens": reasoning}} if reasoning else told


def service_tier(answer: Json) -> Json:
    """The field as it is in Anthropic's usage, to be merged in; empty where it has no name for the tier."""
    tier = answer.get("service_tier")
    return {"service_tier": TIERS[tier]} if isinstance(tier, str) and tier in TIERS else {}
