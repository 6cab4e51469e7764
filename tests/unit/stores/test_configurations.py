import hashlib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest
from tests.fakes.configurations import ConfigTable, toml
from tests.unit.stores.calls import HandClock
from tests.unit.stores.memory_table import failure, lost, throttled

from sluice.domain.errors import Misconfigured
from sluice.stores.configurations import (
    DEPLOYED,
    MAX_TEXT_BYTES,
    POINTER,
    Configurations,
    ConfigurationUnread,
    Pointer,
    sort_key,
)

TEXT = toml(smart="gpt-5")


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def reader(table: ConfigTable) -> Configurations:
    return Configurations(table, "ledger", HandClock().clock, Random(0))


def test_without_a_pointer_the_deployed_file_is_in_force() -> None:
    assert reader(ConfigTable()).current(0.3) == DEPLOYED


def test_a_pointer_names_a_version_and_the_one_before() -> None:
    table = ConfigTable()
    table.point(3, "c" * 64, prev=2, psha="b" * 64)

    found = reader(table).current(0.3)

    assert found == Pointer(3, "c" * 64, Pointer(2, "b" * 64))


@pytest.mark.parametrize("text", [TEXT, "x = 'ü 😀'\n"])
@pytest.mark.parametrize("packs", [True, False])
def test_a_version_is_read_plain_and_packed(text: str, packs: bool) -> None:
    table, sha256 = ConfigTable(), sha(text.encode())
    table.put(sort_key(1), toml=zlib.compress(text.encode()) if packs else text, sha=sha256)

    assert reader(table).text(Pointer(1, sha256), 1.0) == text


@pytest.mark.fault("K05")
@pytest.mark.parametrize(
    ("held", "says"),
    [
        (None, "not of 1 to"),
        ("", "not of 1 to"),
        (b"", "not of 1 to"),
        (7, "not of 1 to"),
        (["a"], "not of 1 to"),
        ("x" * (MAX_TEXT_BYTES + 1), "not of 1 to"),
        (zlib.compress(bytes(MAX_TEXT_BYTES + 1)), "not of 1 to"),
        (zlib.compress(bytes(300_000_000)), "not of 1 to"),
        (b"no zlib", "cannot be unpacked"),
        (zlib.compress(b"\xff\xfe"), "not UTF-8"),
        ("x = 1", "SHA-256 of version 1 is not"),
    ],
    ids=range(11),
)
def test_what_is_no_configuration_is_refused_with_a_reason(held: Any, says: str) -> None:
    table = ConfigTable()
    table.put(sort_key(1), toml=held, sha="")

    with pytest.raises(Misconfigured, match=says):
        reader(table).text(Pointer(1, sha(b"\xff\xfe")), 1.0)


@pytest.mark.fault("K05")
@pytest.mark.parametrize("version", [None, -1, 1.5, True, "3", [3], {"v": 3}, 10**12])
def test_a_pointer_to_no_version_is_refused_and_nothing_is_read_for_it(version: Any) -> None:
    table = ConfigTable()
    table.put(POINTER, **({} if version is None else {"v": version}), sha="c" * 64)
    configurations = reader(table)

    found = configurations.current(0.3)
    with pytest.raises(Misconfigured, match="names no version"):
        configurations.text(found, 1.0)

    assert table.read == [POINTER]


def test_a_version_that_is_not_there_is_refused() -> None:
    with pytest.raises(Misconfigured, match="version 3 is not there"):
        reader(ConfigTable()).text(Pointer(3, "c" * 64), 1.0)


@pytest.mark.parametrize("error", [throttled(), lost(), failure("AccessDeniedException")])
def test_a_pointer_is_asked_for_once(error: Exception) -> None:
    table = ConfigTable(failures=[error])

    with pytest.raises(ConfigurationUnread):
        reader(table).current(0.3)

    assert table.read == [POINTER]


def test_a_version_is_asked_for_again_while_there_is_time() -> None:
    table = ConfigTable(failures=[throttled(), lost()])

    sha256 = table.keep(1, TEXT)

    assert reader(table).text(Pointer(1, sha256), 1.0) == TEXT
    assert len(table.read) == 3


def test_the_client_waits_no_longer_than_it_is_told() -> None:
    limits: list[float] = []

    @contextmanager
    def within(seconds: float) -> Iterator[None]:
        limits.append(seconds)
        yield

    table = ConfigTable()
    configurations = Configurations(table, "ledger", HandClock().clock, Random(0), within)
    configurations.current(0.3)
    configurations.text(Pointer(1, table.keep(1, TEXT)), 1.0)

    assert limits == [0.3, 1.0]
