"""Says something to a question: thoughts, words, tool calls, a citation; a guardrail may step in; prefixes are cached.

Strategy: the words and the calls are those of the simulated OpenAI's models (`completion.py`); what Bedrock adds to
them is here. A guardrail intervenes where the prompt says the word guardrail.
"""

import re
from collections.abc import Iterator
from random import Random

from sluice_devstack.simulated import prose, tokens
from sluice_devstack.simulated.bedrock.converse_request import is_signed
from sluice_devstack.simulated.bedrock.exceptions import by_the_model
from sluice_devstack.simulated.bedrock.model_id import Family
from sluice_devstack.simulated.bedrock.question import Guardrail, Question
from sluice_devstack.simulated.bedrock.said import Block, Reasoning, Said, Text, ToolUse, Usage, words
from sluice_devstack.simulated.chat.request import ChatRequest
from sluice_devstack.simulated.completion import Choice, complete
from sluice_devstack.simulated.refusal import Refused
from sluice_devstack.simulated.reply import letters
from sluice_devstack.simulated.tools import is_forced

LEAD_IN = "I will look that up for you."
BLOCKED = "Sorry, the guardrail of this simulation does not let this through."
TRIGGER = re.compile(r"\bguardrail\b", re.IGNORECASE)
STAND_IN_FOR = {"OpenAI": "Bedrock", "openai": "bedrock"}
MIN_INPUT_TOKENS = 1


class Speaker:
    """Remembers which prefixes it has read."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._known: set[tuple[str, str]] = set()

    def say(self, question: Question) -> Said:
        """Raises Refused for what the model cannot make sense of, as a schema that is none."""
        request = ChatRequest(question.chat)
        if question.guardrail and TRIGGER.search(request.prompt):
            return _blocked(request, question.guardrail)
        choice = _choice(request)
        blocks = tuple(self._blocks(question, request, choice))
        usage = self._usage(question, request.prompt_tokens, sum(block.tokens for block in blocks))
        stop = _stop_sequence(request, choice)
        reason = "stop_sequence" if stop else _stop_reason(choice)
        return Said(blocks, reason, usage, bool(question.cached), stop, _trace(question.guardrail, "NONE"))

    def _blocks(self, question: Question, request: ChatRequest, choice: Choice) -> Iterator[Block]:
        family = question.model.family
        if question.thinks:
            signature = letters(self._random, 180) + "==" if is_signed(family) else None
            yield Reasoning(tuple(_own_words(tokens.pieces("\n\n".join(_thoughts(request))), request)), signature)
        if choice.pieces:
            yield Text(tuple(_own_words(choice.pieces, request)), question.citation)
        if choice.calls and family is Family.CLAUDE and not is_forced(request):
            yield words(LEAD_IN)
        for call in choice.calls:
            yield ToolUse(letters(self._random, 22), call)

    def _usage(self, question: Question, prompt_tokens: int, output_tokens: int) -> Usage:
        keys = [(question.model.base, prefix) for prefix in question.cached]
        sizes = [min(tokens.count(prefix), prompt_tokens - MIN_INPUT_TOKENS) for prefix in question.cached]
        read = max((size for key, size in zip(keys, sizes, strict=True) if key in self._known), default=0)
        whole = max(sizes, default=0)
        self._known.update(keys)
        return Usage(prompt_tokens - whole, output_tokens, read, whole - read)


def input_tokens(question: Question) -> int:
    return ChatRequest(question.chat).prompt_tokens


def _choice(request: ChatRequest) -> Choice:
    try:
        return complete(request, is_reasoning=False).choices[0]
    except Refused as error:
        raise by_the_model("tools: the input schema of a tool, or the schema of the format, is invalid") from error


def _stop_reason(choice: Choice) -> str:
    if choice.finish_reason == "length":
        return "max_tokens"
    return "tool_use" if choice.calls else "end_turn"


def _stop_sequence(request: ChatRequest, choice: Choice) -> str | None:
    """The one that the words would have come to."""
    if not request.stops or not choice.pieces or choice.finish_reason == "length":
        return None
    unstopped = {name: value for name, value in request.body.items() if name not in ("stop", "max_tokens")}
    rest = "".join(_choice(ChatRequest(unstopped)).pieces)[len("".join(choice.pieces)) :]
    return next((stop for stop in request.stops if stop and rest.startswith(stop)), None)


def _own_words(pieces: tuple[str, ...] | list[str], request: ChatRequest) -> Iterator[str]:
    """The stand-in for Bedrock speaks of itself, but repeats what it was told."""
    is_told = "openai" in request.prompt.lower() or bool(request.tool_results)
    for piece in pieces:
        yield piece if is_told else _renamed(piece)


def _renamed(piece: str) -> str:
    for name, ours in STAND_IN_FOR.items():
        piece = piece.replace(name, ours)
    return piece


def _thoughts(request: ChatRequest) -> tuple[str, ...]:
    return prose.reasoning_summaries(request.prompt)


def _blocked(request: ChatRequest, guardrail: Guardrail) -> Said:
    text = words(BLOCKED)
    usage = Usage(request.prompt_tokens, text.tokens)
    return Said((text,), "guardrail_intervened", usage, trace=_trace(guardrail, "INTERVENED"))


def _trace(guardrail: Guardrail | None, action: str) -> dict[str, object]:
    if guardrail is None or not guardrail.traces:
        return {}
    reason = "Guardrail blocked." if action == "INTERVENED" else "No action."
    topics = [{"name": "guardrail", "type": "DENY", "action": "BLOCKED", "detected": True}]
    assessment = {"topicPolicy": {"topics": topics}} if action == "INTERVENED" else {}
    return {"guardrail": {"actionReason": reason, "inputAssessment": {guardrail.id: assessment}}}
