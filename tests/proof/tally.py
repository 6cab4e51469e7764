"""What the callers of one gateway were told, held against what the provider did; and the figures of the screen."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tests import canaries
from tests.proof.fate import Fate
from tests.proof.provider import Served

from sluice_prove.answer import Answer
from sluice_prove.reading import Outcome, read

ENOUGH = 0.9  # a budget refuses falsely where less than this share of it is spent
BUDGET_STATUS = range(400, 500)


class End(StrEnum):
    """What a caller has to believe of his stream."""

    WHOLE = "whole"
    FALSE = "false end"
    TOLD = "told"  # an error, in its status, in band, or as a connection that breaks off
    REFUSED = "refused"  # by the budget
    NOBODY = "nobody"  # answered: the gateway was not there


@dataclass(frozen=True, slots=True)
class Refusal:
    """By a budget: what share of it was spent at that moment."""

    name: str
    spent: float


@dataclass(slots=True)
class Tally:
    """Of one gateway. `secrets` are those that no caller may see; `is_refusal` knows its refusals for want of budget."""

    fates: Mapping[str, Fate]
    secrets: tuple[str, ...]
    is_refusal: Callable[[Answer], bool]
    ends: dict[str, End] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    leaks: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def hear(self, fate: Fate, answer: Answer | None, served: Iterable[Served], spent: float) -> None:
        """One answer, with what share of its budget was spent when it came; None where nobody listened."""
        end = self._end(fate, answer, served)
        with self._lock:
            self.ends[fate.name] = end
            self.errors[error(answer) if end is End.TOLD and answer else end] += 1
            if end is End.REFUSED:
                self.refusals.append(Refusal(fate.name, spent))
            if answer:
                self.search("answers", answer.body.decode("utf-8", "replace"))
                self.search("headers", "\n".join(f"{name}: {value}" for name, value in answer.headers))

    def search(self, place: str, text: str) -> None:
        """One text, which counts once."""
        self.leaks[place] += bool(canaries.leaks(text, self.secrets))

    @property
    def false_refusals(self) -> int:
        return sum(one.spent < ENOUGH for one in self.refusals)

    def count(self, end: End) -> int:
        return sum(one is end for one in self.ends.values())

    def _end(self, fate: Fate, answer: Answer | None, served: Iterable[Served]) -> End:
        if answer is None:
            return End.NOBODY
        if self.is_refusal(answer):
            return End.REFUSED
        reading = read(answer)
        if reading.outcome is not Outcome.WHOLE:
            return End.TOLD
        has_ended = any(one.has_ended for one in served)
        return End.WHOLE if has_ended and reading.text == fate.text else End.FALSE


def error(answer: Answer) -> str:
    """What the caller was told, in a word."""
    found = read(answer)
    return found.errors[0] if found.errors else f"{answer.status}, cut off"
