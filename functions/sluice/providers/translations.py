"""Which files translate one call, and in what order: at most two steps, with chat completions in the middle.

They are loaded when a call first needs them.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

from sluice.domain.errors import InvalidRequest
from sluice.providers.plan import Translation
from sluice.translation.translation import Asked, Chain, Translated, Translator

HUB = "chat"
FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
MAX_WARNINGS = 32
# Converse has what OpenAI's own API has not: a `top_k`, points of caching.
KEPT = {("messages", "chat", "converse"): {"extras": True}}
Name = Callable[[str], str]  # from what the hub calls a thing to the caller's word for it


class Spoken(NamedTuple):
    """A request in a provider's words, and the way back."""

    body: dict[str, Any]
    warnings: tuple[str, ...]
    translation: Translation


class Files(NamedTuple):
    """The two files of a translation, there and back."""

    requests: Any
    answers: Any


class Step(NamedTuple):
    """One translation. `asked` is the request as it was before it."""

    answers: Any
    asked: Mapping[str, Any]


def spoken(caller: str, provider: str, body: Mapping[str, Any], model: str) -> Spoken:
    """A request of one dialect in another, for a model. Raises InvalidRequest, in the caller's names for fields."""
    steps: list[Step] = []
    warnings: list[str] = []
    callers_name: Name = _as_it_is
    callers_place: Name = _as_it_is
    for one in _path(caller, provider):
        requests, answers = FILES[one]()
        steps.append(Step(answers, body))
        body, dropped = _request(requests, body, model, KEPT.get((*one, provider), {}), callers_place)
        warnings += map(callers_name, dropped)
        callers_name, callers_place = _names_of(requests, steps[-1].asked)
    return Spoken(dict(body), _named(warnings), _translation(steps))


def _request(
    requests: Any, body: Mapping[str, Any], model: str, options: Mapping[str, Any], callers_place: Name
) -> Translated:
    try:
        made: Translated = requests.request(body, model, **options)
    except InvalidRequest as error:
        _tell_as_the_caller(error, callers_place)
        raise
    return made


def _names_of(requests: Any, body: Mapping[str, Any]) -> tuple[Name, Name]:
    """How the caller names a field of what was made of its `body`, and a place in it."""
    name = getattr(requests, "callers_name", _as_it_is)
    return name, partial(requests.callers_place, body=body) if hasattr(requests, "callers_place") else name


def _tell_as_the_caller(error: InvalidRequest, callers_place: Name) -> None:
    """In `param`, and in the message where that holds it."""
    if error.param:
        place = callers_place(error.param)
        error.message = re.sub(rf"\b{re.escape(error.param)}(?!\w)", lambda _: place, error.message)
        error.param = place


def _named(warnings: Iterable[str]) -> tuple[str, ...]:
    """Each name once, as a header can hold them: `body` stands for strange ones, and for those beyond the bound."""
    names = list(dict.fromkeys(name if FIELD_NAME.fullmatch(name) else "body" for name in warnings))
    return tuple(names if len(names) <= MAX_WARNINGS else [*names[: MAX_WARNINGS - 1], "body"])


def _as_it_is(name: str) -> str:
    return name


def _path(caller: str, provider: str) -> list[tuple[str, str]]:
    direct = (caller, provider)
    return [direct] if direct in FILES else [(caller, HUB), (HUB, provider)]


def _translation(steps: list[Step]) -> Translation:
    def whole(answer: Mapping[str, Any], asked: Asked) -> dict[str, Any]:
        for step in reversed(steps):
            answer = step.answers.whole(answer, asked.of(step.asked))
        return dict(answer)

    def stream(asked: Asked) -> Translator:
        made = [step.answers.Stream(asked.of(step.asked)) for step in reversed(steps)]
        return made[0] if len(made) == 1 else Chain(*made)

    return Translation(whole, stream)


def _chat_to_converse() -> Files:
    from sluice.translation.answers import converse_to_chat
    from sluice.translation.requests import chat_to_converse

    return Files(chat_to_converse, converse_to_chat)


def _chat_to_messages() -> Files:
    from sluice.translation.answers import messages_to_chat
    from sluice.translation.requests import chat_to_messages

    return Files(chat_to_messages, messages_to_chat)


def _responses_to_chat() -> Files:
    from sluice.translation.answers import chat_to_responses
    from sluice.translation.requests import responses_to_chat

    return Files(responses_to_chat, chat_to_responses)


def _messages_to_chat() -> Files:
    from sluice.translation.answers import chat_to_messages
    from sluice.translation.requests import messages_to_chat

    return Files(messages_to_chat, chat_to_messages)


FILES: dict[tuple[str, str], Callable[[], Files]] = {
    ("chat", "converse"): _chat_to_converse,
    ("chat", "messages"): _chat_to_messages,
    ("responses", "chat"): _responses_to_chat,
    ("messages", "chat"): _messages_to_chat,
}
