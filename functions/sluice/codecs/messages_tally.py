"""What the events of Anthropic's Messages, or a whole message, add up to.

`input_tokens` leaves cached tokens out. `message_start` tells the model, the tier and the prompt's tokens,
`message_delta` those of the answer and whatever changed since: its counts are cumulative and win. Usage is known when
both were seen. A stream that broke off has told nothing of its output, so what was delivered is counted instead.
https://platform.claude.com/docs/en/api/messages
"""

from collections.abc import Mapping
from typing import Any

from sluice.codecs import messages
from sluice.codecs.dialect import Chunk, size, text
from sluice.codecs.token_count import count, counts, table
from sluice.domain.reference import Stored
from sluice.domain.usage import Usage

# Charged beside the tokens, by the search or by the hour: https://platform.claude.com/docs/en/about-claude/pricing
CHARGED = ("web_search_requests", "code_execution_requests")
# Charged by more than the model's list price, on the same page.
DEARER = {"speed": "fast", "inference_geo": "us"}


class MessagesTally:
    """The sum of one message."""

    __slots__ = ("_has_ended", "_has_started", "_reported", "_stop", "model", "said_bytes", "service_tier", "usage")

    def __init__(self, _choices: int) -> None:
        self._reported: dict[str, Any] = {}
        self._has_started = False
        self._has_ended = False
        self._stop: str | None = None
        self.usage: Usage | None = None
        self.model: str | None = None
        self.service_tier: str | None = None
        self.said_bytes = 0

    def add(self, chunk: Chunk) -> None:
        message = _message(chunk)
        found = {name: value for name, value in table(message, "usage").items() if value is not None}
        self._reported |= found
        self._has_started |= chunk.get("type") in ("message_start", "message")
        self._has_ended |= bool(found) and chunk.get("type") in ("message_delta", "message")
        self._stop = text(message, "stop_reason") or text(table(chunk, "delta"), "stop_reason") or self._stop
        self.model = text(message, "model") or self.model
        self.said_bytes += size(messages.said(chunk))
        self._sum()

    def _sum(self) -> None:
        self.service_tier = text(self._reported, "service_tier") or self.service_tier
        self.usage = usage(self._reported) if self._has_started and self._has_ended else None

    def add_earlier(self, chunk: Chunk) -> None:
        earlier = MessagesTally(1)
        earlier.add(chunk)
        earlier.adopt(self)
        self.adopt(earlier)

    def adopt(self, tail: "MessagesTally") -> None:
        self._reported = {**self._reported, **tail._reported}
        self._has_started |= tail._has_started
        self._has_ended |= tail._has_ended
        self._stop = tail._stop or self._stop
        self.model = tail.model or self.model
        self.service_tier = tail.service_tier or self.service_tier
        self._sum()

    @property
    def is_known(self) -> bool:
        return self.usage is not None

    @property
    def is_finished(self) -> bool:
        """Whether it said why it stopped: only `message_stop` is missing then, which says nothing."""
        return self._stop is not None

    @property
    def finish_reason(self) -> str | None:
        """Anthropic's stop reason as it is."""
        return self._stop

    @property
    def stored(self) -> tuple[Stored, ...]:
        """None: a message cannot be continued by its id."""
        return ()


def usage(reported: Mapping[str, Any]) -> Usage | None:
    """A whole usage object; None if a count is missing or not to be believed."""
    found = counts(reported, "input_tokens", "output_tokens", "cache_read_input_tokens")
    writes = table(reported, "cache_creation")
    kept = counts(writes, "ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
    written = counts({"all": sum(kept or ()), **_given(reported, "cache_creation_input_tokens", "all")}, "all")
    is_told = reported.get("input_tokens") is not None and reported.get("output_tokens") is not None
    if not is_told or found is None or kept is None or written is None:
        return None
    longer = min(kept[1], written[0])
    thought = count(table(reported, "output_tokens_details").get("thinking_tokens")) or 0
    return Usage(
        input=found[0],
        cache_read=found[2],
        cache_write_5m=written[0] - longer,
        cache_write_1h=longer,
        output=found[1],
        reasoning=min(thought, found[1]),
        is_priced=_has_only_tokens(reported),
    )


def _given(reported: Mapping[str, Any], name: str, known_as: str) -> dict[str, Any]:
    return {} if reported.get(name) is None else {known_as: reported[name]}


def _has_only_tokens(reported: Mapping[str, Any]) -> bool:
    """Whether its tokens, at list price, are all that is charged.

    With compaction and advisors the counts are those of the last of several calls; `iterations` tells the others.
    """
    charged = table(reported, "server_tool_use")
    rounds = reported.get("iterations")
    is_single = all(table(one).get("type") == "message" for one in rounds) if isinstance(rounds, list) else True
    is_dearer = any(reported.get(name) == value for name, value in DEARER.items())
    return is_single and not is_dearer and not any(charged.get(name) for name in CHARGED)


def _message(chunk: Chunk) -> Mapping[str, Any]:
    """What carries usage: the message that an event opens with, else the event or the message itself."""
    return table(chunk, "message") if chunk.get("type") == "message_start" else chunk
