"""What one request gets: choices in pieces of a token each, and the usage that is exactly their number."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sluice_devstack.simulated import prose, tokens
from sluice_devstack.simulated.chat.request import ChatRequest
from sluice_devstack.simulated.refusal import Refused, invalid
from sluice_devstack.simulated.schema import SchemaValue
from sluice_devstack.simulated.tools import ToolCall, is_forced, tool_calls

TOKENS_PER_CALL = 4  # what opens and closes a call, besides its name and arguments
BAD_SCHEMA = (LookupError, TypeError, ValueError, AttributeError, RecursionError, re.error)


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call whose arguments come in pieces."""

    name: str
    pieces: tuple[str, ...]

    @property
    def tokens(self) -> int:
        return TOKENS_PER_CALL + tokens.count(self.name) + len(self.pieces)


@dataclass(frozen=True, slots=True)
class Choice:
    pieces: tuple[str, ...]
    calls: tuple[Call, ...]
    finish_reason: str

    @property
    def tokens(self) -> int:
        return len(self.pieces) + sum(call.tokens for call in self.calls)


@dataclass(frozen=True, slots=True)
class Completion:
    choices: tuple[Choice, ...]
    prompt_tokens: int
    reasoning_tokens: int = 0

    @property
    def usage(self) -> dict[str, Any]:
        completion = self.reasoning_tokens + sum(choice.tokens for choice in self.choices)
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": self.reasoning_tokens,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }


OK_PIECES = ("héllo", " wörld", " 日本語", " 😀", " end.")
OK = Completion((Choice(OK_PIECES, (), "stop"),), prompt_tokens=11)


def complete(request: ChatRequest, is_reasoning: bool) -> Completion:
    """The completion; raises Refused for a schema that is none."""
    reasoning = int(min(request.reasoning_tokens, request.max_tokens)) if is_reasoning else 0
    budget = request.max_tokens - reasoning
    try:
        calls = tool_calls(request)
        choices = tuple(_choice(request, calls, budget, number) for number in range(request.choices))
    except BAD_SCHEMA as error:
        raise Refused(invalid(400, f"Invalid schema: {error}", "tools")) from error
    return Completion(choices, request.prompt_tokens, reasoning * request.choices)


def _choice(request: ChatRequest, calls: Sequence[ToolCall], budget: float, number: int) -> Choice:
    if calls:
        return _calling(calls, budget, "stop" if is_forced(request) else "tool_calls")
    pieces = tokens.pieces(_until_stop(_text(request, number), request.stops))
    finish_reason = "length" if len(pieces) > budget else "stop"
    return Choice(tuple(pieces[: _whole(budget, len(pieces))]), (), finish_reason)


def _calling(calls: Sequence[ToolCall], budget: float, finish_reason: str) -> Choice:
    """The calls as far as the budget reaches; the last one may stop inside its arguments."""
    made: list[Call] = []
    for call in calls:
        whole = Call(call.name, tuple(tokens.pieces(call.arguments)))
        room = budget - sum(one.tokens for one in made) - (whole.tokens - len(whole.pieces))
        if room < 0:
            return Choice((), tuple(made), "length")
        made.append(Call(call.name, whole.pieces[: _whole(room, len(whole.pieces))]))
        if room < len(whole.pieces):
            return Choice((), tuple(made), "length")
    return Choice((), tuple(made), finish_reason)


def _text(request: ChatRequest, number: int) -> str:
    response_format = request.body.get("response_format") or {}
    if response_format.get("type") == "json_schema":
        value: Any = SchemaValue(response_format["json_schema"]["schema"]).build()
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if response_format.get("type") == "json_object":
        return json.dumps({"answer": prose.answer(request.prompt, number), "simulated": True}, ensure_ascii=False)
    if request.tool_results:
        return prose.of_tool_results(request.prompt, request.tool_results)
    return prose.answer(request.prompt, number)


def _until_stop(text: str, stops: list[str]) -> str:
    ends = [text.index(stop) for stop in stops if stop and stop in text]
    return text[: min(ends, default=None)]


def _whole(budget: float, most: int) -> int:
    return most if math.isinf(budget) else int(min(budget, most))
