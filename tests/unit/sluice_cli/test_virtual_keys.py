from collections.abc import Callable
from random import Random

import pytest
from tests.unit.sluice_cli.key_table import KeyTable
from tests.unit.stores.calls import HandClock

from sluice.stores import keys as gateway
from sluice_cli import virtual_keys
from sluice_cli.failure import CommandFailed
from sluice_cli.key_item import StoredKey
from sluice_cli.key_terms import Terms
from sluice_cli.virtual_keys import NewKey, VirtualKeys

NOW = 1_795_208_400
TERMS = Terms("search", "ann@example.com")


def keys(table: KeyTable) -> VirtualKeys:
    return VirtualKeys(table, "ledger", lambda: NOW, Random(3).randbytes)


def made(table: KeyTable, name: str = "search") -> NewKey:
    return VirtualKeys(table, "ledger", lambda: NOW).create(Terms(name, "ann@example.com"))


def test_both_sides_mean_the_same_keys() -> None:
    table = KeyTable()
    new = keys(table).create(TERMS)

    assert gateway.KEY.fullmatch(new.key)
    assert (virtual_keys.PREFIX, set(table.items)) == (gateway.PREFIX, {f"K#{new.stored.id}"})
    assert gateway.digest_of(new.key) == new.stored.hash == table.items[f"K#{new.stored.id}"]["h"]["S"]
    assert gateway.Keys(table, "ledger", HandClock(float(NOW)).clock, Random(0)).find(new.key).name == "search"


def test_a_key_is_random_in_every_character() -> None:
    shown = [made(KeyTable()).key for _ in range(300)]

    assert len({len(one) for one in shown}) == 1
    assert len(set(shown)) == len({one[4:16] for one in shown}) == 300
    assert all(len({one[place] for one in shown}) > 10 for place in (*range(4, 16), *range(17, len(shown[0]))))


def test_nothing_that_prints_a_new_key_prints_it() -> None:
    new = keys(KeyTable()).create(TERMS)

    assert new.key[17:] not in repr(new)
    assert new.stored.hash not in repr(new)


def test_a_row_without_limits_is_small_and_has_no_time_to_live() -> None:
    table = KeyTable()

    new = keys(table).create(TERMS)

    row = table.items[f"K#{new.stored.id}"]
    assert set(row) == {"pk", "sk", "h", "nm", "ow", "st", "cr", "opk", "osk"}
    assert (row["opk"], row["osk"], row["st"]) == ({"S": "K"}, {"S": new.stored.id}, {"S": "A"})


def test_keys_of_more_than_a_page_are_listed_the_newest_first() -> None:
    table = KeyTable()
    new = [VirtualKeys(table, "ledger", lambda n=n: NOW + n).create(Terms(f"k{n}", "a")) for n in range(5)]  # type: ignore[misc]

    assert [one.terms.name for one in keys(table).all()] == ["k4", "k3", "k2", "k1", "k0"]
    assert len({one.stored.id for one in new}) == 5


ACTIONS: dict[str, Callable[[VirtualKeys, StoredKey], object]] = {
    "create": lambda found, _: found.create(TERMS),
    "rotate": lambda found, stored: found.rotate(stored, 60),
    "revoke": lambda found, stored: found.revoke(stored),
}


@pytest.mark.parametrize("act", ACTIONS.values(), ids=ACTIONS)
def test_an_answer_that_was_lost_does_no_harm(act: Callable[[VirtualKeys, StoredKey], object]) -> None:
    table = KeyTable()
    stored = made(table, "other").stored
    table.loses = True

    done = act(keys(table), stored)

    assert table.loses is False
    assert (done.stored if isinstance(done, NewKey) else done) in keys(table).all()


def test_whoever_is_overtaken_is_told() -> None:
    table = KeyTable()
    seen = made(table).stored
    table.before = lambda: VirtualKeys(table, "ledger", lambda: NOW).rotate(seen, 0)

    with pytest.raises(CommandFailed, match=f"somebody else changed the key {seen.id} meanwhile"):
        keys(table).rotate(seen, 60)


def test_a_key_that_was_revoked_meanwhile_is_not_rotated() -> None:
    table = KeyTable()
    seen = made(table).stored
    keys(table).revoke(seen)

    with pytest.raises(CommandFailed, match="somebody else changed"):
        keys(table).rotate(seen, 60)
    assert keys(table).find(seen.id).is_revoked


def test_a_key_is_found_by_its_name_its_id_and_itself() -> None:
    table = KeyTable()
    new = made(table)

    assert {keys(table).find(word).id for word in ("search", new.stored.id, new.key)} == {new.stored.id}


def test_a_key_that_is_not_there_is_not_repeated_whole() -> None:
    unknown = "slu_nobodynobody_" + "x" * 43

    with pytest.raises(CommandFailed, match="no key 'nobodynobody' in table ledger") as caught:
        keys(KeyTable()).find(unknown)

    assert "xxxx" not in str(caught.value)


def test_the_living_key_of_a_name_is_meant_and_of_several_dead_ones_none() -> None:
    table = KeyTable()
    one = made(table).stored
    keys(table).revoke(one)
    other = made(table).stored

    assert keys(table).find("search").id == other.id
    keys(table).revoke(other)
    with pytest.raises(CommandFailed, match="2 keys are called search; choose one by its id"):
        keys(table).find("search")


def test_what_is_wrong_with_the_table_is_one_line() -> None:
    table = KeyTable()
    table.refusal = "ResourceNotFoundException"
    with pytest.raises(CommandFailed, match="no table 'ledger' there"):
        keys(table).all()
    table.refusal = "AccessDeniedException"
    with pytest.raises(CommandFailed, match="the table refused: AccessDeniedException: no"):
        keys(table).create(TERMS)


def test_a_row_that_is_damaged_can_be_shown_and_revoked() -> None:
    table = KeyTable()
    stored = made(table).stored
    table.items[f"K#{stored.id}"] |= {
        "nm": {"N": "7"},
        "models": {"S": "x"},
        "budgets": {"L": [{"S": "x"}, {"M": {"usd": {"N": "1"}}}]},
        "rate": {"M": {"requests_per_minute": {"S": "x"}}},
        "until": {"S": "soon"},
        "st": {"NULL": True},
    }

    found = keys(table).find(stored.id)

    assert (found.terms.name, found.terms.models, found.terms.budgets) == ("7", (), ({"usd": "1"},))
    assert found.state(NOW) == "revoked"
