"""Usage as OpenAI-compatible providers report it, as our disjoint classes.

https://platform.openai.com/docs/api-reference/chat/object: `prompt_tokens` includes the cached ones, read and written,
and `completion_tokens` the reasoning ones. xAI leaves reasoning out of `completion_tokens`; its total gives that away.
A count that is not a whole number between 0 and 2^53 is no count: the object is then not believed at all.
"""

from collections.abc import Mapping
from typing import Any

from sluice.domain.usage import Usage

MOST = 2**53


def usage(reported: object) -> Usage | None:
    """The usage object of an answer or a chunk; None if it is absent or not to be believed."""
    if not isinstance(reported, Mapping):
        return None
    prompt, output = _count(reported, "prompt_tokens"), _count(reported, "completion_tokens", 0)
    prompt_details = _details(reported, "prompt_tokens_details")
    output_details = _details(reported, "completion_tokens_details")
    cached, written = _count(prompt_details, "cached_tokens", 0), _count(prompt_details, "cache_write_tokens", 0)
    reasoning = _count(output_details, "reasoning_tokens", 0)
    if prompt is None or output is None or cached is None or written is None or reasoning is None:
        return None
    if cached + written > prompt:
        return None
    if reasoning and reported.get("total_tokens") == prompt + output + reasoning:
        output += reasoning
    is_priced = not (prompt_details.get("audio_tokens") or output_details.get("audio_tokens"))
    return Usage(
        input=prompt - cached - written,
        cache_read=cached,
        cache_write_5m=written,
        output=output,
        reasoning=min(reasoning, output),
        is_priced=is_priced,
    )


def _details(reported: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    details = reported.get(name)
    return details if isinstance(details, Mapping) else {}


def _count(table: Mapping[str, Any], name: str, absent: int | None = None) -> int | None:
    value = table.get(name)
    if value is None:
        return absent
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST
    return value if is_count else None
