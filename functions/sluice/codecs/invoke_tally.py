"""What the events of InvokeModel, or a model's whole answer, add up to: each family has words of its own.

Claude speaks Anthropic's Messages, Nova the words of Converse; the others write flat objects with some of the fields
named below, or choices as OpenAI does. The last event of a stream carries Bedrock's own counts, which are what AWS
bills: they win over the model's (recorded for Claude 3.5: 97 where the model said 133). Answers without counts have
them in their headers.
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from sluice.codecs import chat, converse_tally
from sluice.codecs.converse_tally import ConverseTally
from sluice.codecs.dialect import Chunk, size, text
from sluice.codecs.messages_tally import MessagesTally
from sluice.codecs.openai_usage import usage as openai_usage
from sluice.codecs.token_count import count, counts, table
from sluice.domain.reference import Stored
from sluice.domain.usage import Usage

METRICS = "amazon-bedrock-invocationMetrics"
GUARDRAIL = "amazon-bedrock-guardrailAction"
BLOCKED = "guardrail_intervened"
HEADERS = ("x-amzn-bedrock-input-token-count", "x-amzn-bedrock-output-token-count")
CONVERSE = frozenset({"messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop"})
CONVERSE |= {"metadata", "output"}
INPUTS = ("inputTextTokenCount", "prompt_token_count")
OUTPUTS = ("totalOutputTextTokenCount", "tokenCount", "generation_token_count")
REASONS = ("stop_reason", "completionReason", "finish_reason")
TEXTS = ("completion", "outputText", "generation", "text")
VECTORS = ("embedding", "embeddings")
ANSWERS = ("results", "outputs", "generations", "choices")
CACHED = frozenset({"cacheReadInputTokenCount", "cacheWriteInputTokenCount"})


class FlatTally:
    """The sum of an answer in flat objects: of Claude's text completion, Titan, Llama, Mistral, Cohere and others."""

    __slots__ = ("_input", "_output", "_reported", "has_ended", "reason", "said_bytes")

    def __init__(self) -> None:
        self._input: int | None = None
        self._output: int | None = None
        self._reported: Usage | None = None
        self.reason: str | None = None
        self.has_ended = False
        self.said_bytes = 0

    def add(self, chunk: Chunk) -> None:
        for one in (chunk, *_answers(chunk)):
            self._input = _first(one, INPUTS, self._input)
            self._output = _first(one, OUTPUTS, self._output)
            self.reason = next(filter(None, (text(one, name) for name in REASONS)), self.reason)
            self.said_bytes += size(_said(one))
        self._reported = openai_usage(chunk.get("usage")) or self._reported
        if any(name in chunk for name in VECTORS):
            self._output = 0
        self.has_ended |= _is_last(chunk)

    def add_earlier(self, chunk: Chunk) -> None:
        earlier = FlatTally()
        earlier.add(chunk)
        earlier.adopt(self)
        self.adopt(earlier)

    def adopt(self, tail: "FlatTally") -> None:
        self._input = self._input if tail._input is None else tail._input
        self._output = self._output if tail._output is None else tail._output
        self._reported = tail._reported or self._reported
        self.reason = tail.reason or self.reason
        self.has_ended |= tail.has_ended

    @property
    def usage(self) -> Usage | None:
        is_told = self._input is not None and self._output is not None
        return self._reported or (Usage(input=self._input or 0, output=self._output or 0) if is_told else None)


