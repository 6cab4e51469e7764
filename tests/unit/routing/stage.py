"""Runs works at once, one step at a time, in an order that a test chooses: so that every order can be tried.

Each work runs in a thread of its own and calls `pause` before each step; the thread then stands still until the order
names it. What a work does before its first step is done at the start, one work after the other. `every_order` plays all orders there are, `play` one.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

PATIENCE_SECONDS = 30.0
Work = Callable[[], Any]
Choose = Callable[[int], int]  # of so many that could go on, which does


class Stage:
    """The threads of one play."""

    def __init__(self, works: Sequence[Work]) -> None:
        self._turns = [threading.Semaphore(0) for _ in works]
        self._stopped = threading.Semaphore(0)
        self._number = threading.local()
        self._works = works

    def pause(self) -> None:
        """Called by a work, before a step. Outside of a work it does nothing."""
        number = getattr(self._number, "value", None)
        if number is not None:
            self._stopped.release()
            assert self._turns[number].acquire(timeout=PATIENCE_SECONDS)

    def play(self, choose: Choose, pool: ThreadPoolExecutor) -> list[Any]:
        """What each work returned."""
        running: dict[int, Future[Any]] = {}
        for number in range(len(self._works)):
            running[number] = pool.submit(self._run, number)
            self._await()
        futures = list(running.values())
        while running := {number: one for number, one in running.items() if not one.done()}:
            number = list(running)[choose(len(running))]
            self._turns[number].release()
            self._await()
        return [future.result() for future in futures]

    def _run(self, number: int) -> Any:
        self._number.value = number
        try:
            return self._works[number]()
        finally:
            self._number.value = None
            self._stopped.release()

    def _await(self) -> None:
        assert self._stopped.acquire(timeout=PATIENCE_SECONDS)


def every_order(play: Callable[[Choose], None]) -> int:
    """Plays all orders, the first choice last to change; how many there were."""
    count, prefix = 0, [0]
    while prefix:
        made: list[tuple[int, int]] = []
        play(recorded(made, prefix))
        count += 1
        prefix = following(made)
    return count


def recorded(made: list[tuple[int, int]], prefix: Sequence[int]) -> Choose:
    """Chooses as the prefix says, then the first; notes what it chose of how many."""

    def choose(count: int) -> int:
        chosen = prefix[len(made)] if len(made) < len(prefix) else 0
        made.append((chosen, count))
        return chosen

    return choose


def following(made: Sequence[tuple[int, int]]) -> list[int]:
    """The choices that come next in order; none after the last."""
    for at in reversed(range(len(made))):
        chosen, count = made[at]
        if chosen + 1 < count:
            return [one for one, _ in made[:at]] + [chosen + 1]
    return []


def chosen_from(numbers: Iterator[int]) -> Choose:
    """Chooses by numbers of any size; the first where there are no more."""
    return lambda count: next(numbers, 0) % count
