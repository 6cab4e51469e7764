"""Why a budget has no room for a call, in words, and when it may have."""

from datetime import UTC, datetime

from sluice.domain.errors import BudgetExceeded, GatewayError, Unavailable
from sluice.domain.hold import Hold
from sluice.stores import budgets
from sluice.stores.table import Row

RETRY_SECONDS = 2  # while calls under way hold what they may not need
NANO = 10**9
RESETS_AT = "x-sluice-budget-resets-at"
SHOULD_RETRY = "x-should-retry"
WINDOWS = {"D": " a day", "W": " a week", "M": " a month", "T": " in all"}


def refusal(hold: Hold, row: Row, now: float) -> GatewayError:
    """What to raise for a budget that has this row: BudgetExceeded, Unavailable where the row cannot be trusted."""
    if not budgets.is_sound(row):
        return Unavailable(
            f"the budget {hold.name} cannot be read: its row is damaged, and has to be mended or removed; "
            "nothing was sent to a provider"
        )
    settled = row.get("u", 0) - row.get("r", 0)
    if settled + hold.reserved <= hold.limit and settled + hold.worst <= hold.ceiling:
        error = BudgetExceeded(
            _held_words(hold, row), headers={SHOULD_RETRY: "true", "retry-after": str(RETRY_SECONDS)}
        )
    else:
        error = BudgetExceeded(_spent_words(hold, row), headers=_headers(hold, now))
    error.budget, error.resets_at, error.fallback = hold.name, hold.resets_at, hold.fallback
    error.is_false = 10 * settled < 9 * hold.limit
    return error


def too_large(hold: Hold) -> BudgetExceeded:
    """The call does not fit into the budget at its best, so waiting does not help."""
    error = BudgetExceeded(
        f"the budget {_title(hold)} never has room for this call, which {_takes(hold)}; "
        "ask for fewer output tokens, or for a cheaper model",
        headers={SHOULD_RETRY: "false"},
    )
    error.budget, error.fallback = hold.name, hold.fallback
    return error


def _spent_words(hold: Hold, row: Row) -> str:
    used, worst = row.get("u", 0), row.get("w", 0)
    known = f"{dollars(used)} of it are used or reserved"
    if used + hold.reserved <= hold.limit:
        known += f", at worst {dollars(worst)} of {dollars(hold.ceiling)}"
    until = f"it begins anew {_iso(hold.resets_at)}" if hold.resets_at else "it does not begin anew"
    return f"the budget {_title(hold)} is spent: {known}, and this call {_takes(hold)}; {until}"


def _held_words(hold: Hold, row: Row) -> str:
    used, reserved = row.get("u", 0), row.get("r", 0)
    return (
        f"the budget {_title(hold)} is held by calls under way: {dollars(used - reserved)} of it are spent and "
        f"{dollars(reserved)} reserved, and this call {_takes(hold)}; try again when they have ended"
    )


def _headers(hold: Hold, now: float) -> dict[str, str]:
    if hold.resets_at is None:
        return {SHOULD_RETRY: "false"}
    seconds = max(1, hold.resets_at - int(now))
    return {SHOULD_RETRY: "false", "retry-after": str(seconds), RESETS_AT: _iso(hold.resets_at)}


def _title(hold: Hold) -> str:
    return f"{hold.name} ({dollars(hold.limit)}{WINDOWS.get(hold.period[:1], '')})"


def _takes(hold: Hold) -> str:
    most = f" and at most {dollars(hold.worst)}" if hold.worst != hold.reserved else ""
    return f"takes {dollars(hold.reserved)}{most}"


def _iso(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%SZ}"


def dollars(nano: int) -> str:
    """Exact, with two digits after the point at least."""
    whole, part = divmod(nano, NANO)
    return f"${whole}.{f'{part:09d}'.rstrip('0').ljust(2, '0')}"
