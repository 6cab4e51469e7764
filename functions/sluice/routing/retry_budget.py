"""How often a provider may be asked again: a budget that its calls fill and its retries empty, for all environments.

It holds ten retries, and each call adds a tenth of one: retries <= 10 + calls / 10, whatever fails and however long.
The row is touched only when somebody wants a retry. An environment then also tells of the calls it made since it last
did; calls it is not sure to have told of are not told again, so that no call counts twice.
"""

from collections import Counter
from typing import Protocol

from sluice.domain.clock import Clock
from sluice.stores.health import HealthUnknown
from sluice.stores.retry_tokens import CAPACITY_TENTHS, Tokens

CALL_TENTHS = 1
RETRY_TENTHS = 10
DENIAL_SECONDS = 1.0
SWAPS = 2


class RetryBudgetStore(Protocol):
    """The shared budgets. Each method raises HealthUnknown where the table does not say."""

    def read(self, provider: str) -> Tokens: ...

    def swap(self, provider: str, previous: Tokens, new: Tokens) -> tuple[bool, Tokens]:
        """Whether `new` took the place of `previous`, and what is there now."""
        ...


class RetryBudget:
    """The budgets of all providers, as one environment sees them. No method raises."""

    def __init__(self, store: RetryBudgetStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._calls: Counter[str] = Counter()  # not told yet, by provider
        self._denied_until: dict[str, float] = {}

    def called(self, provider: str) -> None:
        """One call goes to this provider; a retry of it is none. No I/O."""
        self._calls[provider] += 1

    def may_retry(self, provider: str) -> bool:
        """Takes one retry. False where none is left, or where it cannot be known; then for a second without asking."""
        if self._clock.monotonic() < self._denied_until.get(provider, 0.0):
            return False
        is_allowed = self._ask(provider)
        if not is_allowed:
            self._denied_until[provider] = self._clock.monotonic() + DENIAL_SECONDS
        return is_allowed

    def _ask(self, provider: str) -> bool:
        try:
            return self._take(provider, self._store.read(provider))
        except HealthUnknown:
            return False

    def _take(self, provider: str, tokens: Tokens) -> bool:
        for _ in range(SWAPS):
            calls = self._calls[provider]
            filled = min(CAPACITY_TENTHS, tokens.tenths + CALL_TENTHS * calls)
            is_enough = filled >= RETRY_TENTHS
            if not is_enough and not calls:
                return False
            is_written, tokens = self._swap(provider, tokens, Tokens(filled - RETRY_TENTHS * is_enough))
            if is_written:
                return is_enough
        return False

    def _swap(self, provider: str, previous: Tokens, new: Tokens) -> tuple[bool, Tokens]:
        """The calls are told once: put back only where it is certain that nothing was written."""
        calls, self._calls[provider] = self._calls[provider], 0
        is_written, tokens = self._store.swap(provider, previous, new)
        if not is_written:
            self._calls[provider] = calls
        return is_written, tokens
