"""Says something to a Messages request: thoughts, words, calls of tools. Prefixes that end in `cache_control` are kept.

The words and the calls are those of the simulated OpenAI's models. A short prefix is cached like a long one, and the
cache forgets nothing: a test need not wait or write a novel.
"""

import json
from collections.abc import Iterator
from random import Random

from sluice_devstack.simulated import prose, tokens
from sluice_devstack.simulated.anthropic.answer import MINUTES, Cache, Message
from sluice_devstack.simulated.anthropic.blocks import Block, Text, Thinking, ToolUse
from sluice_devstack.simulated.anthropic.refusals import invalid
from sluice_devstack.simulated.anthropic.request import CACHE_CONTROL, MessagesRequest
from sluice_devstack.simulated.chat.request import ChatRequest
from sluice_devstack.simulated.completion import Choice, complete
from sluice_devstack.simulated.refusal import Refused
from sluice_devstack.simulated.reply import letters

LEAD_IN = "I will look that up for you."


class Speaker:
    """Remembers which prefixes it has read."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._known: set[tuple[str, str]] = set()

    def say(self, request: MessagesRequest) -> Message:
        """Raises Refused for a schema that is none."""
        chat = request.chat
        unlimited = _choice(chat)
        text, stop = _until_stop("".join(unlimited.pieces), request.stops)
        opening = self._opening(request, chat, has_calls=bool(unlimited.calls))
        budget = request.max_tokens - sum(block.tokens for block in opening)
        pieces = tuple(_own_words(tokens.pieces(text), chat))
        if unlimited.calls:
            calls = _choice(ChatRequest({**chat.body, "max_tokens": max(budget, 1)})).calls
            said: tuple[Block, ...] = tuple(ToolUse(f"toolu_01{letters(self._random, 22)}", call) for call in calls)
            is_cut = calls != unlimited.calls
        else:
            said = (Text(pieces[:budget]),) if pieces and budget > 0 else ()
            is_cut = len(pieces) > budget
        reason = _reason(stop, has_calls=bool(unlimited.calls), is_cut=is_cut)
        cache = self._cache(request)
        prompt = max(chat.prompt_tokens, cache.read + cache.written + 1)
        return Message((*opening, *said), reason, prompt, stop if reason == "stop_sequence" else None, cache)

    def count(self, request: MessagesRequest) -> int:
        return request.chat.prompt_tokens

    def _opening(self, request: MessagesRequest, chat: ChatRequest, *, has_calls: bool) -> tuple[Block, ...]:
        """What comes before the words or the calls: thoughts, and a word before calls that nobody forced."""
        blocks: list[Block] = []
        if request.thinks:
            thought = tokens.pieces("\n\n".join(prose.reasoning_summaries(chat.prompt)))
            pieces = tuple(_own_words(thought, chat))[: request.max_tokens]
            blocks.append(Thinking(pieces, request.shows_thoughts))
        left = request.max_tokens - sum(block.tokens for block in blocks)
        if has_calls and not request.is_forced and left > 0:
            blocks.append(Text(tuple(tokens.pieces(LEAD_IN))[:left]))
        return tuple(blocks)

    def _cache(self, request: MessagesRequest) -> Cache:
        points = request.cache_points
        if not points:
            return Cache()
        prefixes = [_plain(request.items[:end]) for end in sorted(points)]
        model = request.chat.model
        known = [tokens.count(prefix) for prefix in prefixes if (model, prefix) in self._known]
        self._known |= {(model, prefix) for prefix in prefixes}
        read = max(known, default=0)
        ttl = points[max(points)].get("ttl", MINUTES)
        return Cache(read, max(0, tokens.count(prefixes[-1]) - read), ttl)


def _reason(stop: str | None, *, has_calls: bool, is_cut: bool) -> str:
    ended = "tool_use" if has_calls else "stop_sequence" if stop else "end_turn"
    return "max_tokens" if is_cut else ended


def _choice(chat: ChatRequest) -> Choice:
    try:
        return complete(chat, is_reasoning=False).choices[0]
    except Refused as refused:
        raise invalid("output_config.format.schema or tools: the schema cannot be followed") from refused


def _until_stop(text: str, stops: list[str]) -> tuple[str, str | None]:
    """The text before the first of the stops, and which one that is."""
    found = [(text.index(stop), stop) for stop in stops if stop in text]
    end, stop = min(found, default=(len(text), None), key=lambda one: one[0])
    return text[:end], stop


def _own_words(pieces: list[str], chat: ChatRequest) -> Iterator[str]:
    """The stand-in speaks of itself, but repeats what it was told."""
    is_told = "openai" in chat.prompt.lower() or bool(chat.tool_results)
    yield from (piece if is_told else piece.replace("OpenAI", "Anthropic") for piece in pieces)


def _plain(items: list[dict[str, object]]) -> str:
    """A prefix as text that is the same whenever it is said again."""
    bare = [{name: value for name, value in item.items() if name != CACHE_CONTROL} for item in items]
    return json.dumps(bare, sort_keys=True)
