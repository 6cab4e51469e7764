"""OpenAI's wire shapes, key by key as recorded: chunks with obfuscation, the usage chunk, `[DONE]`, whole answers.

https://platform.openai.com/docs/api-reference/chat-streaming and recorded streams of gpt-4o and gpt-5.
"""

import json
import string
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, zip_longest
from random import Random
from typing import Any

from sluice_devstack.simulated.completion import Call, Choice, Completion

DONE = b"data: [DONE]\n\n"
LETTERS = string.ascii_letters + string.digits
REASONING_SPEED = 10.0  # hidden reasoning runs that much faster than visible text
REQUESTS_PER_MINUTE = 10_000
TOKENS_PER_MINUTE = 2_000_000

Delta = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event, and how many tokens' time the model takes before it."""

    data: bytes
    tokens: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A completion with the names and options it goes out under."""

    completion: Completion
    model: str
    created: int
    random: Random
    is_reasoning: bool = False
    includes_usage: bool = False
    includes_obfuscation: bool = True

    def events(self) -> Iterator[Event]:
        identity = self._identity("chat.completion.chunk")
        for event in self._choice_events():
            yield Event(self._chunk(identity, [event[0]], None), event[1])
        if self.includes_usage:
            yield Event(self._chunk(identity, [], self.completion.usage))
        yield Event(DONE)

    def json(self) -> bytes:
        choices = [self._whole(number, choice) for number, choice in enumerate(self.completion.choices)]
        identity = self._identity("chat.completion")
        fingerprint = identity.pop("system_fingerprint")
        tail = {"usage": self.completion.usage, "service_tier": "default", "system_fingerprint": fingerprint}
        document = {**identity, "choices": choices, **tail}
        return json.dumps(document, ensure_ascii=False, indent=2).encode("utf-8", "replace") + b"\n"

    def _identity(self, kind: str) -> dict[str, Any]:
        fingerprint = None if self.is_reasoning else "fp_" + "".join(self.random.choices("0123456789abcdef", k=10))
        return {
            "id": "chatcmpl-" + self._letters(29),
            "object": kind,
            "created": self.created,
            "model": self.model,
            "service_tier": "default",
            "system_fingerprint": fingerprint,
        }

    def _chunk(self, identity: dict[str, Any], choices: list[Delta], usage: dict[str, Any] | None) -> bytes:
        document = {**identity, "choices": choices}
        if self.includes_usage:
            document["usage"] = usage
        if self.includes_obfuscation:
            document["obfuscation"] = self._letters(self.random.randint(1, 15))
        return sse(document)

    def _choice_events(self) -> Iterator[tuple[Delta, float]]:
        """The choices' deltas in turns, then how each of them ended."""
        turns = zip_longest(*(self._deltas(number, choice) for number, choice in enumerate(self.completion.choices)))
        yield from (delta for delta in chain.from_iterable(turns) if delta is not None)
        for number, choice in enumerate(self.completion.choices):
            yield self._choice(number, {}, choice.finish_reason), 0.0

    def _deltas(self, number: int, choice: Choice) -> Iterator[tuple[Delta, float]]:
        opening: Delta = {"role": "assistant", "content": None} if choice.calls else OPENING_OF_TEXT
        share = len(self.completion.choices)
        yield self._choice(number, opening), self.completion.reasoning_tokens / REASONING_SPEED / share
        for piece in choice.pieces:
            yield self._choice(number, {"content": piece}), self._time_of_a_token() / share
        for index, call in enumerate(choice.calls):
            for function in self._call_deltas(index, call):
                yield self._choice(number, {"tool_calls": [function]}), self._time_of_a_token() / share

    def _call_deltas(self, index: int, call: Call) -> Iterator[Delta]:
        function = {"name": call.name, "arguments": ""}
        yield {"index": index, "id": "call_" + self._letters(24), "type": "function", "function": function}
        for piece in call.pieces:
            yield {"index": index, "function": {"arguments": piece}}

    def _choice(self, number: int, delta: Delta, finish_reason: str | None = None) -> Delta:
        logprobs = {} if self.is_reasoning else {"logprobs": None}
        return {"index": number, "delta": delta, **logprobs, "finish_reason": finish_reason}

    def _whole(self, number: int, choice: Choice) -> dict[str, Any]:
        content = None if choice.calls else "".join(choice.pieces)
        message: dict[str, Any] = {"role": "assistant", "content": content}
        if choice.calls:
            message["tool_calls"] = [self._whole_call(call) for call in choice.calls]
        message |= {"refusal": None, "annotations": []}
        logprobs = {} if self.is_reasoning else {"logprobs": None}
        return {"index": number, "message": message, **logprobs, "finish_reason": choice.finish_reason}

    def _whole_call(self, call: Call) -> dict[str, Any]:
        function = {"name": call.name, "arguments": "".join(call.pieces)}
        return {"id": "call_" + self._letters(24), "type": "function", "function": function}

    def _time_of_a_token(self) -> float:
        return self.random.uniform(0.6, 1.4)

    def _letters(self, count: int) -> str:
        return "".join(self.random.choices(LETTERS, k=count))


OPENING_OF_TEXT: Delta = {"role": "assistant", "content": "", "refusal": None}


def sse(document: object) -> bytes:
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return b"data: " + text.encode("utf-8", "replace") + b"\n\n"


def headers(random: Random, prompt_tokens: int, processing_ms: int) -> list[tuple[str, str]]:
    """What OpenAI sends beside the body."""
    return [
        ("openai-organization", "sluice-simulated"),
        ("openai-processing-ms", str(processing_ms)),
        ("openai-version", "2020-10-01"),
        ("x-ratelimit-limit-requests", str(REQUESTS_PER_MINUTE)),
        ("x-ratelimit-limit-tokens", str(TOKENS_PER_MINUTE)),
        ("x-ratelimit-remaining-requests", str(REQUESTS_PER_MINUTE - 1)),
        ("x-ratelimit-remaining-tokens", str(max(0, TOKENS_PER_MINUTE - prompt_tokens))),
        ("x-ratelimit-reset-requests", "6ms"),
        ("x-ratelimit-reset-tokens", f"{prompt_tokens * 60_000 // TOKENS_PER_MINUTE}ms"),
        ("x-request-id", f"req_{random.getrandbits(128):032x}"),
        ("x-content-type-options", "nosniff"),
    ]
