"""Usage as OpenAI-compatible providers report it, as our disjoint classes.

https://platform.openai.com/docs/api-reference: the count of the prompt (`prompt_tokens`, or `input_tokens` in
Responses, images and speech) includes the cached ones, read and written, and that of the answer the reasoning ones.
xAI and Gemini leave reasoning out of `completion_tokens`, Gemini without naming it: the total gives it away. A count
that is not a whole number between 0 and 2^53 is no count: the object is then not believed at all.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sluice.domain.usage import Usage

MOST = 2**53
AUDIO = "audio_tokens"
# What xAI charges by the piece beside the tokens: https://docs.x.ai/developers/tools/tool-usage-details
CHARGED = ("num_sources_used", "num_server_side_tools_used")


class Names(NamedTuple):
    """What one generation of the API calls its counts."""

    prompt: str
    output: str

    def details(self, reported: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        return _table(reported, f"{self.prompt}_details"), _table(reported, f"{self.output}_details")


CHAT = Names("prompt_tokens", "completion_tokens")
RESPONSES = Names("input_tokens", "output_tokens")


def usage(reported: object) -> Usage | None:
    """The usage object of an answer or a chunk; None if it is absent or not to be believed."""
    if not isinstance(reported, Mapping):
        return None
    # Some proxies send both names, one of them with zeros.
    names = max(CHAT, RESPONSES, key=lambda one: -1 if (count := _count(reported, one.prompt, -1)) is None else count)
    prompt_details, output_details = names.details(reported)
    counts = (
        _count(reported, names.prompt, None),
        _count(reported, names.output),
        _count(prompt_details, "cached_tokens"),
        _count(prompt_details, "cache_write_tokens"),
        _count(_table(prompt_details, "cache_write_tokens_details"), "ttl_12h_tokens"),
        _count(output_details, "reasoning_tokens"),
    )
    known = [count for count in counts if count is not None]
    if len(known) < len(counts):
        return None
    has_audio = prompt_details.get(AUDIO) or output_details.get(AUDIO)
    is_priced = not (has_audio or any(reported.get(name) for name in CHARGED))
    return _disjoint(*known, total=reported.get("total_tokens"), is_priced=is_priced)


def _disjoint(
    prompt: int, output: int, cached: int, written: int, longer: int, reasoning: int, *, total: object, is_priced: bool
) -> Usage | None:
    if cached + written > prompt or longer > written:
        return None
    hidden = total - prompt - output if isinstance(total, int) and total < MOST else 0
    if hidden > 0:
        output, reasoning = output + hidden, max(reasoning, hidden)
    return Usage(
        input=prompt - cached - written,
        cache_read=cached,
        cache_write_5m=written - longer,
        cache_write_1h=longer,
        output=output,
        reasoning=min(reasoning, output),
        is_priced=is_priced,
    )


def _table(reported: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    details = reported.get(name)
    return details if isinstance(details, Mapping) else {}


def _count(table: Mapping[str, Any], name: str, absent: int | None = 0) -> int | None:
    value = table.get(name)
    if value is None:
        return absent
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST
    return value if is_count else None
