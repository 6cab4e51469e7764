"""What is looked for in prompts before they leave.

A pattern is known here (`known_patterns.py`) or the operator's own; what is found is noted, masked or refused. A
Bedrock guardrail is asked before the provider is. A guard that is not enforced only notes. Nothing of an answer is read
here, so no stream waits for a guard.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Protocol

from sluice.domain.call import ModelRequest
from sluice.domain.errors import ContentBlocked, Misconfigured, Unavailable
from sluice.domain.policy import Guard, GuardAction

if TYPE_CHECKING:
    from sluice.policy.known_patterns import Finder

SEPARATOR = "\0"  # between texts that are searched together: no pattern of ours reaches across it
SHADOW = "shadow:"
MOST_NAME = 32  # characters of a guardrail's or a pattern's name in a note


class Judgement(Protocol):
    """What a guardrail says. `masked` has each text as it may leave, in their order, None where none may."""

    @property
    def is_intervention(self) -> bool: ...
    @property
    def masked(self) -> Sequence[str] | None: ...


class AskGuardrail(Protocol):
    """Asks a Bedrock guardrail about texts. Raises Unavailable where it does not say within the seconds."""

    def __call__(
        self, guardrail: str, version: str, texts: Sequence[str], seconds: float, *, wants_masked: bool
    ) -> Judgement: ...


@dataclass(frozen=True, slots=True)
class Guarded:
    """The request as it may leave, masked where a guard says so, and what was found: `card x2`, `guardrail:abc`."""

    request: ModelRequest
    notes: tuple[str, ...] = ()


class Guards:
    """`patterns` are the operator's own, by name, before those that are known here."""

    def __init__(
        self, patterns: Mapping[str, str], ask: AskGuardrail, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._patterns = patterns
        self._ask = ask
        self._monotonic = monotonic
        self._finders: dict[str, Finder] = {}

    def check(self, request: ModelRequest, guards: Sequence[tuple[Guard, bool]], seconds: float) -> Guarded:
        """Each guard comes with whether it is enforced.

        Raises ContentBlocked, and Unavailable where a guardrail does not say.
        """
        until = self._monotonic() + seconds
        notes: list[str] = []
        for guard, is_enforced in guards:
            action = guard.action if is_enforced else GuardAction.FLAG
            for look in (self._by_patterns, self._by_guardrail):
                found = look(request, guard, action, until)
                request = found.request
                notes += [note if is_enforced else SHADOW + note for note in found.notes]
        return Guarded(request, tuple(dict.fromkeys(notes)))

    def _by_patterns(self, request: ModelRequest, guard: Guard, action: GuardAction, _until: float) -> Guarded:
        counts = self._counts(request, guard.patterns)
        if counts and action is GuardAction.BLOCK:
            raise _blocked(" and ".join(f"the pattern {name!r}" for name in counts))
        if action is not GuardAction.MASK:
            return Guarded(request, tuple(_note(name, count) for name, count in counts.items()))
        from sluice.policy import prompt_texts

        for name in counts:
            request = prompt_texts.changed(request, _mask(self._finder(name), f"[{name}]"))
        return Guarded(request, tuple(f"{_note(name, count)} masked" for name, count in counts.items()))

    def _counts(self, request: ModelRequest, names: Sequence[str]) -> dict[str, int]:
        """How often each pattern finds something, those that find nothing left out."""
        if not names:
            return {}
        from sluice.policy import prompt_texts

        texts = prompt_texts.texts(request)
        together = [SEPARATOR.join(texts)]
        found = {
            name: sum(1 for text in (texts if name in self._patterns else together) for _ in self._finder(name)(text))
            for name in names
        }
        return {name: count for name, count in found.items() if count}

    def _finder(self, name: str) -> "Finder":
        """Raises Misconfigured for a name that nobody has given to a pattern."""
        if name not in self._finders:
            from sluice.policy import known_patterns

            if name in self._patterns:
                self._finders[name] = known_patterns.finder(re.compile(self._patterns[name]))
            elif name in known_patterns.FINDERS:
                self._finders[name] = known_patterns.FINDERS[name]
            else:
                known = ", ".join([*self._patterns, *known_patterns.FINDERS])
                raise Misconfigured(f"no pattern is called {name!r}; there are {known}")
        return self._finders[name]

    def _by_guardrail(self, request: ModelRequest, guard: Guard, action: GuardAction, until: float) -> Guarded:
        if guard.guardrail is None:
            return Guarded(request)
        from sluice.policy import prompt_texts

        texts, name = prompt_texts.prose(request), f"guardrail:{guard.guardrail.rpartition('/')[2][:MOST_NAME]}"
        try:
            said = self._ask(
                guard.guardrail,
                guard.guardrail_version,
                texts,
                until - self._monotonic(),
                wants_masked=action is GuardAction.MASK,
            )
        except Unavailable:
            if action is GuardAction.FLAG:
                return Guarded(request, (f"{name} did not answer",))
            raise
        if not said.is_intervention:
            return Guarded(request)
        if action is GuardAction.FLAG:
            return Guarded(request, (name,))
        if action is GuardAction.BLOCK or said.masked is None:
            raise _blocked(f"the {name.replace(':', ' ')}")
        masked = dict(zip(texts, said.masked, strict=True))
        return Guarded(prompt_texts.changed(request, lambda text: masked.get(text, text)), (f"{name} masked",))


def _blocked(by: str) -> ContentBlocked:
    """Tells whose find it is, and nothing of what was found."""
    return ContentBlocked(f"the prompt was not sent: {by} found something in it that may not leave; take it out")


def _note(name: str, count: int) -> str:
    return f"{name[:MOST_NAME]} x{count}"


def _mask(find: "Finder", label: str) -> Callable[[str], str]:
    @cache  # names of fields come again and again
    def masked(text: str) -> str:
        pieces, end = [], 0
        for first, last in find(text):
            pieces += [text[end:first], label]
            end = last
        return "".join(pieces) + text[end:] if pieces else text

    return masked
