"""What is left of budgets, as far as this environment knows: for a header, and for nothing that decides.

Read after a call and not before one, so that nobody waits for it, and seldom. What other environments have spent since
is not known here.
"""

from collections import OrderedDict
from collections.abc import Sequence

from sluice.domain.clock import Clock
from sluice.domain.hold import Hold
from sluice.stores.health import HealthRows, HealthUnknown
from sluice.stores.table import Row

LOOK_SECONDS = 10.0
MOST_KNOWN = 256


class Remaining:
    """Of the budgets of one table. What is known of one is when it was read, and what was used of it then."""

    def __init__(self, rows: HealthRows, clock: Clock) -> None:
        self._rows = rows
        self._clock = clock
        self._known: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def least(self, holds: Sequence[Hold]) -> int | None:
        """Nano-dollars left in the tightest of them behind this call; None where none is known. No I/O."""
        found = [(hold, self._known.get((hold.key, hold.period))) for hold in holds if hold.is_enforced]
        left = [hold.limit - known[1] - hold.reserved for hold, known in found if known]
        return max(0, min(left)) if left else None

    def look(self, holds: Sequence[Hold]) -> None:
        """Reads those that were not read for a while. Never raises, and takes a quarter of a second at most."""
        old = [(hold.key, hold.period) for hold in holds if hold.is_enforced and self._is_old(hold)]
        if not old:
            return
        try:
            rows = self._rows.read_many([key(*place) for place in old])
        except HealthUnknown:
            return
        for row in rows:
            self._keep(row)

    def _is_old(self, hold: Hold) -> bool:
        known = self._known.get((hold.key, hold.period))
        return known is None or self._clock.monotonic() >= known[0] + LOOK_SECONDS

    def _keep(self, row: Row) -> None:
        place, used = (str(row["pk"]).removeprefix("B#"), str(row["sk"])), row.get("u")
        if isinstance(used, int):
            self._known[place] = self._clock.monotonic(), used
            self._known.move_to_end(place)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)


def key(budget: str, period: str) -> Row:
    return {"pk": f"B#{budget}", "sk": period}
