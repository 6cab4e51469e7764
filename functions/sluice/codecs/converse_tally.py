"""What the events of ConverseStream, or a whole answer of Converse, add up to.

`inputTokens` leaves cached tokens out, read and written. `messageStop` says how the answer ended and `metadata`,
behind it, what it used; tokens of reasoning are told only where the request asked for
`/usage/output_tokens_details` in `additionalModelResponseFieldPaths`.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sluice.codecs import converse
from sluice.codecs.dialect import Chunk, size, text
from sluice.codecs.token_count import count, counts, table
from sluice.domain.reference import Stored
from sluice.domain.usage import Usage

LONG = "1h"
DELTAS_ALONE = {"contentBlockDelta"}


class ConverseTally:
    """The sum of one answer."""

    __slots__ = ("_reasoning", "_stop", "model", "said_bytes", "service_tier", "usage")

    def __init__(self, _choices: int) -> None:
        self._stop: str | None = None
        self._reasoning = 0
        self.usage: Usage | None = None
        self.model: str | None = None
        self.service_tier: str | None = None
        self.said_bytes = 0

    def add(self, chunk: Chunk) -> None:
        if chunk.keys() != DELTAS_ALONE:  # nearly every event of a stream adds to what was said, and no more
            self._note(chunk)
        self.said_bytes += size(converse.said(chunk))

    def _note(self, chunk: Chunk) -> None:
        stop = _either(chunk, "messageStop")
        metadata = _either(chunk, "metadata")
        self._stop = text(stop, "stopReason") or self._stop
        self._reasoning = _thought(table(stop, "additionalModelResponseFields")) or self._reasoning
        self.usage = usage(metadata.get("usage")) or self.usage
        self.service_tier = text(table(metadata, "serviceTier"), "type") or self.service_tier
        self._tell_reasoning()

    def _tell_reasoning(self) -> None:
        if self.usage and self._reasoning:
            self.usage = replace(self.usage, reasoning=min(self._reasoning, self.usage.output))

    def add_earlier(self, chunk: Chunk) -> None:
        earlier = ConverseTally(1)
        earlier.add(chunk)
        self._stop = self._stop or earlier._stop
        self._reasoning = self._reasoning or earlier._reasoning
        self.usage = self.usage or earlier.usage
        self.service_tier = self.service_tier or earlier.service_tier
        self._tell_reasoning()

    def adopt(self, tail: "ConverseTally") -> None:
        self._stop = tail._stop or self._stop
        self._reasoning = tail._reasoning or self._reasoning
        self.usage = tail.usage
        self.service_tier = tail.service_tier or self.service_tier
        self._tell_reasoning()

    @property
    def is_known(self) -> bool:
        return self.usage is not None and self._stop is not None

    @property
    def is_finished(self) -> bool:
        return self._stop is not None

    @property
    def finish_reason(self) -> str | None:
        """Bedrock's stop reason as it is."""
        return self._stop

    @property
    def stored(self) -> tuple[Stored, ...]:
        """None: Bedrock keeps no answer."""
        return ()


def usage(reported: object) -> Usage | None:
    """The usage of an answer, by the names of Converse or those of Nova; None if absent or not to be believed."""
    found = table(reported)
    totals = counts(found, "inputTokens", "outputTokens")
    read = _cached(found, "cacheReadInputToken")
    written = _cached(found, "cacheWriteInputToken")
    is_told = found.get("inputTokens") is not None and totals is not None
    if not is_told or totals is None or read is None or written is None:
        return None
    longer = min(_written_for_long(found.get("cacheDetails")), written)
    return Usage(totals[0], read, written - longer, longer, totals[1])


def _cached(reported: Mapping[str, Any], name: str) -> int | None:
    """A count of cached tokens: `...Tokens` in Converse, `...TokenCount` beside it or, in Nova's own events, alone."""
    found = counts(reported, f"{name}s", f"{name}Count")
    return None if found is None else max(found)


def _written_for_long(details: Any) -> int:
    """Tokens that were written to stay for an hour; all others stay five minutes."""
    rows = details if isinstance(details, list) else []
    return sum(count(row.get("inputTokens")) or 0 for row in map(table, rows) if row.get("ttl") == LONG)


def _either(chunk: Chunk, event: str) -> Mapping[str, Any]:
    """What an event of that type holds; a whole answer holds it itself."""
    return table(chunk, event) if event in chunk else chunk


def _thought(fields: Mapping[str, Any]) -> int:
    details = (table(fields, "usage", "output_tokens_details"), table(fields, "output_tokens_details"))
    return max(count(one.get("thinking_tokens")) or 0 for one in details)
