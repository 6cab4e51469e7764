"""Token usage of Anthropic's Messages API as OpenAI's `usage` object.

Anthropic's `input_tokens` leaves out what the prompt cache read and wrote; OpenAI's `prompt_tokens` holds all three.
https://platform.claude.com/docs/en/build-with-claude/prompt-caching
"""

from sluice.translation.answers.json_value import Json, count, mapping

TIERS = {"standard": "default", "priority": "priority"}


def usage(reported: Json) -> Json:
    cached = count(reported.get("cache_read_input_tokens"))
    written = count(reported.get("cache_creation_input_tokens"))
    prompt = count(reported.get("input_tokens")) + cached + written
    completion = count(reported.get("output_tokens"))
    told: Json = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
    }
    details = mapping(reported.get("output_tokens_details"))
    if "thinking_tokens" in details:
        told["completion_tokens_details"] = {"reasoning_tokens": count(details["thinking_tokens"])}
    return told


def service_tier(reported: Json) -> Json:
    """The field as OpenAI names it, to be merged in; empty where no tier is told."""
    tier = reported.get("service_tier")
    return {"service_tier": TIERS[tier]} if isinstance(tier, str) and tier in TIERS else {}


def newer(before: Json, reported: Json) -> Json:
    """message_start's usage brought up to date by message_delta's, whose numbers are sums and not additions."""
    return {**before, **{name: value for name, value in reported.items() if value is not None}}
