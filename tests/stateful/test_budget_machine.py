"""Ledger and budgets against a model of a few lines: any calls in any order, whatever fails and whoever dies on the way.

The model knows of each call what it holds, and what it was charged. After every step each budget's row is the sum of
that; in the end, when all leases have run out, it is the sum of what the records say. SLUICE_EXAMPLES scales it.
"""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, precondition, rule
from tests.fakes.memory_dynamodb import MemoryDynamoDB, conflicted, failure, lost, throttled
from tests.unit.stores.calls import HandClock, hold, record, reservation

from sluice.domain.errors import BudgetExceeded, DuplicateCall, InvalidKey, LedgerBusy
from sluice.domain.hold import Hold
from sluice.domain.record import Reservation
from sluice.stores import table
from sluice.stores.ledger import Ledger
from sluice.stores.sweep import Sweeper
from sluice.stores.table import Status

EXAMPLES = int(os.environ.get("SLUICE_EXAMPLES", "60"))
STEPS = 25
LEASE_SECONDS = 300
KEY_ID = "abcdefghijkl"
GOOD_KEY = {"pk": {"S": f"K#{KEY_ID}"}, "sk": {"S": "K"}, "st": {"S": "A"}}
BUDGETS = {
    "strict": hold(key="strict#1", name="strict", limit=60, ceiling=60, is_strict=True),
    "typical": hold(key="typical#1", name="typical", limit=40, ceiling=45),
    "hot": hold(key="hot#1", name="hot", limit=60, ceiling=66, is_hot=True),
    "shadow": hold(key="shadow#1", name="shadow", limit=10, ceiling=10, is_enforced=False),
}
PASSING: tuple[Callable[[], Exception], ...] = (
    throttled,
    lost,
    conflicted,
    lambda: failure("InternalServerError", 500),
)


class Killed(BaseException):
    """The process is gone."""


@dataclass(slots=True)
class Made:
    """What the model knows of a call: what it holds now, and what each budget was charged in the end."""

    reservation: Reservation
    holds: tuple[Hold, ...] = ()
    charges: tuple[int, ...] = ()


