"""Legacy completions: `POST /v1/completions`. One prompt or several, `n` answers to each, in chunks as recorded.

https://platform.openai.com/docs/api-reference/completions and a recorded stream of babbage-002.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from random import Random
from typing import Any

from sluice_devstack.simulated import tokens
from sluice_devstack.simulated.catalogue import Kind, Model
from sluice_devstack.simulated.chat.request import ChatRequest
from sluice_devstack.simulated.chat.wire import DONE
from sluice_devstack.simulated.completion import OK, Choice, Completion, complete
from sluice_devstack.simulated.endpoint import ERROR, Failure, Shape
from sluice_devstack.simulated.refusal import Refusal, invalid
from sluice_devstack.simulated.reply import EVENT_STREAM, Event, Reply, Whole, letters, pretty, sse, time_of_a_token
from sluice_devstack.simulated.rules import (
    Body,
    Rule,
    at_least,
    at_most,
    has_model,
    is_a,
    known,
    options_only_of_a_stream,
    typed,
    when,
)

DEFAULT_MAX_TOKENS = 16
MAX_CHOICES = 128
PARAMETERS = (
    *("best_of", "echo", "frequency_penalty", "logit_bias", "logprobs", "max_tokens", "model", "n"),
    *("presence_penalty", "prompt", "seed", "stop", "stream", "stream_options", "suffix", "temperature", "top_p"),
    "user",
)


def prompts(body: Body) -> list[str | list[int]]:
    """The prompts, each a text or tokens; raises ValueError for anything else."""
    given = body.get("prompt")
    listed: list[Any] = given if isinstance(given, list) else ["<|endoftext|>" if given is None else given]
    if given and listed is given and all(is_a(one, int) for one in listed):
        return [listed]
    if not listed or not all(_is_prompt(one) for one in listed):
        raise ValueError
    return listed


def _is_prompt(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(is_a(one, int) for one in value))


def _prompt(body: Body) -> Refusal | None:
    try:
        prompts(body)
    except ValueError:
        message = "Invalid type for 'prompt': expected a string, an array of strings, or arrays of tokens."
        return invalid(400, message, "prompt", "invalid_type")
    return None


RULES: tuple[Rule, ...] = (
    has_model,
    known(PARAMETERS),
    _prompt,
    *(typed(name, bool, "a boolean") for name in ("stream", "echo")),
    typed("temperature", (int, float), "a number"),
    *(at_least(name, 1) for name in ("n", "best_of")),
    at_least("max_tokens", 0),
    at_most("n", MAX_CHOICES),
    *options_only_of_a_stream(("include_usage", "include_obfuscation")),
    when(
        lambda body: (body.get("best_of") or 1) > 1 and body.get("stream") is True,
        invalid(400, "Cannot stream results with best_of > 1.", "best_of"),
    ),
    when(
        lambda body: bool(body.get("best_of")) and body["best_of"] < (body.get("n") or 1),
        invalid(400, "You requested that the server return more choices than it will generate.", "best_of"),
    ),
)


@dataclass(frozen=True, slots=True)
class LegacyReply:
    """Texts under one identity; `usage` None where a stream does not tell it."""

    completion: Completion
    model: str
    created: int
    random: Random
    includes_usage: bool

    @property
    def input_tokens(self) -> int:
        return self.completion.prompt_tokens

    @property
    def output_tokens(self) -> int:
        return int(self.usage["completion_tokens"])

    @property
    def content_type(self) -> str:
        return EVENT_STREAM

    @property
    def usage(self) -> dict[str, int]:
        counted = self.completion.usage
        return {name: counted[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")}

    def events(self) -> Iterator[Event]:
        identity = self._identity()
        usage = {"usage": None} if self.includes_usage else {}
        share = len(self.completion.choices)
        turns = zip_longest(*(_texts(choice, number) for number, choice in enumerate(self.completion.choices)))
        for choice in (one for one in chain.from_iterable(turns) if one is not None):
            document = {**identity, "choices": [choice], "model": self.model, **usage}
            yield Event(sse(document), time_of_a_token(self.random) / share)
        if self.includes_usage:
            yield Event(sse({**identity, "model": self.model, "usage": self.usage, "choices": []}))
        yield Event(DONE)

    def json(self) -> bytes:
        choices = [
            _choice("".join(choice.pieces), number, choice.finish_reason)
            for number, choice in enumerate(self.completion.choices)
        ]
        return pretty({**self._identity(), "model": self.model, "choices": choices, "usage": self.usage})

    def _identity(self) -> dict[str, Any]:
        return {"id": "cmpl-" + letters(self.random, 29), "object": "text_completion", "created": self.created}


def _texts(choice: Choice, number: int) -> Iterator[dict[str, Any]]:
    """The last piece says that the budget is used up; a text that ended says so in a chunk of its own."""
    is_cut = choice.finish_reason == "length"
    for place, piece in enumerate(choice.pieces):
        is_end = is_cut and place == len(choice.pieces) - 1
        yield _choice(piece, number, choice.finish_reason if is_end else None)
    if not is_cut or not choice.pieces:
        yield _choice("", number, choice.finish_reason)


def _choice(text: str, number: int, finish_reason: str | None) -> dict[str, Any]:
    return {"text": text, "index": number, "logprobs": None, "finish_reason": finish_reason}


SHAPE = Shape(
    healthy=3,
    content=1,
    path=("choices", 0, "text"),
    last=lambda event: event == DONE,
    failing={Failure.ON_THE_WIRE: lambda _events: [sse({"error": ERROR}), DONE]},
)


class LegacyCompletions:
    """`POST /v1/completions`."""

    kind = Kind.LEGACY
    rules: Collection[Rule] = RULES

    def __init__(self, random: Random, now: Callable[[], float]) -> None:
        self._random, self._now = random, now

    def is_stream(self, body: Body) -> bool:
        return body.get("stream") is True

    def shape(self, _body: Body) -> Shape:
        return SHAPE

    def reply(self, body: Body, model: Model | None) -> Reply:
        answer = LegacyReply(
            completion=_completed(body) if model else OK,
            model=model.snapshot if model else body["model"],
            created=int(self._now()),
            random=self._random,
            includes_usage=bool((body.get("stream_options") or {}).get("include_usage")),
        )
        return answer if self.is_stream(body) else Whole(answer)


def _completed(body: Body) -> Completion:
    """All choices of all prompts; what is echoed is no output."""
    made = [(prompt, complete(_chat(body, prompt), is_reasoning=False)) for prompt in prompts(body)]
    answered = [(prompt, _limited(choice, body)) for prompt, completion in made for choice in completion.choices]
    choices = [_echoed(choice, prompt, body) for prompt, choice in answered]
    counted = sum(_tokens(prompt) for prompt, _ in made)
    generated = sum(len(choice.pieces) for _, choice in answered)
    return Counted(tuple(choices), counted, generated=generated)


@dataclass(frozen=True, slots=True)
class Counted(Completion):
    """A completion whose texts hold more than was generated."""

    generated: int = 0

    @property
    def usage(self) -> dict[str, Any]:
        total = self.prompt_tokens + self.generated
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.generated,
            "total_tokens": total,
        }


def _chat(body: Body, prompt: str | list[int]) -> ChatRequest:
    """The chat completion that says the same; of bare tokens nobody knows the text."""
    text = prompt if isinstance(prompt, str) else f"{len(prompt)} tokens"
    wanted = {name: body.get(name) for name in ("model", "n", "stop")}
    limit = max(1, _limit(body))
    return ChatRequest({**wanted, "max_tokens": limit, "messages": [{"role": "user", "content": text}]})


def _limit(body: Body) -> int:
    limit = body.get("max_tokens")
    return DEFAULT_MAX_TOKENS if limit is None else int(limit)


def _limited(choice: Choice, body: Body) -> Choice:
    """Nothing at all may be asked for, to have a prompt echoed."""
    return choice if _limit(body) else Choice((), (), "length")


def _tokens(prompt: str | list[int]) -> int:
    return tokens.count(prompt) if isinstance(prompt, str) else len(prompt)


def _echoed(choice: Choice, prompt: str | list[int], body: Body) -> Choice:
    if not body.get("echo") or not isinstance(prompt, str):
        return choice
    return replace(choice, pieces=(*tokens.pieces(prompt), *choice.pieces))
