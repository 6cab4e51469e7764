"""Virtual keys on real engines: written by the command line's code, read and checked by the gateway's."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.engines import LedgerTable
from tests.unit.stores.calls import reservation

from sluice.domain.clock import Clock
from sluice.domain.errors import InvalidKey
from sluice.domain.policy import Budget, Estimate, Rate, Window
from sluice.domain.principal import Principal
from sluice.stores.keys import Keys, check, digest_of
from sluice_cli.failure import CommandFailed
from sluice_cli.key_terms import Terms
from sluice_cli.virtual_keys import NewKey, VirtualKeys

NOW = 1_795_208_400
ROUNDS, OPERATORS = 3, 4
SECONDS = 60.0
WHOLE = Terms(
    "search",
    "ann@example.com",
    ("smart", "openai/gpt-*"),
    (
        {"usd": "10.00", "window": "month", "estimate": "typical", "overshoot": "10%"},
        {"usd": "1", "window": "day", "estimate": "strict"},
    ),
    {"requests_per_minute": 60, "tokens_per_minute": 200_000, "concurrent": 4},
    {"team": "search"},
    NOW + 1000,
)


class Site:
    """Both sides of one table, at one time of day."""

    def __init__(self, table: LedgerTable) -> None:
        self.table, self.now = table, float(NOW)
        self.client = table.client()
        self.operator = VirtualKeys(self.client, table.name, lambda: self.now)

    def gateway(self) -> Keys:
        """As one that has just begun: it remembers nothing."""
        clock = Clock(now=lambda: self.now)
        return Keys(self.client, self.table.name, clock, Random(0))

    def is_good(self, key: str) -> bool:
        try:
            self.gateway().find(key)
        except InvalidKey:
            return False
        return True

    def may_reserve(self, id: str, key: str | None = None) -> bool:
        """Whether a transaction goes through that needs the key to be good now."""
        checked = check(id, self.table.name, self.now, digest_of(key) if key else None)
        row: dict[str, Any] = {"pk": {"S": "R#fake"}, "sk": {"S": "R"}}
        try:
            self.client.transact_write_items(
                TransactItems=[{"Put": {"TableName": self.table.name, "Item": row}}, checked]
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "TransactionCanceledException":
                raise
            return False
        return True

    def create(self, name: str = "search", **changes: Any) -> NewKey:
        return self.operator.create(Terms(name, "ann@example.com", **changes))


@pytest.fixture
def site(ledger_table: LedgerTable) -> Site:
    return Site(ledger_table)


def test_a_key_is_found_with_all_that_was_said_of_it(site: Site) -> None:
    made = site.operator.create(WHOLE)

    found = site.gateway().find(made.key)

    assert (found.id, found.name, found.owner) == (made.stored.id, "search", "ann@example.com")
    assert found.models == WHOLE.models
    assert found.budgets == (
        Budget("key search", 10 * 10**9, Window.MONTH, "key", overshoot=10**9),
        Budget("key search:2", 10**9, Window.DAY, "key", Estimate.STRICT),
    )
    assert (found.rate, found.tags) == (Rate("key search", 60, 200_000, 4, "key"), {"team": "search"})
    assert site.operator.find("search") == site.operator.find(made.stored.id) == made.stored
    assert site.operator.find(made.stored.id).terms == WHOLE


def test_the_table_holds_a_hash_and_nothing_of_the_key(site: Site) -> None:
    made = site.create()

    everything = str(site.client.scan(TableName=site.table.name)["Items"])

    assert digest_of(made.key) in everything
    assert made.key not in everything
    assert made.key[17:25] not in everything


def test_a_key_ends_when_it_was_said_to(site: Site) -> None:
    made = site.create(until=NOW + 10)
    id, key = made.stored.id, made.key

    before = site.is_good(key), site.may_reserve(id), site.may_reserve(id, key)
    site.now += 10
    after = site.is_good(key), site.may_reserve(id), site.may_reserve(id, key)

    assert (before, after) == ((True,) * 3, (False,) * 3)


def test_a_revoked_key_is_refused_also_where_it_is_remembered(site: Site) -> None:
    made, gateway = site.create(), site.gateway()
    gateway.find(made.key)

    revoked = site.operator.revoke(made.stored)

    assert gateway.find(made.key).id == made.stored.id
    assert not site.may_reserve(made.stored.id)
    assert not site.is_good(made.key)
    assert (revoked.is_revoked, revoked.revoked) == (True, NOW)


def test_no_call_is_written_down_for_a_revoked_key(site: Site) -> None:
    made, ledger = site.create(), site.table.ledger(clock=Clock(now=lambda: site.now))
    who = Principal(
        f"key:{made.stored.id}", "123456789012", key=site.gateway().find(made.key), iam="arn:aws:iam::1:role/x"
    )
    ledger.reserve(reservation(request_id="one", principal=who, key_id=made.stored.id))
    site.operator.revoke(made.stored)

    with pytest.raises(InvalidKey, match="unknown, revoked or expired"):
        ledger.reserve(reservation(request_id="other", principal=who, key_id=made.stored.id))

    assert (ledger.read("one") or {})["vk"] == made.stored.id
    assert ledger.read("other") is None


def test_a_rotated_key_is_good_for_its_grace_and_the_new_one_at_once(site: Site) -> None:
    old = site.create()
    new = site.operator.rotate(old.stored, 60)
    id = old.stored.id

    meanwhile = [(site.is_good(one.key), site.may_reserve(id, one.key)) for one in (old, new)]
    site.now += 60
    later = [(site.is_good(one.key), site.may_reserve(id, one.key)) for one in (old, new)]

    assert new.stored.id == id
    assert (meanwhile, later) == ([(True, True)] * 2, [(False, False), (True, True)])


def test_without_grace_the_old_key_and_the_one_before_it_are_refused_at_once(site: Site) -> None:
    first = site.create()
    second = site.operator.rotate(first.stored, 60)
    third = site.operator.rotate(second.stored, 0)

    assert [site.is_good(one.key) for one in (first, second, third)] == [False, False, True]
    assert [site.may_reserve(first.stored.id, one.key) for one in (first, second, third)] == [False, False, True]


def test_nobodys_key_lets_nothing_be_reserved(site: Site) -> None:
    assert not site.may_reserve("nobodynobody")


def test_a_name_is_one_living_keys(site: Site) -> None:
    made = site.create(until=NOW + 10)
    with pytest.raises(CommandFailed, match=f"the key {made.stored.id} is called search already"):
        site.create()

    site.now += 10
    again = site.create()
    site.operator.revoke(again.stored)
    third = site.create()

    assert site.operator.find("search") == third.stored
    assert len(site.operator.all()) == 3


def at_once(calls: list[Callable[[], object]]) -> list[object]:
    gate = threading.Barrier(len(calls))

    def done(call: Callable[[], object]) -> object:
        gate.wait(SECONDS)
        try:
            return call()
        except CommandFailed as failure:
            return str(failure)

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(done, calls))


def test_of_operators_who_rotate_at_once_one_wins_and_the_others_are_told(exact_table: LedgerTable) -> None:
    sites = [Site(exact_table) for _ in range(OPERATORS)]
    seen = sites[0].create()

    for _ in range(ROUNDS):
        stored = seen.stored
        said = at_once([lambda one=one, stored=stored: one.operator.rotate(stored, 0) for one in sites])  # type: ignore[misc]

        (seen,) = [one for one in said if isinstance(one, NewKey)]
        told = [one for one in said if isinstance(one, str)]
        assert all("somebody else changed the key" in one for one in told)
        assert (len(told), sites[0].is_good(seen.key)) == (OPERATORS - 1, True)
