"""The ids of tool calls in one conversation: providers want each of them once.

Some models count their calls from 0 in every answer, so that one id means another call in each turn.
"""

from collections.abc import Callable


class CallIds:
    """`fit` makes an id of the caller's one that the provider takes. Read calls and results in their order."""

    __slots__ = ("_count", "_fit", "_is_answered", "_open")

    def __init__(self, fit: Callable[[str], str]) -> None:
        self._fit = fit
        self._count: dict[str, int] = {}
        self._open: dict[str, list[str]] = {}  # since the last result: what each of the caller's ids became
        self._is_answered = False

    def of_call(self, asked: str) -> str:
        if self._is_answered:
            self._open.clear()
            self._is_answered = False
        count = self._count[asked] = self._count.get(asked, 0) + 1
        made = self._fit(asked if count == 1 else f"{asked}_{count}")
        self._open.setdefault(asked, []).append(made)
        return made

    def of_result(self, asked: str) -> str:
        """The call's id; of calls that share one, each result answers the next."""
        self._is_answered = True
        waiting = self._open.get(asked, [])
        if len(waiting) > 1:
            return waiting.pop(0)
        return waiting[0] if waiting else self._fit(asked)
