"""Rate limits on a table that fails on demand, or was written to by others."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.fakes.memory_dynamodb import failure, lost, throttled
from tests.unit.stores.limiter import ALL, REQUESTS, STREAMS, Site, let_in

from sluice.domain.errors import GatewayError, LedgerBusy, Unavailable
from sluice.domain.policy import Rate
from sluice.stores.limits import ENTER_SECONDS


@pytest.fixture
def site() -> Site:
    return Site()


def test_a_throttle_is_waited_out(site: Site) -> None:
    site.table.before = [throttled(), failure("InternalServerError", 500)]

    assert site.enter(REQUESTS).headers["x-ratelimit-remaining-requests"] == "6"


@pytest.mark.fault("D01")
def test_a_throttle_that_lasts_refuses_after_two_seconds(site: Site) -> None:
    site.table.before = [throttled()] * 1000

    with pytest.raises(LedgerBusy) as caught:
        site.enter(REQUESTS)

    assert caught.value.headers == {"retry-after": "1"}
    assert sum(site.hand.slept) <= ENTER_SECONDS


@pytest.mark.fault("D02")
def test_a_table_that_cannot_be_used_refuses(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.table.before = [failure("AccessDeniedException")]

    with pytest.raises(Unavailable, match="rate limits cannot be told; nothing was sent"):
        site.enter(REQUESTS)

    assert "limits.refused" in caplog.text


@pytest.mark.fault("D03")
def test_a_claim_whose_answer_is_lost_is_made_once_where_a_call_is_open(site: Site) -> None:
    site.table.after = [lost(), lost()]

    permit = site.enter(ALL, 100)

    assert permit.headers["x-ratelimit-remaining-requests"] == "59"
    assert len(site.row(ALL)["op"]) == 1


@pytest.mark.fault("D03")
def test_a_claim_whose_answer_is_lost_is_counted_twice_at_most(site: Site) -> None:
    site.table.after = [lost()]

    assert site.enter(REQUESTS).headers["x-ratelimit-remaining-requests"] == "5"


def test_a_claim_that_nobody_knows_of_leaves_no_call_open(site: Site) -> None:
    site.table.before, site.table.after = [None, failure("AccessDeniedException")], [lost()]

    with pytest.raises(Unavailable):
        site.enter(STREAMS)

    assert "op" not in site.row(STREAMS)


DAMAGE: list[tuple[str, dict[str, Any]]] = [
    ("rt60", {"S": "soon"}),
    ("rt60", {"N": "-5"}),
    ("rt60", {"N": "1.5E-3"}),
    ("tt6000", {"N": "9.9E+125"}),
    ("tt6000", {"NULL": True}),
    ("op", {"S": "x"}),
    ("op", {"L": []}),
    ("op", {"NS": ["1", "2", "3"]}),
    ("op", {"SS": ["a", "b"]}),
    ("op", {"SS": ["a  b", "a - b"]}),
]


@pytest.mark.fault("D11")
@pytest.mark.parametrize(("name", "value"), DAMAGE)
def test_a_damaged_row_refuses_its_caller_and_nobody_else(
    site: Site, name: str, value: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    site.enter(ALL)
    (place,) = site.table.items
    site.table.items[place] = {**site.table.items[place], name: value}

    with pytest.raises(Unavailable, match="the rate limit 'team' cannot be told: its row in the table is damaged"):
        site.enter(ALL)

    assert f"limits.damaged: table ledger, row L#team#fdee430d40bd, attribute {name}" in caplog.text
    assert site.enter(ALL, of="bob")


def test_a_number_that_an_engine_writes_with_an_exponent_is_read(site: Site) -> None:
    site.enter(REQUESTS)
    (place,) = site.table.items
    site.table.items[place]["rt7"] = {"N": "1.2566458E+13"}

    assert let_in(site.beside(), REQUESTS, 1) in (0, 1)


@pytest.mark.parametrize("make", [lambda: lost(), lambda: throttled()])
def test_what_was_taken_before_a_failure_is_given_back(site: Site, make: Callable[[], Exception]) -> None:
    site.table.before = [None, *[make() for _ in range(40)]]
    other = Rate("other", requests_per_minute=3)

    with pytest.raises(GatewayError):
        site.limits.enter([site.claim(ALL, 100), site.claim(other)])

    site.table.before = []
    assert "op" not in site.row(ALL) or len(site.row(ALL)["op"]) == 1
