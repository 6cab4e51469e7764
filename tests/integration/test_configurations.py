"""Configurations on real engines: written by the command line's code, read by the gateway's."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random

import pytest
from tests.engines import LedgerTable

from sluice.domain.clock import Clock
from sluice.stores import configurations as gateway
from sluice_cli.configurations import DEPLOYED, PACKED_FROM_BYTES, Configurations
from sluice_cli.failure import CommandFailed

ANN = "arn:aws:iam::123456789012:user/ann"
SMALL, LARGE = b"# \xc3\xbc\n", b"# a long one\n" * (PACKED_FROM_BYTES // 10)
LARGEST = Random(7).randbytes(gateway.MAX_TEXT_BYTES // 2).hex().encode()
PUSHERS, ROUNDS = 8, 5
SECONDS = 60.0


def operator(table: LedgerTable) -> Configurations:
    return Configurations(table.client(), table.name)


def running(table: LedgerTable) -> tuple[int, bytes]:
    reader = gateway.Configurations(table.client(), table.name, Clock(), Random(0))
    found = reader.current(SECONDS)
    return found.version, reader.text(found, SECONDS).encode() if found.version else b""


def push(found: Configurations, content: bytes) -> int:
    return found.push(content, ANN, "why", found.in_force())


@pytest.mark.parametrize("content", [SMALL, LARGE, LARGEST], ids=["plain", "packed", "largest"])
def test_what_is_pushed_is_what_the_gateway_reads(ledger_table: LedgerTable, content: bytes) -> None:
    found = operator(ledger_table)

    before, number = running(ledger_table), push(found, content)

    assert before == (DEPLOYED, b"")
    assert (number, running(ledger_table)) == (1, (1, content))
    assert found.text(1).encode() == content


def test_versions_of_more_than_a_page_are_listed_backwards(ledger_table: LedgerTable) -> None:
    found = operator(ledger_table)
    for number in range(5):
        push(found, LARGEST[number:])

    versions = found.newest(4)

    assert [(one.number, one.replaced, one.comment) for one in versions] == [
        (number, number - 1, "why") for number in (5, 4, 3, 2)
    ]
    assert [one.size for one in versions] == [len(LARGEST) - one for one in (4, 3, 2, 1)]


def test_a_rollback_is_what_the_gateway_reads_then(ledger_table: LedgerTable) -> None:
    found = operator(ledger_table)
    push(found, SMALL)
    push(found, LARGE)

    found.put_in_force(1, ANN, found.in_force())
    older = running(ledger_table)
    found.put_in_force(DEPLOYED, ANN, found.in_force())

    assert (older, running(ledger_table)) == ((1, SMALL), (DEPLOYED, b""))


def at_once(calls: list[Callable[[], int]]) -> list[int | str]:
    """What each of these said, started at the same time."""
    gate = threading.Barrier(len(calls))

    def said(call: Callable[[], int]) -> int | str:
        gate.wait(SECONDS)
        try:
            return call()
        except CommandFailed as failure:
            return str(failure)

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(said, calls))


def test_of_many_who_push_at_once_one_wins_and_all_others_are_told(exact_table: LedgerTable) -> None:
    found = [operator(exact_table) for _ in range(PUSHERS)]

    for turn in range(ROUNDS):
        contents = [b"# %d of %d\n" % (turn, number) for number in range(PUSHERS)]
        seen = found[0].in_force()
        pairs = zip(found, contents, strict=True)
        said = at_once([partial(one.push, text, ANN, "", seen) for one, text in pairs])

        (number,) = [one for one in said if isinstance(one, int)]
        assert running(exact_table) == (number, contents[said.index(number)])
        told = [one for one in said if isinstance(one, str)]
        assert all("at the same time" in one or "somebody else was faster" in one for one in told)
