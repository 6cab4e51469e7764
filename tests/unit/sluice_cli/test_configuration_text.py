import time
from collections.abc import Iterator

import pytest
from tests.unit.sluice_cli.screens import Shown

from sluice_cli.configuration_text import in_force, listing, listing_document
from sluice_cli.configurations import InForce, Version

ANN = "arn:aws:iam::123456789012:user/ann"
MOMENT = 1_795_209_901_241  # 2026-11-20T21:25:01.241Z
VERSIONS = [
    Version(2, "b" * 64, 1200, MOMENT, ANN, "a second region", 1),
    Version(1, "a" * 64, 900, MOMENT, ANN, "", 0),
]


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_the_version_in_force_is_marked_and_said_first() -> None:
    text = listing(InForce(1, "a" * 64, 3, MOMENT, ANN, 2), VERSIONS, Shown().terminal.out)

    first, head, *rows = text.splitlines()
    assert first == f"in force: version 1, since 2026-11-20 21:25:01, by {ANN}"
    assert head.split() == ["version", "pushed", "by", "bytes", "replaced", "comment"]
    assert rows == [
        f"      2  2026-11-20 21:25:01  {ANN}  1,200         1  a second region",
        f"    * 1  2026-11-20 21:25:01  {ANN}    900  deployed",
    ]


def test_a_first_day_is_told() -> None:
    assert listing(InForce(), [], Shown().terminal.out) == "in force: the deployed file\nnothing was pushed yet"


def test_what_others_wrote_moves_no_cursor() -> None:
    found = InForce(1, "", 1, MOMENT, "x\x1b[2J")
    versions = [Version(1, "", 1, MOMENT, "y\x1b[2J", "z\x1b[2J", 0)]

    assert "\x1b[2J" not in listing(found, versions, Shown(is_terminal=True).terminal.out)
    assert "\x1b[2J" not in in_force(found)


def test_programs_get_both_as_one_document() -> None:
    document = listing_document(InForce(2, "b" * 64, 3, MOMENT, ANN, 1), VERSIONS, "ledger")

    assert document["in_force"] == {"version": 2, "since": "2026-11-20T21:25:01.241Z", "by": ANN}
    assert document["versions"] == [
        {
            "version": 2,
            "pushed_at": "2026-11-20T21:25:01.241Z",
            "by": ANN,
            "comment": "a second region",
            "sha256": "b" * 64,
            "bytes": 1200,
            "replaced": 1,
            "in_force": True,
        },
        {
            "version": 1,
            "pushed_at": "2026-11-20T21:25:01.241Z",
            "by": ANN,
            "comment": None,
            "sha256": "a" * 64,
            "bytes": 900,
            "replaced": 0,
            "in_force": False,
        },
    ]
