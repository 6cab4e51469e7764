"""Rate limits and calls at once, exact among all environments.

A claim is one conditional update of one row (limit_row.py): requests, tokens and the open call together or nothing.
DynamoDB cannot write the larger of two numbers, so a claim says whether each TAT is over (set it) or is not (add to
it), by what this environment saw last; where that is wrong, the refused update tells what is there, and the next one
is right. Updates that add never get into each other's way, so many callers of one row do not wait for each other.

An update whose answer was lost may have been made: of a call that is counted as open it is seen and not made twice;
else a request is counted twice, so a limit is perhaps tighter for a moment, and never wider.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, Protocol

from botocore.exceptions import ClientError

from sluice.domain.claim import Claim
from sluice.domain.clock import Clock
from sluice.domain.errors import GatewayError, LedgerBusy, Unavailable
from sluice.stores import limit_row, rate_words, table
from sluice.stores.limit_row import DamagedRow, Entry, State
from sluice.stores.retries import FAILURES, Retries, code, is_condition, is_transient
from sluice.stores.table import Item

ENTER_SECONDS = 2.0
END_SECONDS = 0.25
TRIES = 8  # of one claim, each by what the one before has seen
MOST_REMEMBERED = 1000  # rows
UNTOUCHED = "nothing was sent to a provider"

logger = logging.getLogger(__name__)

Within = Callable[[float], AbstractContextManager[object]]


class LimitTable(Protocol):
    """What it takes of a low-level DynamoDB client whose own retries are off."""

    def get_item(self, **arguments: Any) -> Mapping[str, Any]: ...

    def update_item(self, **arguments: Any) -> Mapping[str, Any]: ...


@dataclass(slots=True)
class Permit:
    """What a call was let in with: headers that tell what is left, and what limits in the shadow remark."""

    headers: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    leave: Callable[[int], None] | None = field(default=None, repr=False)

    def end(self, tokens: int) -> None:
        """The call is over and has used so many tokens, 0 where it was never made. Once; never raises."""
        leave, self.leave = self.leave, None
        if leave:
            leave(tokens)


@dataclass(frozen=True, slots=True)
class Taken:
    """A claim that was granted, and the row right after it."""

    entry: Entry
    state: State


class Limits:
    """The limits of one table. `within` bounds the client's own timeouts by the seconds it is given."""

    def __init__(
        self, client: LimitTable, table_name: str, clock: Clock, random: Random, within: Within = nullcontext
    ) -> None:
        self._client = client
        self._name = table_name
        self._clock = clock
        self._random = random
        self._retries = Retries(clock, random)
        self._within = within
        self._seen: dict[str, dict[str, int]] = {}

    def enter(self, claims: Sequence[Claim]) -> Permit:
        """Raises RateLimited where one of them has no room, LedgerBusy or Unavailable where the table does not say.

        A claim in the shadow is counted where it fits; where it does not, or the table does not say, that is noted.
        """
        until = self._clock.monotonic() + ENTER_SECONDS
        taken: list[Taken] = []
        notes: list[str] = []
        for claim in claims:
            entry = limit_row.entry(claim, f"{self._random.getrandbits(16):04x}")
            try:
                taken.append(self._take(entry, until))
            except GatewayError:
                if claim.is_enforced:
                    self._give_back(taken)
                    raise
                notes.append(f"shadow:{claim.rate.name}")
        return Permit(self._headers(taken), tuple(notes), partial(self._end, taken))

    def _headers(self, taken: Sequence[Taken]) -> dict[str, str]:
        now_ms = self._now_ms()
        enforced = [one for one in taken if one.entry.claim.is_enforced]
        return rate_words.headers(
            reading for one in enforced for reading in rate_words.readings(one.entry, one.state, now_ms)
        )

    def _take(self, entry: Entry, until: float) -> Taken:
        if refusal := rate_words.never(entry):
            raise refusal
        try:
            return self._granted(entry, until)
        except DamagedRow as damage:
            logger.error("limits.damaged: table %s, row %s, attribute %s", self._name, entry.row_name, damage)
            words = f"the rate limit {entry.claim.rate.name!r} cannot be told: its row in the table is damaged"
            raise Unavailable(f"{words}; {UNTOUCHED}") from None
        except FAILURES as error:
            if entry.stream:  # which may be open all the same
                self._leave(Taken(entry, State()), {}, self._clock.monotonic() + END_SECONDS)
            raise self._unavailable(error) from error

    def _granted(self, entry: Entry, until: float) -> Taken:
        if not (entry.gauges or entry.stream):
            return Taken(entry, State())
        for _ in range(TRIES):
            now_ms = self._now_ms()
            item, is_made = self._update(entry, entry.claiming(self._seen.get(entry.row_name, {}), now_ms), until)
            state = entry.state(item)
            self._remember(entry, state)
            if is_made or entry.stream in state.open_calls:
                return Taken(entry, state)
            self._check(entry, state, now_ms, until)
        raise LedgerBusy(f"too many claim a rate limit at once; {UNTOUCHED}", headers={"retry-after": "1"})

    def _check(self, entry: Entry, state: State, now_ms: int, until: float) -> None:
        """Raises RateLimited where there is no room, not even in the place of calls that have not ended in time."""
        refusal = rate_words.refusal(entry, state, now_ms)
        if refusal is None:
            return
        over = {call for call in state.open_calls if limit_row.is_over(call, now_ms // 1000)}
        rest = State(state.tats, state.open_calls - over)
        if not over or rate_words.refusal(entry, rest, now_ms):
            raise refusal
        self._update(entry, entry.dropping(over), until)

    def _update(
        self, entry: Entry, arguments: dict[str, Any], until: float, *, is_repeatable: bool = True
    ) -> tuple[Item, bool]:
        """The row after the update, or the one that was in the way."""
        place = {"TableName": self._name, "Key": table.item(entry.key)}
        try:
            answer = self._run(partial(self._client.update_item, **place, **arguments), until, is_repeatable)
        except ClientError as error:
            if not is_condition(error):
                raise
            told: Any = error.response.get("Item")
            return told or self._read(place, until), False
        return answer.get("Attributes", {}), True

    def _read(self, place: dict[str, Any], until: float) -> Item:
        answer = self._run(partial(self._client.get_item, **place, ConsistentRead=True), until)
        found: Item = answer.get("Item") or {}
        return found

    def _end(self, taken: Sequence[Taken], tokens: int) -> None:
        """Corrects what was claimed of tokens, and closes the call. Nothing is written where both are well."""
        until = self._clock.monotonic() + END_SECONDS
        for one in taken:
            self._leave(one, {"tokens": tokens}, until)

    def _give_back(self, taken: Sequence[Taken]) -> None:
        """All of it: the call will not be made."""
        until = self._clock.monotonic() + END_SECONDS
        for one in taken:
            self._leave(one, {"requests": 0, "tokens": 0}, until)

    def _leave(self, one: Taken, used: Mapping[str, int], until: float) -> None:
        """Tried once where there is no call to close: nothing would tell whether the first try has been made."""
        now_ms, has_stream = self._now_ms(), one.entry.stream is not None
        corrections = corrected(one, used, now_ms)
        if not (has_stream or corrections):
            return
        ending = one.entry.ending(corrections, now_ms)
        try:
            item, _ = self._update(one.entry, ending, until, is_repeatable=has_stream)
            self._remember(one.entry, one.entry.state(item))
        except (*FAILURES, DamagedRow) as error:
            logger.warning("limits.uncorrected: table %s, row %s, %s", self._name, one.entry.row_name, code(error))

    def _run(
        self, call: Callable[[], Mapping[str, Any]], until: float, is_repeatable: bool = True
    ) -> Mapping[str, Any]:
        seconds = until - self._clock.monotonic() if is_repeatable else 0.0
        return self._retries.run(partial(self._bounded, call, until), seconds)

    def _bounded(self, call: Callable[[], Mapping[str, Any]], until: float) -> Mapping[str, Any]:
        with self._within(max(0.0, until - self._clock.monotonic())):
            return call()

    def _remember(self, entry: Entry, state: State) -> None:
        known = self._seen.pop(entry.row_name, {})
        while len(self._seen) >= MOST_REMEMBERED:
            del self._seen[next(iter(self._seen))]
        self._seen[entry.row_name] = {**known, **state.tats}

    def _now_ms(self) -> int:
        return round(self._clock.now() * 1000)

    def _unavailable(self, error: Exception) -> Unavailable:
        if is_transient(error):
            words = f"the table did not say in time whether a rate limit has room; {UNTOUCHED}"
            return LedgerBusy(words, headers={"retry-after": "1"})
        logger.error("limits.refused: table %s, %s; see the role and SLUICE_TABLE", self._name, code(error))
        return Unavailable(f"rate limits cannot be told; {UNTOUCHED}")


def corrected(one: Taken, used: Mapping[str, int], now_ms: int) -> dict[str, int]:
    """What to add to each TAT of a claim that has used other than it claimed."""
    tats = one.state.tats
    corrections = {
        gauge.attribute: gauge.pace.correction(tats[gauge.attribute], now_ms, gauge.things, used[gauge.kind])
        for gauge in one.entry.gauges
        if gauge.kind in used and gauge.attribute in tats
    }
    return {name: value for name, value in corrections.items() if value}