class InvokeTally:
    """The sum of one answer of any family."""

    __slots__ = (
        "_claude",
        "_flat",
        "_headers",
        "_is_blocked",
        "_metrics",
        "_nova",
        "model",
        "said_bytes",
        "service_tier",
        "usage",
    )

    def __init__(self, _choices: int) -> None:
        self._claude = MessagesTally(1)
        self._nova = ConverseTally(1)
        self._flat = FlatTally()
        self._metrics: Mapping[str, Any] = {}
        self._headers: Usage | None = None
        self._is_blocked = False
        self.usage: Usage | None = None
        self.model: str | None = None
        self.service_tier: str | None = None
        self.said_bytes = 0

    def add(self, chunk: Chunk) -> None:
        _part(self, chunk).add(chunk)
        self._metrics = table(chunk, METRICS) or self._metrics
        self._is_blocked |= chunk.get(GUARDRAIL) == "INTERVENED"
        self.said_bytes = self._claude.said_bytes + self._nova.said_bytes + self._flat.said_bytes
        self._sum()

    def headers(self, headers: Mapping[str, str]) -> None:
        """The answer's headers, by names in lower case; they count where the body does not."""
        found = [int(value) if (value := headers.get(name, "")).isdecimal() else None for name in HEADERS]
        read, written = (count(one) for one in found)
        if read is not None:
            self._headers = Usage(input=read, output=written or 0)
        self._sum()

    def _sum(self) -> None:
        own = self._claude.usage or self._nova.usage or self._flat.usage
        self.usage = self._billed(own) if self._metrics else own or self._headers
        self.model = self._claude.model or self.model
        self.service_tier = self._claude.service_tier or self._nova.service_tier or self.service_tier

    def _billed(self, own: Usage | None) -> Usage | None:
        """Bedrock's counts. What they do not tell (for how long, how much was thought) is the model's to say.

        Claude says it in its first event, so there is no sum without that one.
        """
        billed = converse_tally.usage(_as_converse(self._metrics))
        if billed and own:
            return _joined(billed, own, self._metrics.keys() >= CACHED)
        is_open = billed is not None and (billed.cache_write_5m > 0 or not self._metrics.keys() >= CACHED)
        return None if is_open and self._claude.is_finished else billed or own

    def add_earlier(self, chunk: Chunk) -> None:
        _part(self, chunk).add_earlier(chunk)
        self._metrics = self._metrics or table(chunk, METRICS)
        self._is_blocked |= chunk.get(GUARDRAIL) == "INTERVENED"
        self._sum()

    def adopt(self, tail: "InvokeTally") -> None:
        self._claude.adopt(tail._claude)
        self._nova.adopt(tail._nova)
        self._flat.adopt(tail._flat)
        self._metrics = tail._metrics or self._metrics
        self._is_blocked |= tail._is_blocked
        self._sum()

    @property
    def is_known(self) -> bool:
        return self.usage is not None and self.finish_reason is not None

    @property
    def is_finished(self) -> bool:
        """Whether Bedrock or the model told the end.

        A guardrail's word ends nothing by itself: on a masked stream each event carries it (recorded), a blocked one
        has it with the counts.
        """
        has_stopped = self._claude.is_finished or self._nova.is_finished or self._flat.has_ended
        return bool(self._metrics) or has_stopped or (self._is_blocked and self.usage is not None)

    @property
    def finish_reason(self) -> str | None:
        """The model's own word for it."""
        reason = self._claude.finish_reason or self._nova.finish_reason or self._flat.reason
        return reason or (BLOCKED if self._is_blocked else None)

    @property
    def stored(self) -> tuple[Stored, ...]:
        """None: Bedrock keeps no answer."""
        return ()


def _part(tally: InvokeTally, chunk: Chunk) -> MessagesTally | ConverseTally | FlatTally:
    """Whose words they are."""
    if not CONVERSE.isdisjoint(chunk):
        return tally._nova
    is_claude = "type" in chunk and "completion" not in chunk
    return tally._claude if is_claude else tally._flat


def _answers(chunk: Chunk) -> Iterator[Mapping[str, Any]]:
    """The answers in a whole one, which some families list."""
    for name in ANSWERS:
        found = chunk.get(name)
        yield from map(table, found if isinstance(found, list) else [])


def _said(one: Chunk) -> Iterator[str]:
    yield from filter(None, (text(one, name) for name in TEXTS))
    yield from chat.said({**one, "text": None})


def _first(one: Mapping[str, Any], names: tuple[str, ...], known: int | None) -> int | None:
    return next((found for name in names if (found := count(one.get(name))) is not None), known)


def _is_last(chunk: Chunk) -> bool:
    """Whether an event, or a whole answer, tells the end."""
    is_reasoned = any(text(one, name) for one in (chunk, *_answers(chunk)) for name in REASONS)
    return is_reasoned or chunk.get("is_finished") is True or any(name in chunk for name in VECTORS)


def _as_converse(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Bedrock's counts by the names of Nova's usage; the cached ones have them already."""
    found = {**metrics, "inputTokens": metrics.get("inputTokenCount"), "outputTokens": metrics.get("outputTokenCount")}
    return found if counts(found, "inputTokens", "outputTokens") else {}


def _joined(billed: Usage, own: Usage, has_cached: bool) -> Usage:
    """What is billed, told apart as the model tells it; `has_cached` says that cached tokens were billed for."""
    cached = billed if has_cached else own
    written = cached.cache_write_5m + cached.cache_write_1h
    longer = min(own.cache_write_1h, written)
    return replace(
        billed,
        cache_read=cached.cache_read,
        cache_write_5m=written - longer,
        cache_write_1h=longer,
        reasoning=min(own.reasoning, billed.output),
        is_priced=own.is_priced,
    )
