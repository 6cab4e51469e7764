from random import Random
from typing import Any

import pytest
from tests.unit.sluice_cli.config_table import ConfigTable
from tests.unit.stores.calls import HandClock

from sluice.stores import configurations as gateway
from sluice_cli import configurations
from sluice_cli.configurations import DEPLOYED, MAX_TEXT_BYTES, PACKED_FROM_BYTES, Configurations, InForce
from sluice_cli.failure import CommandFailed

ANN, BEN = "arn:aws:iam::123456789012:user/ann", "arn:aws:iam::123456789012:user/ben"
SMALL = b"[providers.openai]\n# \xc3\xbc\n"
LARGE = b"# a long one\n" * (PACKED_FROM_BYTES // 10)


def pushed(table: ConfigTable, *contents: bytes) -> Configurations:
    made = Configurations(table, "ledger", lambda: 1_795_000_000.5)
    for content in contents:
        made.push(content, ANN, "why", made.in_force())
    return made


def running(table: ConfigTable) -> tuple[int, str]:
    """What the gateway reads of that table."""
    reader = gateway.Configurations(table, "ledger", HandClock().clock, Random(0))
    found = reader.current(0.3)
    return found.version, reader.text(found, 1.0) if found.version else ""


def test_both_sides_mean_the_same_items() -> None:
    assert (configurations.PARTITION, configurations.POINTER) == (gateway.PARTITION, gateway.POINTER)
    assert configurations.MAX_TEXT_BYTES == gateway.MAX_TEXT_BYTES
    assert gateway.DEPLOYED.version == DEPLOYED


def test_nothing_is_in_force_but_the_deployed_file_until_something_is_pushed() -> None:
    found = Configurations(ConfigTable(), "ledger")

    assert found.in_force() == InForce()
    assert found.newest(5) == []


@pytest.mark.parametrize("content", [SMALL, LARGE, Random(7).randbytes(MAX_TEXT_BYTES // 2).hex().encode()])
def test_what_is_pushed_is_what_the_gateway_reads(content: bytes) -> None:
    table = ConfigTable()

    found = pushed(table, content)

    assert running(table) == (1, content.decode())
    assert found.text(1) == content.decode()


def test_the_largest_text_that_is_taken_fits_an_item() -> None:
    table = ConfigTable()

    pushed(table, Random(7).randbytes(MAX_TEXT_BYTES // 2).hex().encode())

    (held,) = table.items["V#000000000001"]["toml"].values()
    assert len(held) < 390 * 1024


def test_versions_are_numbered_and_listed_backwards_over_pages() -> None:
    found = pushed(ConfigTable(), *(b"# %d\n" % number for number in range(5)))

    versions = found.newest(4)

    assert [(one.number, one.replaced) for one in versions] == [(5, 4), (4, 3), (3, 2), (2, 1)]
    assert (versions[0].pushed_by, versions[0].comment, versions[0].size) == (ANN, "why", 4)
    assert versions[0].pushed_ms == 1_795_000_000_500


def test_an_older_version_is_put_in_force_and_the_next_push_goes_on_counting() -> None:
    table = ConfigTable()
    found = pushed(table, SMALL, LARGE)

    found.put_in_force(1, BEN, found.in_force())
    rolled_back, told = running(table), found.in_force()
    number = found.push(b"# third\n", ANN, "", told)

    assert rolled_back == (1, SMALL.decode())
    assert (told.version, told.by, told.previous, told.revision) == (1, BEN, 2, 3)
    assert (number, running(table)) == (3, (3, "# third\n"))
    assert found.newest(1)[0].replaced == 1


def test_the_deployed_file_can_be_put_in_force_again() -> None:
    table = ConfigTable()
    found = pushed(table, SMALL)

    found.put_in_force(DEPLOYED, BEN, found.in_force())

    assert running(table) == (0, "")


def test_what_was_before_is_what_a_version_replaced() -> None:
    found = pushed(ConfigTable(), SMALL, LARGE, SMALL)
    found.put_in_force(2, BEN, found.in_force())

    assert found.before(found.in_force()) == 1


def test_what_was_before_a_version_that_is_not_there_is_what_the_pointer_says() -> None:
    table = ConfigTable()
    found = pushed(table, SMALL, LARGE)
    del table.items["V#000000000002"]

    assert found.before(found.in_force()) == 1


def test_whoever_is_overtaken_is_told_what_is_in_force_and_where_his_own_is() -> None:
    table = ConfigTable()
    found = pushed(table, SMALL)
    seen = found.in_force()
    table.before["current"] = lambda: Configurations(table, "ledger").put_in_force(DEPLOYED, BEN, seen)

    with pytest.raises(CommandFailed) as caught:
        found.push(LARGE, ANN, "", seen)

    says = f"somebody else was faster: the deployed file is in force, by {BEN}; yours is kept as version 2"
    assert str(caught.value) == says
    assert running(table) == (0, "")


def test_of_two_first_pushes_at_once_one_is_told() -> None:
    table = ConfigTable()
    table.before["V#000000000001"] = lambda: pushed(table, LARGE)

    with pytest.raises(CommandFailed, match="somebody else pushed version 1 at the same time; version 1 is in force"):
        pushed(table, SMALL)

    assert running(table) == (1, LARGE.decode())


def test_a_pointer_that_moved_and_came_back_is_noticed() -> None:
    found = pushed(ConfigTable(), SMALL, LARGE)
    seen = found.in_force()
    found.put_in_force(1, BEN, found.in_force())
    found.put_in_force(2, BEN, found.in_force())

    with pytest.raises(CommandFailed, match="somebody else was faster: version 2 is in force"):
        found.put_in_force(1, ANN, seen)


def test_a_write_whose_answer_was_lost_is_no_conflict() -> None:
    table = ConfigTable()
    found = pushed(table, SMALL)

    table.loses = True
    number = found.push(LARGE, ANN, "", found.in_force())
    table.loses = True
    found.put_in_force(1, ANN, found.in_force())

    assert (number, running(table)) == (2, (1, SMALL.decode()))


@pytest.mark.fault("K05")
@pytest.mark.parametrize("pointer", [{}, {"v": {"S": "x"}}, {"v": {"N": "-1"}}, {"v": {"N": "9"}, "sha": {"N": "1"}}])
def test_a_pointer_that_somebody_wrote_by_hand_can_be_replaced(pointer: dict[str, Any]) -> None:
    table = ConfigTable()
    table.items["current"] = {"pk": {"S": "C#config"}, "sk": {"S": "current"}, **pointer}
    found = pushed(table, SMALL)

    assert running(table) == (1, SMALL.decode())
    assert found.in_force().revision == 1


@pytest.mark.parametrize(
    ("held", "says"), [({"S": "other"}, "is not what was pushed"), ({"B": b"no zlib"}, "cannot be unpacked")]
)
def test_a_version_that_somebody_changed_is_not_put_in_force_again(held: dict[str, Any], says: str) -> None:
    table = ConfigTable()
    found = pushed(table, SMALL)
    table.items["V#000000000001"]["toml"] = held

    with pytest.raises(CommandFailed, match=says):
        found.text(1)


@pytest.mark.parametrize("held", [{"S": "other"}, {"B": b"no zlib"}, None])
def test_a_text_is_in_force_only_while_it_is_whole(held: dict[str, Any] | None) -> None:
    table = ConfigTable()
    found = pushed(table, SMALL)

    whole = found.holds(found.in_force(), SMALL), found.holds(found.in_force(), LARGE)
    table.items["V#000000000001"] |= {"toml": held or {}}

    assert whole == (True, False)
    assert not found.holds(found.in_force(), SMALL)
    assert not found.holds(InForce(), b"")


def test_a_refusal_of_aws_is_one_line() -> None:
    table = ConfigTable()
    table.refusal = "AccessDeniedException"

    with pytest.raises(CommandFailed, match="the table refused: AccessDeniedException: no"):
        Configurations(table, "ledger").in_force()
