"""OpenAI's wire shapes, key by key as recorded: chunks with obfuscation, the usage chunk, `[DONE]`, whole answers.

https://platform.openai.com/docs/api-reference/chat-streaming and recorded streams of gpt-4o and gpt-5.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, zip_longest
from random import Random
from typing import Any

from sluice_devstack.simulated.completion import Call, Choice, Completion
from sluice_devstack.simulated.reply import (
    EVENT_STREAM,
    REASONING_SPEED,
    Event,
    letters,
    obfuscation,
    pretty,
    sse,
    time_of_a_token,
)

DONE = b"data: [DONE]\n\n"

Delta = dict[str, Any]


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

    @property
    def input_tokens(self) -> int:
        return self.completion.prompt_tokens

    @property
    def output_tokens(self) -> int:
        return int(self.completion.usage["completion_tokens"])

    @property
    def content_type(self) -> str:
        return EVENT_STREAM

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
        return pretty({**identity, "choices": choices, **tail})

    def _identity(self, kind: str) -> dict[str, Any]:
        fingerprint = None if self.is_reasoning else "fp_" + "".join(self.random.choices("0123456789abcdef", k=10))
        return {
            "id": "chatcmpl-" + letters(self.random, 29),
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
            document["obfuscation"] = obfuscation(self.random)
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
            yield self._choice(number, {"content": piece}), time_of_a_token(self.random) / share
        for index, call in enumerate(choice.calls):
            for function in self._call_deltas(index, call):
                yield self._choice(number, {"tool_calls": [function]}), time_of_a_token(self.random) / share

    def _call_deltas(self, index: int, call: Call) -> Iterator[Delta]:
        function = {"name": call.name, "arguments": ""}
        yield {"index": index, "id": "call_" + letters(self.random, 24), "type": "function", "function": function}
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
        return {"id": "call_" + letters(self.random, 24), "type": "function", "function": function}


OPENING_OF_TEXT: Delta = {"role": "assistant", "content": "", "refusal": None}
