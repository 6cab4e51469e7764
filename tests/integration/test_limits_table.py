"""Rate limits on real engines with the gateway's own client: exact among threads, whatever becomes of answers."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest
from tests.engines import LedgerTable
from tests.faults.dynamodb_proxy import Fault, FaultProxy, Rule, on

from sluice.domain.claim import Claim
from sluice.domain.clock import Clock
from sluice.domain.errors import RateLimited, Unavailable
from sluice.domain.policy import Rate
from sluice.stores.limit_row import key
from sluice.stores.limits import Limits, Permit

MANY, SOME = 16, 6
NOW = 1_795_208_400.0
LEASE = int(NOW) + 900
STANDING = Clock(now=lambda: NOW)


def claim(rate: Rate, tokens: int = 10, call: str = "call", lease: int = LEASE) -> Claim:
    return Claim(rate, "ada", call, lease, tokens)


def limits(table: LedgerTable, seed: int, clock: Clock = STANDING, url: str | None = None) -> Limits:
    return Limits(table.client(url), table.name, clock, Random(seed))


def let_in(one: Limits, rate: Rate, tokens: int, call: str) -> Permit | None:
    try:
        return one.enter([claim(rate, tokens, call)])
    except RateLimited:
        return None


def together(threads: int, work: Callable[[int], int]) -> int:
    """The sum of what so many threads say, each an environment with a number of its own."""
    barrier = threading.Barrier(threads)

    def begun(number: int) -> int:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(begun, range(threads)))


def stored(table: LedgerTable, rate: Rate) -> dict[str, Any]:
    answer = table.client().get_item(
        TableName=table.name, Key={name: {"S": text} for name, text in key(rate.name, "ada").items()}
    )
    found: dict[str, Any] = answer.get("Item", {})
    return found


MOMENTS = [
    (Rate("requests", requests_per_minute=37), 0, 37),
    (Rate("tokens", tokens_per_minute=1000), 30, 33),
    (Rate("streams", concurrent=11), 0, 11),
    (Rate("all", requests_per_minute=40, tokens_per_minute=1000, concurrent=50), 70, 14),
]


@pytest.mark.fault("C07")
def test_at_one_moment_exactly_what_arithmetic_says_is_let_in(exact_table: LedgerTable) -> None:
    environments = [limits(exact_table, seed) for seed in range(MANY)]
    for rate, tokens, admitted in MOMENTS:

        def work(number: int, rate: Rate = rate, tokens: int = tokens) -> int:
            return sum(let_in(environments[number], rate, tokens, f"{number}-{turn}") is not None for turn in range(4))

        assert together(MANY, work) == admitted, rate.name


@pytest.mark.fault("C07")
def test_while_time_goes_by_no_more_than_the_burst_and_the_rate_are_let_in(exact_table: LedgerTable) -> None:
    rate = Rate("team", requests_per_minute=100)
    environments = [limits(exact_table, seed, Clock()) for seed in range(SOME)]
    until = time.time() + 0.7

    def work(number: int) -> int:
        count = 0
        while time.time() < until:
            count += let_in(environments[number], rate, 0, "call") is not None
        return count

    begun = time.time()
    count = together(SOME, work)
    seconds = time.time() - begun

    assert count <= 100 + 100 / 60 * seconds + 1
    tat = int(stored(exact_table, rate)["rt100"]["N"])
    assert tat <= round((begun + seconds) * 1000) * 100 + 100 * 60_000


def test_never_are_more_calls_open_than_allowed_and_all_places_come_back(exact_table: LedgerTable) -> None:
    rate = Rate("team", concurrent=5)
    environments = [limits(exact_table, seed) for seed in range(SOME)]
    lock = threading.Lock()
    now_open = [0]
    most_open = [0]

    def work(number: int) -> int:
        count = 0
        for turn in range(4):
            permit = let_in(environments[number], rate, 0, f"{number}-{turn}")
            if permit is None:
                continue
            with lock:
                now_open[0] += 1
                most_open[0] = max(most_open[0], now_open[0])
            with lock:
                now_open[0] -= 1
            permit.end(0)
            count += 1
        return count

    assert together(SOME, work) >= 5
    assert most_open[0] <= 5
    assert "op" not in stored(exact_table, rate)


def test_corrections_add_up_exactly(exact_table: LedgerTable) -> None:
    rate = Rate("team", tokens_per_minute=100_000)
    environments = [limits(exact_table, seed) for seed in range(SOME)]

    def work(number: int) -> int:
        used = 0
        for turn in range(4):
            permit = let_in(environments[number], rate, 1000, f"{number}-{turn}")
            assert permit is not None
            permit.end(700 + number * 40)
            used += 700 + number * 40
        return used

    used = together(SOME, work)

    assert int(stored(exact_table, rate)["tt100000"]["N"]) == int(NOW * 1000) * 100_000 + used * 60_000


def test_calls_whose_lease_is_over_make_room_on_every_engine(ledger_table: LedgerTable) -> None:
    rate = Rate("team", requests_per_minute=100, concurrent=2)
    one = limits(ledger_table, 1)
    for call in ("one", "two"):
        one.enter([claim(rate, call=call, lease=int(NOW) - 1)])

    permit = one.enter([claim(rate, call="three")])

    assert permit.headers["x-ratelimit-remaining-requests"] == "97"
    assert len(stored(ledger_table, rate)["op"]["SS"]) == 1
    permit.end(0)
    assert "op" not in stored(ledger_table, rate)


@pytest.mark.fault("D03")
@pytest.mark.parametrize("fault", [Fault.DROP_AFTER, Fault.CUT, Fault.THROTTLE])
def test_a_claim_survives_what_the_table_does(ledger_table: LedgerTable, fault: Fault) -> None:
    rate = Rate("team", requests_per_minute=100, tokens_per_minute=1000, concurrent=2)
    with FaultProxy(ledger_table.engine.url, [Rule(fault, on("UpdateItem"), times=1)]) as proxy:
        permit = limits(ledger_table, 1, Clock(), proxy.url).enter([claim(rate, lease=2**31)])

    assert permit.headers["x-ratelimit-remaining-requests"] == "99"
    assert len(stored(ledger_table, rate)["op"]["SS"]) == 1


@pytest.mark.fault("D11")
@pytest.mark.parametrize("value", [{"S": "x"}, {"N": "-1"}, {"N": "9.9E+100"}, {"BOOL": True}, {"NS": ["1"]}])
def test_a_damaged_row_fails_closed(exact_table: LedgerTable, value: dict[str, Any]) -> None:
    rate = Rate("team", requests_per_minute=100, concurrent=2)
    row = {name: {"S": text} for name, text in key("team", "ada").items()}
    for damage in ({"rt100": value}, {"op": value}):
        exact_table.client().put_item(TableName=exact_table.name, Item={**row, **damage})

        with pytest.raises(Unavailable, match="damaged"):
            limits(exact_table, 1).enter([claim(rate)])


class Metered:
    """A client that adds up the capacity that its requests take."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.units = 0.0

    def update_item(self, **arguments: Any) -> Any:
        answer = self._client.update_item(**arguments, ReturnConsumedCapacity="TOTAL")
        self.units += answer["ConsumedCapacity"]["CapacityUnits"]
        return answer

    def get_item(self, **arguments: Any) -> Any:
        return self._client.get_item(**arguments)

    def taken(self) -> float:
        units, self.units = self.units, 0.0
        return units


@pytest.mark.parametrize(
    ("rate", "used", "entering", "ending"),
    [
        (Rate("team", requests_per_minute=100), 300, 1, 0),
        (Rate("team", tokens_per_minute=100_000), 300, 1, 1),
        (Rate("team", tokens_per_minute=100_000), 1000, 1, 0),
        (Rate("team", concurrent=50), 0, 1, 1),
        (Rate("team", requests_per_minute=100, tokens_per_minute=100_000, concurrent=50), 300, 1, 1),
    ],
)
def test_what_a_claim_costs(exact_table: LedgerTable, rate: Rate, used: int, entering: int, ending: int) -> None:
    metered = Metered(exact_table.client())
    one = Limits(metered, exact_table.name, STANDING, Random(1))
    for turn in range(10):
        permit = one.enter([claim(rate, 1000, f"call-{turn}")])
        assert metered.taken() == entering
        permit.end(used)
        assert metered.taken() == ending