class BudgetMachine(RuleBasedStateMachine):
    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.hand = HandClock()
        self.table = MemoryDynamoDB()
        self.table.items["K#" + KEY_ID, "K"] = dict(GOOD_KEY)
        self.ledger = Ledger(self.table, "ledger", self.hand.clock, Random(1))
        self.sweeper = Sweeper(self.table, "ledger", self.hand.clock, Random(2))
        self.made: dict[str, Made] = {}

    @rule(
        target=calls,
        names=st.lists(st.sampled_from(sorted(BUDGETS)), unique=True, max_size=3),
        amounts=st.tuples(st.integers(0, 25), st.integers(0, 15)),
        period=st.sampled_from(["D20261120", "D20261121"]),
        has_key=st.booleans(),
        faults=st.lists(st.sampled_from([None, *PASSING]), max_size=3),
        is_after=st.booleans(),
    )
    def reserve(
        self,
        names: list[str],
        amounts: tuple[int, int],
        period: str,
        has_key: bool,
        faults: list[Callable[[], Exception] | None],
        is_after: bool,
    ) -> object:
        call = self.new_call(names, amounts, period, has_key)
        refusal = self.expected(call)
        self.fail(faults, is_after=is_after)
        if refusal is None:
            self.ledger.reserve(call)
            self.made[call.request_id] = Made(call, call.holds)
            return call
        with pytest.raises(BudgetExceeded) as caught:
            self.ledger.reserve(call)
        assert refusal.name in caught.value.message
        return multiple()

    @rule(
        target=calls,
        names=st.lists(st.sampled_from(sorted(BUDGETS)), unique=True, min_size=1, max_size=2),
        amounts=st.tuples(st.integers(0, 25), st.integers(0, 15)),
        moment=st.integers(0, 3),
        is_after=st.booleans(),
    )
    def die_reserving(self, names: list[str], amounts: tuple[int, int], moment: int, is_after: bool) -> object:
        call = self.new_call(names, amounts, "D20261120", has_key=False)
        if self.expected(call) is not None:
            return multiple()
        with self.killed(moment, is_after=is_after):
            self.ledger.reserve(call)
        return self.observed(call)

    @rule(
        target=calls,
        names=st.lists(st.sampled_from(sorted(BUDGETS)), unique=True, min_size=1, max_size=2),
        amounts=st.tuples(st.integers(0, 25), st.integers(0, 15)),
        is_after=st.booleans(),
        is_released=st.booleans(),
    )
    def outage(self, names: list[str], amounts: tuple[int, int], is_after: bool, is_released: bool) -> object:
        """It lasts, and what was written is not known; the pipeline then settles at nothing, if it still can."""
        call = self.new_call(names, amounts, "D20261120", has_key=False)
        if self.expected(call) is not None:
            return multiple()
        self.fail([lost] * 1000, is_after=is_after)
        with pytest.raises(LedgerBusy):
            self.ledger.reserve(call)
        self.heal()
        if is_released:
            is_written = self.ledger.settle(call, record(cost=0, charges=(0,) * len(call.holds)))
            assert is_written is (self.row(call) != {})
        return self.observed(call)

    @rule(call=calls, charge=st.integers(0, 40), faults=st.lists(st.sampled_from([None, *PASSING]), max_size=3))
    def settle(self, call: Reservation, charge: int, faults: list[Callable[[], Exception] | None]) -> None:
        """Also what was settled before, what the sweeper has settled, and what was never written."""
        made, charges = self.made[call.request_id], tuple(min(charge, hold.worst) for hold in call.holds)
        before = self.row(call).get("st")
        self.fail(faults, is_after=bool(charge % 2))

        is_settled = self.ledger.settle(call, record(cost=charge, charges=charges))

        assert is_settled is (before is not None)
        if before in (Status.RESERVED, Status.ABANDONED):
            made.holds, made.charges = (), charges
        if before is None:
            made.holds = ()
        if before == Status.SETTLED:
            self.observed(call)  # an entry that was left behind is charged now, what the record says

    @rule(call=calls, charge=st.integers(0, 40), moment=st.integers(0, 2), is_after=st.booleans())
    def die_settling(self, call: Reservation, charge: int, moment: int, is_after: bool) -> None:
        charges = tuple(min(charge, hold.worst) for hold in call.holds)
        with self.killed(moment, is_after=is_after):
            self.ledger.settle(call, record(cost=charge, charges=charges))
        self.observed(call)

    @rule(call=calls)
    def deliver_again(self, call: Reservation) -> None:
        is_there = bool(self.row(call)) or self.has_entry(call)
        if not is_there:
            return
        with pytest.raises((DuplicateCall, BudgetExceeded)) as caught:
            self.ledger.reserve(replace(call, nonce=f"second-{call.nonce}"))
        assert isinstance(caught.value, DuplicateCall) or (table.is_alone(call) and not self.has_entry(call))

    @rule(names=st.lists(st.sampled_from(sorted(BUDGETS)), unique=True, max_size=2))
    def show_a_revoked_key(self, names: list[str]) -> None:
        call = self.new_call(names, (1, 0), "D20261120", has_key=True)
        self.table.items["K#" + KEY_ID, "K"]["st"] = {"S": "R"}
        with pytest.raises(InvalidKey):
            self.ledger.reserve(call)
        self.table.items["K#" + KEY_ID, "K"] = dict(GOOD_KEY)
        assert self.row(call) == {}

    @rule(seconds=st.integers(0, LEASE_SECONDS))
    def wait(self, seconds: int) -> None:
        self.hand.seconds += seconds
        self.table.forget_tokens()

    @rule(faults=st.lists(st.sampled_from([None, *PASSING]), max_size=4), is_after=st.booleans())
    def sweep(self, faults: list[Callable[[], Exception] | None], is_after: bool) -> None:
        self.fail(faults, is_after=is_after)
        self.sweeper.sweep(self.hand.seconds)
        self.observe_all()

    @rule(moment=st.integers(4, 12), is_after=st.booleans())
    def die_sweeping(self, moment: int, is_after: bool) -> None:
        with self.killed(moment, is_after=is_after):
            self.sweeper.sweep(self.hand.seconds)
        self.observe_all()

    @precondition(
        lambda self: any(self.row(made.reservation).get("st") == Status.RESERVED for made in self.made.values())
    )
    @rule(call=consumes(calls))
    def lift(self, call: Reservation) -> None:
        """The lease runs out, the sweeper comes, and then exact figures."""
        self.hand.seconds = max(self.hand.seconds, call.lease + 1)
        self.sweep([], is_after=False)
        self.settle(call, 3, [])

    @invariant()
    def every_budget_is_what_its_calls_hold_and_were_charged(self) -> None:
        self.heal()
        for budget in BUDGETS.values():
            for period in ("D20261120", "D20261121"):
                held = [one for made in self.made.values() for one in made.holds if is_in(one, budget, period)]
                charged = sum(
                    charge
                    for made in self.made.values()
                    for one, charge in zip(made.reservation.holds, made.charges, strict=False)
                    if is_in(one, budget, period)
                )
                reserved, worst = sum(one.reserved for one in held), sum(one.worst for one in held)
                row = self.table.row(f"B#{budget.key}", period)
                found = tuple(row.get(name, 0) for name in ("u", "r", "w"))
                assert found == (charged + reserved, reserved, charged + worst), (budget.name, period, row)
                if budget.is_enforced:
                    assert found[2] <= budget.ceiling
                    assert not budget.is_strict or found[0] <= budget.limit

    def teardown(self) -> None:
        """All leases have run out, and the sweeper has come."""
        self.heal()
        self.hand.seconds += 10 * LEASE_SECONDS
        self.sweeper.sweep(self.hand.seconds)
        second = self.sweeper.sweep(self.hand.seconds)
        assert (second.settled, second.failed, second.repaired) == (0, 0, 0)
        records = [self.table.row(*place) for place in self.table.items if place[1] == "R"]
        assert {row["st"] for row in records} <= {"S", "A"}
        charges = [text.rsplit(" ", 2) for row in records for text in row.get("bud", ())]
        for pk, sk in [place for place in self.table.items if place[0].startswith("B#")]:
            row = self.table.row(pk, sk)
            charged = sum(int(charge) for key, period, charge in charges if (f"B#{key}", period) == (pk, sk))
            assert (row["u"], row["r"], row["w"]) == (charged, 0, charged)
            assert not [name for name in row if name.startswith("h")]

    # --- what the rules are made of ---

    def new_call(self, names: list[str], amounts: tuple[int, int], period: str, has_key: bool) -> Reservation:
        number = len(self.made)
        holds = tuple(
            replace(
                BUDGETS[name],
                period=period,
                reserved=sum(amounts) if BUDGETS[name].is_strict else amounts[0],
                worst=sum(amounts),
            )
            for name in names
        )
        call = reservation(
            request_id=f"call-{number}",
            nonce=f"{number:08d}-nonce",
            lease=int(self.hand.seconds) + LEASE_SECONDS,
            bound=sum(amounts),
            holds=holds,
            key_id=KEY_ID if has_key else None,
        )
        self.made[call.request_id] = Made(call)
        return call

    def expected(self, call: Reservation) -> Hold | None:
        """The budget that has to refuse, by what the model knows; None where all have room."""
        for one in call.holds:
            row = self.table.row(f"B#{one.key}", one.period)
            fits = row.get("u", 0) + one.reserved <= one.limit and row.get("w", 0) + one.worst <= one.ceiling
            if one.is_enforced and not one.can_fit:
                return one
            if one.is_enforced and not fits and all(other.can_fit or not other.is_enforced for other in call.holds):
                return one
        return None

    def fail(self, faults: list[Callable[[], Exception] | None], *, is_after: bool) -> None:
        raised = [fault() if fault else None for fault in faults]
        if is_after:
            self.table.after = [lost() if one else None for one in raised]
        else:
            self.table.before = list(raised)

    def heal(self) -> None:
        self.table.before, self.table.after = [], []

    @contextmanager
    def killed(self, moment: int, *, is_after: bool) -> Iterator[None]:
        """The process dies at that request, before or after it takes effect, if it comes so far."""
        raised: list[BaseException | None] = [*[None] * moment, Killed()]
        setattr(self.table, "after" if is_after else "before", raised)
        with suppress(Killed):
            yield
        self.heal()

    def row(self, call: Reservation) -> dict[str, object]:
        return self.table.row(f"R#{call.request_id}", "R")

    def has_entry(self, call: Reservation) -> bool:
        return any(f"h{call.request_id}" in item for item in self.table.items.values())

    def observe_all(self) -> None:
        for made in self.made.values():
            self.observed(made.reservation)

    def observed(self, call: Reservation) -> Reservation:
        """The model learns how far a call came, from its record and its entry and not from any sum."""
        made, row = self.made[call.request_id], self.row(call)
        is_open = row.get("st") == Status.RESERVED
        is_held = self.has_entry(call) if table.is_alone(call) else is_open
        made.holds = call.holds if is_held else ()
        is_charged = bool(row) and not is_open and not (table.is_alone(call) and is_held)
        texts = row.get("bud") or []
        assert isinstance(texts, list)
        made.charges = tuple(int(text.rsplit(" ", 1)[1]) for text in texts) if is_charged else ()
        return call


def is_in(one: Hold, budget: Hold, period: str) -> bool:
    return (one.key, one.period) == (budget.key, period)


@pytest.fixture(autouse=True)
def _is_quiet() -> Iterator[None]:
    """Thousands of calls that fail on purpose are not told of."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


TestBudgets = BudgetMachine.TestCase
TestBudgets.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
